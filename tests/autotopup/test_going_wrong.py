"""Answers that are lost, events that come early, twice or never, settings that change meanwhile, money that goes back:
money is taken once for one cause, and its credits are granted once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from billing.stripe import calling
from tests.autotopup.saver import SMALL, Saver

pytestmark = pytest.mark.quick_on("sqlite")

INTENTS = "/v1/payment_intents"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who fails asks no second time, and who is met with silence gives up soon."""
    send = HTTPAdapter.send

    def hurried(self: HTTPAdapter, request: Any, **more: Any) -> Any:
        if request.url.endswith(INTENTS) and request.method == "POST":
            more["timeout"] = (calling.CONNECT, 2.0)
        return send(self, request, **more)

    monkeypatch.setattr(HTTPAdapter, "send", hurried)
    monkeypatch.setattr(calling, "LONGEST", calling.READ)


def once(team: Saver) -> None:
    """Bought once, and everything is over."""
    team.shop.told()
    assert (team.taken(), team.available(), team.bought()) == ([1000], 110, ["paid"])
    assert (team.stands().status, len(team.facts("charged"))) == ("on", 1)
    assert {one.status for one in team.billing.stripe_events()} <= {"done", "ignored"}


@pytest.mark.parametrize("how", ["lost", "500", "429", "reset", "timeout"])
@pytest.mark.database("sqlite")
def test_whatever_becomes_of_the_answer_it_is_charged_once(team: Saver, how: str) -> None:
    team.shop.events = False
    team.set().use(90)
    team.shop.fail(how, path=INTENTS)
    team.step()
    assert team.stands().status == "pending"
    asked = team.intents()
    team.step()
    team.step()
    assert team.intents() == asked, "while its fate is not known nothing else is asked for"
    team.later(minutes=1)
    once(team)


def test_an_answer_that_is_lost_for_days_is_looked_up(team: Saver) -> None:
    team.shop.events = False
    team.set().use(90)
    team.shop.fail("lost", path=INTENTS)
    team.step()
    team.shop.sandbox.faults.clear()
    asked = team.intents()
    team.billing.clock.move(team.billing.now + timedelta(days=2))  # nobody was there: the key is forgotten
    team.shop.finish()
    once(team)
    assert team.intents() == asked, "it is not asked for again"


def test_what_nothing_can_be_found_of_waits_for_somebody_however_it_is_set(team: Saver) -> None:
    team.shop.events = False
    team.set().use(90)
    team.shop.fail("500", path=INTENTS)
    team.step()
    team.shop.sandbox.faults.clear()
    team.billing.clock.move(team.billing.now + timedelta(days=2))  # nobody was there
    team.shop.finish()
    assert (team.stands().status, team.stands().reason) == ("paused", "unknown")
    asked = team.intents()
    team.set(max_count_per_month=9)
    team.step()
    assert (team.stands().status, team.intents()) == ("paused", asked), "another setting knows no more of it"


@pytest.mark.parametrize("when", ["before", "twice", "never"])
def test_the_event_may_come_before_the_answer_twice_or_never(team: Saver, when: str) -> None:
    team.set().use(90)
    team.shop.events = when != "never"
    if when == "before":
        team.shop.fail("lost", path=INTENTS)
    if when == "twice":
        team.shop.sandbox.delivery.faults.twice = True
    team.step()
    team.shop.told()
    if when == "before":
        once(team)
    team.later(minutes=1)
    once(team)
    if when == "never":
        team.shop.events = True
        team.billing.sync_stripe()
        once(team)


def test_sync_finds_what_neither_answer_nor_event_told(team: Saver) -> None:
    team.set().use(90)
    team.shop.events = False
    team.shop.fail("lost", path=INTENTS)
    team.step()
    team.shop.sandbox.faults.clear()
    while team.billing.sync_stripe():
        pass
    once(team)
    team.later(minutes=1)
    once(team)


@pytest.mark.parametrize("asked", [False, True])
def test_switched_off_while_its_fate_is_unknown_it_is_not_asked_for_again(team: Saver, asked: bool) -> None:
    team.shop.events = False
    team.set().use(90)
    team.shop.fail("lost" if asked else "500", path=INTENTS)
    team.step()
    team.off()
    team.shop.sandbox.faults.clear()
    before = team.intents()
    team.later(minutes=1)
    assert team.intents() == before
    assert (team.taken(), team.available()) == (([1000], 110) if asked else ([], 10))
    assert team.bought() == (["paid"] if asked else ["failed"])
    assert team.stands().status == "off"
    team.later(days=1)
    assert team.intents() == before


