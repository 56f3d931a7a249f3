"""What rolls over is what the facts say, not when they were heard of: small lives with their figures, lives at random.

In the stories a basic plan (100 credits for 1,000 cents) rolls over 60, a pro plan (250 for 2,000) half of the next
period's allocation. Only the end of all that arrives is looked at, on 3 May: April's buckets ended on the 2nd.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from billing.stripe.values import Refund
from billing.testing import TestBilling
from tests.sales.paid import APRIL, JUNE, MAY, invoice, line
from tests.sales.rolling import Customer, Fact, Life, at_random, id_of, play
from tests.sales.test_changes import changes
from tests.sales.test_rollover_order import CATALOG
from tests.stories.books import Books
from tests.stories.story import moment

BASIC = invoice(line("price_basic", 1_000, APRIL, MAY), paid=APRIL, id="i1", total=1_000)
UP = changes("11 Apr 00:00", ("price_basic", -667), ("price_pro", 1_333), id="i2")
DOWN = changes("16 Apr 00:00", ("price_pro", -1_000), ("price_basic", 500), id="i3")
UP_LATER = changes("21 Apr 00:00", ("price_basic", -333), ("price_pro", 667), id="i4")
MAY_BASIC = invoice(line("price_basic", 1_000, MAY, JUNE), paid=MAY, id="i5", total=1_000)
MAY_PRO = invoice(line("price_pro", 2_000, MAY, JUNE), paid=MAY, id="i6", total=2_000)


def back(cents: int, of: str, at: str) -> Refund:
    return Refund(f"re_{of}", None, f"pi_{of}", cents, "usd", "succeeded", moment(at), {})


STORIES: dict[str, tuple[list[Fact], tuple[int, int, int], Books, list[int]]] = {
    # The upgrade brought 100 for 666; the downgrade takes 75 of them and 500 cents, so 25 for 166 are left. They are
    # the newest: all go on. Of April's own 100 there is room for 60 - 25 = 35 (350 cents), 65 expire (650 cents).
    "up and down": (
        [BASIC, UP, DOWN, MAY_BASIC],
        (160, 0, 0), Books(1_516, 0, 650, 0, 500, 0), [25, 35, 100],
    ),
    # 301 cents back take 30 credits: 70 for 699 are left. 60 go on, and 10 keep 699 × 10 ⁄ 70 rounded up, 100.
    "a refund of what rolls over": (
        [BASIC, back(301, "i1", "8 Apr 09:00"), MAY_BASIC],
        (160, 0, 0), Books(1_599, 0, 100, 301, 0, 0), [60, 100],
    ),
    # 481 back take 48: 52 for 519 are left. The upgrade's 50 for 334 are newer and all go on; of the 52 there is room
    # for 10, the other 42 keep 519 × 42 ⁄ 52 rounded up, 420.
    "a refund, an upgrade and a dearer month": (
        [BASIC, back(481, "i1", "3 Apr 15:00"), UP_LATER, MAY_PRO],
        (310, 0, 0), Books(2_433, 0, 420, 481, 0, 0), [10, 50, 250],
    ),
}  # fmt: skip


def heard(billing: TestBilling, name: str, facts: Sequence[Fact]) -> Customer:
    """All of it on 3 May, in that order, each fact twice."""
    customer = Customer(billing, name, Life([(billing.now, fact) for fact in facts]))
    for fact in facts:
        customer.hears(fact, billing.now)
        customer.hears(fact, billing.now)
    return customer


@pytest.mark.quick_on("sqlite")
@pytest.mark.parametrize("story", STORIES)
def test_in_every_order_the_same_goes_on(make_billing: Callable[..., TestBilling], story: str) -> None:
    facts, figures, sums, left = STORIES[story]
    billing = make_billing(catalog=CATALOG, start=moment("3 May 00:00"))
    orders = list(itertools.permutations(facts))
    for number, order in enumerate([*orders[:: max(1, len(orders) // 3)], orders[-1]]):
        stands = heard(billing, f"xq{number}", order).stands()
        ids = [id_of(fact) for fact in order]
        assert (stands[0], stands[1], sorted(one[1] for one in stands[2])) == (figures, sums, left), ids


@pytest.mark.quick_on("sqlite")
def test_what_a_full_cap_turned_away_stays_expired(make_billing: Callable[..., TestBilling]) -> None:
    """The upgrade's 100 filled the cap of 60 for April's own 100. When all of its 666 go back before May is heard of,
    60 of April's go on; when they go back afterwards, none do. That is all that may differ, and it is recognised.
    """
    billing = make_billing(catalog=CATALOG, start=moment("3 May 00:00"))
    refund = back(666, "i2", "12 Apr 00:00")
    early = heard(billing, "xq0", [BASIC, UP, refund, MAY_PRO])
    late = heard(billing, "xq1", [BASIC, UP, MAY_PRO, refund])
    assert early.stands()[:2] == ((310, 0, 0), Books(2_600, 0, 400, 666, 0, 0))
    assert late.stands()[:2] == ((250, 0, 0), Books(2_000, 0, 1_000, 666, 0, 0))
    assert (early.lost_room(), late.lost_room()) == (False, True)


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("seed", [17, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (24, 27))])
def test_a_life_is_the_same_however_it_is_heard_of(make_billing: Callable[..., TestBilling], seed: int) -> None:
    play(make_billing(catalog=CATALOG, start=APRIL), at_random(seed), seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.database("sqlite")
@pytest.mark.parametrize("first", [100, 130, 160, 190])
def test_many_lives_are(make_billing: Callable[..., TestBilling], first: int) -> None:
    """Thirty at a time, each with customers of its own; most are compared to their end."""
    ends: Counter[str] = Counter()
    for seed in range(first, first + 30):
        ends[play(make_billing(catalog=CATALOG, start=APRIL), at_random(seed), seed)] += 1
    assert ends["whole"] >= 10 and ends["room"] <= 6, ends
