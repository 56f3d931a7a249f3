"""The purse: nearly every spend, without opening the wallet. What may lie in it is decided by `rules/wallet/purse`.

It stands in columns of the wallet's row that only this file touches. What lies in it is not in its bucket's row: who
reads buckets pours it back (`pour`), who writes a wallet fills it anew (`fill`). So it changes what a spend costs and
nothing else; with the calls of this file taken out everything is as before, and slower.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg

from billing.base import ids
from billing.base.types import json_text, sqlite_time
from billing.catalog.terms import Catalog
from billing.credits.values import Receipt, Spend
from billing.rules.wallet import purse as rule
from billing.rules.wallet.position import Position
from billing.rules.wallet.purse import Purse
from billing.rules.wallet.values import BucketState

_FIELDS = {
    "purse_bucket": "bucket",
    "purse_credits": "credits",
    "purse_cents": "cents",
    "purse_left": "left",
    "purse_basis_cents": "basis_cents",
    "purse_basis_credits": "basis_credits",
    "purse_currency": "currency",
    "purse_from": "since",
    "purse_until": "until",
    "purse_policy": "policy",
}
"""The wallet's columns and what stands in them."""

_EMPTY: dict[str, Any] = dict.fromkeys(_FIELDS)


def policy_of(catalog: Catalog) -> str:
    """What a purse was filled under, and is spent from under: these rules and this catalog."""
    return f"{rule.RULES}:{catalog.version}"


def fill(position: Position, catalog: Catalog, next_low: int | None, low_until: datetime | None) -> Purse | None:
    """What goes into the purse of a wallet that is about to be written. Nothing where each spend is to be told of."""
    if catalog.policy.spent_events:
        return None
    return rule.fill(position, policy_of(catalog), next_low=next_low, low_until=low_until)


def columns(purse: Purse | None) -> dict[str, Any]:
    """The wallet's columns with this purse in it, or with none."""
    return _EMPTY if purse is None else {column: getattr(purse, name) for column, name in _FIELDS.items()}


def of(row: Mapping[str, Any]) -> Purse | None:
    """The purse that a wallet's row says."""
    if row["purse_bucket"] is None:
        return None
    return Purse(**{name: row[column] for column, name in _FIELDS.items()})


def pour(row: Mapping[str, Any], buckets: Iterable[BucketState]) -> None:
    """What lies in the wallet's purse is in its bucket: so it is for whoever reads buckets."""
    number = row["purse_bucket"]
    if number is not None:
        for bucket in buckets:
            if bucket.number == number:
                bucket.free += row["purse_credits"]
                bucket.cents += row["purse_cents"]


def beside(purse: Purse | None, bucket: dict[str, Any]) -> dict[str, Any]:
    """A bucket's row to be written without what lies in the purse."""
    if purse is not None and purse.bucket == bucket["number"]:
        bucket["free"] -= purse.credits
        bucket["cents"] -= purse.cents
    return bucket


def spend(cursor: Any, now: datetime, policy: str, request: Spend, asked: str) -> Receipt | None:
    """The spend, if the purse pays it; None if it has to be decided, or was decided before under its key.

    `cursor` is the driver's own in a transaction at READ COMMITTED, or with each statement one of its own.
    """
    if isinstance(cursor, psycopg.Cursor):
        values = {**_asked(request, asked), "now": now, "policy": policy}
        values["details"] = json_text(values["details"])
        drawn = cursor.execute(_ONE, values).fetchone()
        return None if drawn is None else _receipt(request, *drawn)
    if isinstance(cursor, sqlite3.Cursor):
        return _in_few_statements(cursor, now, policy, request, asked)
    return None  # a host's session through a driver that is none of ours


