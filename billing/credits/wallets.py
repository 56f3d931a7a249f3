"""Questions about wallets and their buckets. What is shown has passed the same rules as what can be spent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_

from billing.base import ids
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import customers, lows
from billing.credits.opening import complete, open_months, open_wallet
from billing.credits.past import position_then
from billing.credits.positions import position_of, terms_of
from billing.credits.rows import BUCKET_COLUMNS, bucket_state
from billing.credits.tables import buckets, holds, wallets
from billing.credits.values import Bucket, Wallet, bucket_value
from billing.credits.writing import write
from billing.rules import asking
from billing.rules.refusals import Invalid, Refusal, UnknownBucket, UnknownCustomer, UnknownUnit
from billing.rules.wallet import due, thresholds
from billing.rules.wallet import overdraft as overdrafts
from billing.rules.wallet.position import Position

UNSET: Any = object()
"""Leave this setting as it is."""

_STATUSES = ("upcoming", "live", "used", "expired", "voided")


def wallet(
    tx: Tx,
    catalog: Catalog,
    customer: str,
    unit: str,
    *,
    at: datetime | None = None,
    as_of: datetime | None = None,
) -> Wallet | Refusal:
    """The wallet now, as we knew it `at` a past instant, or as it was in truth `as_of` one."""
    wrong = asking.refuse(at=_past(tx, at), as_of=_past(tx, as_of))
    if wrong is None and at is not None and as_of is not None:
        wrong = Invalid.field("as_of", "Give at or as_of, not both.")
    row = wrong or _row(tx, catalog, customer, unit)
    if isinstance(row, Refusal):
        return row
    if row["id"] is None:
        position = Position(terms_of(catalog, row, tx.now)[0], tx.now)
    elif at is None and as_of is None:
        position = position_now(tx, catalog, row)
    else:
        position = position_then(tx, catalog, row, at or as_of or tx.now, known=at is not None)
    return _value(catalog, row, position)


def bucket(tx: Tx, catalog: Catalog, customer: str, name: str) -> Bucket | Refusal:
    """One bucket of the customer, as it is now."""
    place = ids.read("bkt", name)
    row = None
    if place is not None:
        match = (buckets.c.wallet_id == place[0]) & (buckets.c.number == place[1])
        row = tx.connection.execute(
            select(*BUCKET_COLUMNS, buckets.c.wallet_id, wallets.c.customer_id, wallets.c.unit)
            .join(wallets, wallets.c.id == place[0])
            .where(match)
        ).one_or_none()
    if row is None or row.customer_id != customer:
        return UnknownBucket(name)
    its = _row(tx, catalog, customer, row.unit)
    if isinstance(its, Refusal):
        return its
    position = position_now(tx, catalog, its)
    state = position.buckets.get(row.number) or bucket_state(row)
    return bucket_value(row.wallet_id, customer, row.unit, state, position.at)


def page(
    tx: Tx,
    catalog: Catalog,
    customer: str,
    *,
    unit: str | None,
    status: str | None,
    after: str | None,
    limit: int,
) -> list[Bucket] | Refusal:
    """The customer's buckets, newest first in each unit, beginning behind the bucket `after`: what is due and not yet
    written down among them.
    """
    if status is not None and status not in _STATUSES:
        return Invalid.field("status", f"Must be one of {', '.join(_STATUSES)}.")
    start = ids.read("bkt", after) if after is not None else None
    wrong = asking.refuse(
        unit=asking.maybe(asking.text, unit),
        after="Must be the id of a bucket." if after is not None and start is None else None,
        limit=asking.count(limit),
    )
    if wrong is not None:
        return wrong
    if unit is not None and unit not in catalog.units:
        return UnknownUnit(unit)
    known = customers.find(tx, customer)
    if isinstance(known, Refusal):
        return known
    rows = select(wallets).where(wallets.c.customer_id == customer).order_by(wallets.c.id.desc())
    if unit is not None:
        rows = rows.where(wallets.c.unit == unit)
    units, positions, unwritten = {}, {}, list[tuple[int, int]]()
    for row in tx.connection.execute(rows):
        units[row.id], positions[row.id] = row.unit, position_now(tx, catalog, dict(row._mapping))
        unwritten += [(row.id, number) for number in positions[row.id].buckets if number > row.last_number]
    found: list[Bucket] = []
    while len(found) < limit:
        query = select(*BUCKET_COLUMNS, buckets.c.wallet_id).where(buckets.c.wallet_id.in_(list(units)))
        if start is not None:
            query = query.where(tuple_(buckets.c.wallet_id, buckets.c.number) < tuple_(*start))
        query = query.order_by(buckets.c.wallet_id.desc(), buckets.c.number.desc()).limit(200)
        chunk = {(row.wallet_id, row.number): row for row in tx.connection.execute(query)}
        end = min(chunk) if len(chunk) == 200 else (0, 0)
        due = [key for key in unwritten if end < key and (start is None or key < start)]
        for wallet, number in sorted({*chunk, *due}, reverse=True):
            position = positions[wallet]
            state = position.buckets.get(number) or bucket_state(chunk[wallet, number])
            if status is None or state.status(position.at) == status:
                found.append(bucket_value(wallet, customer, units[wallet], state, position.at))
        if len(chunk) < 200:
            break
        start = end
    return found[:limit]


def change(
    tx: Tx, catalog: Catalog, customer: str, unit: str, *, overdraft: Any = UNSET, low_balance: Any = UNSET,
    frozen: Any = UNSET
) -> Wallet | Refusal:  # fmt: skip
    """Sets the wallet's own overdraft or low balance (the catalog's form; None = the plan's or the catalog's again), or
    freezes it.
    """
    setting: Any = overdrafts.parse(overdraft) if overdraft is not UNSET and overdraft is not None else None
    lows_set: Any = thresholds.parse(low_balance) if low_balance is not UNSET and low_balance is not None else None
    wrong = asking.refuse(
        customer=asking.name(customer),
        unit=asking.text(unit),
        overdraft=setting if isinstance(setting, str) else None,
        low_balance=lows_set if isinstance(lows_set, str) else None,
        frozen=None if frozen is UNSET or isinstance(frozen, bool) else "Must be true or false.",
    )
    opened = wrong or open_wallet(tx, catalog, customer, unit)
    if isinstance(opened, Refusal):
        return opened
    if overdraft is not UNSET:
        opened.changed["overdraft"] = None if setting is None else setting.setting()
    if low_balance is not UNSET:
        opened.changed["low_balance"] = None if lows_set is None else thresholds.document(lows_set)
    if frozen is not UNSET and frozen != opened.position.frozen:
        opened.changed["frozen_at"] = opened.at if frozen else None
        opened.position.frozen = frozen
    row = {**opened.row, **opened.changed}
    opened.position.reconsider(*terms_of(catalog, row, opened.at))
    write(tx, [opened])
    return _value(catalog, row, opened.position)


def exists(tx: Tx, catalog: Catalog, customer: str, unit: str) -> Refusal | None:
    """Why there is no such wallet, or None."""
    row = _row(tx, catalog, customer, unit)
    return row if isinstance(row, Refusal) else None


def set_auto_topup(
    tx: Tx, catalog: Catalog, customer: str, unit: str, document: dict[str, Any] | None
) -> bool | Refusal:
    """What is bought for the wallet by itself, as it was judged; says whether that is another than before. Whether it
    is due follows from its balance.
    """
    opened = open_wallet(tx, catalog, customer, unit)
    if isinstance(opened, Refusal):
        return opened
    before = opened.row["auto_topup"]
    opened.changed["auto_topup"] = document
    write(tx, [opened])
    return bool(before != document)


def _past(tx: Tx, moment: datetime | None) -> str | None:
    problem = asking.maybe(asking.instant, moment)
    if problem is None and moment is not None and moment > tx.now:
        return "Must not lie in the future."
    return problem


def _row(tx: Tx, catalog: Catalog, customer: str, unit: str) -> dict[str, Any] | Refusal:
    """The wallet's row; one that nobody has used yet is empty and has no id."""
    if asking.text(unit) is not None or unit not in catalog.units:
        return UnknownUnit(unit)
    if asking.name(customer) is not None:
        return UnknownCustomer(customer)
    match = (wallets.c.customer_id == customer) & (wallets.c.unit == unit)
    row = tx.connection.execute(select(wallets).where(match)).one_or_none()
    if row is not None:
        return dict(row._mapping)
    known = customers.find(tx, customer)
    if isinstance(known, Refusal):
        return known
    return {**dict.fromkeys(wallets.c.keys()), "customer_id": customer, "unit": unit}


