"""What has changed between the day on which it was set, or decided, and that on which money would be taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing import Invalid
from billing.sales import conversations
from tests.autotopup.saver import SMALL, Saver

pytestmark = pytest.mark.quick_on("sqlite")


class Died(BaseException):
    """As a process ends: nothing of ours catches it."""


def sold(team: Saver, **more: Any) -> None:
    """The catalog's small pack is another from now on."""
    catalog = team.billing.catalog
    small = replace(catalog.packs["small"], **more)
    team.billing.catalog = replace(catalog, packs={**catalog.packs, "small": small})


def decided(team: Saver, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written down that one is bought, and the process dies before Stripe is asked."""

    def die(*_: Any, **__: Any) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(conversations, "carry_on", die)
        with pytest.raises(Died):
            team.billing.charge_auto_topups()
    assert (team.stands().status, team.intents()) == ("pending", 0)


def test_a_price_that_has_risen_is_agreed_to_before_it_is_paid(team: Saver) -> None:
    team.set().use(90)
    sold(team, prices={"usd": 1200})
    team.step()
    team.later(days=1)
    stands = team.stands()
    assert (team.intents(), stands.status, stands.reason) == (0, "paused", "price_changed")
    assert "$12.00 for 100 credits" in str(stands.message) and "$10.00 for 100 credits" in str(stands.message)
    assert len(team.facts("paused")) == 1
    assert team.billing.resume_auto_topup("team").status == "on"
    team.step()
    team.use(100)
    team.step()
    assert (team.taken(), team.stands().status) == ([1200, 1200], "on"), "agreed to once"
    sold(team, prices={"usd": 1200}, credits=60)
    team.use(100)
    team.step()
    assert (team.taken(), team.stands().reason) == ([1200, 1200], "price_changed"), "less for the same is dearer, too"
    team.set(max_cents_per_month=9_000)
    team.step()
    assert team.taken() == [1200, 1200, 1200], "set again it is agreed to as well"


def test_what_has_become_cheaper_asks_nobody_and_a_cap_is_never_passed_by_going_on(team: Saver) -> None:
    team.set(max_cents_per_month=1_000).use(90)
    sold(team, prices={"usd": 800}, credits=120)
    team.step()
    assert (team.taken(), team.available()) == ([800], 130)
    team.to(2025, 2, 1)
    team.use(120)
    sold(team, prices={"usd": 1100}, credits=120)
    team.step()
    with pytest.raises(Invalid) as refused:
        team.billing.resume_auto_topup("team")
    assert "never suffice" in str(refused.value.errors) and team.stands().status == "paused"
    assert team.taken() == [800]


def test_a_target_is_agreed_to_at_the_price_of_its_day(team: Saver) -> None:
    team.set(pack=None, target=200, max_cents_per_month=9_000).use(90)
    catalog = team.billing.catalog
    amounts = replace(catalog.topups["credits"], price={"usd": 15})
    team.billing.catalog = replace(catalog, topups={"credits": amounts})
    team.step()
    assert (team.intents(), team.stands().reason) == (0, "price_changed")
    assert "$30.00 for 200 credits" in str(team.stands().message)


def test_a_month_s_limit_is_in_one_currency(team: Saver) -> None:
    team.set(max_cents_per_month=1_000).use(90)
    team.step()
    in_euros: dict[str, Any] = {**SMALL, "currency": "eur", "max_cents_per_month": 900}
    for _ in range(2):
        with pytest.raises(Invalid) as refused:
            team.billing.set_wallet("team", auto_topup=in_euros)
        assert "2025-02-01" in refused.value.errors["auto_topup.currency"][0]
        team.off()  # which changes nothing about it
    team.set(max_cents_per_month=1_000).use(100)
    team.step()
    assert (team.taken(), team.stands().reason) == ([1000], "cap")
    team.to(2025, 2, 1)
    team.billing.set_wallet("team", auto_topup=in_euros)
    team.step()
    assert (team.taken(), team.stands().cents_this_month) == ([1000, 900], 900)


@pytest.mark.parametrize("what", ["by hand", "off", "frozen", "linked"])
def test_what_was_decided_days_ago_is_looked_at_anew_before_it_is_asked(
    team: Saver, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    team.set().use(90)
    decided(team, monkeypatch)
    first = team.payer()
    if what == "by hand":
        team.saved()
    elif what == "off":
        team.off()
    elif what == "frozen":
        team.billing.set_wallet("team", frozen=True)
    else:
        made = team.shop.stripe.v1.customers.create({"payment_method": "pm_card_visa"})
        team.billing.customer("team", stripe_customer_id=made.id)
    team.later(days=3)
    charged = team.shop.stripe.v1.charges.list({"customer": first}).data
    assert len(charged) == (2 if what == "by hand" else 1), "nothing but what was bought by hand"
    assert team.bought()[-1] == "failed"
    assert team.taken() == ([1000] if what == "linked" else []), "the customer's card of now"


def test_a_plan_that_has_ended_is_no_wish_for_more_credits(team: Saver) -> None:
    v1 = team.shop.stripe.v1
    wanted: Any = {"product": v1.products.create({"name": "Pro"}).id, "currency": "usd", "unit_amount": 500,
                   "lookup_key": "pro_monthly", "recurring": {"interval": "month"}}  # fmt: skip
    price, saved = v1.prices.create(wanted), v1.payment_methods.list({"customer": team.payer()}).data[0].id
    subscribed: Any = {"customer": team.payer(), "items": [{"price": price.id}], "default_payment_method": saved}
    one, two = v1.subscriptions.create(subscribed), v1.subscriptions.create(subscribed)
    team.shop.told()
    team.set()
    v1.subscriptions.cancel(one.id)
    team.shop.told()
    assert team.stands().status == "on", "the other one goes on"
    v1.subscriptions.cancel(two.id)
    team.shop.told()
    assert (team.stands().status, team.stands().reason) == ("paused", "plan_ended")
    team.use(team.available())
    team.later(days=40)
    assert team.intents() == 0 and len(team.facts("paused")) == 1
    team.billing.resume_auto_topup("team")
    team.step()
    assert team.taken() == [1000], "somebody said so"


def test_a_limit_that_is_raised_forgives_no_decline(team: Saver) -> None:
    team.set().use(90)
    team.step()
    team.shop.sandbox.decline(team.payer(), declines=True)
    team.use(100)
    team.step()
    team.later(hours=1)
    assert (team.taken(), team.stands().failures) == ([1000], 2)
    team.set(max_count_per_month=1)
    team.later(hours=6)
    assert team.stands().reason == "count"
    team.set()
    assert (team.stands().status, team.stands().failures) == ("on", 2)
    team.step()
    assert (team.stands().status, team.stands().reason) == ("paused", "declined")


def test_a_payment_that_stays_on_its_way_for_weeks_is_seen_and_still_asked_after(team: Saver) -> None:
    team.set().use(90)
    team.shop.sandbox.dashboard.save_account(team.payer())
    team.step()
    (one,) = [one for one in team.billing.topups("team") if one.automatic]
    for _ in range(40):
        team.billing.clock.move(team.billing.now + timedelta(days=1))
        team.step()
    assert (team.stands().status, team.intents()) == ("pending", 1)
    assert [fact["topup"] for fact in team.facts("review.needed")] == [one.id]
    team.shop.events = False
    team.shop.sandbox.dashboard.arrive(one.session)
    team.billing.clock.move(team.billing.now + timedelta(days=7))
    team.step()
    assert (team.available(), team.bought()) == (110, ["paid"])
