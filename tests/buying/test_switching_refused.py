"""Our own acts on a subscription: what is refused and changes nothing, what is left alone, what is only looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from billing import (
    ChangeScheduled,
    Invalid,
    NoSubscription,
    StripeRefused,
    SubscriptionCancels,
    SubscriptionPastDue,
    SubscriptionPaused,
    UnknownCustomer,
    UnknownPlan,
    signals,
)
from tests.buying.subscriber import MAY, START, Subscriber
from tests.buying.test_switching import now, paid, stands
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")


def test_a_declined_card_changes_nothing(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    billing.change_plan("team", "slim", key="down")
    team.hear()
    before = stands(team)
    team.shop.sandbox.decline(team.customer, declines=True)
    told: list[tuple[str, dict[str, Any]]] = []
    failed: Callable[..., None] = lambda _, **fact: told.append(("payment.failed", fact))  # noqa: E731
    review: Callable[..., None] = lambda _, **fact: told.append(("review.needed", fact))  # noqa: E731
    with signals.payment_failed.connected_to(failed), signals.review_needed.connected_to(review):
        for _ in range(2):
            with pytest.raises(StripeRefused, match="declined"):
                billing.change_plan("team", "pro", key="up")
        team.hear()
    [(kind, fact)] = told
    assert (kind, fact["customer"], fact["subscription"]) == ("payment.failed", "team", team.subscription.id)
    assert "declined" in fact["reason"], "it is the customer's to mend: nobody else has to look at it"
    assert (stands(team), before) == (("basic", 1, "slim", MAY),) * 2
    assert (paid(team), team.shop.available()) == ([1_000], 100)
    team.shop.sandbox.decline(team.customer, declines=False)
    billing.change_plan("team", "pro", key="up again")
    team.hear()
    assert team.shop.available() == 250


@pytest.mark.slow
def test_only_the_plans_own_item_is_touched(team: Subscriber) -> None:
    billing = team.shop.billing
    items = [{"price": team.prices[name]} for name in ("server_monthly", "basic_monthly", "pictures_monthly")]
    team.subscribe("basic_monthly", items=items)
    team.until("16 Apr 00:00")
    billing.change_plan("team", "pro", key="up")
    team.hear()
    had = {one.price.lookup_key for one in team.v1.subscriptions.retrieve(team.subscription.id)["items"].data}
    assert had == {"server_monthly", "pro_monthly", "pictures_monthly"}
    assert paid(team)[0] == 500
    assert (team.shop.available(), team.shop.available(unit="images")) == (175, 30)
    billing.change_plan("team", "pictures", quantity=2, key="more")
    team.hear()
    assert (paid(team)[0], team.shop.available(unit="images")) == (350, 45)


def test_what_is_refused(team: Subscriber) -> None:
    billing = team.shop.billing
    acts: list[Callable[[], Any]] = [
        lambda: billing.change_plan("team", "pro", key="1"),
        lambda: billing.cancel("team", key="2"),
        lambda: billing.resume("team", key="3"),
    ]
    for act in acts:
        with pytest.raises(NoSubscription):
            act()
    team.subscribe("basic_monthly")
    for wrong, told in (
        ({"plan": "basic"}, "That is what the customer has"),
        ({"plan": "free"}, "free has no price"),
        ({"plan": "pro", "price": "basic_monthly"}, "pro is sold at"),
        ({"price": "nobody's"}, "No plan has this price"),
        ({"quantity": 0}, "from 1 to 999,999"),
        ({}, "Say what is to change"),
    ):
        with pytest.raises(Invalid, match=told):
            billing.change_plan("team", key="x", **wrong)
    with pytest.raises(UnknownPlan):
        billing.change_plan("team", "huge", key="x")
    with pytest.raises(UnknownCustomer):
        billing.cancel("nobody", key="x")
    with pytest.raises(NoSubscription):
        billing.change_plan("team", "pictures", key="x")
    with pytest.raises(NoSubscription):
        billing.cancel("team", subscription="sub_another", key="x")
    team.v1.subscriptions.update(team.subscription.id, {"pause_collection": {"behavior": "void"}})
    with pytest.raises(SubscriptionPaused):
        billing.change_plan("team", "pro", key="x")
    assert billing.cancel("team", key="paused ones can go").status == "done"


@pytest.mark.slow
def test_who_is_late_pays_first(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    team.shop.sandbox.decline(team.customer, declines=True)
    team.until("1 May 02:00")
    assert now(team).status == "past_due"
    with pytest.raises(SubscriptionPastDue):
        billing.change_plan("team", "pro", key="x")
    billing.cancel("team", now=True, key="c")
    assert now(team).status == "canceled"


@pytest.mark.slow
def test_a_preview_says_what_then_comes(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    team.until("16 Apr 00:00")
    up = billing.preview_change("team", "pro", quantity=2)
    assert (up.takes_effect_at, up.due_cents, up.credits) == (None, 1_500, 200)
    assert (up.next_at, up.next_cents, up.next_credits, up.currency) == (MAY, 4_000, 500, "usd")
    year = billing.preview_change("team", price="basic_yearly")
    assert (year.due_cents, year.credits, year.next_cents) == (9_500, 0, 10_000)
    assert year.next_at == moment("16 Apr 00:00").replace(year=START.year + 1)
    down = billing.preview_change("team", "slim")
    assert (down.takes_effect_at, down.due_cents, down.credits, down.next_credits) == (MAY, 0, 0, 60)
    now_down = billing.preview_change("team", "slim", now=True)
    assert (now_down.due_cents, now_down.credits) == (0, 0), "as much money: what it had stays"
    assert (stands(team), paid(team), team.shop.available()) == (("basic", 1, None, None), [1_000], 100)
    assert billing.conversations() == []
    billing.change_plan("team", "pro", quantity=2, key="up")
    team.hear()
    assert (paid(team)[0], team.shop.available()) == (up.due_cents, 100 + 200)
    back = billing.preview_change("team", "basic", now=True)
    assert (back.due_cents, back.credits) == (-1_000, -150)


@pytest.mark.slow
def test_in_classic_mode_what_waits_is_undone_first(team: Subscriber) -> None:
    """Stripe would credit the price that waits there, which nobody has paid."""
    billing = team.shop.billing
    team.subscribe("basic_monthly", billing_mode={"type": "classic"})
    team.until("16 Apr 00:00")
    billing.change_plan("team", "slim", key="down")
    with pytest.raises(ChangeScheduled):
        billing.change_plan("team", "pro", key="up")
    billing.resume("team", key="back")
    billing.change_plan("team", "pro", key="up")
    team.hear()
    assert (paid(team), team.shop.available()) == ([500, 1_000], 175)


@pytest.mark.slow
def test_of_several_subscriptions_one_is_named(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("pictures_monthly")
    pictures = team.subscription.id
    team.subscribe("basic_monthly")
    assert billing.change_plan("team", "pro", key="up").subscription == team.subscription.id
    assert billing.change_plan("team", "pictures", quantity=2, key="more").subscription == pictures
    with pytest.raises(Invalid, match="There is more than one"):
        billing.cancel("team", key="x")
    assert billing.cancel("team", subscription=pictures, key="x").subscription == pictures
    with pytest.raises(SubscriptionCancels):
        billing.change_plan("team", quantity=3, subscription=pictures, key="y")
    assert billing.resume("team", subscription=pictures, key="z").quantity == 2
