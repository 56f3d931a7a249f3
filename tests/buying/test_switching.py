"""What customers do with a subscription here: up at once, down with the next period, ended, resumed, to the cent."""

from __future__ import annotations

from datetime import datetime

import pytest

from billing import (
    ChangeNeedsNow,
    IdempotencyKeyReused,
    NothingScheduled,
    Subscription,
    SubscriptionCancels,
    SubscriptionEnded,
)
from tests.buying.subscriber import MAY, START, Subscriber
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")


def now(team: Subscriber) -> Subscription:
    found = team.shop.billing.subscription("team")
    assert found is not None
    return found


def stands(team: Subscriber) -> tuple[str | None, int, str | None, datetime | None]:
    """What it is, and what it becomes and when."""
    found = now(team)
    return found.plan, found.quantity, found.changes_to, found.changes_at


def paid(team: Subscriber) -> list[int]:
    """The totals of the invoices, the newest first."""
    return [one.total for one in team.v1.invoices.list({"limit": 100}).data]


def test_up_comes_at_once_and_is_paid_at_once(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    team.until("16 Apr 00:00")
    done = billing.change_plan("team", "pro", key="up")
    assert (done.act, done.plan, done.quantity, done.status, done.takes_effect_at) == ("change", "pro", 1, "done", None)
    assert done.price == team.prices["pro_monthly"], "billed as often as before, though the yearly price stands first"
    assert stands(team) == ("pro", 1, None, None)
    team.hear()
    assert paid(team) == [500, 1_000]
    assert team.shop.available() == 100 + 75
    again = billing.change_plan("team", "pro", key="up")
    assert again == done and again.replayed and not done.replayed
    with pytest.raises(IdempotencyKeyReused):
        billing.change_plan("team", "pro", quantity=2, key="up")
    team.until("1 May 02:00")
    assert paid(team)[0] == 2_000
    assert team.shop.available() == 175 + 250


def test_down_comes_with_the_next_period_and_costs_less_from_then_on(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("pro_monthly")
    team.until("11 Apr 00:00")
    done = billing.change_plan("team", "basic", key="down")
    assert (done.plan, done.takes_effect_at) == ("basic", MAY)
    assert stands(team) == ("pro", 1, "basic", MAY)
    team.hear()
    assert (paid(team), team.shop.available()) == ([2_000], 250)
    assert stands(team) == ("pro", 1, "basic", MAY)
    team.until("1 May 02:00")
    assert paid(team) == [1_000, 2_000]
    assert stands(team) == ("basic", 1, None, None)
    team.until("3 May 00:00")
    assert team.shop.available() == 100


@pytest.mark.slow
@pytest.mark.parametrize("back", ["resume", "change"])
def test_a_change_that_waits_is_undone(team: Subscriber, back: str) -> None:
    billing = team.shop.billing
    team.subscribe("pro_monthly")
    billing.change_plan("team", "basic", key="down")
    undone = billing.resume("team", key="b") if back == "resume" else billing.change_plan("team", "pro", key="b")
    assert (undone.plan, undone.takes_effect_at, stands(team)) == ("pro", None, ("pro", 1, None, None))
    team.until("1 May 02:00")
    assert paid(team) == [2_000, 2_000]
    with pytest.raises(NothingScheduled):
        billing.resume("team", key="c")


@pytest.mark.slow
def test_up_from_a_change_that_waits_counts_from_what_was_paid(team: Subscriber) -> None:
    """What waits was never billed: the upgrade credits what was, and replaces what waits."""
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    billing.change_plan("team", "slim", key="down")
    assert stands(team) == ("basic", 1, "slim", MAY)
    team.until("16 Apr 00:00")
    billing.change_plan("team", "pro", key="up")
    team.hear()
    assert stands(team) == ("pro", 1, None, None)
    assert (paid(team), team.shop.available()) == ([500, 1_000], 175)


def test_seats_up_and_down(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    team.until("16 Apr 00:00")
    billing.change_plan("team", quantity=4, key="1")
    team.hear()
    assert (paid(team), team.shop.available()) == ([1_500, 1_000], 100 + 150)
    done = billing.change_plan("team", quantity=2, key="2")
    assert (done.quantity, done.takes_effect_at) == (2, MAY)
    found = now(team)
    assert (found.quantity, found.changes_to, found.changes_quantity) == (4, "basic", 2)
    looked = billing.preview_change("team", quantity=3), billing.preview_change("team", "pro")
    assert [(one.takes_effect_at, one.quantity) for one in looked] == [(MAY, 3), (None, 4)], "of what is in force"
    team.until("3 May 00:00")
    assert paid(team) == [2_000, 1_500, 1_000]
    assert (now(team).quantity, team.shop.available()) == (2, 200)


def test_cancelled_it_ends_with_its_period_and_resumed_it_does_not(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    done = billing.cancel("team", key="c")
    assert (done.act, done.takes_effect_at, now(team).cancel_at) == ("cancel", MAY, MAY)
    team.hear()
    assert now(team).cancel_at == MAY
    with pytest.raises(SubscriptionCancels):
        billing.change_plan("team", "pro", key="up")
    billing.resume("team", key="r")
    assert now(team).cancel_at is None
    team.until("1 May 02:00")
    assert paid(team) == [1_000, 1_000]
    billing.cancel("team", key="c2")
    team.until("1 Jun 02:00")
    assert now(team).status == "canceled"
    assert len(paid(team)) == 2
    with pytest.raises(SubscriptionEnded):
        billing.resume("team", key="r2")


@pytest.mark.slow
def test_cancelled_now_it_has_ended_and_its_credits_stay(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    team.until("11 Apr 00:00")
    done = billing.cancel("team", now=True, key="c")
    assert (done.status, done.takes_effect_at, now(team).status) == ("done", None, "canceled")
    team.hear()
    assert (paid(team), team.shop.available()) == ([1_000], 100)
    assert billing.cancel("team", now=True, key="c") == done
    with pytest.raises(SubscriptionEnded):
        billing.cancel("team", key="c2")


@pytest.mark.slow
def test_the_portal_cancels_and_we_resume_and_both_are_undone_at_once(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("pro_monthly")
    billing.change_plan("team", "basic", key="down")
    end = int(MAY.timestamp())
    team.v1.subscriptions.update(team.subscription.id, {"cancel_at": end})
    team.hear()
    assert (now(team).plan, now(team).cancel_at, now(team).changes_to) == ("pro", MAY, None)
    billing.resume("team", key="r")
    assert (stands(team), now(team).cancel_at) == (("pro", 1, None, None), None)
    team.hear()
    team.until("1 May 02:00")
    assert paid(team) == [2_000, 2_000]


@pytest.mark.slow
def test_from_the_month_to_the_year_at_once_and_never_by_itself_back(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    team.until("16 Apr 00:00")
    done = billing.change_plan("team", price="basic_yearly", key="year")
    assert (done.plan, done.takes_effect_at) == ("basic", None)
    team.hear()
    assert paid(team) == [10_000 - 500, 1_000]
    assert now(team).current_period_end == moment("16 Apr 00:00").replace(year=START.year + 1)
    assert team.shop.available() == 100
    with pytest.raises(ChangeNeedsNow, match="say `now`"):
        billing.change_plan("team", price="basic_monthly", key="month")
    billing.change_plan("team", price="basic_monthly", now=True, key="month now")
    team.hear()
    assert now(team).current_period_end == moment("16 May 00:00")
    assert paid(team)[0] == 1_000 - 10_000


@pytest.mark.slow
def test_at_once_all_the_same_gives_the_rest_back(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("pro_monthly")
    team.until("16 Apr 00:00")
    assert billing.change_plan("team", "basic", now=True, key="down").takes_effect_at is None
    team.hear()
    assert (paid(team), team.shop.available()) == ([-500, 2_000], 175)
    team.until("1 May 02:00")
    assert [one.amount_paid for one in team.v1.invoices.list({"limit": 1}).data] == [500]


@pytest.mark.slow
def test_a_plan_whose_upgrades_wait_is_paid_for_when_its_credits_come(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    team.until("16 Apr 00:00")
    assert billing.change_plan("team", "later", key="up").takes_effect_at == MAY
    team.hear()
    assert (paid(team), team.shop.available()) == ([1_000], 100)
    team.until("3 May 00:00")
    assert (paid(team), team.shop.available()) == ([3_000, 1_000], 400)


@pytest.mark.slow
def test_as_much_for_fewer_credits_waits(team: Subscriber) -> None:
    team.subscribe("basic_monthly")
    assert team.shop.billing.change_plan("team", "slim", key="1").takes_effect_at == MAY
    team.until("3 May 00:00")
    assert (paid(team), team.shop.available()) == ([1_000, 1_000], 60)


@pytest.mark.slow
def test_in_a_trial_nothing_waits_and_nothing_is_billed(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("pro_monthly", trial_period_days=14)
    assert billing.change_plan("team", "basic", key="1").takes_effect_at is None
    assert stands(team) == ("basic", 1, None, None)
    billing.change_plan("team", "pro", key="2")
    team.hear()
    assert paid(team) == [0]
    team.until("15 Apr 02:00")
    assert (paid(team), team.shop.available()) == ([2_000, 0], 250)


@pytest.mark.slow
def test_changed_elsewhere_what_waits_is_as_stripe_has_it(team: Subscriber) -> None:
    billing = team.shop.billing
    team.subscribe("pro_monthly")
    billing.change_plan("team", "basic", key="down")
    team.change("slim_monthly", proration_behavior="none")
    assert stands(team) == ("slim", 1, None, None)
    team.until("3 May 00:00")
    assert team.shop.available() == 60
