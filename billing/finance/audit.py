"""The audit: our books against themselves. It reads one snapshot, reports, and never repairs.

Each check is named after the invariant it holds (numbers as in the handbook).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, case, cast, func, literal, select

from billing.base import ids
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits.opening import BUCKET_COLUMNS, bucket_state, hold_state, terms_of
from billing.credits.tables import bucket_ends, buckets, entries, holds, wallets
from billing.finance import audit_sales
from billing.finance.breach import Breach
from billing.rules.wallet.flows import FLOWS, place
from billing.rules.wallet.position import Position

__all__ = ["Breach", "breaches"]

_LISTED = {(flow.kind, flow.source, flow.destination): flow for flow in FLOWS}


@dataclass(slots=True)
class _Moved:
    """What entries say went through one account of a wallet."""

    credits: int = 0
    cents: int = 0


def breaches(tx: Tx, catalog: Catalog) -> list[Breach]:
    """All that is wrong; an empty list when the books add up."""
    found: list[Breach] = []
    accounts: dict[int, dict[str, _Moved]] = defaultdict(lambda: defaultdict(_Moved))
    for row in tx.connection.execute(_movements()):
        found.extend(_flow(row))
        for account, sign in ((row.source, -1), (row.destination, 1)):
            moved = accounts[row.wallet_id][account]
            moved.credits += sign * int(row.credits)
            moved.cents += sign * int(row.cents)
    for wallet in list(tx.connection.execute(select(wallets).order_by(wallets.c.id))):
        found.extend(_wallet(tx, catalog, dict(wallet._mapping), accounts[wallet.id]))
    found.extend(_sequence(tx))
    found.extend(_grants(tx))
    found.extend(_validity(tx))
    found.extend(_reversals(tx))
    found.extend(audit_sales.breaches(tx))
    return found


def _movements() -> Any:
    columns = (entries.c.wallet_id, entries.c.kind, entries.c.source, entries.c.destination)
    sums = (func.sum(entries.c.credits).label("credits"), func.sum(entries.c.cents).label("cents"))
    return select(*columns, *sums).group_by(*columns)


def _flow(row: Any) -> Iterator[Breach]:
    flow = _LISTED.get((row.kind, place(row.source), place(row.destination)))
    where = f"wallet {row.wallet_id}"
    if flow is None:
        yield Breach("listed flows", where, f"{row.kind}: {row.source} → {row.destination} is not on the list")
    elif row.cents and not flow.with_cents:
        yield Breach("listed flows", where, f"{row.kind}: {row.source} → {row.destination} moved {row.cents} cents")


def _wallet(tx: Tx, catalog: Catalog, row: dict[str, Any], accounts: dict[str, _Moved]) -> Iterator[Breach]:
    where = f"wallet {row['id']} ({row['customer_id']}, {row['unit']})"
    states = [
        bucket_state(b) for b in tx.connection.execute(select(*BUCKET_COLUMNS).where(buckets.c.wallet_id == row["id"]))
    ]
    for state in states:
        free, held = accounts[f"bucket:{state.number}"], accounts[f"held:{state.number}"]
        by_entries = (free.credits, held.credits, free.cents + held.cents)
        kept = (state.free, state.held, state.cents)
        name = ids.of("bkt", row["id"], state.number)
        if by_entries != kept:
            yield Breach("1 buckets", name, f"free, held, cents are {kept}, by the entries {by_entries}")
        if min(by_entries) < 0:
            yield Breach("1 buckets", name, f"more left it than came in: {by_entries}")
        if not state.left and state.cents:
            yield Breach("1 buckets", name, f"{state.cents} cents without credits")
    known = [hold_state(h) for h in tx.connection.execute(select(holds).where(holds.c.wallet_id == row["id"]))]
    if row["last_at"] is None:
        return
    terms, terms_end = terms_of(catalog, row, row["last_at"])
    position = Position(
        terms,
        row["last_at"],
        buckets=states,
        holds=known,
        owed=row["owed"],
        debt_due_at=row["debt_due_at"],
        terms_end=terms_end,
    )
    on_trust = accounts["held:overdraft"].credits
    owed = -accounts["overdraft"].credits - on_trust
    set_aside = sum(hold.credits for hold in known if hold.status == "open")
    figures: tuple[tuple[str, Any, Any], ...] = (
        ("available", row["available"], position.available),
        ("held", row["held"], set_aside),
        ("held pockets", row["held"], position.held),
        ("overdraft in holds", on_trust, position.overdraft_held),
        ("owed", row["owed"], owed),
        ("next_due_at", row["next_due_at"], position.next_due()),
    )
    for name, cached, truth in figures:
        if cached != truth:
            yield Breach("2 wallets", where, f"{name} is {cached}, by buckets, holds and entries {truth}")
    yield from _holds(tx, row["id"])


def _holds(tx: Tx, wallet: int) -> Iterator[Breach]:
    """Every hold was placed with entries, and what ended it used or gave back all of it."""
    sums = (
        select(
            entries.c.source,
            entries.c.destination,
            func.sum(entries.c.credits).label("credits"),
            entries.c.cause,
        )
        .where(entries.c.wallet_id == wallet, entries.c.kind == "hold")
        .group_by(entries.c.source, entries.c.destination, entries.c.cause)
    )
    placed: dict[str, int] = defaultdict(int)
    for row in tx.connection.execute(sums):
        placed[row.cause] += int(row.credits)
    for hold in tx.connection.execute(select(holds).where(holds.c.wallet_id == wallet)):
        named = f"hold:{hold.number}"
        parts = sum(credits for _, credits in hold.slices) + hold.overdraft
        if not placed.pop(named, None) == parts == hold.credits:
            yield Breach("3 causes", ids.of("hold", wallet, hold.number), "its entries don't add up to it")
    for cause in placed:
        yield Breach("3 causes", f"wallet {wallet}", f"entries of {cause}, which is not there")


def _sequence(tx: Tx) -> Iterator[Breach]:
    """Numbers are 1, 2, 3 … without a gap, and time does not go back in a wallet."""
    counted = (
        select(
            entries.c.wallet_id,
            func.count().label("rows"),
            func.min(entries.c.number).label("first"),
            func.max(entries.c.number).label("last"),
        )
        .group_by(entries.c.wallet_id)
        .subquery()
    )
    query = select(wallets.c.id, wallets.c.last_number, counted).outerjoin(counted, counted.c.wallet_id == wallets.c.id)
    for row in tx.connection.execute(query):
        if (row.rows or 0, row.last or 0, row.first or 1) != (row.last_number, row.last_number, 1):
            found = f"{row.rows} entries numbered {row.first} to {row.last}, the wallet counts {row.last_number}"
            yield Breach("2 numbers", f"wallet {row.id}", found)
    before = entries.alias()
    follows = (before.c.wallet_id == entries.c.wallet_id) & (before.c.number == entries.c.number - 1)
    back = (before.c.effective_at > entries.c.effective_at) | (before.c.recorded_at > entries.c.recorded_at)
    late = entries.c.effective_at > entries.c.recorded_at
    query = select(entries.c.wallet_id, entries.c.number).outerjoin(before, follows).where(back | late)
    for wallet, number in tx.connection.execute(query):
        yield Breach(
            "time",
            f"wallet {wallet}",
            f"entry {number} is dated before the one it follows, or after it was written",
        )


def _grants(tx: Tx) -> Iterator[Breach]:
    """Every bucket began with its own grant, and every grant made a bucket."""
    same = (buckets.c.wallet_id == entries.c.wallet_id) & (buckets.c.number == entries.c.number)
    granted = select(
        entries.c.wallet_id, entries.c.number, entries.c.credits, entries.c.cents, entries.c.cause,
        buckets.c.granted, buckets.c.paid_cents, buckets.c.origin,
    )  # fmt: skip
    for row in tx.connection.execute(granted.outerjoin(buckets, same).where(entries.c.kind == "grant")):
        if (row.credits, row.cents, row.cause) != (row.granted, row.paid_cents, row.origin):
            yield Breach("3 causes", ids.of("bkt", row.wallet_id, row.number), "its grant says something else")
    alone = select(buckets.c.wallet_id, buckets.c.number).outerjoin(entries, same & (entries.c.kind == "grant"))
    for wallet, number in tx.connection.execute(alone.where(entries.c.number.is_(None))):
        yield Breach("3 causes", ids.of("bkt", wallet, number), "no entry granted it")


def _validity(tx: Tx) -> Iterator[Breach]:
    """No spend or new hold took from a bucket outside the validity recorded at that moment."""
    changes: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for change in tx.connection.execute(select(bucket_ends).order_by(bucket_ends.c.number)):
        changes[(change.wallet_id, change.bucket)].append(change)
    source = literal("bucket:") + cast(buckets.c.number, String)
    its = (buckets.c.wallet_id == entries.c.wallet_id) & (entries.c.source == source)
    taken = select(entries.c.wallet_id, entries.c.number, entries.c.effective_at, buckets.c.number.label("bucket"),
                   buckets.c.effective_at.label("starts"), buckets.c.expires_at, buckets.c.voided_at)  # fmt: skip
    query = taken.join(buckets, its).where(entries.c.kind.in_(("spend", "hold")))
    has_changed = select(bucket_ends.c.bucket).where(
        bucket_ends.c.wallet_id == buckets.c.wallet_id, bucket_ends.c.bucket == buckets.c.number
    )
    outside = (
        (entries.c.effective_at < buckets.c.effective_at)
        | (entries.c.effective_at >= buckets.c.expires_at)
        | (entries.c.effective_at > buckets.c.voided_at)
        | has_changed.exists()
    )
    for row in tx.connection.execute(query.where(outside)):
        ends = row.expires_at
        for change in reversed(changes[(row.wallet_id, row.bucket)]):
            if change.recorded_at > row.effective_at:
                ends = change.was
        too_late = ends is not None and row.effective_at >= ends
        gone = row.voided_at is not None and row.effective_at > row.voided_at
        if row.effective_at < row.starts or too_late or gone:
            found = f"entry {row.number} took from {ids.of('bkt', row.wallet_id, row.bucket)} outside its validity"
            yield Breach("5 validity", f"wallet {row.wallet_id}", found)


def _reversals(tx: Tx) -> Iterator[Breach]:
    """Never more comes back of a movement than it moved."""
    back, undone = entries.alias(), entries
    of_bucket = case((undone.c.cents > 0, back.c.cents), else_=0)
    for by in ("undoes", "via"):
        same = (back.c.wallet_id == undone.c.wallet_id) & (back.c[by] == undone.c.number)
        sums = (
            select(undone.c.wallet_id, undone.c.number)
            .join(back, same)
            .where(back.c.kind == "reverse")
            .group_by(undone.c.wallet_id, undone.c.number, undone.c.credits, undone.c.cents)
            .having((func.sum(back.c.credits) > undone.c.credits) | (func.sum(of_bucket) > undone.c.cents))
        )
        for wallet, number in tx.connection.execute(sums):
            yield Breach("3 causes", f"wallet {wallet}", f"more came back of entry {number} than it moved")
