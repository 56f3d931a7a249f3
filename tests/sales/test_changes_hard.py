"""Changes of plan that meet what they seldom meet: a debt, a period that was given away, a dispute that was lost and
reinstated.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.stripe.values import Dispute
from billing.testing import TestBilling
from tests.sales.paid import APRIL, JUNE, MAY, invoice, line, tell
from tests.sales.returning import Money, dispute_object
from tests.sales.test_changes import CATALOG
from tests.sales.test_rollover import ROLL
from tests.sales.told import Told
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

NEXT_APRIL = APRIL.replace(year=2026)


@pytest.fixture
def story(make_billing: Callable[..., TestBilling]) -> Told:
    return Told(make_billing(catalog=CATALOG, start=APRIL))


def downgrade(net: int, back: int) -> dict[str, object]:
    return invoice(
        line("price_pro", -back, "16 Apr 00:00", MAY, proration=True),
        line("price_basic", back + net, "16 Apr 00:00", MAY, proration=True),
        paid="16 Apr 00:00", id="in_down", total=net,
    )  # fmt: skip


def test_what_a_change_makes_owed_is_repaid_at_once_by_what_is_there(story: Told) -> None:
    story.paid(invoice(line("price_pro", 2_000), id="in_1", total=2_000))
    story.at("10 Apr 00:00").spend(250)
    story.billing.grant("team", 100, reason="gift", key="g1")
    story.at("16 Apr 00:00").paid(downgrade(-500, 1_000))
    story.shows("25 · 0 · 0", "0 · 1,500 · 0 · 0 · 500")


def test_what_a_change_makes_owed_ends_with_its_period_where_debts_do(story: Told) -> None:
    story.paid(invoice(line("price_pro", 2_000), id="in_1", total=2_000))
    story.billing.set_wallet("team", overdraft={"limit": 10, "debt": "forgive"})
    story.at("10 Apr 00:00").spend(250)
    story.at("16 Apr 00:00").paid(downgrade(-500, 1_000))
    story.shows("0 · 0 · 75", "0 · 1,500 · 0 · 0 · 500")
    story.at("1 May 01:00").shows("0 · 0 · 0", "0 · 1,500 · 0 · 0 · 500")


def test_what_was_given_away_can_be_given_back(story: Told) -> None:
    story.paid(invoice(line("price_pro", 2_000, off=2_000), id="in_1", total=0))
    story.at("16 Apr 00:00").paid(downgrade(-500, 1_000))
    story.shows("175 · 0 · 0", "0 · -500 · 0 · 0 · 500")


def upgraded(story: Told) -> Money:
    """Basic since the 1st, Pro since the 16th, each paid by its own payment."""
    story.paid(invoice(line("price_basic", 1_000), id="in_1", total=1_000)).at("16 Apr 00:00")
    up = invoice(
        line("price_basic", -500, "16 Apr 00:00", MAY, proration=True),
        line("price_pro", 1_000, "16 Apr 00:00", MAY, proration=True),
        paid="16 Apr 00:00", id="in_up", total=500,
    )  # fmt: skip
    story.paid(up).shows("175 · 0 · 0", "1,500 · 0 · 0")
    money = Money(story.billing, by_events=True)
    money.invoice("pi_up", "in_up", 500)
    return money


def back_to_basic(story: Told) -> None:
    back = (
        line("price_pro", -467, "24 Apr 00:00", MAY, proration=True),
        line("price_basic", 233, "24 Apr 00:00", MAY, proration=True),
    )
    story.at("24 Apr 00:00").paid(invoice(*back, paid="24 Apr 00:00", id="in_back", total=-234))


def test_a_change_whose_dispute_was_lost_and_reinstated_counts(story: Told) -> None:
    money = upgraded(story)
    story.at("17 Apr 00:00")
    money.dispute("dp_1", 500, of="pi_up")
    story.at("18 Apr 00:00")
    money.becomes("dp_1", "lost")
    story.shows("100 · 0 · 0", "1,000 · 0 · 0 · 500")
    story.at("19 Apr 00:00")
    money.becomes("dp_1", "lost", 0)
    story.shows("175 · 0 · 0", "1,500 · 0 · 0")
    back_to_basic(story)
    story.shows("140 · 0 · 0", "1,266 · 0 · 0 · 0 · 234")


def test_a_year_may_cost_less_than_a_cent_a_month(story: Told) -> None:
    year = line("price_yearly", 10_000, APRIL, NEXT_APRIL, off=9_995)
    story.paid(invoice(year, id="in_1", total=5)).shows("100 · 0 · 0", "5 · 0 · 0")
    story.at("20 Apr 00:00").spend(60)
    story.refunded("in_1", 5).shows("0 · 0 · 60", "0 · 0 · 0 · 5")


@pytest.mark.parametrize("first", ["refund", "change"])
def test_a_change_takes_before_a_refund_whichever_was_heard_first(story: Told, first: str) -> None:
    """All of it is heard of when the period is over and nothing can be taken but what expired: nobody owes for that."""
    story.billing.set_wallet("team", overdraft={"limit": 10, "debt": "carry"})
    story.at("20 Apr 00:00").paid(invoice(line("price_pro", 2_000), id="in_1", total=2_000)).at("10 May 00:00")
    if first == "refund":
        story.refunded("in_1", 2_000)
    story.paid(downgrade(-500, 1_000))
    if first == "change":
        story.refunded("in_1", 2_000)
    story.shows("0 · 0 · 0", "0 · 0 · 0 · 1,500 · 500")


def test_what_is_revived_for_a_period_heard_of_late_is_held_by_a_refund_under_way(
    make_billing: Callable[..., TestBilling],
) -> None:
    story = Told(make_billing(catalog=ROLL, start=moment("3 May 00:00")))
    story.paid(invoice(line("price_roll", 1_000), id="in_1", total=1_000))
    money = Money(story.billing, by_events=True)
    money.invoice("pi_1", "in_1", 1_000)
    money.refund("re_1", 1_000, "pending")
    story.shows("0 · 0 · 0", "0 · 0 · 1,000")
    story.paid(invoice(line("price_roll", 1_000, MAY, JUNE), paid=MAY, id="in_2", total=1_000))
    story.shows("100 · 60 · 0", "1,600 · 0 · 400")


GONE, ANEW = ("100 · 0 · 0", "1,000 · 0 · 0 · 500"), ("193 · 0 · 0", "1,467 · 0 · 0 · 500")


@pytest.mark.parametrize(
    ("cents", "currency", "others", "stands", "then"),
    [
        (500, "usd", 0, GONE, ANEW),
        (460, "eur", 0, GONE, ANEW),  # a bank that speaks of another currency questions all of it
        (800, "usd", 300, GONE, ANEW),  # a payment that paid another invoice, too
        (
            799,
            "usd",
            300,
            ("101 · 0 · 0", "1,001 · 0 · 0 · 499"),
            ("159 · 0 · 0", "1,468 · 0 · 0 · 499"),
        ),  # all but a cent of this
    ],
)
def test_a_change_that_was_wholly_taken_back_counts_no_more(
    story: Told, cents: int, currency: str, others: int, stands: tuple[str, str], then: tuple[str, str]
) -> None:
    money = upgraded(story)
    if others:
        money.invoice("pi_up", "in_z", others)
    story.at("17 Apr 00:00")
    lost = Dispute("dp_1", None, "pi_up", cents, currency, "lost", None, story.billing.now, cents)
    assert tell(story.billing, dispute_object(lost), "charge.dispute.closed", at=story.billing.now).status == "done"
    story.shows(*stands)
    twice = (
        line("price_pro", -467, "24 Apr 00:00", MAY, proration=True),
        line("price_pro", 934, "24 Apr 00:00", MAY, proration=True, quantity=2),
    )
    story.at("24 Apr 00:00").paid(invoice(*twice, paid="24 Apr 00:00", id="in_more", total=467))
    story.shows(*then)  # from Basic, or from the one that still counts
