"""Returns: what money that went back means for a sale. One cumulative target, moved up and down by every fact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Literal

Stands = Literal["gone", "may_go", "stays"]
"""The money went back for good, may still go, or stays where it is."""

_REFUND: dict[str, Stands] = {"succeeded": "gone", "pending": "may_go", "requires_action": "may_go"}
_REFUND_RANKS = {"requires_action": 0, "pending": 0, "succeeded": 1, "failed": 2, "canceled": 2}

_CHARGEBACK = ("needs_response", "under_review")
_LOST = ("lost", "appeal_needs_response", "appeal_under_review")
_DISPUTE_RANKS = {
    "needs_response": 1, "under_review": 1, "warning_closed": 2, "prevented": 2, "lost": 2, "appeal_needs_response": 3,
    "appeal_under_review": 3, "won": 4,
}  # fmt: skip


def refund_stands(status: str) -> Stands:
    """What a refund of that status means for its money; of a status that is not known: nothing."""
    return _REFUND.get(status, "stays")


def dispute_stands(status: str, withdrawn_cents: int) -> Stands:
    """An inquiry moves nothing; a chargeback may go; a lost one is gone, until its money is reinstated."""
    if status in _LOST:
        return "gone" if withdrawn_cents > 0 else "stays"
    return "may_go" if status in _CHARGEBACK else "stays"


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
class Share:
    """Which part of what was paid went back for good, and which at most when all that is open goes, too."""

    gone: Fraction
    at_most: Fraction


def share(total_cents: int, facts: Iterable[tuple[int, Stands]]) -> Share:
    """The part over all payments of an invoice or session, of all that was to be paid; never more than all of it."""
    if total_cents <= 0:
        return Share(Fraction(0), Fraction(0))
    gone = may_go = 0
    for cents, stands in facts:
        gone += cents if stands == "gone" else 0
        may_go += cents if stands == "may_go" else 0
    return Share(Fraction(min(total_cents, gone), total_cents), Fraction(min(total_cents, gone + may_go), total_cents))


@dataclass(frozen=True, slots=True)
class Targets:
    """What is to be taken of a sale in all, and the credits that open disputes and pending refunds hold beyond."""

    credits: int
    cents: int
    held_credits: int


def targets(credits: int, cents: int, part: Share, *, changed_credits: int = 0, credited_cents: int = 0) -> Targets:
    """`⌊granted × share⌋` and `⌊credit part × share⌋`, as far as changes of plan have left something to take."""
    most = credits - changed_credits
    gone = min(most, _floor(credits, part.gone))
    return Targets(
        gone, min(cents - credited_cents, _floor(cents, part.gone)), min(most, _floor(credits, part.at_most)) - gone
    )


def _floor(figure: int, part: Fraction) -> int:
    return figure * part.numerator // part.denominator
