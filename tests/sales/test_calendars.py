"""Periods anchored to a day that not every month has, and days that are not 24 hours long elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from billing.catalog.loading import parse
from billing.rules.periods import Span, add
from billing.testing import TestBilling
from tests.sales.paid import invoice, line, tell
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

CATALOG = parse("""
[plans.month]
name = "Month"
credits = 100
prices = ["price_month"]

[plans.months]
name = "Months of a year"
credits = 100
prices = ["price_months_yearly"]

[plans.year]
name = "Year"
credits = 1200
every = "year"
prices = ["price_year"]

[plans.roll]
name = "Roll"
credits = 100
prices = ["price_roll"]
at_period_end = { roll_over = { max = 60 } }

[plans.free]
name = "Free"
credits = 31

[plans.free_roll]
name = "Free roll"
credits = 31
at_period_end = { roll_over = { max = 10 } }

[plans.free_year]
name = "Free year"
credits = 366
every = "year"

[plans.free_week]
name = "Free week"
credits = 7
every = "week"

[plans.free_day]
name = "Free day"
credits = 1
every = "day"
grace = "0 hours"
""")

DAY = timedelta(days=1)
Make = Callable[..., TestBilling]


@pytest.fixture(params=["UTC", "America/New_York", "Pacific/Apia"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the machine believes it is: it makes no difference."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def opened(make_billing: Make, start: str) -> TestBilling:
    billing = make_billing(catalog=CATALOG, start=moment(start))
    billing.customer("team", stripe_customer_id="cus_1")
    return billing


def lots(billing: TestBilling) -> list[tuple[str, str, int]]:
    """Each bucket: from when to when, grace included, and how much."""
    return [
        (_written(one.effective_at), _written(one.expires_at), one.granted) for one in billing.buckets("team")[::-1]
    ]


def _written(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%-d %b %Y %H:%M}"


def renewals(billing: TestBilling, price: str, days: list[str], *, spend: int = 0) -> None:
    """Paid an hour into each period, as Stripe does; so many credits are spent right before each renewal."""
    for start, end in pairwise(days):
        paid = moment(start) + timedelta(hours=1)
        if spend and billing.now < moment(start):
            billing.advance(to=moment(start) - timedelta(hours=1))
            billing.spend("team", spend, key=f"before {start}")
        billing.advance(to=paid)
        tell(billing, invoice(line(price, 1_000, moment(start), moment(end)), paid=paid))


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(
            ["31 Dec 2026 10:00", "31 Jan 2027 10:00", "28 Feb 2027 10:00", "31 Mar 2027 10:00", "30 Apr 2027 10:00"],
            id="the 31st",
        ),
        pytest.param(["31 Jan 2028 10:00", "29 Feb 2028 10:00", "31 Mar 2028 10:00"], id="the 31st in a leap year"),
        pytest.param(["30 Jan 2027 23:59", "28 Feb 2027 23:59", "30 Mar 2027 23:59"], id="the 30th"),
        pytest.param(["29 Jan 2027 00:00", "28 Feb 2027 00:00", "29 Mar 2027 00:00"], id="the 29th"),
        pytest.param(["29 Jan 2100 00:00", "28 Feb 2100 00:00", "29 Mar 2100 00:00"], id="2100 is no leap year"),
    ],
)
def test_a_month_is_a_month_however_long_it_is(make_billing: Make, days: list[str]) -> None:
    """Each renewal brings the plan's whole credits, whole until the next one's day, and a day of grace."""
    billing = opened(make_billing, days[0])
    renewals(billing, "price_month", days)
    assert lots(billing) == [
        (_written(moment(start)), _written(moment(end) + DAY), 100) for start, end in pairwise(days)
    ]
    billing.advance(to=moment(days[-1]) - timedelta(microseconds=1))
    assert billing.wallet("team").available == 100
    assert billing.wallet("team").next_expiry == moment(days[-1]) + DAY


def test_what_is_left_rolls_over_from_month_end_to_month_end(make_billing: Make) -> None:
    days = ["31 Jan 2028 10:00", "29 Feb 2028 10:00", "31 Mar 2028 10:00", "30 Apr 2028 10:00"]
    billing = opened(make_billing, days[0])
    renewals(billing, "price_roll", days, spend=70)
    billing.advance(to=moment(days[2]) + DAY)
    # 30 came in from January and paid first, so 60 of February's were left: as many as may go on.
    assert billing.wallet("team").available == 160
    rolled = [one for one in billing.buckets("team") if one.origin.startswith("rolled:")]
    assert [(one.granted, _written(one.expires_at)) for one in rolled[::-1]] == [
        (30, "1 Apr 2028 10:00"),
        (60, "1 May 2028 10:00"),
    ]


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        pytest.param("29 Feb 2028 08:00", "28 Feb 2029 08:00", [(29, 2), (29, 3), (29, 1)], id="from 29 February"),
        pytest.param("28 Feb 2031 08:00", "29 Feb 2032 08:00", [(28, 2), (29, 3), (29, 1)], id="to 29 February"),
        pytest.param("30 Apr 2027 08:00", "31 Oct 2027 08:00", [(30, 4), (31, 5), (30, 9)], id="to the 31st"),
        pytest.param("31 Aug 2027 08:00", "31 Aug 2028 08:00", [(31, 8), (30, 9), (31, 7)], id="over 29 February"),
        pytest.param("31 Jan 2027 08:00", "31 Jan 2028 08:00", [(31, 1), (28, 2), (31, 12)], id="from the 31st"),
    ],
)
def test_a_year_by_the_month(make_billing: Make, start: str, end: str, months: list[tuple[int, int]]) -> None:
    """Twelve months, whole each, whose last ends with the year; after it nothing is left of its money to come."""
    billing = opened(make_billing, start)
    tell(billing, invoice(line("price_months_yearly", 12_000, moment(start), moment(end)), paid=moment(start)))
    billing.advance(to=moment(end) - timedelta(seconds=1))
    found = billing.buckets("team")[::-1]
    count = 6 if "Oct" in end else 12
    assert [one.granted for one in found] == [100] * count
    assert [(found[n].effective_at.day, found[n].effective_at.month) for n in (0, 1, -1)] == months
    assert sum(one.paid_cents for one in found) == 12_000
    assert found[-1].expires_at == moment(end) + DAY
    for before, after in pairwise(found):
        assert before.expires_at == after.effective_at + DAY
    billing.advance(to=moment(end) + 40 * DAY)
    assert len(billing.buckets("team")) == count


def test_a_year_from_29_february_is_a_year_each_time(make_billing: Make) -> None:
    days = ["29 Feb 2028 08:00", "28 Feb 2029 08:00", "28 Feb 2030 08:00", "28 Feb 2031 08:00", "29 Feb 2032 08:00",
            "28 Feb 2033 08:00"]  # fmt: skip
    billing = opened(make_billing, days[0])
    renewals(billing, "price_year", days)
    assert [one[2] for one in lots(billing)] == [1200] * 5
    assert [one[1] for one in lots(billing)] == [_written(moment(end) + DAY) for end in days[1:]]


@pytest.mark.parametrize(
    ("plan", "start", "begins", "grace"),
    [
        ("free", "31 Jan 2028 10:00", ["31 Jan 2028", "29 Feb 2028", "31 Mar 2028", "30 Apr 2028", "31 May 2028"], 24),
        ("free", "29 Jan 2027 10:00", ["29 Jan 2027", "28 Feb 2027", "29 Mar 2027", "29 Apr 2027"], 24),
        ("free_year", "29 Feb 2028 10:00", ["29 Feb 2028", "28 Feb 2029", "28 Feb 2030", "28 Feb 2031", "29 Feb 2032"],
         24),
        ("free_week", "26 Mar 2027 01:30", ["26 Mar 2027", "2 Apr 2027", "9 Apr 2027"], 24),
        ("free_day", "27 Mar 2027 01:30", ["27 Mar 2027", "28 Mar 2027", "29 Mar 2027", "30 Mar 2027"], 0),
        ("free_day", "13 Mar 2027 07:30", ["13 Mar 2027", "14 Mar 2027", "15 Mar 2027"], 0),
        ("free_day", "30 Oct 2027 01:30", ["30 Oct 2027", "31 Oct 2027", "1 Nov 2027"], 0),
    ],
)  # fmt: skip
def test_free_plans_keep_their_day_and_hour(
    make_billing: Make, zone: str, plan: str, start: str, begins: list[str], grace: int
) -> None:
    """Through the nights in which clocks are changed in Europe and America, too; late, in one go, as step by step."""
    billing = opened(make_billing, start)
    billing.customer("team", plan=plan)
    clock = start[-5:]
    starts = [moment(f"{day} {clock}") for day in begins]
    billing.clock.move(starts[-1])
    late = [(_written(one.effective_at), one.remaining) for one in billing.wallet("team").buckets]
    billing.advance(to=starts[-1])
    assert [one[0] for one in lots(billing)] == [_written(at) for at in starts]
    ends = [moment_of(one) for one in lots(billing)][:-1]
    assert ends == [at + timedelta(hours=grace) for at in starts[1:]]
    assert late == [(_written(one.effective_at), one.remaining) for one in billing.wallet("team").buckets]


def moment_of(lot: tuple[str, str, int]) -> datetime:
    return moment(lot[1])


def test_a_free_plan_rolls_over_from_month_end_to_month_end(make_billing: Make) -> None:
    billing = opened(make_billing, "31 Jan 2028 10:00")
    billing.customer("team", plan="free_roll")
    billing.spend("team", 25, key="some")
    billing.advance(to=moment("1 Mar 2028 10:00"))
    assert billing.wallet("team").available == 31 + 6
    billing.advance(to=moment("1 Apr 2028 10:00"))
    assert billing.wallet("team").available == 31 + 10


def test_a_pack_for_months_ends_on_the_same_day_or_the_months_last(make_billing: Make, zone: str) -> None:
    for start, end in (("31 Aug 2027 02:30", "29 Feb 2028 02:30"), ("29 Feb 2028 23:59", "29 Aug 2028 23:59")):
        assert add(moment(start), Span(months=6)) == moment(end)
    billing = opened(make_billing, "31 Aug 2027 02:30")
    ends = add(billing.now, Span(months=6))
    billing.grant("team", 5, reason="half a year", key="g", expires_at=ends)
    billing.advance(to=ends - timedelta(microseconds=1))
    assert billing.wallet("team").available == 5
    billing.advance(to=ends)
    assert billing.wallet("team").available == 0
    assert billing.entries("team", kind="expire")[0].effective_at == moment("29 Feb 2028 02:30")


def test_an_hour_that_clocks_repeat_or_leave_out_is_an_hour(make_billing: Make, zone: str) -> None:
    """A hold in the night of 31 October 2027 lapses after an hour; the hour that New York leaves out is one, too."""
    billing = opened(make_billing, "31 Oct 2027 00:30")
    billing.grant("team", 5, reason="gift", key="g", expires_at=moment("31 Oct 2027 03:00"))
    billing.hold("team", 5, key="h", expires_in=3600)
    billing.advance(to=moment("31 Oct 2027 01:30") - timedelta(microseconds=1))
    assert billing.wallet("team").held == 5
    billing.advance(to=moment("31 Oct 2027 01:30"))
    assert billing.wallet("team").available == 5
    billing.advance(to=moment("31 Oct 2027 03:00"))
    assert billing.wallet("team").available == 0
    spring = moment("12 Mar 2028 07:00")  # 2:00 in New York, which becomes 3:00
    billing.grant("team", 5, reason="gift", key="g2", effective_at=spring, expires_at=spring + timedelta(hours=1))
    billing.advance(to=spring + timedelta(minutes=59))
    assert billing.spend("team", 5, key="s").available == 0
