"""Thresholds: the balances at which somebody is to be told that credits run low, and when they are crossed.

The balance meant is `available`, the live general credits. Rules: the handbook's *Running low*.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from billing.rules.wallet.values import LARGEST_CREDITS, Act, BucketState, Movement

MOST_THRESHOLDS = 10
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)%")


@dataclass(frozen=True, slots=True)
class Threshold:
    """So many whole credits, or a share of what the plan allots for the running period."""

    credits: int = 0
    share: Fraction | None = None

    @property
    def setting(self) -> int | str:
        """As it is written in the catalog."""
        if self.share is None:
            return self.credits
        whole, part = divmod(self.share * 100 * 10**9, 10**9)
        decimals = f".{int(part):09}".rstrip("0").rstrip(".")
        return f"{int(whole)}{decimals}%"

    def level(self, allocation: int | None) -> int | None:
        """In credits, rounded down. A share of nothing is no threshold."""
        if self.share is None:
            return self.credits
        return int(allocation * self.share) if allocation else None


Thresholds = tuple[Threshold, ...]

DEFAULT: Thresholds = (Threshold(share=Fraction(1, 5)), Threshold(0))


_CREDITS = f"a whole number of credits from 0 to {LARGEST_CREDITS:,}, such as 500,"
_PART = 'a share of the plan\'s credits, above "0%" and up to "100%", such as "20%"'


def parse(value: Any) -> Thresholds | str:
    """The catalog's form (`["20%", 0]`; `[]`: nobody is told) → thresholds, or what is wrong with it."""
    if not isinstance(value, list | tuple):
        return 'Write a list of thresholds, such as ["20%", 0]; [] for none.'
    if len(value) > MOST_THRESHOLDS:
        return f"Write {MOST_THRESHOLDS} thresholds at most."
    found: list[Threshold] = []
    for place, one in enumerate(value):
        read = _one(one)
        if read is None:
            return f"Threshold {place + 1} is neither {_CREDITS} nor {_PART}."
        if read not in found:
            found.append(read)
    return tuple(found)


def _one(value: Any) -> Threshold | None:
    if isinstance(value, str):
        written = _SHARE.fullmatch(value)
        share = Fraction(written.group(1)) / 100 if written else Fraction(0)
        return Threshold(share=share) if 0 < share <= 1 else None
    return Threshold(value) if type(value) is int and 0 <= value <= LARGEST_CREDITS else None


def document(thresholds: Thresholds) -> list[int | str]:
    """The catalog's form, which `parse` reads back."""
    return [one.setting for one in thresholds]


@dataclass(frozen=True, slots=True)
class Allocation:
    """What plans allot for the period that began last: `credits` in `[starts_at, ends_at)`."""

    credits: int
    starts_at: datetime
    ends_at: datetime

    def at(self, instant: datetime) -> int | None:
        """What shares are of at that instant; of a period that is over there are none."""
        return self.credits if instant < self.ends_at and self.credits else None


@dataclass(frozen=True, slots=True)
class Warned:
    """What a wallet remembers of its warnings.

    `told`: thresholds at or above it are not told of again before there are new credits; None: all are armed. A wallet
    begins with 0, so that one that never had anything is not told to be empty.
    """

    told: int | None = 0
    allocation: Allocation | None = None


@dataclass(frozen=True, slots=True)
class Crossed:
    """The thresholds that were crossed at once, the highest first, and how the wallet stands after it.

    `allocation` is what shares are of, None where there is nothing to take a share of.
    """

    levels: tuple[tuple[Threshold, int], ...]
    available: int
    owed: int
    allocation: int | None
    at: datetime
    cause: str

    @property
    def exhausted(self) -> bool:
        """Is nothing left, and was that to be told?"""
        return self.levels[-1][1] == 0


def levels(thresholds: Thresholds, allocation: int | None) -> list[tuple[Threshold, int]]:
    """Those that apply, each in credits, the highest first."""
    found = [(one, level) for one in thresholds if (level := one.level(allocation)) is not None]
    return sorted(found, key=lambda pair: -pair[1])


