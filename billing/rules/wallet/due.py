"""Due: all that time does to a wallet up to an instant, in the order of time.

A verb passes it before its request, a reader passes it and throws the movements away: what is shown is what can be
spent, however late the job is.
"""

from __future__ import annotations

from datetime import datetime

from billing.rules.wallet import freeplan, months
from billing.rules.wallet.burndown import order
from billing.rules.wallet.position import Position
from billing.rules.wallet.values import BucketState, Cause, HoldState


def advance(position: Position, until: datetime) -> None:
    """Does everything due at or before `until`, each thing dated when it was due, then stands at `until`.

    At one instant: holds lapse, buckets end, months are allotted, buckets start, the debt's period ends, the plan's
    terms end, repayment.
    """
    while (instant := position.next_due()) is not None and instant <= until:
        _go_on(position, instant)
        _end_empty(position, instant)
        for hold in sorted(position.open_holds(), key=lambda hold: hold.number):
            if hold.lapses_at <= instant:
                lapse(position, hold)
        for bucket in _ending(position, instant):
            position.end(bucket, Cause(f"end:{bucket.number}"))
        for month in sorted(position.months.values(), key=lambda month: (month.starts_at, month.number)):
            if month.to_come and month.starts_at <= instant:
                months.allot(position, month)
        freeplan.advance(position, instant)
        for bucket in sorted(position.buckets.values(), key=lambda bucket: bucket.number):
            if not bucket.live and bucket.effective_at <= instant and not bucket.ended(instant):
                position.start(bucket)
        period = Cause(f"period:{position.next_number}")
        if position.owed and position.debt_due_at is not None and position.debt_due_at <= instant:
            _end_of_period(position, period)
        _end_terms(position, instant)
        position.settle_debt(period)
    _go_on(position, until)
    _end_terms(position, position.at)
    for bucket in _ending(position, position.at):  # those with nothing free: no movement, but no longer valid
        position.end(bucket, Cause(f"end:{bucket.number}"))
    position.end_act()


def _go_on(position: Position, instant: datetime) -> None:
    """Time goes on to that instant, never back: what was done before it is an act of its own."""
    if instant > position.at:
        position.end_act()
        position.at = instant


def _end_empty(position: Position, instant: datetime) -> None:
    """Buckets whose end was before it, and found nothing to be done: what comes back to one is too late."""
    for bucket in _ending(position, instant):
        if bucket.expires_at is not None and bucket.expires_at < instant:
            position.end(bucket, Cause(f"end:{bucket.number}"))


def _end_terms(position: Position, instant: datetime) -> None:
    """A plan's terms hold up to an instant, however late that is noticed."""
    if position.terms_end is not None and position.terms_end[0] <= instant:
        position.change_terms(position.terms_end[1])


def lapse(position: Position, hold: HoldState) -> None:
    """The hold's time is over: what it set aside is free again."""
    give_back(position, hold, Cause(f"hold:{hold.number}"))
    hold.status, hold.ended_at = "lapsed", position.at
    position.changed_holds[hold.number] = hold


def give_back(position: Position, hold: HoldState, cause: Cause) -> None:
    """All that a hold set aside comes back, slice by slice."""
    for number, credits in hold.slices:
        position.free_again(position.buckets[number], credits, cause)
    if hold.overdraft:
        position.release_overdraft(hold.overdraft, cause)


def _ending(position: Position, instant: datetime) -> list[BucketState]:
    ending = [b for b in position.buckets.values() if b.live and b.expires_at is not None and b.expires_at <= instant]
    return sorted(ending, key=order(position.terms.burn_down))


def _end_of_period(position: Position, cause: Cause) -> None:
    """`carry` repays with what is there, `forgive` forgives; what is still owed waits for the next period's end."""
    position.debt_due_at = None
    if position.terms.overdraft.debt == "carry":
        position.repay(cause)
    elif position.terms.overdraft.debt == "forgive":
        position.forgive(cause)
