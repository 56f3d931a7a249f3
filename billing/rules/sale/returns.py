"""Returns: what money that went back means for a sale. One cumulative target, moved up and down by every fact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Literal

Stands = Literal["gone", "may_go", "stays"]
"""The money went back for good, may still go, or stays where it is."""

_REFUND: dict[str, Stands] = {"succeeded": "gone", "pending": "may_go", "requires_action": "may_go"}
_REFUND_RANKS = {"requires_action": 0, "pending": 0, "succeeded": 1, "failed": 2, "canceled": 2}

_INQUIRY = ("warning_needs_response", "warning_under_review", "warning_closed")
_CHARGEBACK = ("needs_response", "under_review")
_OVER = ("lost", "appeal_needs_response", "appeal_under_review", "won", "prevented")
_DISPUTE_RANKS = {  # an inquiry that was closed may become a chargeback after all
    "warning_closed": 1, "needs_response": 2, "under_review": 2, "prevented": 3, "lost": 3,
    "appeal_needs_response": 4, "appeal_under_review": 4, "won": 5,
}  # fmt: skip


def refund_stands(status: str) -> Stands:
    """What a refund of that status means for its money; of a status that is not known: nothing."""
    return _REFUND.get(status, "stays")


def dispute_stands(status: str, cents: int, withdrawn_cents: int) -> tuple[int, Stands]:
    """An inquiry moves nothing; a chargeback may go; of what is over, gone is what stands withdrawn: all of a lost one,
    until it is reinstated, and what a won or prevented one did not give back. Of a status that is not known what stands
    withdrawn may come back.
    """
    if status in _CHARGEBACK:
        return cents, "may_go"
    withdrawn = min(cents, withdrawn_cents)
    if status in _INQUIRY or withdrawn <= 0:
        return 0, "stays"
    return withdrawn, "gone" if status in _OVER else "may_go"


def refund_is_newer(status: str, than: str) -> bool:
    """Does news of that status replace what is known? What is final is never turned back by stale news."""
    return _REFUND_RANKS.get(status, 0) > _REFUND_RANKS.get(than, 0)


@dataclass(frozen=True, slots=True)
class DisputeNews:
    """What one message says of a dispute, and when Stripe said so."""

    status: str
    withdrawn_cents: int
    told_at: datetime


def dispute_is_newer(news: DisputeNews, than: DisputeNews) -> bool:
    """First what has come further counts, then what was said later; at the same instant the money that came back."""

    def place(one: DisputeNews) -> tuple[int, datetime, int]:
        return _DISPUTE_RANKS.get(one.status, 0), one.told_at, -one.withdrawn_cents

    return place(news) > place(than)


@dataclass(frozen=True, slots=True)
class Turns:
    """How a refund (a credit note) or a dispute stands, and when it turned, as far as that is known: `gone_at` the
    money went for good, `back_at` it did not after all.
    """

    status: str
    cents: int
    created_at: datetime
    gone_at: datetime | None = None
    back_at: datetime | None = None
    withdrawn_cents: int = 0


def refunded_by(one: Turns, at: datetime) -> int | None:
    """Cents of a refund that had gone back by then; None: what is known of it does not say."""
    stands = refund_stands(one.status)
    if at < one.created_at or stands == "may_go" or (one.back_at is not None and one.back_at <= at):
        return 0
    if one.gone_at is None:
        return None if one.status in ("succeeded", "failed") else 0
    if at < one.gone_at:
        return 0
    return one.cents if stands == "gone" or one.back_at is not None else None


def lost_by(one: Turns, at: datetime) -> int | None:
    """Cents of a dispute that had been lost by then; None: what is known of it does not say."""
    if at < one.created_at or one.status not in _OVER or one.status == "prevented":
        return 0
    left = min(one.cents, one.withdrawn_cents)
    if one.back_at is not None and one.back_at <= at:
        return left
    if one.gone_at is None:
        return None
    if at < one.gone_at:
        return 0
    return one.cents if left == one.cents or one.back_at is not None else None


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of what was paid went back for good, and which at most when all that is open goes, too."""

    gone: Fraction
    at_most: Fraction


def share(
    total_cents: int, facts: Iterable[tuple[int, Stands]], *, beyond_cents: int = 0, noted_cents: int = 0
) -> Share:
    """The part over all payments of an invoice or session, of all that was to be paid; never more than all of it.

    `beyond_cents` is what was paid beyond that: what goes back is that first. `noted_cents` went back by credit notes
    alone, not out of a payment.
    """
    if total_cents <= 0:
        return Share(Fraction(0), Fraction(0))
    gone = may_go = 0
    for cents, stands in facts:
        gone += cents if stands == "gone" else 0
        may_go += cents if stands == "may_go" else 0

    def part(cents: int) -> Fraction:
        return Fraction(min(total_cents, noted_cents + max(0, cents - beyond_cents)), total_cents)

    return Share(part(gone), part(gone + may_go))


def split(cents: int, parts: Sequence[int], place: int) -> int:
    """What of the cents that went back of one payment is of the purchase at `place`, in proportion to the parts of it
    that each was paid with. Whole cents, their sum over all places is exact, and more cents are never less for any:
    the first is parted from the rest, then the next; the last has what is left.
    """
    left, total = cents, sum(parts)
    for at, part in enumerate(parts):
        own = left if at == len(parts) - 1 or total == 0 else left * part // total
        if at == place:
            return own
        left, total = left - own, total - part
    raise AssertionError(place)


@dataclass(frozen=True, slots=True)
class Targets:
    """What is to be taken of a sale in all, and the credits that open disputes and pending refunds hold beyond."""

    credits: int
    cents: int
    held_credits: int


def targets(credits: int, cents: int, part: Share, *, changed_credits: int = 0, credited_cents: int = 0) -> Targets:
    """`⌊granted × share⌋` and `⌊credit part × share⌋`, as far as changes of plan have left something to take:
    negative lines may have taken out more than the sale brought.
    """
    most = credits - changed_credits
    gone = min(most, _floor(credits, part.gone))
    return Targets(
        gone,
        max(0, min(cents - credited_cents, _floor(cents, part.gone))),
        min(most, _floor(credits, part.at_most)) - gone,
    )


def _floor(figure: int, part: Fraction) -> int:
    return figure * part.numerator // part.denominator