def next_below(thresholds: Thresholds, warned: Warned, available: int, at: datetime) -> int | None:
    """The next balance below this one of which somebody is to be told."""
    allocation = warned.allocation.at(at) if warned.allocation is not None else None
    told = warned.told
    below = (
        level for _, level in levels(thresholds, allocation) if level < available and (told is None or level < told)
    )
    return max(below, default=None)


def after(
    act: Act,
    moved: Sequence[Movement],
    buckets: dict[int, BucketState],
    before: int,
    thresholds: Thresholds,
    was: Warned,
) -> tuple[Warned, Crossed | None]:
    """What an act leaves behind that found `before` credits: what is remembered from here on, and what it crossed.

    New credits that leave more than there was arm the thresholds below what there is then; so does every period of a
    plan. What was crossed is told of once, all of it together.
    """
    allocation = _allotted(act, moved, buckets, was.allocation)
    told = was.told
    base = allocation.at(act.at) if allocation is not None else None
    here = levels(thresholds, base)
    begun = allocation is not None and (was.allocation is None or allocation.starts_at > was.allocation.starts_at)
    brought = bool(act.started) or any(_brings(movement) for movement in moved)
    if told is not None and act.available > told and (begun or (brought and act.available > before)):
        told = min((level for _, level in here if level >= act.available), default=None)
    # What came to lie above the balance without a movement is told of, unless the customer was told before.
    reached = [(one, level) for one, level in here if act.available <= level and (told is None or level < told)]
    crossed = tuple((one, level) for one, level in reached if told is None or before > level)
    told = min((level for _, level in reached), default=told)
    now = Warned(told, allocation)
    if not crossed:
        return now, None
    return now, Crossed(crossed, act.available, act.owed, base, act.at, act.cause)


def at_rest(
    thresholds: Thresholds, was: Warned, available: int, owed: int, at: datetime
) -> tuple[Warned, Crossed | None]:
    """The same where nothing was done: the settings may be others."""
    return after(Act(at, available, owed, "settings", slice(0, 0)), (), {}, available, thresholds, was)


_BRINGING = frozenset({"grant", "revive", "restore", "move"})


def _brings(movement: Movement) -> bool:
    """Is it new credits that came? Of releases those that a dispute had held: what a hold gives back, or a reversal,
    would else be told of again each time.
    """
    return movement.kind in _BRINGING or (movement.kind == "release" and movement.via is not None)


def _allotted(
    act: Act, moved: Iterable[Movement], buckets: dict[int, BucketState], now: Allocation | None
) -> Allocation | None:
    for movement in moved:
        if movement.kind not in ("grant", "clawback", "restore"):
            continue
        place, sign = (movement.source, -1) if movement.kind == "clawback" else (movement.destination, 1)
        kind, _, number = place.partition(":")
        if kind == "bucket":
            bucket = buckets[int(number)]
            if bucket.effective_at <= act.at:
                now = _with(now, bucket, sign * movement.credits, act.at, new=movement.kind == "grant")
    for bucket in act.started:
        if all(movement.destination != f"bucket:{bucket.number}" for movement in moved):
            now = _with(now, bucket, bucket.left, act.at, new=True)
    return now


def _with(now: Allocation | None, bucket: BucketState, credits: int, at: datetime, *, new: bool) -> Allocation | None:
    """More for the same period adds, less takes away; the period that began last takes the place of another."""
    ends_at = bucket.period_end
    if bucket.series is None or ends_at is None:
        return now
    if now is not None and now.ends_at == ends_at:
        starts_at = min(now.starts_at, bucket.effective_at)
        return replace(now, credits=max(0, now.credits + credits), starts_at=starts_at)
    if not new or ends_at <= at:
        return now
    begins = (bucket.effective_at, ends_at)
    if now is None or now.ends_at <= at or begins > (now.starts_at, now.ends_at):
        return Allocation(credits, *begins)
    return now
