"""When a change that a customer asks for takes effect."""

from __future__ import annotations

from typing import Any

import pytest

from billing.rules.sale.switching import Having, When, when

BASIC = Having("basic", "p1", 1, 1_000, ("month", 1), 100)


def other(**more: Any) -> Having:
    return Having(**{**BASIC.kept, "price": "p2", "every": ("month", 1), **more})


@pytest.mark.parametrize(
    ("will", "asked", "then"),
    [
        (other(cents=1_001), {}, "at_once"),
        (other(cents=999, credits=999), {}, "next_period"),
        (other(cents=1_000), {}, "at_once"),
        (other(credits=99), {}, "next_period"),
        (other(cents=1_500, credits=50), {}, "at_once"),
        (other(quantity=2), {}, "at_once"),
        (other(quantity=2, cents=499), {}, "next_period"),
        (other(cents=None, credits=101), {}, "at_once"),
        (other(cents=None, credits=99), {}, "next_period"),
        (other(cents=999), {"now": True}, "at_once"),
        (other(cents=5_000), {"waits": True}, "next_period"),
        (other(cents=5_000), {"waits": True, "now": True}, "at_once"),
        (other(cents=1), {"trying": True}, "unpaid"),
        (other(every=("year", 1), cents=1), {}, "anew"),
        (other(every=("month", 3)), {"waits": True}, "anew"),
        (other(every=("week", 1)), {}, "never"),
        (other(every=("week", 1)), {"now": True}, "anew"),
        (other(every=("week", 1)), {"trying": True}, "unpaid"),
    ],
)
def test_when_it_takes_effect(will: Having, asked: dict[str, bool], then: When) -> None:
    assert when(BASIC, will, **{"trying": False, "waits": False, "now": False, **asked}) == then


def test_what_has_cost_nothing_does_not_wait() -> None:
    """Stripe begins a period with it, whatever is asked."""
    free = other(cents=0)
    assert when(free, BASIC, trying=False, waits=True, now=False) == "at_once"
    assert when(free, other(cents=0, credits=500), trying=False, waits=True, now=False) == "next_period"


def test_it_is_kept_as_it_is() -> None:
    for having in (BASIC, other(every=None, plan=None, cents=None)):
        assert Having.read(having.kept) == having
    assert BASIC.same(other(price="p1", cents=5)) and not BASIC.same(other(price="p1", quantity=2))
