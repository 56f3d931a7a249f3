"""How the wallet page puts things: what a bucket is called, what kind it is, how far off a date is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing import Bucket

SOON_DAYS = 7
NEAR_DAYS = 60


def kind_of(bucket: Bucket) -> str:
    """What a bucket is to its owner, by its origin and price; also the name of its colour."""
    head = bucket.origin.partition(":")[0]
    if head in ("allocation", "change", "free", "rolled"):
        return "plan"
    if head == "topup":
        return "topup"
    return "grant" if bucket.paid_cents else "bonus"


KIND_NAMES = {"plan": "Subscription", "topup": "Top-up", "bonus": "Bonus", "grant": "Credit"}
_FALLBACKS = {"plan": "Plan credits", "topup": "Top-up", "bonus": "Bonus credits", "grant": "Credits"}


def name_of(bucket: Bucket) -> str:
    """The name it was given, else what it is."""
    return bucket.description or _FALLBACKS[kind_of(bucket)]


def days_until(end: datetime, now: datetime) -> int:
    """Dates between now and an end, as a calendar counts them (UTC)."""
    return (end.date() - now.date()).days


def how_soon(end: datetime, now: datetime) -> str | None:
    """`today`, `tomorrow`, `in 7 days`; None past two months, where a date says more."""
    days = days_until(end, now)
    if days > NEAR_DAYS:
        return None
    if days <= 0:
        return "today"
    return "tomorrow" if days == 1 else f"in {days} days"


def signed(text: str, negative: bool) -> str:
    """A movement with its sign: a real minus, which is as wide as the plus."""
    return f"\N{MINUS SIGN}{text}" if negative else f"+{text}"