def spend_each(
    cursor: Any, now: datetime, policy: str, requests: Mapping[int, tuple[Spend, str]], others: Iterable[Spend]
) -> dict[int, Receipt]:
    """Those of the requests, each in a wallet of its own, that purses pay. On PostgreSQL in one statement.

    It locks the wallets of `others`, too: all of a batch's are locked in the order of their ids.
    """
    if not requests:
        return {}
    if isinstance(cursor, psycopg.Cursor):
        asked = [{"place": place, **_asked(*one)} for place, one in requests.items()]
        wallets = [{"customer": one.customer, "unit": one.unit} for one in others]
        values = {"asked": json_text(asked), "others": json_text(wallets), "now": now, "policy": policy}
        rows = cursor.execute(_MANY, values).fetchall()
        paying = {wallet: (place, bucket) for wallet, place, bucket, _, at in rows if at is None}
        return {
            paying[wallet][0]: _receipt(
                requests[paying[wallet][0]][0], wallet, number, paying[wallet][1], available, owed, at
            )
            for wallet, number, available, owed, at in rows
            if at is not None
        }
    if isinstance(cursor, sqlite3.Cursor):
        receipts = {place: _in_few_statements(cursor, now, policy, *one) for place, one in requests.items()}
        return {place: receipt for place, receipt in receipts.items() if receipt is not None}
    return {}


# The order matters, and was tried with sixteen processes: the first part locks the wallets' rows and so sees their
# newest versions; an entry is inserted with its key only if the purse pays; the purse is drawn from only if it was
# inserted. Nothing here reads buckets: the statement's snapshot may be older than the lock.
_REQUEST = {
    "credits": "bigint", "key": "text", "asked": "text", "member": "text", "feature": "text", "description": "text",
    "details": "jsonb",
}  # fmt: skip
_AT = "greatest(last_at, %(now)s::timestamptz)"


def _pays(credits: str) -> str:
    return f"""purse_credits >= {credits} AND purse_policy = %(policy)s::text AND frozen_at IS NULL
            AND purse_from <= {_AT} AND (purse_until IS NULL OR {_AT} < purse_until)"""


def _wallet(credits: str) -> str:
    return f"""w.id, last_number + 1 AS number, purse_bucket, available - {credits} AS available, owed, {_AT} AS at,
           purse_cents, purse_currency,
           least(purse_cents, div(purse_basis_cents::numeric * (purse_left - {credits}) + purse_basis_credits - 1,
                                  purse_basis_credits))::bigint AS stays"""


def _entry(request: Mapping[str, str]) -> str:
    """Inserted of each wallet that pays, under its request's key, unless that was used before."""
    credits, key, asked, *others = (request[name] for name in _REQUEST)
    return f"""
    INSERT INTO billing_entries (
        wallet_id, number, kind, source, destination, credits, cents, currency, cause, key, request, member, feature,
        description, details, available_after, owed_after, effective_at, recorded_at, posted_at
    )
    SELECT id, number, 'spend', 'bucket:' || purse_bucket, 'consumed', {credits}, purse_cents - stays,
           CASE WHEN purse_cents > stays THEN purse_currency END, 'spend:' || number, {key}, {asked},
           {", ".join(others)}, available, owed, at, at, at
    FROM wallet
    WHERE pays
    ON CONFLICT DO NOTHING
    RETURNING wallet_id, number, credits, cents, available_after, owed_after, effective_at
"""


_DRAW_EACH = """
    UPDATE billing_wallets AS w
    SET available = entry.available_after, last_number = entry.number, last_at = entry.effective_at,
        purse_credits = w.purse_credits - entry.credits, purse_cents = w.purse_cents - entry.cents,
        purse_left = w.purse_left - entry.credits
    FROM entry
    WHERE w.id = entry.wallet_id
"""
_GIVEN = {name: f"%({name})s::{kind}" for name, kind in _REQUEST.items()}
# A wallet whose purse does not pay is not even locked: that would be written, and waited for.
_ONE = f"""
WITH wallet AS MATERIALIZED (
    SELECT {_wallet(_GIVEN["credits"])}, TRUE AS pays
    FROM billing_wallets AS w
    WHERE customer_id = %(customer)s::text AND unit = %(unit)s::text AND {_pays(_GIVEN["credits"])}
    FOR NO KEY UPDATE OF w
), entry AS ({_entry(_GIVEN)})
{_DRAW_EACH} RETURNING w.id, last_number, purse_bucket, available, owed, last_at
"""
_MANY = f"""
WITH q AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(asked)s::json)
        AS q(place int, customer text, unit text, {", ".join(f"{name} {kind}" for name, kind in _REQUEST.items())})
    UNION ALL
    SELECT NULL, customer, unit, {", ".join("NULL" for _ in _REQUEST)}
    FROM json_to_recordset(%(others)s::json) AS q(customer text, unit text)
), wallet AS MATERIALIZED (
    SELECT {", ".join(f"q.{name}" for name in ("place", *_REQUEST))}, {_wallet("q.credits")},
           coalesce({_pays("q.credits")}, FALSE) AS pays
    FROM billing_wallets AS w JOIN q ON w.customer_id = q.customer AND w.unit = q.unit
    ORDER BY w.id
    FOR NO KEY UPDATE OF w
), entry AS ({_entry({name: name for name in _REQUEST})}), purse AS ({_DRAW_EACH})
SELECT wallet_id, number, available_after, owed_after, effective_at FROM entry
UNION ALL SELECT id, place, purse_bucket, NULL, NULL FROM wallet WHERE pays
"""  # a join of both would be planned for few rows, and walk all of one for each of the other


