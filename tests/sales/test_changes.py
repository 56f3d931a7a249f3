"""The worked examples of plans that change, of years, trials and endings, told through the inbox, to the cent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.sales.paid import APRIL, JUNE, MAY, Json, body, event, invoice, line, seconds
from tests.sales.told import Told
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

CATALOG_TEXT = """
[plans.basic]
name = "Basic"
credits = 100
prices = ["price_basic", "price_yearly"]

[plans.plus]
name = "Basic Plus"
credits = 100
prices = ["price_plus"]

[plans.pro]
name = "Pro"
credits = 250
prices = ["price_pro"]

[plans.try]
name = "Try"
credits = 100
prices = ["price_try"]
trial_credits = 30
"""
CATALOG = parse(CATALOG_TEXT)

JANUARY, NEXT_YEAR = datetime.fromisoformat("2025-01-01T00:00:00Z"), datetime.fromisoformat("2026-01-01T00:00:00Z")


@pytest.fixture
def story(make_billing: Callable[..., TestBilling]) -> Told:
    return Told(make_billing(catalog=CATALOG, start=APRIL))


@pytest.fixture
def year(make_billing: Callable[..., TestBilling]) -> Told:
    told = Told(make_billing(catalog=CATALOG, start=JANUARY))
    y1 = invoice(line("price_yearly", 10_000, JANUARY, NEXT_YEAR), paid=JANUARY, id="y1", total=10_000)
    return told.paid(y1).shows("100 · 0 · 0", "10,000 · 0 · 0")


def part(price: str, cents: int, start: str, end: datetime = MAY, **more: Any) -> Json:
    return line(price, cents, start, end, proration=True, **more)


def changes(when: str, *lines: tuple[str, int], end: datetime = MAY, id: str | None = None, **more: Any) -> Json:
    """An invoice of change lines that begin when it is paid."""
    total = sum(cents for _, cents in lines)
    return invoice(*(part(price, cents, when, end, **more) for price, cents in lines), paid=when, id=id, total=total)


def basic(story: Told, price: str = "price_basic", cents: int = 1_000, **more: Any) -> Told:
    story.at("1 Apr 00:00")
    return story.paid(invoice(line(price, cents, APRIL, MAY, **more), paid=APRIL, id="i1", total=cents))


UP = (("price_basic", -667), ("price_pro", 1_333))


def test_18_upgrade(story: Told) -> None:
    basic(story).shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("5 Apr 10:00").spend(80).shows("20 · 0 · 0", "200 · 800 · 0")
    story.at("11 Apr 00:00").paid(changes("11 Apr 00:00", *UP)).shows("120 · 0 · 0", "866 · 800 · 0")
    story.ends(basic="2 May 00:00", change="2 May 00:00")


def test_19_refunded_and_bought_again(story: Told) -> None:
    basic(story)
    story.at("11 Apr 00:00").paid(changes("11 Apr 00:00", *UP, id="i2")).shows("200 · 0 · 0", "1,666 · 0 · 0")
    story.at("12 Apr 10:00").refunded("i2", 666).shows("100 · 0 · 0", "1,000 · 0 · 0 · 666 · 0")
    again = changes("16 Apr 00:00", ("price_basic", -500), ("price_pro", 1_000))
    story.at("16 Apr 00:00").paid(again).shows("175 · 0 · 0", "1,500 · 0 · 0 · 666 · 0")
    story.ends(basic="2 May 00:00", change="2 May 00:00", again="2 May 00:00")


def test_20_seats(story: Told) -> None:
    basic(story, cents=2_000, quantity=2).shows("200 · 0 · 0", "2,000 · 0 · 0")
    when = "11 Apr 00:00"
    up = part("price_basic", -1_333, when, quantity=2), part("price_basic", 2_000, when, quantity=3)
    story.at(when).paid(invoice(*up, paid=when)).shows("266 · 0 · 0", "2,667 · 0 · 0")
    renewed = invoice(line("price_basic", 3_000, MAY, JUNE, quantity=3), paid="1 May 01:00")
    story.at("1 May 01:00").paid(renewed).shows("566 · 0 · 0", "5,667 · 0 · 0")
    story.at("2 May 00:00").shows("300 · 0 · 0", "3,000 · 0 · 2,667")
    when = "21 May 16:00"
    down = part("price_basic", -1_000, when, JUNE, quantity=3), part("price_basic", 667, when, JUNE, quantity=2)
    story.at(when).paid(invoice(*down, paid=when)).shows("266 · 0 · 0", "2,667 · 0 · 2,667 · 0 · 333")
    story.ends(april="2 May 00:00", change="2 May 00:00", may="2 Jun 00:00")


def test_21_downgrade_after_most_was_spent(story: Told) -> None:
    basic(story, "price_pro", 2_000).shows("250 · 0 · 0", "2,000 · 0 · 0")
    story.at("5 Apr 10:00").spend(230).shows("20 · 0 · 0", "160 · 1,840 · 0")
    down = changes("11 Apr 00:00", ("price_pro", -1_333), ("price_basic", 667))
    story.at("11 Apr 00:00").paid(down).shows("0 · 0 · 80", "0 · 1,334 · 0 · 0 · 666")
    story.ends(pro="2 May 00:00")


def test_22_a_dearer_plan_without_more_credits(story: Told) -> None:
    basic(story)
    plus = changes("11 Apr 00:00", ("price_basic", -667), ("price_plus", 1_000))
    story.at("11 Apr 00:00").paid(plus).shows("100 · 0 · 0", "1,000 · 333 · 0")
    story.ends(basic="2 May 00:00")


def test_23_a_year_ends_without_refund(year: Told) -> None:
    year.at("20 Jan 10:00").spend(40).shows("60 · 0 · 0", "9,667 · 333 · 0")
    year.at("1 Feb 00:00").shows("160 · 0 · 0", "9,667 · 333 · 0")
    year.at("2 Feb 00:00").shows("100 · 0 · 0", "9,167 · 333 · 500")
    year.at("10 Feb 12:00").ended().shows("100 · 0 · 0", "833 · 333 · 8,834")
    year.at("1 Mar 00:00").shows("100 · 0 · 0", "833 · 333 · 8,834")
    year.at("2 Mar 00:00").shows("0 · 0 · 0", "0 · 333 · 9,667")
    year.ends(january="2 Feb 00:00", february="2 Mar 00:00")


def test_24_a_year_ends_with_a_refund(year: Told) -> None:
    year.at("20 Jan 10:00").spend(40)
    year.at("10 Feb 12:00").ended().shows("100 · 0 · 0", "833 · 333 · 8,834")
    year.at("10 Feb 12:01").refunded("y1", 8_000).shows("100 · 0 · 0", "833 · 333 · 834 · 8,000 · 0")
    year.at("20 Feb 10:00").refunded("y1", 2_000, "re_2").shows("0 · 0 · 40", "0 · 0 · 0 · 10,000 · 0")
    year.ends(january="2 Feb 00:00", february="2 Mar 00:00")


@pytest.mark.parametrize("final_first", [False, True])
def test_25_cancelled_with_money_back(story: Told, final_first: bool) -> None:
    basic(story)
    story.at("5 Apr 10:00").spend(20).shows("80 · 0 · 0", "800 · 200 · 0")
    final = changes("11 Apr 00:00", ("price_basic", -667))
    story.at("11 Apr 00:00")
    if final_first:
        story.paid(final).ended()
    else:
        story.ended().shows("80 · 0 · 0", "800 · 200 · 0").at("11 Apr 00:01").paid(final)
    story.shows("13 · 0 · 0", "133 · 200 · 0 · 0 · 667")
    story.at("2 May 00:00").shows("0 · 0 · 0", "0 · 200 · 133 · 0 · 667")
    story.ends(basic="2 May 00:00")


def test_26_interval_switch(story: Told) -> None:
    basic(story)
    story.at("5 Apr 10:00").spend(20)
    when, end = "11 Apr 00:00", moment("11 Apr 00:00").replace(year=2026)
    switch = invoice(part("price_basic", -667, when), line("price_yearly", 10_000, when, end), paid=when)
    story.at(when).paid(switch).shows("100 · 0 · 0", "10,000 · 200 · 133 · 0 · 667")
    story.ends(basic="11 Apr 00:00", year="12 May 00:00")
    story.at("11 May 00:00").shows("200 · 0 · 0", "10,000 · 200 · 133 · 0 · 667")


def test_27_trial(story: Told) -> None:
    ends = "15 Apr 00:00"
    story.at("1 Apr 00:00").subscription("customer.subscription.created", status="trialing", trial_end=seconds(ends))
    trial = invoice(line("price_try", 0, APRIL, ends), paid=APRIL)
    story.paid(trial).shows("30 · 0 · 0", "0 · 0 · 0")
    story.at("10 Apr 10:00").spend(12).shows("18 · 0 · 0", "0 · 0 · 0")
    story.at("15 Apr 00:30").spend(5).shows("13 · 0 · 0", "0 · 0 · 0")
    paid = invoice(line("price_try", 1_000, ends, "15 May 00:00"), paid="15 Apr 01:00")
    story.at("15 Apr 01:00").paid(paid).shows("113 · 0 · 0", "1,000 · 0 · 0")
    story.at("16 Apr 00:00").shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.ends(trial="16 Apr 00:00", paid="16 May 00:00")


def test_28_a_coupon_of_a_hundred_per_cent(story: Told) -> None:
    basic(story, off=1_000).shows("100 · 0 · 0", "0 · 0 · 0")
    story.at("5 Apr 10:00").spend(30).shows("70 · 0 · 0", "0 · 0 · 0")
    when = "11 Apr 00:00"
    up = part("price_basic", -667, when, off=-667), part("price_pro", 1_333, when, off=1_333)
    story.at(when).paid(invoice(*up, paid=when)).shows("170 · 0 · 0", "0 · 0 · 0")
    story.ends(basic="2 May 00:00", change="2 May 00:00")


def test_34_up_down_and_up_again(story: Told) -> None:
    basic(story)
    story.at("11 Apr 00:00").paid(changes("11 Apr 00:00", *UP)).shows("200 · 0 · 0", "1,666 · 0 · 0")
    down = changes("12 Apr 00:00", ("price_pro", -1_267), ("price_basic", 633))
    story.at("12 Apr 00:00").paid(down).shows("105 · 0 · 0", "1,032 · 0 · 0 · 0 · 634")
    up = changes("13 Apr 00:00", ("price_basic", -600), ("price_pro", 1_200))
    story.at("13 Apr 00:00").paid(up).shows("195 · 0 · 0", "1,632 · 0 · 0 · 0 · 634")
    left = [(bucket.remaining, bucket.granted) for bucket in reversed(story.billing.buckets("team"))]
    assert left == [(100, 100), (5, 100), (90, 90)]


def test_35_a_second_seat_and_back_to_one(year: Told) -> None:
    year.at("1 Feb 00:00").shows("200 · 0 · 0", "10,000 · 0 · 0")
    when, end = "15 Feb 00:00", NEXT_YEAR
    up = part("price_yearly", -8_767, when, end), part("price_yearly", 17_534, when, end, quantity=2)
    year.at(when).paid(invoice(*up, paid=when)).shows("150 · 0 · 0", "17,934 · 0 · 833")
    year.at("1 Mar 00:00").shows("350 · 0 · 0", "17,934 · 0 · 833")
    year.at("1 Apr 00:00").shows("400 · 0 · 0", "16,684 · 0 · 2,083")
    when = "16 Apr 00:00"
    down = part("price_yearly", -14_247, when, end, quantity=2), part("price_yearly", 7_123, when, end)
    year.at(when).paid(invoice(*down, paid=when)).shows("150 · 0 · 0", "7,893 · 0 · 3,750 · 0 · 7,124")
    year.at("1 May 00:00").shows("250 · 0 · 0", "7,893 · 0 · 3,750 · 0 · 7,124")
    year.at("3 Jan 2026 00:00").shows("0 · 0 · 0", "0 · 0 · 11,643 · 0 · 7,124")


def test_what_comes_back_to_a_sale_that_a_change_took_from(story: Told) -> None:
    """Example 21 goes on: of the spend that made the debt, 50 are reversed, which undo as much of it."""
    basic(story, "price_pro", 2_000)
    spent = story.at("5 Apr 10:00").billing.spend("team", 230, key="spent")
    story.at("11 Apr 00:00").paid(changes("11 Apr 00:00", ("price_pro", -1_333), ("price_basic", 667)))
    story.shows("0 · 0 · 80", "0 · 1,334 · 0 · 0 · 666")
    story.billing.reverse("team", spent.id, 50, key="back")
    assert (story.billing.wallet("team").available, story.billing.wallet("team").owed) == (0, 30)
    assert story.billing.audit() == []


@pytest.mark.slow
def test_a_cheaper_plan_with_more_credits(story: Told) -> None:
    """More credits come, and the money that goes back leaves the period's sales."""
    basic(story, "price_plus", 1_500)
    down = changes("11 Apr 00:00", ("price_plus", -1_000), ("price_pro", 900))
    story.at("11 Apr 00:00").paid(down).shows("200 · 0 · 0", "1,400 · 0 · 0 · 0 · 100")


