"""Free plans: by the calendar from the day they were set, once a period, whatever is switched in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from billing import PlanNeedsCheckout, UnknownPlan
from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.stories.story import moment

from .paid import seconds, tell

pytestmark = pytest.mark.quick_on("sqlite")

CATALOG = parse("""
[units.images]

[plans.free]
name = "Free"
credits = 310

[plans.more]
name = "More"
credits = 620

[plans.weekly]
name = "Weekly"
credits = 70
every = "week"

[plans.kept]
name = "Kept"
credits = 10
retired = true

[plans.roll]
name = "Roll"
credits = 100
at_period_end = { roll_over = { max = 60 } }

[plans.pictures]
name = "Pictures"
credits = 30
unit = "images"

[plans.pro]
name = "Pro"
credits = 5000
prices = ["price_pro"]
""")

JANUARY = moment("31 Jan 10:00")
Make = Callable[..., TestBilling]


@pytest.fixture
def billing(make_billing: Make) -> TestBilling:
    return make_billing(catalog=CATALOG, start=JANUARY)


def granted(billing: TestBilling, unit: str = "credits") -> list[tuple[str, int]]:
    """When each bucket began, and what it brought."""
    found = billing.buckets("team", unit=unit)[::-1]
    return [(f"{one.effective_at:%d %b %H:%M}", one.granted) for one in found]


def to(billing: TestBilling, when: str) -> None:
    billing.advance(to=moment(when))


def plan(billing: TestBilling, name: str | None) -> None:
    assert billing.customer("team", stripe_customer_id="cus_1", plan=name).plan == name


def subscribed(
    billing: TestBilling, status: str = "active", *, since: datetime, ended: datetime | None = None,
    at: datetime | None = None,
) -> None:  # fmt: skip
    item = {"id": "si_1", "object": "subscription_item", "quantity": 1, "price": {"id": "price_pro", "object": "price"},
            "current_period_start": seconds(since), "current_period_end": seconds(since) + 2_592_000}  # fmt: skip
    told: dict[str, Any] = {
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status, "created": seconds(since),
        "items": {"object": "list", "data": [item], "has_more": False}, "metadata": {}, "cancel_at_period_end": False,
        "cancel_at": None, "ended_at": seconds(ended) if ended else None,
    }  # fmt: skip
    kind = "customer.subscription.deleted" if ended else "customer.subscription.updated"
    assert tell(billing, told, kind, at=at or billing.now).status == "done"


def test_by_the_calendar_from_the_day_it_was_set(billing: TestBilling) -> None:
    plan(billing, "free")
    assert billing.wallet("team").available == 310
    plan(billing, "free")
    to(billing, "1 Apr 00:00")
    assert granted(billing) == [("31 Jan 10:00", 310), ("28 Feb 10:00", 310), ("31 Mar 10:00", 310)]
    ends = [f"{one.expires_at:%d %b %H:%M}" for one in billing.buckets("team")[::-1]]
    assert ends == ["01 Mar 10:00", "01 Apr 10:00", "01 May 10:00"]
    assert billing.wallet("team").available == 620  # February's lives a day longer
    assert [entry.cents for entry in billing.entries("team")] == [0, 0, 0, 0]


def test_a_late_job_changes_nothing(billing: TestBilling) -> None:
    plan(billing, "free")
    billing.clock.move(moment("15 Mar 00:00"))
    assert billing.wallet("team").available == 310
    assert billing.spend("team", 10, key="s").available == 300
    assert granted(billing) == [("31 Jan 10:00", 310), ("28 Feb 10:00", 310)]
    billing.clock.move(moment("2 Apr 00:00"))
    assert billing.wallet("team").available == 310
    assert billing.wallet("team", as_of=moment("1 Mar 09:00")).available == 620
    assert billing.wallet("team", as_of=moment("15 Mar 00:00")).available == 300
    assert billing.wallet("team", at=moment("14 Mar 00:00")).available == 310
    to(billing, "2 Apr 00:00")
    grants = billing.entries("team", kind="grant")
    assert [f"{entry.effective_at:%d %b}" for entry in grants] == ["31 Mar", "28 Feb", "31 Jan"]


def test_only_plans_without_a_price_are_set(billing: TestBilling) -> None:
    with pytest.raises(PlanNeedsCheckout):
        billing.customer("team", plan="pro")
    for unknown in ("huge", "kept"):
        with pytest.raises(UnknownPlan):
            billing.customer("team", plan=unknown)
    assert billing.customers() == []


def test_off_and_on_again_grants_nothing_twice(billing: TestBilling) -> None:
    plan(billing, "free")
    for day in range(1, 28):
        billing.advance(by=timedelta(days=1) if day > 1 else timedelta())
        plan(billing, None)
        plan(billing, "free")
    assert granted(billing) == [("31 Jan 10:00", 310)]
    plan(billing, None)
    to(billing, "5 Mar 10:00")
    assert (granted(billing), billing.wallet("team").available) == ([("31 Jan 10:00", 310)], 0)
    plan(billing, "free")
    assert granted(billing)[1:] == [("05 Mar 10:00", 310)]


def test_up_and_down_grants_the_difference_once(billing: TestBilling) -> None:
    to(billing, "1 Mar 00:00")
    plan(billing, "free")
    to(billing, "11 Mar 00:00")
    plan(billing, "more")
    assert granted(billing) == [("01 Mar 00:00", 310), ("11 Mar 00:00", 210)]  # 310 × 21 ⁄ 31
    for _ in range(5):
        plan(billing, "free")
        plan(billing, "more")
    to(billing, "21 Mar 00:00")
    plan(billing, "free")
    to(billing, "22 Mar 00:00")
    plan(billing, "more")
    to(billing, "2 Apr 00:00")
    assert granted(billing) == [("01 Mar 00:00", 310), ("11 Mar 00:00", 210), ("01 Apr 00:00", 620)]


def test_another_rhythm_begins_where_the_running_period_ends(billing: TestBilling) -> None:
    to(billing, "1 Mar 00:00")
    plan(billing, "free")
    plan(billing, "weekly")
    to(billing, "9 Apr 00:00")
    assert granted(billing) == [("01 Mar 00:00", 310), ("01 Apr 00:00", 70), ("08 Apr 00:00", 70)]


def test_another_unit_takes_its_place(billing: TestBilling) -> None:
    plan(billing, "free")
    plan(billing, "pictures")
    to(billing, "1 Mar 00:00")
    assert granted(billing) == [("31 Jan 10:00", 310)]
    assert granted(billing, "images") == [("31 Jan 10:00", 30), ("28 Feb 10:00", 30)]


def test_it_rolls_over(billing: TestBilling) -> None:
    plan(billing, "roll")
    to(billing, "2 Mar 10:00")
    assert billing.wallet("team").available == 160


def test_it_stands_still_while_a_paid_subscription_lives(billing: TestBilling) -> None:
    to(billing, "1 Mar 00:00")
    plan(billing, "free")
    to(billing, "11 Mar 00:00")
    subscribed(billing, since=billing.now)
    assert billing.wallet("team").available == 310  # what was there stays to its end
    to(billing, "15 May 00:00")
    assert granted(billing) == [("01 Mar 00:00", 310)]
    subscribed(billing, "past_due", since=moment("11 Mar 00:00"))
    to(billing, "16 May 00:00")
    subscribed(billing, "canceled", since=moment("11 Mar 00:00"), ended=billing.now)
    assert granted(billing) == [("01 Mar 00:00", 310), ("16 May 00:00", 160)]  # 310 × 16 ⁄ 31
    to(billing, "2 Jun 00:00")
    assert granted(billing)[2:] == [("01 Jun 00:00", 310)]


def test_back_in_the_same_period_brings_nothing_more(billing: TestBilling) -> None:
    to(billing, "1 Mar 00:00")
    plan(billing, "free")
    to(billing, "11 Mar 00:00")
    subscribed(billing, since=billing.now)
    to(billing, "12 Mar 00:00")
    subscribed(billing, "canceled", since=moment("11 Mar 00:00"), ended=billing.now)
    to(billing, "2 Apr 00:00")
    assert granted(billing) == [("01 Mar 00:00", 310), ("01 Apr 00:00", 310)]


def test_heard_of_late_it_ends_the_same(billing: TestBilling) -> None:
    to(billing, "1 Mar 00:00")
    plan(billing, "free")
    to(billing, "10 Apr 00:00")  # granted on 1 April, as nobody had told of the subscription of 11 March
    assert billing.wallet("team").available == 310
    subscribed(billing, since=moment("11 Mar 00:00"), at=moment("11 Mar 00:00"))
    assert billing.wallet("team").available == 0
    to(billing, "5 Jun 00:00")
    subscribed(billing, "canceled", since=moment("11 Mar 00:00"), ended=moment("16 May 00:00"))
    assert [one for one in granted(billing) if one[0] != "01 Apr 00:00"] == [
        ("01 Mar 00:00", 310), ("16 May 00:00", 160), ("01 Jun 00:00", 310),
    ]  # fmt: skip


def test_set_while_subscribed_it_waits(billing: TestBilling) -> None:
    billing.customer("team", stripe_customer_id="cus_1")
    subscribed(billing, since=billing.now)
    plan(billing, "free")
    to(billing, "10 Mar 10:00")
    assert granted(billing) == []
    subscribed(billing, "canceled", since=JANUARY, ended=billing.now)
    assert granted(billing) == [("10 Mar 10:00", 210)]  # 310 × 21 ⁄ 31 of the period since 28 February