def _asked(request: Spend, asked: str) -> dict[str, Any]:
    return {
        "customer": request.customer,
        "unit": request.unit,
        "credits": request.credits,
        "key": request.key,
        "asked": asked,
        "member": request.member,
        "feature": request.feature,
        "description": request.description,
        "details": _details(request),
    }


_LOCK = "UPDATE billing_wallets SET id = -1 WHERE id = -1"
_READ = f"""
SELECT id, last_number, last_at, available, owed, frozen_at, {", ".join(_FIELDS)}
FROM billing_wallets WHERE customer_id = ? AND unit = ?
"""
_ENTER = """
INSERT INTO billing_entries (
    wallet_id, number, kind, source, destination, credits, cents, currency, cause, key, request, member, feature,
    description, details, available_after, owed_after, effective_at, recorded_at, posted_at
) VALUES (?, ?, 'spend', ?, 'consumed', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_DRAW = """
UPDATE billing_wallets
SET available = ?, last_number = ?, last_at = ?, purse_credits = ?, purse_cents = ?, purse_left = ? WHERE id = ?
"""


def _in_few_statements(
    cursor: sqlite3.Cursor, now: datetime, policy: str, request: Spend, asked: str
) -> Receipt | None:
    """SQLite has one writer, and nothing between us and it: the same in a fixed few."""
    cursor.execute(_LOCK)
    row = cursor.execute(_READ, (request.customer, request.unit)).fetchone()
    if row is None:
        return None
    wallet, last, last_at, available, owed, frozen_at, *said = row
    if said[0] is None or frozen_at is not None:
        return None
    said[7], said[8] = _time(said[7]), None if said[8] is None else _time(said[8])
    purse = Purse(*said)
    at = max(now, _time(last_at))
    if not purse.pays(request.credits, at, policy):
        return None
    cents, after = purse.draw(request.credits)
    number, available, when = last + 1, available - request.credits, sqlite_time(at)
    entry = (
        wallet, number, f"bucket:{purse.bucket}", request.credits, cents, purse.currency if cents else None,
        f"spend:{number}", request.key, asked, request.member, request.feature, request.description,
        json_text(_details(request)), available, owed, when, when, when,
    )  # fmt: skip
    if cursor.execute(_ENTER, entry).rowcount != 1:
        return None
    cursor.execute(_DRAW, (available, number, when, after.credits, after.cents, after.left, wallet))
    return _receipt(request, wallet, number, purse.bucket, available, owed, at)


def _details(request: Spend) -> dict[str, Any] | None:
    return dict(request.metadata) if request.metadata else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _receipt(request: Spend, wallet: int, number: int, bucket: int, available: int, owed: int, at: datetime) -> Receipt:
    return Receipt(
        ids.of("spend", wallet, number),
        request.customer,
        request.unit,
        request.credits,
        ((ids.of("bkt", wallet, bucket), request.credits),),
        0,
        available,
        owed,
        at.astimezone(UTC),
    )


def fact(receipt: Receipt) -> tuple[str, dict[str, Any]]:
    """What is told of a spend from the purse, as of any other."""
    number = receipt.id.rpartition("_")[2]
    return "credits.spent", {
        "customer": receipt.customer,
        "unit": receipt.unit,
        "cause": f"spend:{number}",
        "credits": receipt.credits,
        "available": receipt.available,
        "owed": receipt.owed,
        "effective_at": receipt.recorded_at,
    }
