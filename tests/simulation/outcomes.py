"""What is compared: what a verb answered and what a customer sees, in the same words for engine and model.

Buckets, spends and holds are known by the order in which they were made: 1, 2, 3 …
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class No(NamedTuple):
    """A refusal: its stable code and, when credits are lacking, the figures that explain it."""

    code: str
    required: int | None = None
    available: int | None = None


class Paid(NamedTuple):
    """A spend's or a capture's receipt."""

    slices: tuple[tuple[int, int], ...]  # (bucket, credits)
    overdraft: int
    available: int
    owed: int


class Reversed(NamedTuple):
    credits: int
    available: int
    owed: int


class Held(NamedTuple):
    credits: int
    slices: tuple[tuple[int, int], ...]
    overdraft: int
    status: str
    expires_at: datetime


class Lot(NamedTuple):
    """A bucket as a customer sees it; `remaining` is free and held together."""

    number: int
    granted: int
    remaining: int
    held: int
    status: str
    effective_at: datetime
    expires_at: datetime | None


class Done(NamedTuple):
    """A change of settings."""


class Shown(NamedTuple):
    available: int
    held: int
    owed: int
    frozen: bool
    image: int  # what a spend for the feature `image` could take from buckets
    lots: tuple[Lot, ...]


class Cents(NamedTuple):
    """Where the money is: in buckets (each by itself), earned, broken or voided."""

    buckets: tuple[int, ...]
    earned: int
    broken: int
    voided: int


Outcome = No | Paid | Reversed | Held | Lot | Done
