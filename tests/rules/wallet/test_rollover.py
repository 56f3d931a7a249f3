"""Roll-over by the pure rule: the worked examples, its corners, and that the order in which things are heard of does
not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from billing.rules.periods import Span, add
from billing.rules.wallet import due, granting, spending, takingback
from billing.rules.wallet.endterms import RollOver
from billing.rules.wallet.position import Position
from billing.rules.wallet.terms import Terms
from billing.rules.wallet.values import BucketState, Cause, Movement, Past, PastMovement

DAY = timedelta(days=1)
APRIL = datetime(2025, 4, 1, tzinfo=UTC)
MONTHS = [add(APRIL, Span(months=1), times) for times in range(7)]
ROLL = RollOver(60, 1)


@dataclass(frozen=True)
class Paid:
    """A period's credits that were paid for, or a change in its middle."""

    name: str
    month: int
    credits: int = 100
    cents: int = 1_000
    paid_after: timedelta = timedelta(hours=1)
    begins_after: timedelta = timedelta()
    terms: RollOver | None = ROLL
    grace: timedelta = DAY

    @property
    def begins(self) -> datetime:
        return MONTHS[self.month] + self.begins_after

    @property
    def paid_at(self) -> datetime:
        return self.begins + self.paid_after

    def bucket(self, position: Position) -> BucketState:
        end = MONTHS[self.month + 1]
        return BucketState(
            number=position.next_number, origin=self.name, granted=self.credits, paid_cents=self.cents,
            currency="usd" if self.cents else None, priority=50, features=(), effective_at=self.begins,
            granted_at=position.at, expires_at=end + self.grace, series="plan:si_1", period_end=end,
            free=self.credits, cents=self.cents, basis_cents=self.cents, basis_credits=self.credits,
            at_end=self.terms.document() if self.terms else None, paid_at=self.paid_at,
        )  # fmt: skip


@dataclass
class Wallet:
    """A wallet in memory, with all its buckets read."""

    position: Position = field(default_factory=lambda: Position(Terms(), APRIL))
    spends: list[list[Movement]] = field(default_factory=list)
    reversed: dict[int, tuple[int, int]] = field(default_factory=dict)

    def at(self, instant: datetime) -> Wallet:
        due.advance(self.position, max(instant, self.position.at))
        return self

    def paid(self, *paid: Paid) -> Wallet:
        for one in paid:
            granting.grant(self.position, one.bucket(self.position), Cause(one.name))
        return self

    def spend(self, credits: int) -> Wallet:
        first = len(self.position.movements)
        spending.spend(self.position, credits, Cause(f"spend:{self.position.next_number}"))
        self.spends.append(self.position.movements[first:])
        return self

    def reverse(self, spend: int, credits: int | None = None) -> Wallet:
        parts = [
            PastMovement(one.number, one.kind, one.source, one.destination, one.credits, one.cents,
                         *self.reversed.get(one.number, (0, 0)))
            for one in self.spends[spend]
        ]  # fmt: skip
        takingback.reverse(self.position, Past(tuple(parts)), credits, Cause(f"reverse:{self.position.next_number}"))
        self.reversed |= {part.number: (part.reversed_credits, part.reversed_cents) for part in parts}
        return self

    def name(self, bucket: BucketState) -> str:
        if bucket.rolled_from is None:
            return bucket.origin
        return f"{self.name(self.position.buckets[bucket.rolled_from])}>"

    @property
    def left(self) -> dict[str, tuple[int, int]]:
        """Credits and cents of each bucket in which there are any; `>`: rolled over from it."""
        buckets = self.position.buckets.values()
        return {self.name(bucket): (bucket.left, bucket.cents) for bucket in buckets if bucket.left or bucket.cents}

    @property
    def books(self) -> tuple[int, int, int, int]:
        """Available, and deferred, earned and broken cents."""
        sums = {"bucket": 0, "consumed": 0, "expired": 0, "issued": 0}
        for movement in self.position.movements:
            sums[movement.source.partition(":")[0]] -= movement.cents
            sums[movement.destination.partition(":")[0]] += movement.cents
        return self.position.available, sums["bucket"], sums["consumed"], sums["expired"]


def when(text: str) -> datetime:
    return datetime.strptime(f"{text} 2025", "%d %b %H:%M %Y").replace(tzinfo=UTC)


def paid(name: str, month: int, credits: int = 100, cents: int = 1_000, **more: object) -> Paid:
    return Paid(name, month, credits, cents, **more)  # type: ignore[arg-type]


I1, I2, I3 = paid("i1", 0), paid("i2", 1), paid("i3", 2)


