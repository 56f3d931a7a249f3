"""The audit of buckets: their pockets and cents against entries, and which cents moved along with credits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from billing.base import ids
from billing.base.db import Tx
from billing.credits import purse
from billing.credits.rows import bucket_state
from billing.credits.tables import entries
from billing.finance.auditing import recognition as audit_recognition
from billing.finance.auditing.asking import named
from billing.finance.auditing.books import Account, Books
from billing.finance.auditing.breach import Breach
from billing.rules.wallet import recognition
from billing.rules.wallet.values import BucketState


def of_wallet(books: Books) -> Iterator[Breach]:
    """All that is wrong with the buckets of one wallet."""
    in_holds: dict[int, int] = {}
    for hold in books.open_holds:
        for number, credits in hold.slices:
            in_holds[number] = in_holds.get(number, 0) + credits
    known: set[str] = set()
    for row in books.buckets:
        state = bucket_state(row)
        purse.pour(books.row, [state])
        known |= {f"bucket:{state.number}", f"held:{state.number}"}
        for found in _wrong(books, state, row.is_open, in_holds.pop(state.number, 0)):
            yield Breach("1 buckets", ids.of("bkt", books.row["id"], state.number), found)
    for account in books.accounts:
        if account.startswith(("bucket:", "held:")) and account not in known and account != "held:overdraft":
            yield Breach("1 buckets", books.where, f"entries name {account}, which is not there")
    for number in in_holds:
        yield Breach("3 holds", books.where, f"an open hold names bucket {number}, which is not there")


def _wrong(books: Books, state: BucketState, is_open: bool, in_holds: int) -> Iterator[str]:
    empty = Account()
    free = books.accounts.get(f"bucket:{state.number}", empty)
    held = books.accounts.get(f"held:{state.number}", empty)
    by_entries = (free.credits, held.credits, free.cents + held.cents)
    kept = (state.free, state.held, state.cents)
    expired, voided = (books.unused.get((kind, str(state.number)), [0, 0, 0]) for kind in ("expired", "voided"))
    unused = (expired[0], voided[0], expired[1] + voided[1], expired[2], voided[2])
    said = (state.expired, state.voided, state.counted, state.expired_cents, state.voided_cents)
    if by_entries != kept:
        yield f"free, held, cents are {kept}, by the entries {by_entries}"
    if min(by_entries) < 0:
        yield f"more left it than came in: {by_entries}"
    if not state.left and state.cents and not _was_taken(books, state):
        yield f"{state.cents} cents without credits"
    if state.held != in_holds + state.disputed:
        yield f"{state.held} credits are held, by open holds and disputes {in_holds + state.disputed}"
    if (free.currencies | held.currencies) - {state.currency}:
        moved = sorted(str(one) for one in free.currencies | held.currencies)
        yield f"its cents are {state.currency}, by the entries {', '.join(moved)}"
    if bool(state.paid_cents) != (state.currency is not None):
        yield f"{state.paid_cents} cents of the currency {state.currency} were paid for it"
    if said != unused:
        yield f"expired, voided, counted and their cents are {said}, by the entries {unused}"
    if is_open != (state.left > 0 or state.cents > 0):
        yield f"is_open is {is_open} with {state.left} credits left"


def _was_taken(books: Books, state: BucketState) -> bool:
    """Only what is taken back may leave cents without credits."""
    return any(row.kind == "clawback" and row.source == f"bucket:{state.number}" for row in books.movements)


def breaches(tx: Tx) -> Iterator[Breach]:
    """Which cents moved along with credits, out of buckets and back."""
    yield from audit_recognition.breaches(tx)
    yield from _came_back(tx)


def _came_back(tx: Tx) -> Iterator[Breach]:
    """A reversal brings back the very cents that were taken, in parts by the same rule. Few rows, reckoned here."""
    place, credits_before, cents_before = None, 0, 0
    for wallet, number, credits, cents, undone, took_credits, took_cents in tx.connection.execute(_back()):
        if place != (wallet, undone):
            place, credits_before, cents_before = (wallet, undone), 0, 0
        if took_credits:
            should = recognition.comes_back(took_cents, took_credits, credits_before, cents_before, credits)
            if cents != should:
                found = f"brings back {cents} cents of entry {undone}, it should bring {should}"
                yield Breach("1 recognition", named("entry", wallet, number), found)
        credits_before, cents_before = credits_before + credits, cents_before + cents


@cache
def _back() -> Select[Any]:
    """Reversals that bring something back into buckets, after one another, with what they undo."""
    e, part = entries.c, entries.alias()
    of = func.coalesce(e.via, e.undoes)
    query = (
        select(e.wallet_id, e.number, e.credits, e.cents, of.label("of"), part.c.credits, part.c.cents)
        .join(part, and_(part.c.wallet_id == e.wallet_id, part.c.number == of))
        .where(
            e.undoes.is_not(None),
            e.kind == "reverse",
            or_(part.c.cents > 0, e.cents > 0),
            e.destination.startswith("bucket:"),
        )
        .order_by(e.wallet_id, of, e.number)
    )
    return query.execution_options(yield_per=1_000)
