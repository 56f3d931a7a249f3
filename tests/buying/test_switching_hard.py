"""Our own acts on a subscription when Stripe is silent, when everybody acts at once, and in the second of a renewal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from billing import Invalid, StripeRefused, StripeUnavailable, SubscriptionChange
from billing.stripe import calling
from tests.buying.shop import SECRET
from tests.buying.subscriber import MAY, Subscriber
from tests.buying.test_races import at_once
from tests.sandbox.serving import Watch
from tests.stories.story import moment

SUBSCRIPTIONS = "/v1/subscriptions"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes eight seconds takes a part of one."""
    monkeypatch.setattr(calling, "READ", 0.4)
    monkeypatch.setattr(calling, "LONGEST", 0.4)


def bills(team: Subscriber) -> list[int]:
    return [one.total for one in team.v1.invoices.list({"limit": 50}).data]


def plan(team: Subscriber) -> str | None:
    found = team.shop.billing.subscription("team")
    return None if found is None else found.plan


def cut_off(team: Subscriber, act: Callable[[], Any], how: str, method: str = "POST", times: int = 3) -> None:
    team.shop.fail(how, times=times, path=SUBSCRIPTIONS, method=method)
    with pytest.raises(StripeUnavailable):
        act()
    team.shop.sandbox.faults.clear()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "how", ["lost", *(pytest.param(how, marks=pytest.mark.slow) for how in ("500", "429", "reset", "timeout"))]
)
@pytest.mark.database("sqlite")
def test_the_step_finishes_what_was_cut_off_and_it_is_paid_once(team: Subscriber, how: str) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    cut_off(team, lambda: billing.change_plan("team", "pro", key="up"), how)
    assert [one.status for one in billing.conversations() if one.kind == "change"] == ["open"]
    team.shop.later(minutes=1)
    team.hear()
    # a minute later a part of a credit is over
    assert (plan(team), bills(team), team.shop.available()) == ("pro", [1_000, 1_000], 250 if how == "lost" else 249)
    done = billing.change_plan("team", "pro", key="up")
    assert done.replayed and done.status == "done"
    cut_off(team, lambda: billing.cancel("team", now=True, key="end"), how, "DELETE")
    assert billing.cancel("team", now=True, key="end").status == "done"
    found = billing.subscription("team")
    assert found is not None and found.status == "canceled"
    assert len(bills(team)) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.database("sqlite")
def test_what_is_under_way_is_finished_before_the_next(team: Subscriber) -> None:
    """Also where nobody knows yet whether Stripe has done it."""
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    cut_off(team, lambda: billing.change_plan("team", "pro", key="up"), "500")
    down = billing.change_plan("team", "basic", key="down")
    assert down.takes_effect_at == MAY
    assert billing.change_plan("team", "pro", key="up").status == "done"
    team.hear()
    assert (plan(team), bills(team), team.shop.available()) == ("pro", [1_000, 1_000], 250)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.database("sqlite")
def test_a_renewal_between_the_request_and_its_answer(team: Subscriber) -> None:
    """Asked for before the renewal and done after it, it comes with the period after that, and says so."""
    billing = team.shop.billing
    team.subscribe("pro_monthly")
    team.until("30 Apr 23:59")
    cut_off(team, lambda: billing.change_plan("team", "basic", key="down"), "500")
    team.until("1 May 02:00")
    team.shop.finish()
    team.hear()
    done = billing.change_plan("team", "basic", key="down")
    assert done.takes_effect_at == moment("1 Jun 00:00")
    found = billing.subscription("team")
    assert found is not None and (found.plan, found.changes_to) == ("pro", "basic")
    team.until("1 Jun 02:00")
    assert bills(team) == [1_000, 2_000, 2_000]


