"""End terms: what becomes at its end of what is left in a plan's bucket, as the catalog says and as it stands on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from billing.rules.wallet.values import BucketState


@dataclass(frozen=True, slots=True)
class RollOver:
    """At most `max` credits, or that share of the next period's allocation, into each of `periods` periods."""

    max: int | Fraction
    periods: int = 1

    def document(self) -> dict[str, Any]:
        """As people write it in the catalog, and as it stands on a bucket: what its end does, complete in itself."""
        most = self.max if isinstance(self.max, int) else percent(self.max)
        return {"roll_over": {"max": most, "periods": self.periods}}


def at_end(at_period_end: str | RollOver) -> dict[str, Any] | None:
    """What a plan's `at_period_end` writes on its buckets. Those that only expire, or never do, need nothing."""
    return at_period_end.document() if isinstance(at_period_end, RollOver) else None


def terms_of(bucket: BucketState) -> RollOver | None:
    """What the bucket's end rolls over, if anything."""
    return roll_over(bucket.at_end)


def roll_over(at_end: dict[str, Any] | None) -> RollOver | None:
    """The same, of what stands on the bucket."""
    written = (at_end or {}).get("roll_over")
    if written is None:
        return None
    most = written["max"]
    return RollOver(most if isinstance(most, int) else Fraction(most.rstrip("%")) / 100, written["periods"])


def newest_first(bucket: BucketState) -> tuple[datetime, str]:
    """How new credits are: since when they are valid, wherever they have been rolled to since."""
    return bucket.effective_at, (bucket.at_end or {}).get("root", bucket.origin)


def percent(share: Fraction) -> str:
    """`50%`, `12.5%`: up to nine decimals, as it may be written."""
    whole, decimals = divmod(int(share * 100 * 10**9), 10**9)
    return f"{whole}.{decimals:09}".rstrip("0").rstrip(".") + "%"