def test_cap_of_the_worked_example() -> None:
    wallet = Wallet().at(when("1 Apr 00:00")).paid(I1)
    wallet.at(when("10 Apr 10:00")).spend(13).at(when("1 May 01:00")).paid(I2)
    assert wallet.books == (187, 1_870, 130, 0)
    assert wallet.at(when("2 May 00:00")).books == (160, 1_600, 130, 270)
    assert wallet.at(when("10 May 10:00")).spend(20).books == (140, 1_400, 330, 270)
    assert wallet.at(when("1 Jun 01:00")).paid(I3).left == {"i2": (100, 1_000), "i1>": (40, 400), "i3": (100, 1_000)}
    assert wallet.at(when("2 Jun 00:00")).books == (160, 1_600, 330, 1_070)
    assert wallet.left == {"i3": (100, 1_000), "i2>": (60, 600)}


def test_learnt_late_of_the_worked_example() -> None:
    wallet = Wallet().at(when("1 Apr 00:00")).paid(I1)
    wallet.at(when("10 Apr 10:00")).spend(13).at(when("2 May 00:00"))
    assert wallet.books == (0, 0, 130, 870)
    assert wallet.at(when("5 May 08:00")).paid(I2).books == (160, 1_600, 130, 270)
    assert wallet.left == {"i2": (100, 1_000), "i1>": (60, 600)}


def test_paid_after_the_end_rolls_nothing_over() -> None:
    late = paid("i2", 1, paid_after=DAY + timedelta(microseconds=1))
    wallet = Wallet().paid(I1).at(when("3 May 00:00")).paid(late)
    assert wallet.left == {"i2": (100, 1_000)}
    assert Wallet().paid(I1).at(when("3 May 00:00")).paid(paid("i2", 1, paid_after=DAY)).left == {
        "i2": (100, 1_000), "i1>": (60, 600),
    }  # fmt: skip


def test_share_is_of_the_next_allocation() -> None:
    half = RollOver(Fraction(1, 2))
    wallet = Wallet().paid(paid("i1", 0, 200, terms=half)).at(when("1 May 01:00")).paid(paid("i2", 1, 75))
    assert wallet.at(when("2 May 00:00")).left == {"i2": (75, 1_000), "i1>": (37, 185)}


def test_several_periods_one_cap_the_newest_kept() -> None:
    two = RollOver(60, 2)
    wallet = Wallet().paid(paid("i1", 0, terms=two)).at(when("1 May 01:00")).paid(paid("i2", 1, 45, terms=two))
    wallet.at(when("1 Jun 01:00")).paid(paid("i3", 2, terms=two)).at(when("2 Jun 00:00"))
    assert wallet.left == {"i3": (100, 1_000), "i2>": (45, 1_000), "i1>>": (15, 150)}
    wallet.at(when("1 Jul 01:00")).paid(paid("i4", 3, terms=two)).at(when("2 Jul 00:00"))
    assert wallet.left == {"i4": (100, 1_000), "i3>": (60, 600)}


def test_what_comes_back_after_the_end_rolls_over_while_there_is_room() -> None:
    wallet = Wallet().paid(I1).spend(80).at(when("1 May 01:00")).paid(I2).at(when("2 May 00:00"))
    assert wallet.left == {"i2": (100, 1_000), "i1>": (20, 200)}
    wallet.at(when("5 May 00:00")).reverse(0, 50)
    assert wallet.left == {"i2": (100, 1_000), "i1>": (60, 600)}
    assert wallet.books == (160, 1_600, 300, 100)


def test_what_was_rolled_and_used_counts_against_the_cap() -> None:
    wallet = Wallet().paid(I1).spend(30).at(when("1 May 01:00")).paid(I2).at(when("2 May 00:00"))
    wallet.spend(60)  # the rolled ones are first
    assert wallet.reverse(0).left == {"i2": (100, 1_000)}


def test_a_newer_one_learnt_late_takes_the_place_of_older_ones() -> None:
    change = paid("change:i1b", 0, 30, 333, begins_after=10 * DAY)
    wallet = Wallet().paid(I1).spend(13).at(when("1 May 01:00")).paid(I2).at(when("5 May 00:00"))
    assert wallet.left == {"i2": (100, 1_000), "i1>": (60, 600)}
    wallet.paid(change)
    assert wallet.left == {"i2": (100, 1_000), "i1>": (30, 300), "change:i1b>": (30, 333)}
    wallet.at(when("6 May 00:00")).spend(10)
    assert wallet.left == {"i2": (100, 1_000), "i1>": (20, 200), "change:i1b>": (30, 333)}


def test_what_is_learnt_late_takes_the_cents_it_would_have_taken_in_time() -> None:
    few = RollOver(3)
    first, second = paid("i1", 0, 6, 9, terms=few), paid("i2", 1)
    in_time = Wallet().paid(first).spend(1).at(when("1 May 01:00")).paid(second).at(when("3 May 00:00"))
    late = Wallet().paid(first).spend(1).at(when("3 May 00:00")).paid(second)
    assert in_time.left == late.left == {"i2": (100, 1_000), "i1>": (3, 5)}
    assert in_time.books == late.books == (103, 1_005, 1, 3)