def test_what_is_changed_meanwhile_changes_nothing_of_what_was_begun(team: Saver) -> None:
    team.shop.events = False
    team.set().use(90)
    team.shop.fail("500", path=INTENTS)
    team.step()
    team.set(pack=None, target=1000, max_cents_per_month=100_000)
    team.later(minutes=1)
    once(team)


def test_what_is_begun_in_one_month_and_paid_in_the_next_counts_in_both(team: Saver) -> None:
    team.shop.events = False
    team.to(2025, 1, 31, 23, 59, 50)
    team.set(max_count_per_month=1).use(90)
    team.shop.fail("500", path=INTENTS)
    team.step()
    team.shop.sandbox.faults.clear()
    assert team.stands().count_this_month == 1
    team.later(minutes=1)
    once(team)
    assert team.stands().count_this_month == 1, "it was charged in February"
    team.use(100)
    team.step()
    assert (team.taken(), team.stands().reason) == ([1000], "count")


def test_a_refund_takes_back_and_lets_nothing_be_bought_again(team: Saver) -> None:
    team.set().use(90)
    team.step()
    once(team)
    (charge,) = team.charges()
    team.shop.sandbox.dashboard.refund(charge.id, 1000)
    team.shop.told()
    assert (team.available(), team.bought()) == (10, ["refunded"])
    assert len(team.billing.preview_auto_topup("team", SMALL).charges) == 1, "what was given back is not bought anew"
    for _ in range(3):
        team.later(hours=1)
    assert (team.taken(), team.stands().status, team.stands().reason) == ([1000], "paused", "refunded")
    assert len(team.facts("paused")) == 1
    assert team.billing.resume_auto_topup("team").status == "on"
    team.step()
    team.later(hours=1)
    assert team.taken() == [1000, 1000], "somebody said so"
    given = team.billing.refund("team", team.billing.topups("team")[0].id, 400, key="r")
    assert given.status == "succeeded"
    assert (team.available(), team.stands().status) == (70, "paused")


def test_a_refund_that_is_heard_of_before_the_payment_takes_back_all_the_same(team: Saver) -> None:
    team.set().use(90)
    team.shop.events = False
    team.shop.fail("lost", path=INTENTS)
    team.step()
    (charge,) = team.charges()
    team.shop.sandbox.dashboard.refund(charge.id, 1000)
    while team.billing.sync_stripe():  # Stripe lists the newest first
        pass
    team.later(minutes=5)
    assert (team.available(), team.bought(), team.stands().status) == (10, ["refunded"], "paused")
    assert (team.intents(), team.billing.wallet("team").owed) == (1, 0)


def test_a_dispute_holds_its_credits_and_pauses_it(team: Saver) -> None:
    team.set().use(90)
    team.step()
    (charge,) = team.charges()
    dispute = team.shop.sandbox.dashboard.dispute(charge.id)
    team.shop.told()
    stands = team.stands()
    assert (team.available(), stands.status, stands.reason) == (10, "paused", "disputed")
    team.later(days=2)
    assert team.intents() == 1
    team.shop.sandbox.dashboard.judge(dispute["id"], "win")
    team.shop.told()
    assert (team.available(), team.stands().status) == (110, "paused")
    team.billing.resume_auto_topup("team")
    team.later(hours=1)
    assert (team.stands().status, len(team.facts("paused"))) == ("on", 1), "one dispute pauses once"


def test_a_frozen_wallet_buys_nothing(team: Saver) -> None:
    team.set().use(90)
    team.billing.set_wallet("team", frozen=True)
    team.later(hours=1)
    assert (team.intents(), team.stands().status) == (0, "frozen")
    team.billing.set_wallet("team", frozen=False)
    team.step()
    once(team)


def test_wallets_of_one_customer_share_no_cap(team: Saver) -> None:
    team.set(max_count_per_month=1, max_cents_per_month=1000).use(90)
    team.billing.grant("team", 5, reason="welcome", key="w", unit="images")
    team.set(unit="images", threshold=5, pack="pictures", max_count_per_month=1, max_cents_per_month=500)
    team.step()
    team.step()
    assert (sorted(team.taken()), team.available(), team.available(unit="images")) == ([500, 1000], 110, 35)


def test_credits_that_run_out_of_time_call_for_it_too(team: Saver) -> None:
    end = team.billing.now + timedelta(days=1)
    team.billing.grant("team", 60, reason="for a day", key="w", expires_at=end, priority=90)
    team.set(threshold=50).use(80)
    team.step()
    assert (team.taken(), team.available()) == ([], 80)
    team.later(days=1)
    assert (team.taken(), team.available()) == ([1000], 120)
