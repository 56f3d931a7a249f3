"""The worked examples that an invoice or a session begins, told through the inbox, to the cent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from billing.testing import TestBilling
from tests.sales import paid
from tests.sales.paid import APRIL, CATALOG, JULY, JUNE, MAY, invoice, line
from tests.stories.books import all_entries, books
from tests.stories.story import counted, moment


class Told:
    """A customer whose payments arrive as Stripe's events, each told twice: under its own id, and as its twin."""

    def __init__(self, billing: TestBilling) -> None:
        self.billing = billing
        billing.customer("team", stripe_customer_id="cus_1")

    def at(self, when: str) -> Told:
        self.billing.advance(to=moment(when))
        return self

    def paid(self, held: dict[str, Any]) -> Told:
        told = paid.event(held)
        for document in (told, told, {**told, "id": told["id"] + "_twin"}):
            assert self.billing.take_stripe_event(paid.body(document)).status == "done"
        return self

    def spend(self, credits: int) -> Told:
        self.billing.spend("team", credits, key=f"s{self.billing.now.timestamp()}")
        return self

    def shows(self, credits: str, cents: str) -> Told:
        """available · held · owed, and deferred · earned · broken."""
        wallet, sums = self.billing.wallet("team"), books(all_entries(self.billing, "team"))
        assert (wallet.available, wallet.held, wallet.owed) == counted(credits)
        assert (sums.deferred, sums.earned, sums.broken) == counted(cents)
        assert self.billing.audit() == []
        return self

    def ends(self, **buckets: str) -> None:
        """By origin's price and start, when each bucket ends: the oldest first."""
        found = [one.expires_at for one in reversed(self.billing.buckets("team"))]
        assert found == [moment(when) for when in buckets.values()]


@pytest.fixture
def story(make_billing: Callable[..., TestBilling]) -> Told:
    return Told(make_billing(catalog=CATALOG, start=APRIL))


def basic(start: datetime, end: datetime, when: str, **more: Any) -> dict[str, Any]:
    return invoice(line("price_basic", 1_000, start, end, **more), paid=when)


def test_12_a_pack_learnt_after_its_end_repays_first(story: Told) -> None:
    story.billing.set_wallet("team", overdraft={"limit": 50, "debt": "repay"})
    story.at("1 Apr 10:00").spend(50).shows("0 · 0 · 50", "0 · 0 · 0")
    late = invoice(line("price_a", 800, item=None), paid="2 Apr 00:00")
    story.at("20 Apr 10:00").paid(late).shows("0 · 0 · 0", "0 · 500 · 300")
    story.ends(a="7 Apr 00:00")
    assert {entry.effective_at for entry in all_entries(story.billing, "team")[1:]} == {moment("20 Apr 10:00")}


def test_13_renewal_with_grace(story: Told) -> None:
    story.at("1 Apr 00:00").paid(basic(APRIL, MAY, "1 Apr 00:00")).shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("20 Apr 10:00").spend(70).shows("30 · 0 · 0", "300 · 700 · 0")
    story.at("1 May 00:30").spend(10).shows("20 · 0 · 0", "200 · 800 · 0")
    story.at("1 May 01:00").paid(basic(MAY, JUNE, "1 May 01:00")).shows("120 · 0 · 0", "1,200 · 800 · 0")
    story.at("1 May 12:00").spend(5).shows("115 · 0 · 0", "1,150 · 850 · 0")
    story.at("2 May 00:00").shows("100 · 0 · 0", "1,000 · 850 · 150")
    story.ends(april="2 May 00:00", may="2 Jun 00:00")


def test_14_renewal_paid_late(story: Told) -> None:
    story.at("1 Apr 00:00").paid(basic(APRIL, MAY, "1 Apr 00:00")).shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("2 May 00:00").shows("0 · 0 · 0", "0 · 0 · 1,000")
    story.at("28 May 12:00").paid(basic(MAY, JUNE, "28 May 12:00")).shows("100 · 0 · 0", "1,000 · 0 · 1,000")
    story.at("1 Jun 01:00").paid(basic(JUNE, JULY, "1 Jun 01:00")).shows("200 · 0 · 0", "2,000 · 0 · 1,000")
    story.ends(april="2 May 00:00", may="4 Jun 12:00", june="2 Jul 00:00")


def test_17_proration_stub(story: Told) -> None:
    stub = line("price_basic", 342, moment("20 Apr 18:00"), MAY, proration=True)
    story.at("20 Apr 18:00").paid(invoice(stub, paid="20 Apr 18:00")).shows("34 · 0 · 0", "342 · 0 · 0")
    story.at("1 May 01:00").paid(basic(MAY, JUNE, "1 May 01:00")).shows("134 · 0 · 0", "1,342 · 0 · 0")
    story.ends(stub="2 May 00:00", may="2 Jun 00:00")


def test_28_a_coupon_of_a_hundred_per_cent(story: Told) -> None:
    """Its first part: the upgrade in it is a change, which waits."""
    story.at("1 Apr 00:00").paid(basic(APRIL, MAY, "1 Apr 00:00", off=1_000)).shows("100 · 0 · 0", "0 · 0 · 0")
    story.at("5 Apr 10:00").spend(30).shows("70 · 0 · 0", "0 · 0 · 0")
    story.at("11 Apr 00:00")
    upgrade = invoice(
        line("price_basic", -667, "11 Apr 00:00", MAY, off=-667, proration=True),
        line("price_pro", 1_333, "11 Apr 00:00", MAY, off=1_333, proration=True),
        paid="11 Apr 00:00",
    )
    assert paid.tell(story.billing, upgrade).status == "waiting"
    story.shows("70 · 0 · 0", "0 · 0 · 0").ends(april="2 May 00:00")
