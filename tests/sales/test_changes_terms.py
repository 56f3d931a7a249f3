"""Terms that a change or a debt goes by: `on_upgrade`, and when a debt of a longer line ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.sales import test_changes as shared
from tests.sales.paid import APRIL, JUNE, MAY, invoice, line
from tests.sales.test_changes import CATALOG_TEXT, JANUARY, NEXT_YEAR, UP, basic, changes
from tests.sales.told import Told

pytestmark = pytest.mark.quick_on("sqlite")

story = shared.story


@pytest.mark.slow
def test_next_period(make_billing: Callable[..., TestBilling]) -> None:
    catalog = CATALOG_TEXT.replace('prices = ["price_pro"]', 'prices = ["price_pro"]\non_upgrade = "next_period"')
    story = Told(make_billing(catalog=parse(catalog), start=APRIL))
    basic(story)
    story.at("11 Apr 00:00").paid(changes("11 Apr 00:00", *UP)).shows("100 · 0 · 0", "1,000 · 666 · 0")
    renewed = invoice(line("price_pro", 2_000, MAY, JUNE), paid="1 May 01:00")
    story.at("2 May 00:00").paid(renewed).shows("250 · 0 · 0", "2,000 · 666 · 1,000")


@pytest.mark.slow
def test_a_months_debt_is_carried_to_the_months_end(make_billing: Callable[..., TestBilling]) -> None:
    catalog = CATALOG_TEXT.replace('"price_yearly"]', '"price_yearly"]\noverdraft = { limit = 50, debt = "carry" }')
    story = Told(make_billing(catalog=parse(catalog), start=JANUARY))
    story.paid(invoice(line("price_yearly", 10_000, JANUARY, NEXT_YEAR), paid=JANUARY))
    story.at("5 Jan 10:00").spend(130).shows("0 · 0 · 30", "9,167 · 833 · 0")
    story.at("31 Jan 23:59").shows("0 · 0 · 30", "9,167 · 833 · 0")
    story.at("1 Feb 00:00").shows("70 · 0 · 0", "8,918 · 1,082 · 0")
