"""Why a balance is what it is: its causes in plain words, each with what was available after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing import Bucket, Entry

Write = Callable[[int], str]
"""Credits as people read them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One cause: what happened, by how much it changed what is available, and what was available then."""

    at: datetime
    what: str
    change: int
    after: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """`opening` and the steps' changes add up to `available`. `earlier`: were there causes before the first step?"""

    opening: int
    steps: tuple[Step, ...]
    available: int
    earlier: bool


def explain(
    entries: Sequence[Entry], buckets: Mapping[str, Bucket], available: int, now: datetime, most: int, write: Write
) -> Explanation:
    """From entries in order, the buckets they name, and what is available now: the last `most` causes.

    A bucket that was granted for later becomes available without an entry; and what time has done since the last
    entry may not be written yet. Both are steps of their own, so that the changes add up.
    """
    steps: list[Step] = []
    running = 0
    starts = sorted(_starts(entries, buckets, now), key=lambda bucket: bucket.effective_at)
    for _, group in groupby(entries, key=lambda entry: (entry.cause, entry.effective_at)):
        parts = list(group)
        while starts and starts[0].effective_at <= parts[0].effective_at:
            running = _begin(steps, starts.pop(0), running, write)
        after = parts[-1].available_after
        steps.append(Step(parts[0].effective_at, _words(parts, buckets, write), after - running, after))
        running = after
    for bucket in starts:
        running = _begin(steps, bucket, running, write)
    if running != available:
        steps.append(Step(now, "Ended or begun since, not written down yet", available - running, available))
    shown = steps[-most:]
    opening = shown[0].after - shown[0].change if shown else 0
    return Explanation(opening, tuple(shown), available, earlier=len(shown) < len(steps))


def _starts(entries: Sequence[Entry], buckets: Mapping[str, Bucket], now: datetime) -> Iterator[Bucket]:
    """General buckets granted for later, whose time has come, unless they were withdrawn before."""
    withdrawn = {entry.source: entry.effective_at for entry in entries if entry.kind == "void"}
    for entry in entries:
        bucket = buckets.get(entry.destination.partition(":")[2]) if entry.kind == "grant" else None
        if bucket is None or bucket.features or not entry.effective_at < bucket.effective_at <= now:
            continue
        gone = withdrawn.get(entry.destination)
        if gone is None or gone >= bucket.effective_at:
            yield bucket


def _begin(steps: list[Step], bucket: Bucket, running: int, write: Write) -> int:
    after = running + bucket.granted
    what = f"Became available: {write(bucket.granted)} of {_name(bucket)}"
    steps.append(Step(bucket.effective_at, what, bucket.granted, after))
    return after


def _words(parts: Sequence[Entry], buckets: Mapping[str, Bucket], write: Write) -> str:
    said = [_sentence(kind, list(group), buckets, write) for kind, group in groupby(parts, key=_act)]
    return "; ".join(sentence for sentence in said if sentence)


_ACTS = {"overdraw": "spend"}


def _act(entry: Entry) -> str:
    return _ACTS.get(entry.kind, entry.kind)


_VERBS = {
    "spend": "Spent",
    "capture": "Spent, as it was set aside,",
    "reverse": "Given back",
    "hold": "Set aside",
    "release": "No longer set aside",
    "expire": "Expired",
    "revive": "No longer expired:",
    "roll_over": "Rolled over",
    "void": "Withdrawn",
    "repay": "Paid off what was owed with",
    "forgive": "Forgiven what was owed,",
    "clawback": "Taken back, as its payment went back,",
    "owe": "Owed, as its payment went back after it was used,",
    "restore": "There again, as its payment did not go back after all,",
    "sell": "Paid for months to come",
}


_AFTER_A_CHANGE = {
    "clawback": "Taken back, as the plan was changed,",
    "owe": "Owed, as it was used before the plan was changed,",
    "restore": "There again, as the plan was changed,",
}


