"""Taking back: a spend's reversal, last slice first, and a bucket's voiding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from billing.rules.refusals import AlreadyReversed, BucketEnded, Refusal
from billing.rules.wallet import recognition
from billing.rules.wallet.moves import Moves
from billing.rules.wallet.values import BucketState, Cause, Past, PastMovement


def reverse(position: Moves, past: Past, credits: int | None, cause: Cause) -> Refusal | None:
    """Gives back `credits` of a spend (None: all that is left), with the very cents they took."""
    left = sum(part.credits - part.reversed_credits for part in past.slices)
    rest = left if credits is None else credits
    if not left or rest > left:
        return AlreadyReversed(rest, left)
    past = _once(position, past)
    # Trust is undone before buckets are refilled, else what comes back would repay a debt that is about to vanish.
    last_first = past.slices[::-1]
    for part in (*filter(_on_trust, last_first), *(part for part in last_first if not _on_trust(part))):
        back = min(rest, part.credits - part.reversed_credits)
        rest -= back
        if back and _on_trust(part):
            _undo_overdraft(position, past, part.number, back, cause)
        elif back:
            position.bring_back(_bucket(position, part), back, _cents_back(part, back), cause, part.number, None)
    position.settle_debt(cause)  # what came back into ended buckets has repaid before what came back into live ones
    return None


def _once(position: Moves, past: Past) -> Past:
    """What comes back to a sale may undo the same repayments: each is counted in one place."""
    known = {part.number: part for part in position.debts or ()}
    forgiven = known.get(past.forgiven.number, past.forgiven) if past.forgiven is not None else None
    return replace(past, repayments=tuple(known.get(part.number, part) for part in past.repayments), forgiven=forgiven)


def _on_trust(part: PastMovement) -> bool:
    return part.source in ("overdraft", "held:overdraft")


def _cents_back(part: PastMovement, credits: int) -> int:
    """Cents that come back with the next `credits` of a past movement, which remembers them as reversed."""
    cents = recognition.comes_back(part.cents, part.credits, part.reversed_credits, part.reversed_cents, credits)
    part.reversed_credits += credits
    part.reversed_cents += cents
    return cents


def _undo_overdraft(position: Moves, past: Past, undoes: int, credits: int, cause: Cause) -> None:
    """What was never paid is undone first (owed still, or forgiven), then the last repayments, with their cents.

    All debts between two forgivings are one pool: what was overdrawn in it and not reversed is owed, forgiven or
    repaid, so this never runs out.
    """
    if past.forgiven is None:
        unpaid = min(credits, position.owed)
        if unpaid:
            position.owe_less(unpaid, cause, undoes)
            credits -= unpaid
    _undo_paid(position, past.repayments, past.forgiven, undoes, credits, cause)


def undo_paid(position: Moves, debts: Sequence[PastMovement], owed: int, credits: int, cause: Cause) -> None:
    """What entry `owed` made the wallet owe is no longer owed, and was repaid or forgiven since: that is undone.

    `debts`: all repayments and forgivings of the wallet, the oldest first.
    """
    repayments, forgiven = pool(debts, owed)
    _undo_paid(position, repayments, forgiven, owed, credits, cause)


def pool(debts: Sequence[PastMovement], owed: int) -> tuple[tuple[PastMovement, ...], PastMovement | None]:
    """The repayments between the same two forgivings as entry `owed`, last first, and the second of the two."""
    forgivings = [part for part in debts if part.kind == "forgive"]
    before = max((part.number for part in forgivings if part.number < owed), default=0)
    after = next((part for part in forgivings if part.number > owed), None)
    last = after.number if after is not None else float("inf")
    its = [part for part in debts if part.kind == "repay" and before < part.number < last]
    return tuple(reversed(its)), after


def _undo_paid(
    position: Moves,
    repayments: Sequence[PastMovement],
    forgiven: PastMovement | None,
    undoes: int,
    credits: int,
    cause: Cause,
) -> None:
    if forgiven is not None:
        unpaid = min(credits, forgiven.credits - forgiven.reversed_credits)
        if unpaid:
            forgiven.reversed_credits += unpaid
            position.unforgive(unpaid, cause, undoes, forgiven.number)
            credits -= unpaid
    for paid in repayments:
        back = min(credits, paid.credits - paid.reversed_credits)
        if back:
            credits -= back
            position.bring_back(_bucket(position, paid), back, _cents_back(paid, back), cause, undoes, paid.number)
    assert not credits, "more was overdrawn than is owed, forgiven and repaid"


def _bucket(position: Moves, part: PastMovement) -> BucketState:
    return position.buckets[int(part.source.partition(":")[2])]


def void(position: Moves, bucket: BucketState, name: str, cause: Cause) -> Refusal | None:
    """Ends a live or upcoming bucket now and takes its free credits with their cents."""
    status = bucket.status(position.at)
    if status not in ("live", "upcoming"):
        return BucketEnded(name, status)
    if not bucket.free:
        return BucketEnded(name, "held: release or capture its holds first")
    position.void(bucket, cause)
    return None
