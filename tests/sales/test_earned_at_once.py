"""Money that brings no credits is earned at once; what of it goes back is earned no longer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.stripe.values import Refund
from billing.testing import TestBilling
from tests.sales.paid import APRIL, MAY, invoice
from tests.sales.returning import Money
from tests.sales.test_changes import CATALOG, basic, changes, part
from tests.sales.told import Told

pytestmark = pytest.mark.quick_on("sqlite")


@pytest.fixture
def story(make_billing: Callable[..., TestBilling]) -> Told:
    return Told(make_billing(catalog=CATALOG, start=APRIL))


def test_what_was_earned_at_once_is_earned_no_longer_when_it_is_refunded(story: Told) -> None:
    """A dearer plan without more credits: its money is in the books, and leaves them as it came. Half of it failed to
    go back; a downgrade takes what is left, before the refund does.
    """
    basic(story)
    plus = changes("11 Apr 00:00", ("price_basic", -667), ("price_plus", 1_000), id="i2")
    story.at("11 Apr 00:00").paid(plus).shows("100 · 0 · 0", "1,000 · 333 · 0")
    story.at("12 Apr 00:00").refunded("i2", 200, id="re_1").shows("100 · 0 · 0", "1,000 · 133 · 0 · 200")
    story.refunded("i2", 133, id="re_2").shows("100 · 0 · 0", "1,000 · 0 · 0 · 333")
    money = Money(story.billing)
    money.last["re_2"] = Refund("re_2", None, "pi_i2", 133, "usd", "succeeded", story.billing.now, {})
    money.becomes("re_2", "failed")
    story.shows("100 · 0 · 0", "1,000 · 133 · 0 · 200")
    back = changes("13 Apr 00:00", ("price_plus", -900), ("price_basic", 600), id="i3")
    story.at("13 Apr 00:00").paid(back).shows("100 · 0 · 0", "1,000 · 0 · 0 · 33 · 300")


def test_a_stub_that_brings_no_credits_is_refunded(story: Told) -> None:
    """A minute of a month: its credits are rounded down to none, its cent is there."""
    stub = invoice(part("price_basic", 1, "30 Apr 23:59", MAY), paid="30 Apr 23:59", id="i1", total=1)
    story.at("30 Apr 23:59").paid(stub).shows("0 · 0 · 0", "0 · 1 · 0")
    story.refunded("i1", 1).shows("0 · 0 · 0", "0 · 0 · 0 · 1")