def _sentence(act: str, parts: Sequence[Entry], buckets: Mapping[str, Bucket], write: Write) -> str:
    first, credits = parts[0], sum(part.credits for part in parts)
    if act == "grant":
        return _granted(first, buckets, write)
    if act == "roll_over":
        return "; ".join(_rolled(part, buckets, write) for part in parts)
    if act == "credit_back":
        return _credited(parts, buckets)
    note = next((part.description for part in parts if part.description), None)
    used_for = next((part.feature for part in parts if part.feature), None)
    by = next((part.member for part in parts if part.member), None)
    verbs = {**_VERBS, **_AFTER_A_CHANGE} if first.cause.startswith("change:") else _VERBS
    sentence = f"{verbs.get(act, act)} {write(credits)}"
    if used_for is not None:
        sentence += f" for {used_for}"
    if by is not None:
        sentence += f" by {by}"
    named = _pockets(parts, buckets, write)
    if named:
        preposition = {"spend": "from", "capture": "from", "hold": "in", "reverse": "to", "release": "in"}.get(
            act, "of"
        )
        sentence += f" {preposition} {named}"
    return f"{sentence} ({note})" if note else sentence


def _credited(parts: Sequence[Entry], buckets: Mapping[str, Bucket]) -> str:
    """Money alone: a line of an invoice gave it back."""
    from billing.base.wording import money_text

    named = ", ".join(dict.fromkeys(pocket for part in parts if (pocket := _pocket(part, buckets)) is not None))
    money = money_text(sum(part.cents for part in parts), parts[0].currency or "")
    return f"{money} of what was paid{f' for {named}' if named else ''} were credited"


def _rolled(entry: Entry, buckets: Mapping[str, Bucket], write: Write) -> str:
    source, target = (buckets.get(account.partition(":")[2]) for account in (entry.source, entry.destination))
    if source is None or target is None:
        return f"Rolled over {write(entry.credits)}"
    if source.origin == f"rolled:{_number(target)}":
        return f"Rolled back {write(entry.credits)} to {_name(target)}: newer ones took its place"
    return f"Rolled over {write(entry.credits)} of {_name(source)}"


def _number(bucket: Bucket) -> int:
    """Its number in the wallet, by which what is rolled from it is named."""
    from billing.base import ids

    place = ids.read("bkt", bucket.id)
    assert place is not None
    return place[1]


def _granted(entry: Entry, buckets: Mapping[str, Bucket], write: Write) -> str:
    from billing.base.wording import money_text, time_text

    bucket = buckets.get(entry.destination.partition(":")[2])
    sentence = f"Granted {write(entry.credits)}: {_name(bucket) if bucket else entry.description or entry.cause}"
    if entry.cents and entry.currency:
        sentence += f", paid {money_text(entry.cents, entry.currency)}"
    if bucket is not None and bucket.features:
        sentence += f", for {', '.join(bucket.features)} only"
    if bucket is not None and bucket.effective_at > entry.effective_at:
        sentence += f", to begin {time_text(bucket.effective_at)}"
    return sentence


def _pockets(parts: Sequence[Entry], buckets: Mapping[str, Bucket], write: Write) -> str:
    """The buckets that movements took from or gave to; each with its credits where there are several."""
    found: dict[str, int] = {}
    for part in parts:
        pocket = _pocket(part, buckets)
        if pocket is not None:
            found[pocket] = found.get(pocket, 0) + part.credits
    if len(found) < 2:
        return "".join(found)
    return ", ".join(f"{pocket} ({write(credits)})" for pocket, credits in found.items())


def _pocket(entry: Entry, buckets: Mapping[str, Bucket]) -> str | None:
    for account in (entry.source, entry.destination):
        place, _, name = account.partition(":")
        if place in ("bucket", "held") and name in buckets:
            return _name(buckets[name])
        if "overdraft" in (place, name) and entry.kind != "forgive":
            return "the overdraft"
    return None


def _name(bucket: Bucket) -> str:
    return bucket.description or bucket.origin
