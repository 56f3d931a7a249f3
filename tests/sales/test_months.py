"""A yearly sale: what was paid lies in prepaid, and each month is allotted when its time has come."""

from __future__ import annotations

import pytest

from billing.testing import TestBilling
from tests.sales.sold import year
from tests.stories.books import all_entries, books
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")


@pytest.fixture
def billing(make_billing):  # type: ignore[no-untyped-def]
    from tests.sales.paid import CATALOG

    engine = make_billing(catalog=CATALOG, start=moment("1 Jan 2025 00:00"))
    engine.customer("team", stripe_customer_id="cus_1")
    return engine


def shown(billing: TestBilling) -> tuple[int, int, int]:
    wallet = billing.wallet("team")
    return wallet.available, wallet.held, wallet.owed


def money(billing: TestBilling) -> tuple[int, ...]:
    deferred, earned, broken, refunded, credited, _ = books(all_entries(billing, "team"))
    return deferred, earned, broken, refunded, credited


def test_a_year_is_allotted_by_the_month(billing: TestBilling) -> None:
    """Worked example 23, up to the end of the subscription."""
    year(billing, moment("1 Jan 2025 00:00"))
    assert (shown(billing), money(billing)) == ((100, 0, 0), (10_000, 0, 0, 0, 0))
    billing.advance(to=moment("20 Jan 10:00"))
    billing.spend("team", 40, key="a")
    assert (shown(billing), money(billing)) == ((60, 0, 0), (9_667, 333, 0, 0, 0))
    billing.advance(to=moment("1 Feb 00:00"))
    assert (shown(billing), money(billing)) == ((160, 0, 0), (9_667, 333, 0, 0, 0))
    billing.advance(to=moment("2 Feb 00:00"))
    assert (shown(billing), money(billing)) == ((100, 0, 0), (9_167, 333, 500, 0, 0))
    assert billing.audit() == []


def test_a_late_job_changes_nothing(billing: TestBilling) -> None:
    """A reader sees the months that are due, and a year later all of them have come and gone, in the order of time."""
    year(billing, moment("1 Jan 2025 00:00"))
    billing.clock.move(moment("15 Mar 10:00"))
    assert shown(billing) == (100, 0, 0)
    billing.advance(to=moment("3 Jan 2026 00:00"))
    assert (shown(billing), money(billing)) == ((0, 0, 0), (0, 0, 10_000, 0, 0))
    granted = [entry for entry in all_entries(billing, "team") if entry.kind == "grant"]
    assert len(granted) == 12 and [entry.cents for entry in granted] == [833] * 11 + [837]
    then = billing.wallet("team", as_of=moment("15 Feb 10:00"))
    assert then.available == 100


def test_a_year_learnt_late(billing: TestBilling) -> None:
    """Months whose time has come are allotted at once, dated now; the ended ones expire."""
    billing.advance(to=moment("10 Mar 10:00"))
    year(billing, moment("1 Jan 2025 00:00"))
    assert (shown(billing), money(billing)) == ((100, 0, 0), (8_334, 0, 1_666, 0, 0))
