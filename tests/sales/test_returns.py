"""The worked examples of money going back, to the cent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.testing import TestBilling
from tests.sales.paid import invoice, line, seconds, session, tell
from tests.sales.returning import CATALOG, Money
from tests.sales.sold import year
from tests.stories.books import all_entries, books, cents_left
from tests.stories.story import counted, moment

pytestmark = pytest.mark.quick_on("sqlite")


class Told:
    """`at(…)` brings the engine there; `shows(…)` compares the five figures of the examples."""

    def __init__(self, billing: TestBilling, *, by_events: bool) -> None:
        self.billing, self.money = billing, Money(billing, by_events=by_events)
        self.spends: dict[str, str] = {}

    def at(self, when: str) -> Told:
        self.billing.advance(to=moment(when))
        return self

    def spend(self, name: str, credits: int) -> Told:
        self.spends[name] = self.billing.spend("team", credits, key=name).id
        return self

    def shows(self, credits: str, cents: str) -> None:
        wallet = self.billing.wallet("team")
        deferred, earned, broken, refunded, credited, _ = books(all_entries(self.billing, "team"))
        found = ((wallet.available, wallet.held, wallet.owed), (deferred, earned, broken, refunded, credited))
        assert found == (counted(credits), counted(cents)), f"{self.billing.now}: {found}"
        assert self.billing.audit() == []

    def bucket(self, origin: str, credits: int, cents: int, ends: str = "") -> None:
        found = next(one for one in self.billing.buckets("team", limit=100) if one.origin == origin)
        left = cents_left(all_entries(self.billing, "team"))[found.id]
        expected = (credits, cents, moment(ends) if ends else None)
        assert (found.remaining, left, found.expires_at) == expected

    def basic(self, id: str = "in_1") -> None:
        tell(self.billing, invoice(line("price_basic", 1_000, "1 Apr 00:00", "1 May 00:00"), id=id))
        self.money.invoice("pi_1", id, 1_000)

    def pack(self, name: str, *, pack: str = "plain", cents: int = 1_000) -> None:
        at = seconds(self.billing.now)
        tell(
            self.billing,
            session(
                id=f"cs_{name}", payment_intent=f"pi_{name}", metadata={"pack": pack}, amount_subtotal=cents,
                amount_total=cents, created=at,
            ),
        )  # fmt: skip


@pytest.fixture(params=["verbs", pytest.param("events", marks=pytest.mark.slow)])
def told(make_billing: Callable[..., TestBilling], request: pytest.FixtureRequest) -> Told:
    """In process, and as Stripe would tell it."""
    engine = make_billing(catalog=CATALOG, start=moment("1 Jan 2025 00:00"))
    engine.customer("team", stripe_customer_id="cus_1")
    return Told(engine, by_events=request.param == "events")


def test_example_29_two_partial_refunds_then_one_fails(told: Told) -> None:
    told.at("1 Apr 00:00").basic()
    told.shows("100 · 0 · 0", "1,000 · 0 · 0 · 0 · 0")
    told.at("5 Apr 10:00").spend("a", 33).shows("67 · 0 · 0", "670 · 330 · 0 · 0 · 0")
    told.at("6 Apr 10:00").money.refund("re_1", 301)
    told.shows("37 · 0 · 0", "369 · 330 · 0 · 301 · 0")
    told.at("7 Apr 10:00").money.refund("re_2", 300, "pending")
    told.shows("7 · 30 · 0", "369 · 330 · 0 · 301 · 0")
    told.at("8 Apr 10:00").money.becomes("re_2", "succeeded")
    told.shows("7 · 0 · 0", "69 · 330 · 0 · 601 · 0")
    told.at("9 Apr 10:00").money.becomes("re_1", "failed")
    told.shows("37 · 0 · 0", "370 · 330 · 0 · 300 · 0")
    told.bucket("allocation:si_1:price_basic:2025-04-01T00:00:00Z", 37, 370, "2 May 00:00")


def test_example_24_a_year_cancelled_with_a_refund(told: Told) -> None:
    """But for the subscription's end, which others do: here the months to come are taken while they are to come."""
    year(told.billing, moment("1 Jan 2025 00:00"))
    told.money.invoice("pi_1", "in_y1", 10_000)
    told.at("20 Jan 10:00").spend("a", 40).shows("60 · 0 · 0", "9,667 · 333 · 0 · 0 · 0")
    told.at("10 Feb 12:01").money.refund("re_1", 8_000)
    told.shows("100 · 0 · 0", "1,167 · 333 · 500 · 8,000 · 0")
    told.at("20 Feb 10:00").money.refund("re_2", 2_000)
    told.shows("0 · 0 · 40", "0 · 0 · 0 · 10,000 · 0")