@pytest.mark.slow
@pytest.mark.database("sqlite")
def test_in_the_second_of_the_renewal(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("pro_monthly")
    team.until(MAY)
    assert billing.change_plan("team", "basic", key="down").takes_effect_at == moment("1 Jun 00:00")
    team.until("1 May 02:00")
    assert bills(team) == [2_000, 2_000]
    assert plan(team) == "pro"


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("made", [True, False])
@pytest.mark.database("sqlite")
def test_a_day_later_it_is_looked_up_and_never_asked_blindly(team: Subscriber, watch: Watch, made: bool) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    team.until("2 Apr 00:00")
    cut_off(team, lambda: billing.change_plan("team", "pro", key="up"), "lost" if made else "500")
    before = [one[:2] for one in watch.asked if one[0] == "POST"]
    team.until("3 Apr 06:00")
    team.shop.finish()
    assert [one[:2] for one in watch.asked if one[0] == "POST"] == before
    if made:
        assert billing.change_plan("team", "pro", key="up").status == "done"
    else:
        with pytest.raises(StripeRefused, match="did not answer for a day"):
            billing.change_plan("team", "pro", key="up")
    assert plan(team) == ("pro" if made else "basic")


def tried(act: Callable[[], SubscriptionChange]) -> SubscriptionChange | None:
    try:
        return act()
    except Invalid:
        return None


@pytest.mark.quick_on("sqlite")
def test_one_key_at_once_is_one_change(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    done = at_once([partial(billing.change_plan, "team", "pro", key="up"), billing.finish_conversations] * 3)
    changes = [one for one in done if isinstance(one, SubscriptionChange)]
    assert len({one.id for one in changes}) == 1
    assert sum(not one.replayed for one in changes) == 1
    team.hear()
    assert (plan(team), bills(team), team.shop.available()) == ("pro", [1_000, 1_000], 250)


@pytest.mark.slow
@pytest.mark.quick_on("postgresql")
def test_many_at_once_come_one_after_the_other(team: Subscriber) -> None:
    """However they are ordered: what is in force was paid for and granted, no less and no more."""
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    acts = [partial(billing.change_plan, "team", quantity=seats, key=f"{seats}") for seats in (2, 3, 4)]
    acts += [partial(billing.change_plan, "team", "pro", key=f"up{number}") for number in range(2)]
    done = [one for one in at_once([partial(tried, act) for act in acts]) if one is not None]
    team.hear()
    (item,) = team.v1.subscriptions.retrieve(team.subscription.id)["items"].data
    found = billing.subscription("team")
    assert found is not None
    assert (item.price.id, item.quantity) in {(one.price, one.quantity) for one in done}
    cents, credits = {"basic": (1_000, 100), "pro": (2_000, 250)}[str(found.plan)]
    assert (sum(bills(team)), team.shop.available()) == (cents * found.quantity, credits * found.quantity)
    assert {one.status for one in billing.conversations() if one.kind == "change"} == {"done"}
    assert len({one.id for one in done}) == len([one for one in billing.conversations() if one.kind == "change"])
    assert billing.audit() == []


@pytest.mark.database("sqlite")
def test_what_is_told_late_does_not_undo_what_was_answered(team: Subscriber) -> None:
    """The page is right at once and stays so, while the events of acts before it are still on their way."""
    shop, billing = team.shop, team.shop.billing
    team.subscribe("pro_monthly")
    heard: list[tuple[bytes, str]] = []

    def keep(body: bytes, signature: str) -> int:
        heard.append((body, signature))
        return 200

    shop.sandbox.listen("http://shop.example/", SECRET, deliver=keep)
    acts: list[Callable[[], Any]] = [
        lambda: billing.change_plan("team", "basic", key="down"),
        lambda: billing.resume("team", key="back"),
        lambda: billing.cancel("team", key="end"),
    ]
    for number, act in enumerate(acts):
        team.until(f"11 Apr 00:0{number}")
        act()
    team.hear()
    found = billing.subscription("team")
    assert found is not None and (found.plan, found.changes_to, found.cancel_at) == ("pro", None, MAY)
    for body, signature in heard:
        billing.receive_stripe_event(body, signature)
        assert billing.subscription("team") == found
    assert len([one for one in heard if b'"customer.subscription.updated"' in one[0]]) == 3
