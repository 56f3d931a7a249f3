"""What is told to whom: THE list of letters, of what staff must see, and of what endpoints can ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from billing.notices.values import Event

EVENTS = (
    "credits.granted", "credits.spent", "credits.reversed", "credits.expiring", "credits.expired",
    "credits.rolled_over", "credits.rollover_forfeited", "credits.low", "credits.exhausted", "credits.running_out",
    "credits.clawed_back", "credits.restored", "credits.adjusted", "debt.opened", "debt.repaid", "debt.forgiven",
    "topup.pending", "topup.paid", "topup.failed", "topup.refunded", "auto_topup.charged", "auto_topup.held_back",
    "auto_topup.paused", "subscription.changed", "payment.failed", "dispute.opened", "dispute.closed",
    "usage.unusual", "review.needed",
)  # fmt: skip
"""All that is told to others."""

SPENT = "credits.spent"
"""Told by choice only: there are thousands a second."""

FOR_STAFF = frozenset({"review.needed", "auto_topup.paused", "dispute.opened"})
"""What people of the business must look at."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of letter. `optional`: customers may do without it; what is about their money they get. `fresh_for`: it
    is not sent later than that. `rank`: of several letters for one cause the first of these is sent.
    """

    name: str
    event: str
    about: str
    optional: bool
    fresh_for: timedelta
    rank: int


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        name: Kind(name, event, about, optional, fresh_for, rank)
        for rank, (name, event, about, optional, fresh_for) in enumerate(
            (
                ("auto_topup_paused", "auto_topup.paused", "Automatic top-up is paused", False, 14 * _DAY),
                ("auto_topup_held_back", "auto_topup.held_back", "An automatic top-up is held back", False, 7 * _DAY),
                ("auto_topup_charged", "auto_topup.charged", "An automatic top-up was charged", False, 30 * _DAY),
                ("topup_paid", "topup.paid", "A top-up is paid", False, 30 * _DAY),
                ("topup_pending", "topup.pending", "A top-up’s payment is under way", False, 2 * _DAY),
                ("topup_failed", "topup.failed", "A top-up’s payment failed", False, 7 * _DAY),
                ("topup_refunded", "topup.refunded", "A top-up was refunded", False, 30 * _DAY),
                ("payment_failed", "payment.failed", "A payment for your plan failed", False, 7 * _DAY),
                ("granted", "credits.granted", "Your plan’s new credits have come", True, 3 * _DAY),
                ("debt_opened", "debt.opened", "You have used more than you had", False, 7 * _DAY),
                ("debt_repaid", "debt.repaid", "What you owed is settled", True, 7 * _DAY),
                ("exhausted", "credits.exhausted", "You are out of credits", True, _DAY),
                ("low", "credits.low", "Few credits are left", True, _DAY),
                ("expiring", "credits.expiring", "Credits will expire soon", True, 30 * _DAY),
                ("running_out", "credits.running_out", "Credits will run out at today’s pace", True, 2 * _DAY),
                ("unusual", "usage.unusual", "Much more was spent than usual", True, 3 * _DAY),
            )
        )
    }
)
"""By name; `about` is what a page of preferences calls it."""

_BY_EVENT = {kind.event: kind for kind in KINDS.values()}
_ALLOTTED = ("allocation:", "free:")


def kind_of(event: Event) -> Kind | None:
    """The letter that a customer gets of it, None: of this one none. A grant is worth one where a plan's period brings
    it: of what they buy another letter tells, and of what support gives support does. A debt repaid, once it is whole.
    """
    facts = event.facts
    if event.customer is None:
        return None
    if event.type == "credits.granted" and not str(facts.get("cause", "")).startswith(_ALLOTTED):
        return None
    if event.type == "debt.repaid" and facts.get("owed"):
        return None
    if event.type == "payment.failed" and facts.get("topup"):  # the top-up itself says so
        return None
    if event.type == "topup.failed" and facts.get("automatic"):  # what follows says so; nobody waits for this one
        return None
    return _BY_EVENT.get(event.type)


def cause_of(kind: Kind, event: Event) -> str | None:
    """What the customer hears of once, whatever is told of it: a spend that empties the wallet and opens a debt, a
    top-up that is charged, paid and granted, a card that is declined and the pause that follows, the attempts of one
    day to have an invoice paid.

    What bears the same name at another time is another cause: thresholds that are raised again, a second part of a
    purchase that is given back.
    """
    facts, unit, at = event.facts, event.facts.get("unit"), event.recorded_at.isoformat()
    if kind.name == "payment_failed":
        return f"payment:{facts.get('invoice') or facts.get('subscription')}:{event.recorded_at:%Y-%m-%d}"
    if kind.name in ("topup_failed", "auto_topup_held_back", "auto_topup_paused"):
        return f"{unit}:declined:{at}"
    if kind.name in ("topup_pending", "topup_refunded"):
        return f"topup:{facts.get('topup')}:{kind.name}"
    if kind.name == "auto_topup_charged":
        return f"{unit}:topup:{facts.get('topup')}:{at}"
    cause = facts.get("cause")
    return f"{unit}:{cause}:{at}" if isinstance(cause, str) else None


SUPERSEDED_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "low": ("credits.low", "credits.exhausted", "credits.granted", "auto_topup.charged"),
        "exhausted": ("credits.granted",),
        "running_out": ("credits.running_out", "credits.exhausted", "credits.granted"),
        "granted": ("credits.granted",),
        "debt_opened": ("debt.repaid", "debt.forgiven"),
        "auto_topup_held_back": ("auto_topup.charged",),
        "topup_pending": ("topup.paid", "topup.failed"),
    }
)
"""By letter: what would make it wrong if it was told meanwhile."""


def superseded(kind: Kind, event: Event, later: Event) -> bool:
    """Is the letter overtaken by what was told after it, or happened after it where both were told at once, late?"""
    ours, its = event.facts, later.facts
    if later.type not in SUPERSEDED_BY.get(kind.name, ()):
        return False
    if kind.name == "topup_pending":
        return ours.get("topup") in (its.get("topup"), str(its.get("cause", "")).removeprefix("topup:"))
    if ours.get("unit") != its.get("unit") or _order(later) <= _order(event):
        return False
    if kind.name == "granted":
        return _series(event) == _series(later)
    if kind.name == "debt_opened":
        return not its.get("owed")
    if later.type != "credits.granted":  # of what was bought by itself, too, another letter tells
        return True
    before, after = ours.get("available"), its.get("available")
    crossed = [] if kind.name == "exhausted" else [one.get("credits", 0) for one in ours.get("thresholds") or ()]
    return isinstance(before, int) and isinstance(after, int) and after > max([before, *crossed])


def _order(event: Event) -> tuple[datetime, datetime, str]:
    happened = event.facts.get("effective_at")
    at = datetime.fromisoformat(happened) if isinstance(happened, str) else event.recorded_at
    return event.recorded_at, at, event.id


def _series(event: Event) -> list[str]:
    """Whose periods it is one of: the item and its price of a subscription, a free plan."""
    cause = str(event.facts.get("cause")).split(":")
    return cause[:2] if cause[0] == "free" else cause[:3]


def too_late(kind: Kind, event: Event, now: datetime) -> str | None:
    """Why the letter would be of no use any more."""
    ends_at = event.facts.get("ends_at")
    if kind.name == "expiring" and isinstance(ends_at, str) and datetime.fromisoformat(ends_at) <= now:
        return "the credits have expired meanwhile"
    if now - event.recorded_at > kind.fresh_for:
        days = kind.fresh_for.days
        return f"it is older than {days} day{'' if days == 1 else 's'}"
    return None