def test_one_learnt_late_displaces_what_has_been_rolled_twice_or_expired_since() -> None:
    two = RollOver(60, 2)
    older, newer = paid("i1", 0, terms=two), paid("change:i1b", 0, 100, 700, begins_after=10 * DAY, terms=two)
    rest = [paid("i2", 1, 10, terms=two), paid("i3", 2, terms=two)]
    wallet = Wallet().at(when("3 May 00:00")).paid(older, rest[0]).at(when("3 Jun 00:00")).paid(rest[1])
    assert wallet.left == {"i3": (100, 1_000), "i2>": (10, 1_000), "i1>>": (50, 500)}
    wallet.paid(newer)
    assert wallet.left == {"i3": (100, 1_000), "i2>": (10, 1_000), "change:i1b>>": (50, 350)}
    gone = Wallet().at(when("3 May 00:00")).paid(older, rest[0]).at(when("3 Jun 00:00"))  # i1's expired in June
    assert gone.paid(newer, rest[1]).left == wallet.left


def test_whatever_ends_no_later_takes_nothing_over() -> None:
    wallet = Wallet().paid(paid("i1", 0, grace=40 * DAY)).at(when("1 May 01:00")).paid(I2)
    assert wallet.at(when("20 Jun 00:00")).left == {}


# Order


lots = st.tuples(st.integers(5, 40), st.integers(0, 333))
changes = st.tuples(st.integers(0, 3), lots, st.integers(1, 25))
rolls = st.one_of(
    st.builds(RollOver, st.integers(5, 40), st.integers(1, 3)),
    st.builds(RollOver, st.integers(25, 100).map(lambda percent: Fraction(percent, 100)), st.integers(1, 3)),
)


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Paid], list[tuple[datetime, int, int]]]:
    """What was paid in four months, and what the customer did meanwhile: spends, and reversals of them."""
    terms = draw(rolls)
    facts = []
    for month, (credits, cents) in enumerate(draw(st.lists(lots, min_size=3, max_size=5))):
        hours = draw(st.sampled_from([1, 1, 1, 30]))
        facts.append(Paid(f"i{month}", month, credits, cents, timedelta(hours=hours), terms=terms))
    for number, (month, (credits, cents), days) in enumerate(draw(st.lists(changes, max_size=3))):
        facts.append(
            Paid(f"change:{number}", month, credits, cents, begins_after=days * DAY + timedelta(hours=number),
                 terms=terms, grace=draw(st.sampled_from([DAY, DAY, 4 * DAY])))
        )  # fmt: skip
    acts = draw(st.lists(st.tuples(st.integers(1, 150), st.integers(1, 20), st.integers(0, 3)), min_size=1, max_size=5))
    return facts, sorted((APRIL + day * DAY, credits, kind) for day, credits, kind in acts)


def play(
    arrivals: Sequence[tuple[datetime, Paid]], acts: Sequence[tuple[datetime, int, int]]
) -> list[tuple[object, object]]:
    """Every act's and the end's figures. What arrives at an act's instant arrives before it."""
    wallet, arrivals = Wallet(), list(arrivals)
    seen: list[tuple[object, object]] = []
    for instant, credits, kind in [*acts, (MONTHS[6], 0, 0)]:
        while arrivals and arrivals[0][0] <= instant:
            wallet.at(arrivals[0][0]).paid(arrivals.pop(0)[1])
        wallet.at(instant)
        seen.append((wallet.left, wallet.books))
        if credits and kind == 3 and wallet.spends:
            wallet.reverse(0, credits)
        elif credits:
            wallet.spend(min(credits, wallet.position.available) or 10**9)
    return seen


@given(lives(), st.data())
@settings(max_examples=300)
def test_order_and_delay_do_not_matter(
    life: tuple[list[Paid], list[tuple[datetime, int, int]]], data: st.DataObject
) -> None:
    facts, acts = life
    last = MONTHS[6]
    spans = []
    for fact in facts:
        until = next((instant for instant, *_ in acts if instant >= fact.paid_at), last)
        spans.append((fact.paid_at, until))
    in_time = sorted(((since, fact) for (since, _), fact in zip(spans, facts, strict=True)), key=lambda one: one[0])
    late = []
    for (since, until), fact in zip(spans, facts, strict=True):
        share = data.draw(st.sampled_from([0, 1, 2, 3, 4]))
        late.append((since + (until - since) * share / 4, fact))
    late = data.draw(st.permutations(late))
    late.sort(key=lambda one: one[0])
    wanted = play(in_time, acts)
    assert play(late, acts) == wanted
    rolled = any(">" in str(left) for left, _ in wanted)
    event("something rolled over" if rolled else "nothing rolled over")


@pytest.mark.parametrize("terms", [None, ROLL])
def test_nothing_follows_nothing_rolls(terms: RollOver | None) -> None:
    assert Wallet().paid(paid("i1", 0, terms=terms)).at(when("2 May 00:00")).books == (0, 0, 0, 1_000)
