"""Cards that say no: how long they are left alone, what pauses it, and the way out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing import Invalid
from tests.autotopup.saver import Saver

pytestmark = pytest.mark.quick_on("sqlite")

NO, POOR, OLD, STOLEN = "4000000000000002", "4000000000009995", "4000000000000069", "4000000000009979"
ALWAYS_ASKS = "4000002760003184"


def test_a_declining_card_is_left_alone_ever_longer_and_then_for_good(team: Saver) -> None:
    team.set().use(90)
    team.shop.sandbox.decline(team.payer(), declines=True, card=POOR)
    begun, tried = team.billing.now, []
    for minute in range(0, 60 * 24 * 3, 30):  # three days, looked at every half an hour
        team.billing.clock.move(begun + timedelta(minutes=minute))
        before = team.intents()
        team.step()
        if team.intents() > before:
            tried.append(minute)
    assert tried == [0, 60, 7 * 60], "at once, an hour later, six hours later, and no more"
    assert (team.taken(), team.bought()) == ([], ["failed"] * 3)
    assert [one["reason"] for one in team.facts("held_back")] == ["declined"] * 3
    assert [one["next_attempt_at"] for one in team.facts("held_back")][:2] == [
        "2025-01-01T01:00:00Z", "2025-01-01T07:00:00Z",
    ]  # fmt: skip
    (paused,) = team.facts("paused")
    assert (paused["reason"], paused["failures"]) == ("declined", 3) and "insufficient funds" in paused["message"]
    assert {one.status for one in team.shop.stripe.v1.payment_intents.list({"limit": 3}).data} == {"canceled"}

    stands = team.billing.resume_auto_topup("team")
    assert (stands.status, stands.failures) == ("on", 0)
    team.step()
    assert team.intents() == 4, "resumed, a day after the last decline the card may be tried again"
    team.billing.resume_auto_topup("team")
    team.step()
    assert team.intents() == 4, "the same card is left alone until its time, however often somebody resumes"
    team.saved(card="5555555555554444")
    team.use(team.available() - 10)
    team.billing.resume_auto_topup("team")
    team.step()
    assert (team.taken(), team.stands().status, team.stands().failures) == ([1000], "on", 0)


def test_going_on_before_the_time_of_the_same_card_forgives_it_nothing(team: Saver) -> None:
    team.set().use(90)
    team.shop.sandbox.decline(team.payer(), declines=True)
    for hours in (0, 1, 6):
        team.later(hours=hours)
        team.billing.resume_auto_topup("team") if hours < 6 else None
    assert (team.intents(), team.stands().status, team.stands().failures) == (3, "paused", 3)


def test_a_success_in_between_begins_the_count_anew(team: Saver) -> None:
    team.set().use(90)
    team.shop.sandbox.decline(team.payer(), declines=True)
    team.step()
    team.later(hours=1)
    assert team.stands().failures == 2
    team.shop.sandbox.decline(team.payer(), declines=False)
    team.later(hours=6)
    assert (team.taken(), team.stands().failures, team.stands().status) == ([1000], 0, "on")
    assert [one.automatic for one in team.billing.topups("team") if one.automatic] == [True] * 3


@pytest.mark.parametrize(("card", "reason"), [(STOLEN, "card_refused"), (OLD, "no_card")])
def test_what_is_refused_for_good_is_never_tried_again(team: Saver, card: str, reason: str) -> None:
    team.set().use(90)
    team.shop.sandbox.decline(team.payer(), declines=True, card=card)
    team.step()
    for _ in range(3):
        team.later(days=2)
    assert (team.intents(), team.stands().status, team.stands().reason) == (1, "paused", reason)


def test_a_bank_that_wants_the_customer_gets_the_customer(team: Saver) -> None:
    team.saved(card=ALWAYS_ASKS)
    team.set().use(190)
    team.step()
    stands = team.stands()
    assert (team.taken(), stands.status, stands.reason) == ([], "held_back", "authentication_required")
    (told,) = team.facts("held_back")
    assert told["topup"] is not None and "by hand" in told["message"]
    team.later(hours=23)
    assert team.intents() == 1, "not before the customer acted, or a day passed"
    team.later(minutes=1)
    opened = team.shop.buy(key="by hand")
    team.shop.pay(opened.session)
    team.billing.settle(opened.session)
    assert team.stands().status == "on", "the customer has acted"
    team.use(100)
    team.step()
    assert team.intents() == 2
    team.later(hours=25)
    assert team.intents() == 3
    assert team.taken() == [] and team.stands().status == "paused"


def test_without_a_card_it_is_paused_until_there_is_one(team: Saver) -> None:
    team.billing.customer("new")
    team.billing.grant("new", 30, reason="welcome", key="w")
    team.set("new").use(20, "new")
    team.step()
    assert (team.stands("new").status, team.stands("new").reason) == ("paused", "no_card")
    (told,) = team.facts("paused")
    assert told["customer"] == "new" and team.intents() == 0
    with pytest.raises(Invalid):
        team.billing.resume_auto_topup("new")
    team.later(days=3)
    opened = team.shop.buy(customer="new", save_card=True, key="n")
    team.shop.pay(opened.session)
    team.billing.settle(opened.session)
    team.use(100, "new")
    team.step()
    assert team.intents() == 0, "nothing is taken before the customer says so"
    assert team.billing.resume_auto_topup("new").status == "on"
    team.step()
    assert team.taken("new") == [1000]


def test_the_default_card_is_charged_before_the_newest(team: Saver) -> None:
    saved = [one.id for one in team.shop.stripe.v1.payment_methods.list({"customer": team.payer()}).data]
    team.saved(card="5555555555554444")
    team.shop.stripe.v1.customers.update(team.payer(), {"invoice_settings": {"default_payment_method": saved[0]}})
    team.set().use(190)
    team.step()
    assert [one.payment_method for one in team.charges()] == saved


def test_a_subscription_s_card_is_charged_where_there_is_no_default(team: Saver) -> None:
    v1 = team.shop.stripe.v1
    (saved,) = [one.id for one in v1.payment_methods.list({"customer": team.payer()}).data]
    product = v1.products.create({"name": "Plan"})
    price = v1.prices.create(
        {"product": product.id, "currency": "usd", "unit_amount": 500, "recurring": {"interval": "month"}}
    )
    wanted: Any = {"customer": team.payer(), "items": [{"price": price.id}], "default_payment_method": saved}
    v1.subscriptions.create(wanted)
    team.saved(card="5555555555554444")
    team.set().use(190)
    team.step()
    assert [one.payment_method for one in team.charges()] == [saved]


def test_a_bank_debit_counts_while_it_is_on_its_way(team: Saver) -> None:
    team.set(max_count_per_month=2).use(90)
    team.shop.sandbox.dashboard.save_account(team.payer())
    team.step()
    assert (team.bought(), team.stands().status, team.stands().count_this_month) == (["pending"], "pending", 1)
    team.later(days=2)
    assert (team.intents(), team.available()) == (1, 10)
    (one,) = [one for one in team.billing.topups("team") if one.automatic]
    team.shop.events = False
    team.shop.sandbox.dashboard.arrive(one.session)
    team.later(hours=25)
    assert (team.available(), team.bought(), team.taken()) == (110, ["paid"], [1000]), "asked after, though not told"
    team.use(100)
    team.step()
    (two, _) = [one for one in team.billing.topups("team") if one.automatic]
    team.shop.events = True
    team.shop.sandbox.dashboard.arrive(two.session, fails=True)
    team.shop.told()
    assert (team.bought(), team.stands().reason) == (["failed", "paid"], "declined")
    assert team.stands().count_this_month == 1, "what brought nothing counts no more"