def test_example_30_a_refund_after_part_was_spent(told: Told) -> None:
    told.at("1 Apr 09:00").pack("A")
    told.shows("100 · 0 · 0", "1,000 · 0 · 0 · 0 · 0")
    told.at("2 Apr 10:00").spend("x", 60).shows("40 · 0 · 0", "400 · 600 · 0 · 0 · 0")
    told.at("3 Apr 10:00").money.refund("re_1", 1_000, of="pi_A")
    told.shows("0 · 0 · 60", "0 · 0 · 0 · 1,000 · 0")
    told.at("4 Apr 10:00").pack("B", pack="cheap", cents=900)
    told.shows("40 · 0 · 0", "360 · 540 · 0 · 1,000 · 0")
    told.at("5 Apr 10:00").billing.reverse("team", told.spends["x"], 25, key="back")
    told.shows("65 · 0 · 0", "585 · 315 · 0 · 1,000 · 0")
    told.bucket("topup:cs_A", 0, 0)
    told.bucket("topup:cs_B", 65, 585)


def test_example_31_inquiry_chargeback_won_late(told: Told) -> None:
    told.at("1 Apr 09:00").pack("A", pack="thirty")
    told.at("2 Apr 10:00").spend("x", 20).shows("80 · 0 · 0", "800 · 200 · 0 · 0 · 0")
    told.at("3 Apr 10:00").money.dispute("dp_1", 700, "warning_needs_response", of="pi_A")
    told.shows("80 · 0 · 0", "800 · 200 · 0 · 0 · 0")
    told.at("5 Apr 10:00").money.becomes("dp_1", "needs_response", 700)
    told.shows("10 · 70 · 0", "800 · 200 · 0 · 0 · 0")
    told.at("1 May 09:00").shows("0 · 70 · 0", "700 · 200 · 100 · 0 · 0")
    told.at("13 May 09:00").money.becomes("dp_1", "won", 0, at=moment("13 May 08:00"))
    told.shows("80 · 0 · 0", "800 · 200 · 0 · 0 · 0")
    told.bucket("topup:cs_A", 80, 800, "10 Jun 07:00")


def test_example_32_lost_then_reinstated(told: Told) -> None:
    told.at("1 Apr 09:00").pack("A")
    told.at("2 Apr 10:00").spend("x", 50).shows("50 · 0 · 0", "500 · 500 · 0 · 0 · 0")
    told.at("3 Apr 10:00").money.dispute("dp_1", 700, of="pi_A")
    told.shows("0 · 50 · 0", "500 · 500 · 0 · 0 · 0")
    told.at("20 Apr 10:00").money.becomes("dp_1", "lost", 700)
    told.shows("0 · 0 · 20", "0 · 300 · 0 · 700 · 0")
    told.at("25 Apr 10:00").money.becomes("dp_1", "lost", 0)
    told.shows("50 · 0 · 0", "500 · 500 · 0 · 0 · 0")
    told.bucket("topup:cs_A", 50, 500)


def test_example_33_a_refund_and_a_dispute_on_one_payment(told: Told) -> None:
    told.at("1 Apr 09:00").pack("A")
    told.at("2 Apr 10:00").spend("x", 30).shows("70 · 0 · 0", "700 · 300 · 0 · 0 · 0")
    told.at("3 Apr 10:00").money.refund("re_1", 400, of="pi_A")
    told.shows("30 · 0 · 0", "300 · 300 · 0 · 400 · 0")
    told.at("4 Apr 10:00").money.dispute("dp_1", 700, of="pi_A")
    told.shows("0 · 30 · 0", "300 · 300 · 0 · 400 · 0")
    told.at("20 Apr 10:00").money.becomes("dp_1", "lost", 700)
    told.shows("0 · 0 · 30", "0 · 0 · 0 · 1,000 · 0")
    told.bucket("topup:cs_A", 0, 0)