@pytest.mark.slow
def test_up_without_more_credits_and_down_again(story: Told) -> None:
    """What was earned at once is given back from what was earned."""
    basic(story)
    story.at("11 Apr 00:00").paid(changes("11 Apr 00:00", ("price_basic", -667), ("price_plus", 1_000)))
    down = changes("12 Apr 00:00", ("price_plus", -950), ("price_basic", 633))
    story.at("12 Apr 00:00").paid(down).shows("100 · 0 · 0", "1,000 · 16 · 0 · 0 · 317")


def test_a_partial_refund_and_then_a_downgrade(story: Told) -> None:
    """The change takes first, refunds walk over what remains: both together never take more than there was."""
    basic(story, "price_pro", 2_000)
    story.at("5 Apr 00:00").refunded("i1", 1_000).shows("125 · 0 · 0", "1,000 · 0 · 0 · 1,000 · 0")
    down = changes("11 Apr 00:00", ("price_pro", -1_333), ("price_basic", 667))
    story.at("11 Apr 00:00").paid(down).shows("25 · 0 · 0", "334 · 0 · 0 · 1,000 · 666")


@pytest.mark.slow
def test_the_31st(make_billing: Callable[..., TestBilling]) -> None:
    start = moment("31 Jan 00:00")
    story = Told(make_billing(catalog=CATALOG, start=start))
    story.paid(invoice(line("price_yearly", 10_000, start, start.replace(year=2026)), paid=start))
    story.at("27 Feb 23:59").shows("100 · 0 · 0", "10,000 · 0 · 0")
    story.at("28 Feb 00:00").shows("200 · 0 · 0", "10,000 · 0 · 0")
    story.at("31 Mar 00:00").shows("200 · 0 · 0", "9,167 · 0 · 833")
    story.at("1 Feb 2026 00:00").shows("0 · 0 · 0", "0 · 0 · 10,000")
    assert [one.expires_at.day for one in reversed(story.billing.buckets("team")) if one.expires_at] == [
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ]  # fmt: skip