def position_now(tx: Tx, catalog: Catalog, row: dict[str, Any]) -> Position:
    """The wallet as it is now; to be looked at and thrown away."""
    open_buckets = select(*BUCKET_COLUMNS).where(buckets.c.wallet_id == row["id"], buckets.c.is_open)
    open_holds = select(holds).where(holds.c.wallet_id == row["id"], holds.c.status == "open")
    position, at = position_of(
        catalog,
        row,
        tx.connection.execute(open_buckets),
        tx.connection.execute(open_holds),
        open_months(tx, [row]).get(row["id"], ()),
        tx.now,
    )
    complete(tx, row["id"], position)
    due.advance(position, at)
    return position


def _value(catalog: Catalog, row: dict[str, Any], position: Position) -> Wallet:
    live = [state for state in position.ordered() if state.left]
    upcoming = [state for state in position.buckets.values() if state.status(position.at) == "upcoming"]
    upcoming.sort(key=lambda state: (state.effective_at, state.number))
    features = sorted({feature for state in live for feature in state.features})
    ends = [state.expires_at for state in live if state.free and state.expires_at is not None]
    return Wallet(
        customer=row["customer_id"],
        unit=row["unit"],
        scale=catalog.units[row["unit"]].scale,
        available=position.available,
        held=position.held,
        owed=position.owed,
        overdraft=position.terms.overdraft,
        frozen=position.frozen,
        spendable={name: sum(state.free for state in position.payers(name)) for name in features},
        buckets=tuple(
            bucket_value(row["id"], row["customer_id"], row["unit"], state, position.at) for state in [*live, *upcoming]
        ),
        next_expiry=min(ends, default=None),
        low_balance=tuple(thresholds.document(lows.settings(catalog, row, position.at)[0])),
    )
