"""Changes of plan that meet what they seldom meet: a debt, a period that was given away, a dispute that was lost and
reinstated.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.testing import TestBilling
from tests.sales.paid import APRIL, MAY, invoice, line, tell
from tests.sales.test_changes import CATALOG
from tests.sales.told import Told


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
