"""Recent activity: entries, grouped by what caused them, in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from billing.base.wording import credits_text, time_text
from web.portal.names import described
from web.portal.words import name_of, signed

if TYPE_CHECKING:
    from billing import Entry
    from web.portal.names import Names


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that happened. `tone` is in, out, aside or still; `at` is for machines, `when` for people."""

    at: datetime
    when: str
    what: str
    more: str
    amount: str
    balance: str
    tone: str


@dataclass(frozen=True, slots=True)
class _Way:
    """How one kind of entry reads: the word, and whether credits come (+1), go (-1) or stay (0)."""

    word: str
    sign: int


_WAYS = {
    "grant": _Way("Credits added", 1),
    "spend": _Way("Used", -1),
    "hold": _Way("Set aside", -1),
    "capture": _Way("Used", 0),
    "release": _Way("Set aside, now free again", 1),
    "reverse": _Way("Given back", 1),
    "expire": _Way("Expired", -1),
    "revive": _Way("No longer expired", 1),
    "roll_over": _Way("Rolled over", 0),
    "void": _Way("Withdrawn", -1),
    "repay": _Way("Paid off what was owed", -1),
    "forgive": _Way("Debt forgiven", 1),
    "clawback": _Way("Taken back: its payment went back", -1),
    "owe": _Way("Owed: its payment went back after it was used", -1),
    "restore": _Way("There again: its payment did not go back after all", 1),
}
_UNKNOWN = _Way("Changed", 0)

_RETURNS, _CHANGE = "returns:", "change:"
_BECAUSE = {
    (_RETURNS, "hold"): _Way("Set aside: its payment may go back", -1),
    (_RETURNS, "release"): _Way("No longer set aside", 1),
    (_CHANGE, "clawback"): _Way("Taken back: the plan was changed", -1),
    (_CHANGE, "owe"): _Way("Owed: it was used before the plan was changed", -1),
    (_CHANGE, "restore"): _Way("There again: the plan was changed", 1),
}
"""What reads otherwise because of what caused it: a refund or a dispute, or a smaller plan."""


def activities(entries: Iterable[Entry], scale: int, names: Names) -> list[Activity]:
    """Entries, newest first → what happened, newest first."""
    return [activity for group in _groups(entries) for activity in _read(group, scale, names)]


def _groups(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Neighbours with one cause and one instant are one thing: the slices of a spend, say."""
    moved = (entry for entry in entries if entry.credits and _is_felt(entry))
    for _, group in groupby(moved, key=lambda entry: (entry.cause, entry.effective_at)):
        yield list(group)


_UNFELT = ("prepaid", "expired", "voided")


def _is_felt(entry: Entry) -> bool:
    """What is taken of months to come, or of what had run out, changes nothing that was there."""
    other = entry.source if entry.kind == "clawback" else entry.destination if entry.kind == "restore" else ""
    return other.partition(":")[0] not in _UNFELT


def _read(group: list[Entry], scale: int, names: Names) -> Iterator[Activity]:
    """A line for each kind of movement, newest first; what a spend took on credit belongs to the spend."""
    by_kind: dict[str, list[Entry]] = {}
    for entry in group:
        by_kind.setdefault("spend" if entry.kind == "overdraw" else entry.kind, []).append(entry)
    for kind, same in by_kind.items():
        yield _line(kind, same, scale, names)


def _line(kind: str, same: list[Entry], scale: int, names: Names) -> Activity:
    first = same[-1]
    way = _BECAUSE.get((_cause(first), kind)) or _WAYS.get(kind, _UNKNOWN)
    total = sum(entry.credits for entry in same)
    overdrawn = sum(entry.credits for entry in same if "overdraft" in entry.source)
    amount = credits_text(total, scale)
    return Activity(
        at=first.effective_at,
        when=time_text(first.effective_at).removesuffix(" UTC"),
        what=_what(kind, way, first, names),
        more=_more(kind, same, overdrawn, scale, names),
        amount=signed(amount, negative=way.sign < 0) if way.sign else amount,
        balance=credits_text(same[0].available_after, scale),
        tone={1: "in", -1: "out", 0: "still"}[way.sign] if kind not in ("hold", "release") else "aside",
    )


def _cause(entry: Entry) -> str:
    return next((head for head in (_RETURNS, _CHANGE) if entry.cause.startswith(head)), "")


def _what(kind: str, way: _Way, entry: Entry, names: Names) -> str:
    """A grant by the bucket's name, an end by the bucket that ended, a use by what it was for."""
    if kind in ("grant", "expire", "void", "revive", "roll_over"):
        comes = kind in ("grant", "revive")
        name = names.of(entry.destination if comes else entry.source) or entry.description
        return way.word if not name else name if kind == "grant" else f"{way.word}: {name}"
    purpose = names.purpose(entry)
    if not purpose or kind in ("repay", "forgive"):
        return way.word
    return purpose if kind in ("spend", "capture") else f"{way.word}: {purpose}"


def _more(kind: str, same: list[Entry], overdrawn: int, scale: int, names: Names) -> str:
    entry, parts = same[-1], []
    if entry.member and kind in ("spend", "capture", "hold"):
        parts.append(entry.member)
    if kind == "capture":
        parts.append("from what was set aside")
    if kind == "hold" and entry.feature and described(entry):
        parts.append(entry.feature)
    if overdrawn and kind in ("spend", "capture"):
        parts.append(f"{credits_text(overdrawn, scale)} on credit")
    if _cause(entry) and kind in _OF_BUCKETS:
        accounts = (one.destination if kind in ("release", "restore") else one.source for one in reversed(same))
        parts += list(dict.fromkeys(name for account in accounts if (name := names.of(account))))
    bound = _bound(kind, same, scale, names)
    return " · ".join([*parts, bound] if bound else parts)


_OF_BUCKETS = ("hold", "release", "clawback", "restore")
_BOUND = {"spend": "from", "hold": "from", "reverse": "back to", "release": "back to"}


def _bound(kind: str, same: list[Entry], scale: int, names: Names) -> str:
    """What moved in buckets that are for some features only: the balance beside it does not count those."""
    moved: dict[str, tuple[str, int]] = {}
    features: set[str] = set()
    for entry in same:
        bucket = names.bucket(entry.destination if kind in ("grant", "reverse", "release") else entry.source)
        if bucket is not None and bucket.features:
            moved[bucket.id] = (name_of(bucket), moved.get(bucket.id, ("", 0))[1] + entry.credits)
            features.update(bucket.features)
    if not moved or kind == "capture":
        return ""
    if kind not in _BOUND:
        return f"only for {', '.join(sorted(features))}"
    credits = sum(credits for _, credits in moved.values())
    part = "" if credits == sum(entry.credits for entry in same) else f"{credits_text(credits, scale)} "
    return f"{part}{_BOUND[kind]} {' and '.join(name for name, _ in moved.values())}"
