"""Our own acts on a subscription of several plans: each on its own item, and none on another's."""

from __future__ import annotations

import pytest

from billing import ChangeScheduled, Invalid, SubscriptionExists
from tests.buying.shop import BACK
from tests.buying.subscriber import MAY, Subscriber
from tests.buying.test_switching import paid, stands

pytestmark = pytest.mark.quick_on("sqlite")


def items(team: Subscriber) -> dict[str, int]:
    found = team.v1.subscriptions.retrieve(team.subscription.id)["items"].data
    return {str(one.price.lookup_key): one.quantity for one in found}


def both(team: Subscriber) -> None:
    team.subscribe(
        "basic_monthly", items=[{"price": team.prices[name]} for name in ("basic_monthly", "pictures_monthly")]
    )


def test_each_on_its_own_item(team: Subscriber) -> None:
    """A price says which plan it is of; a number alone does not; and one change that waits is not lost over another."""
    billing = team.shop.billing
    both(team)
    assert billing.change_plan("team", price="pictures_monthly", quantity=2, key="1").plan == "pictures"
    assert items(team) == {"basic_monthly": 1, "pictures_monthly": 2}
    with pytest.raises(Invalid, match="Say which plan"):
        billing.change_plan("team", quantity=3, key="2")
    billing.change_plan("team", "slim", key="3")
    assert stands(team) == ("basic", 1, "slim", MAY)
    billing.change_plan("team", "pictures", quantity=3, key="4")
    assert stands(team) == ("basic", 1, "slim", MAY), "it waits still"
    billing.change_plan("team", "pictures", quantity=1, key="5")
    team.hear()
    assert stands(team) == ("basic", 1, "slim", MAY)
    assert items(team) == {"slim_monthly": 1, "pictures_monthly": 1}
    billing.resume("team", key="6")
    assert items(team) == {"basic_monthly": 1, "pictures_monthly": 3}, "all that waited is undone"
    team.until("1 May 02:00")
    assert paid(team)[0] == 1_000 + 3 * 700


@pytest.mark.slow
def test_each_of_its_plans_is_subscribed_to(team: Subscriber) -> None:
    """A second subscription of the second plan's unit is none to be had; a free plan of that unit stands still."""
    billing = team.shop.billing
    both(team)
    with pytest.raises(SubscriptionExists):
        billing.subscribe("team", "pictures", key="again", success_url=BACK)
    billing.customer("team", plan="sketches")
    assert billing.wallet("team", "images").available == 30, "it brings nothing as long as a paid one lives"
    billing.cancel("team", now=True, key="end")
    team.hear()
    assert billing.wallet("team", "images").available == 32


@pytest.mark.slow
def test_what_waits_is_had_at_once_only_when_it_is_undone(team: Subscriber) -> None:
    """Stripe has that price already, so that it would give nothing back."""
    billing = team.shop.billing
    team.subscribe("pro_monthly")
    billing.change_plan("team", "basic", key="down")
    team.until("16 Apr 00:00")
    with pytest.raises(ChangeScheduled):
        billing.change_plan("team", "basic", now=True, key="now")
    with pytest.raises(ChangeScheduled):
        billing.preview_change("team", "basic", now=True)
    billing.resume("team", key="back")
    billing.change_plan("team", "basic", now=True, key="now")
    team.hear()
    assert (paid(team), team.shop.available()) == ([-500, 2_000], 175)
