"""The worked examples that an invoice or a session begins, told through the inbox, to the cent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from billing.testing import TestBilling
from tests.sales.paid import APRIL, CATALOG, JULY, JUNE, MAY, invoice, line
from tests.sales.told import Told
from tests.stories.books import all_entries
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")


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