def test_an_ending_learnt_late(year: Told) -> None:
    """A month was allotted that should not have come: it ends, as if it never had been."""
    year.at("2 Mar 00:00").shows("100 · 0 · 0", "8,334 · 0 · 1,666")
    year.subscription("customer.subscription.deleted", status="canceled", ended_at=seconds("10 Feb 12:00"))
    year.shows("0 · 0 · 0", "0 · 0 · 10,000")


@pytest.mark.slow
def test_a_year_that_is_learnt_after_its_end(make_billing: Callable[..., TestBilling]) -> None:
    story = Told(make_billing(catalog=CATALOG, start=JANUARY))
    story.at("2 Mar 00:00")
    story.subscription("customer.subscription.deleted", status="canceled", ended_at=seconds("10 Feb 12:00"))
    y1 = invoice(line("price_yearly", 10_000, JANUARY, NEXT_YEAR), paid=JANUARY, id="y1", total=10_000)
    story.paid(y1).shows("0 · 0 · 0", "0 · 0 · 10,000")


def test_what_is_not_paid_grants_nothing(story: Told) -> None:
    """Past due and unpaid tell of no money; an invoice that was written off and then paid after all grants then."""
    held = invoice(line("price_basic", 1_000, APRIL, MAY), paid="20 Apr 00:00", id="late")
    for status in ("past_due", "unpaid", "paused"):
        story.subscription(status=status, pause_collection=None)
    waits = story.billing.take_stripe_event(body(event({**held, "status": "uncollectible"})))
    assert waits.status == "waiting"
    story.shows("0 · 0 · 0", "0 · 0 · 0")
    story.at("20 Apr 00:00").paid(held).shows("100 · 0 · 0", "1,000 · 0 · 0").ends(april="2 May 00:00")


@pytest.mark.parametrize("late", [False, True])
def test_a_new_anchor_without_money_back(story: Told, late: bool) -> None:
    """The old period ends where the new one begins, without grace, in whichever order both are told."""
    anew = invoice(line("price_basic", 1_000, "11 Apr 00:00", "11 May 00:00"), paid="11 Apr 00:00")
    first = invoice(line("price_basic", 1_000, APRIL, MAY), paid=APRIL)
    if late:
        story.at("11 Apr 00:00").paid(anew).paid(first)
    else:
        story.paid(first).at("11 Apr 00:00").paid(anew)
    story.shows("100 · 0 · 0", "1,000 · 0 · 1,000")
