"""Pace: whose credits won't last, and who uses more than usual, by what was used on each day; told once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from billing.catalog.loading import parse
from billing.sales import auto_state
from billing.testing import TestBilling
from tests.insight.noticed import Facts, facts, paced, subscribed
from tests.sales.paid import invoice, line, seconds, tell
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

START = moment("1 Apr 00:00")
CATALOG = parse("""
[units.images]
scale = 2

[plans.month]
name = "Month"
credits = 2000
prices = ["price_month"]

[plans.short]
name = "Short"
credits = 2000
prices = ["price_short"]
runway = "2 days"

[plans.quiet]
name = "Quiet"
credits = 2000
prices = ["price_quiet"]
runway = "none"

[plans.free]
name = "Free"
credits = 300

[packs.small]
name = "Small"
credits = 1000
prices = { usd = 1000 }
""")
OUT, UNUSUAL = "credits.running_out", "usage.unusual"
Make = Callable[..., TestBilling]


@pytest.fixture
def billing(make_billing: Make) -> TestBilling:
    engine = make_billing(catalog=CATALOG, start=START)
    engine.customer("team", stripe_customer_id="cus_1")
    return engine


def give(billing: TestBilling, credits: int, **more: Any) -> None:
    billing.grant("team", credits, reason="gift", key=f"gift {credits} {billing.now}", **more)


def use(billing: TestBilling, credits: int, days: int, unit: str = "credits") -> None:
    """So many credits each day at noon, from today on; then it is midnight."""
    for _ in range(days):
        at = billing.now.replace(hour=12)
        billing.advance(to=at)
        if credits:
            billing.spend("team", credits, key=f"{unit} {at}", unit=unit)
        billing.advance(to=at.replace(hour=0) + timedelta(days=1))


def run(billing: TestBilling, name: str = OUT) -> Facts:
    return paced(billing, name)


def test_told_once_until_new_credits_come(billing: TestBilling) -> None:
    give(billing, 2_000)
    use(billing, 100, 12)
    assert run(billing) == []  # 800 at 100 a day
    use(billing, 100, 1)
    assert run(billing) == [
        {
            "customer": "team",
            "unit": "credits",
            "available": 700,
            "per_day": 100,
            "days": 7,
            "empty_at": "2025-04-21T00:00:00Z",
        }
    ]
    assert run(billing) == []
    use(billing, 100, 2)
    assert run(billing) == []
    give(billing, 10)
    (again,) = run(billing)
    assert (again["available"], again["days"]) == (510, 5)
    give(billing, 5_000)
    assert run(billing) == []


def test_of_fourteen_days_only_those_since_the_first_use_count(billing: TestBilling) -> None:
    give(billing, 1_000)
    use(billing, 100, 6)
    assert run(billing) == []  # no history to speak of
    use(billing, 100, 1)
    (told,) = run(billing)
    assert (told["available"], told["per_day"], told["days"]) == (300, 100, 3)


def test_an_older_pace_is_no_longer_todays(billing: TestBilling) -> None:
    give(billing, 3_000)
    use(billing, 150, 14)
    use(billing, 1, 14)
    assert run(billing) == []  # 886 at 1 a day
    use(billing, 10, 1)
    assert run(billing) == []


def test_what_was_given_back_was_not_used(billing: TestBilling) -> None:
    give(billing, 2_000)
    use(billing, 100, 13)
    spend = billing.spend("team", 600, key="by mistake").id
    billing.reverse("team", spend, key="back")
    (told,) = run(billing)
    assert (told["available"], told["per_day"]) == (700, 100)


def bought(billing: TestBilling, price: str, **more: Any) -> None:
    at = billing.now
    tell(billing, invoice(line(price, 1000, at, moment("1 May 00:00")), paid=at))
    tell(billing, subscribed(**more), "customer.subscription.updated")


@pytest.mark.parametrize(
    ("price", "used", "days", "more", "told"),
    [
        pytest.param("price_month", 100, 12, {}, None, id="lasts for longer"),
        pytest.param("price_month", 100, 14, {}, 6, id="will be empty before the next period"),
        pytest.param("price_month", 75, 23, {}, 3, id="just before"),
        pytest.param("price_month", 66, 24, {}, None, id="not before: the next period begins"),
        pytest.param("price_month", 64, 24, {"cancel_at": seconds("1 May 00:00")}, None, id="ends unused anyway"),
        pytest.param("price_month", 66, 24, {"cancel_at_period_end": True}, 6, id="no next period"),
        pytest.param("price_month", 0, 24, {}, None, id="not used"),
        pytest.param("price_month", 2000, 1, {}, None, id="empty already"),
        pytest.param("price_short", 100, 14, {}, None, id="the plan is warned later"),
        pytest.param("price_short", 100, 18, {}, 2, id="by the plan's own"),
        pytest.param("price_quiet", 100, 18, {}, None, id="the plan is not warned"),
    ],
)
def test_plans(billing: TestBilling, price: str, used: int, days: int, more: dict[str, Any], told: int | None) -> None:
    bought(billing, price, **more)
    use(billing, used, days)
    assert [one["days"] for one in run(billing)] == ([] if told is None else [told])


@pytest.mark.parametrize(("used", "told"), [(9, []), (10, []), (11, ["2025-04-28T06:32:43Z"])])
def test_a_free_plan_brings_more_on_1_may(billing: TestBilling, used: int, told: list[str]) -> None:
    billing.customer("team", plan="free")
    use(billing, used, 27)
    assert [one["empty_at"] for one in run(billing)] == told


@pytest.mark.parametrize(
    ("lots", "told"),
    [
        pytest.param([(100, "never")], 10, id="for ever"),
        pytest.param([(100, "5 days")], None, id="ends before it is used: told by its end"),
        pytest.param([(40, "2 days"), (30, "never")], 5, id="a part of it is lost, the rest is used up"),
        pytest.param([(40, "2 days"), (100, "7 days")], None, id="each ends before"),
        pytest.param([(40, "2 days"), (60, "9 days")], 8, id="used up before the last ends"),
        pytest.param([(50, "never"), (50, "in 3 days")], None, id="more begins before"),
        pytest.param([(50, "never"), (50, "in 6 days")], 5, id="more begins after"),
    ],
)
def test_what_ends_meanwhile(make_billing: Make, lots: list[tuple[int, str]], told: int | None) -> None:
    """Ten a day."""
    billing = make_billing(catalog=parse('[policy]\nrunway = "30 days"\nexpiring = []'), start=START)
    billing.customer("team")
    give(billing, 140)
    use(billing, 10, 14)
    for number, (credits, when) in enumerate(lots):
        days = timedelta(days=int(when.split()[-2])) if when != "never" else None
        begins = billing.now + days if when.startswith("in ") and days else None
        ends = billing.now + days if days and not begins else None
        billing.grant("team", credits, reason="lot", key=f"lot {number}", effective_at=begins, expires_at=ends)
    assert [one["days"] for one in run(billing)] == ([] if told is None else [told])


def test_one_that_tops_itself_up_does_not_run_out(billing: TestBilling) -> None:
    give(billing, 2_000)
    use(billing, 100, 14)
    setting = {"threshold": 100, "pack": "small", "max_cents_per_month": 5_000, "max_count_per_month": 3}
    billing.set_wallet("team", auto_topup=setting)
    assert run(billing) == []
    with billing.database.write() as tx:  # as a card that was declined for good leaves it
        auto_state.pause(tx, "team", "credits", "declined", "The card was declined.")
    [told] = run(billing)
    assert told["available"] == 600, "what does not top itself up runs out"


@pytest.mark.parametrize(
    ("before", "today", "told"),
    [
        pytest.param([100] * 7, 500, (100, 5), id="five times"),
        pytest.param([100] * 7, 499, None, id="less than five times"),
        pytest.param([100] * 6, 900, None, id="too little history"),
        pytest.param([10] * 14, 99, None, id="too few credits to speak of"),
        pytest.param([20] * 14, 100, (20, 5), id="just enough"),
        pytest.param([0, 0, 0, 0, 0] + [100] * 9, 1_000, (100, 10), id="counted from the first use"),
        pytest.param([100] + [0] * 8 + [100], 900, None, id="used on too few days"),
        pytest.param([900] + [10] * 30, 100, (10, 10), id="what is older than 28 days is not usual"),
        pytest.param([100, 0, 0, 0, 100, 0, 0, 0, 100, 0], 300, (30, 10), id="days without use count"),
    ],
)
def test_unusual(billing: TestBilling, before: list[int], today: int, told: tuple[int, int] | None) -> None:
    give(billing, 10**6)
    for credits in before:
        use(billing, credits, 1)
        assert run(billing, UNUSUAL) == []
    billing.spend("team", today, key="today")
    found = run(billing, UNUSUAL)
    assert [(one["usual"], one["times"]) for one in found] == ([] if told is None else [told])
    if found:
        day = billing.now.date().isoformat()
        assert (found[0]["customer"], found[0]["credits"], found[0]["day"]) == ("team", today, day)


def test_unusual_once_a_day_and_of_the_last_hours_of_yesterday_too(billing: TestBilling) -> None:
    give(billing, 10**6)
    use(billing, 100, 10)
    billing.spend("team", 500, key="much")
    assert len(run(billing, UNUSUAL)) == 1
    billing.spend("team", 5_000, key="much more")
    assert run(billing, UNUSUAL) == []
    billing.advance(to=moment("11 Apr 23:59"))
    billing.spend("team", 1, key="late")
    billing.advance(to=moment("12 Apr 23:59"))
    billing.spend("team", 9_000, key="at the last moment")
    billing.advance(to=moment("13 Apr 00:10"))
    assert [one["day"] for one in run(billing, UNUSUAL)] == ["2025-04-12"]
    assert run(billing, UNUSUAL) == []


def test_the_catalog_says_what_is_unusual(make_billing: Make) -> None:
    texts = ['unusual = "none"', "unusual = 2", "unusual = { times = 10, least = 300 }", "unusual = { least = 301 }"]
    told = []
    billing = make_billing(catalog=CATALOG, start=START)
    billing.customer("team")
    billing.grant("team", 10**6, reason="gift", key="g", unit="images")
    use(billing, 30, 10, "images")
    billing.spend("team", 300, key="today", unit="images")
    assert run(billing, UNUSUAL) == []  # 3.00 images are not 100
    for policy in texts:
        billing.catalog = parse(f"[units.images]\nscale = 2\n[policy]\n{policy}")
        with billing.database.engine.begin() as connection:
            connection.execute(text("DELETE FROM billing_outbox"))
        told.append([one["times"] for one in run(billing, UNUSUAL)])
    billing.catalog = CATALOG
    assert told == [[], [], [10], []]


def test_bounded_and_walked_to_the_end(billing: TestBilling) -> None:
    for name in ("a", "b", "c"):
        billing.customer(name)
        billing.grant(name, 1_000, reason="gift", key="gift")
        billing.spend(name, 1, key="first")
    billing.advance(to=moment("8 Apr 00:00"))
    for name in ("a", "b", "c"):
        billing.spend(name, 690, key="much")
    billing.advance(to=moment("9 Apr 00:00"))
    while billing.count_usage(2):
        pass
    assert [billing.watch_pace(2).more for _ in range(3)] == [True, False, True]
    assert sorted(one["customer"] for one in facts(billing, OUT)) == ["a", "b", "c"]
