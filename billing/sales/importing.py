"""Bringing opening balances: each once, whichever file it stands in; what was brought before is never changed.

A row is known again by its `row`, else by its content. Where a customer's earlier rows without a `row` are not in the
file, a new one is taken for one of them that was changed, and refused: a balance must not count twice.

Whoever was Stripe's customer before is taken over, linked to us already or not: what was paid before the balances' own
time grants nothing, whenever we learn of it, because it is in the balance already. What has been granted by then would
count twice, and is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy import and_, select

from billing.base import sets
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import grants, recall
from billing.credits.opening import OpenWallet, make_wallets, open_wallets
from billing.credits.tables import buckets, customers, entries, wallets
from billing.credits.writing import write
from billing.rules.refusals import Invalid, Refusal
from billing.rules.wallet import granting
from billing.sales.import_file import Balance, Wrong
from billing.sales.tables import sales, stripe_customers

DESCRIPTION = "Opening balance"

_MARK = "import:"
_BY_ROW = f"{_MARK}row:"


@dataclass(slots=True)
class Judged:
    """What rows would bring: those that are new, and what is wrong with others. The rest was brought before."""

    new: list[Balance] = field(default_factory=list)
    customers: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    """Stripe customers to be linked, and to whom."""
    begins: dict[str, datetime] = field(default_factory=dict)
    """Since when Stripe customers pay us: those to be linked, and those that are linked and have no beginning yet."""
    wrong: list[Wrong] = field(default_factory=list)

    def add(self, other: Judged) -> None:
        self.new += other.new
        self.customers |= other.customers
        self.links |= other.links
        self.begins |= other.begins
        self.wrong += other.wrong


def batches(rows: Iterable[Balance], size: int) -> Iterator[list[Balance]]:
    """About that many rows at a time; all of one customer's together."""
    batch: list[Balance] = []
    for _, group in groupby(sorted(rows, key=lambda one: (one.customer, one.line)), key=lambda one: one.customer):
        batch += group
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


def judge(tx: Tx, rows: Sequence[Balance], at: datetime) -> Judged:
    """A question: what these rows would bring, valid from `at`. They hold all of their customers' rows."""
    judged = Judged()
    names = {one.customer for one in rows}
    judged.customers = _not_there(tx, names)
    brought, since = _brought(tx, names)
    for (customer, unit), group in groupby(
        sorted(rows, key=lambda one: (one.customer, one.unit, one.line)), key=lambda one: (one.customer, one.unit)
    ):
        _judge(judged, brought.get((customer, unit), {}), [one for one in group if one.credits])
    _judge_links(tx, judged, rows, at, since)
    return judged


def _judge_links(tx: Tx, judged: Judged, rows: Sequence[Balance], at: datetime, since: Mapping[str, datetime]) -> None:
    """A beginning that is set is never moved. Whose balances were all brought before begins when they did."""
    linked = _linked(tx, {one.stripe_customer for one in rows if one.stripe_customer is not None})
    new = {one.customer for one in judged.new}
    begin: dict[str, datetime] = {}
    for one in rows:
        if one.stripe_customer is None:
            continue
        owner, begun = linked.get(one.stripe_customer, (one.customer, None))
        if owner != one.customer:
            judged.wrong.append(Wrong(one.line, f"stripe_customer_id: {one.stripe_customer} belongs to {owner!r}"))
            continue
        begin[one.customer] = begun or (at if one.customer in new else since.get(one.customer, at))
        if begun is None:
            judged.begins[one.stripe_customer] = begin[one.customer]
        if one.stripe_customer not in linked:
            judged.links[one.stripe_customer] = one.customer
    granted = _granted(tx, {name: begin[name] for name in new & begin.keys()})
    for one in rows:
        if one.stripe_customer is not None and one.customer in granted:
            judged.wrong.append(Wrong(one.line, f"stripe_customer_id: {granted[one.customer]}"))


def bring(tx: Tx, catalog: Catalog, rows: Sequence[Balance], at: datetime) -> Judged:
    """A verb: brings what of these rows is new, valid from `at`. Raises `Invalid` where anything is wrong with them."""
    new = _make_customers(tx, catalog, rows)
    pairs = sorted({(one.customer, one.unit) for one in rows if one.credits})
    opened: dict[tuple[str, str], OpenWallet] = {}
    for pair, wallet in open_wallets(tx, catalog, pairs).items():
        if isinstance(wallet, Refusal):
            raise wallet
        opened[pair] = wallet
    judged = judge(tx, rows, at)  # under the wallets' locks: nobody else brings the same meanwhile
    judged.customers = new
    for one in judged.new:
        wallet = opened[one.customer, one.unit]
        refused = granting.too_much(wallet.position, one.credits)
        if refused is not None:
            judged.wrong.append(Wrong(one.line, str(refused)))
        else:
            grants.add(wallet, _lot(one, at), _key(one), recall.fingerprint("import", one.content))
    if judged.wrong:
        raise Invalid({f"line {one.line}": [one.said] for one in judged.wrong})
    _link(tx, judged)
    write(tx, opened.values())
    return judged


def _judge(judged: Judged, brought: Mapping[str, dict[str, Any]], rows: Sequence[Balance]) -> None:
    """The rows of one wallet."""
    keys = {_key(one) for one in rows}
    gone = [content for key, content in brought.items() if key not in keys and not key.startswith(_BY_ROW)]
    for one in rows:
        before = brought.get(_key(one))
        if before is None and one.row is None and gone:
            said = f"the customer's balance was brought before as {_words(gone[0])}, and this is {_words(one.content)}"
            judged.wrong.append(Wrong(one.line, f"{said}; give it a row of its own if it is another one"))
        elif before is None:
            judged.new.append(one)
        elif before != one.content:
            judged.wrong.append(Wrong(one.line, f"row {one.row!r} was brought before: {_differs(before, one.content)}"))


def _lot(one: Balance, at: datetime) -> grants.Lot:
    return grants.Lot(
        credits=one.credits,
        description=DESCRIPTION,
        effective_at=one.begins or at,
        expires_at=one.ends,
        paid_cents=one.paid_cents,
        currency=one.currency if one.paid_cents else None,
        metadata={"import": one.content},
    )


def _key(one: Balance) -> str:
    if one.row is not None:
        return f"{_BY_ROW}{one.row}"
    return _MARK + hashlib.sha256(json.dumps(one.content, sort_keys=True).encode()).hexdigest()[:32]


def _brought(tx: Tx, names: set[str]) -> tuple[dict[tuple[str, str], dict[str, dict[str, Any]]], dict[str, datetime]]:
    """What was brought into these customers' wallets before, by key; and since when the last of it was valid."""
    e, found = entries.c, defaultdict[tuple[str, str], dict[str, dict[str, Any]]](dict)
    since: dict[str, datetime] = {}
    its_bucket = (buckets.c.wallet_id == e.wallet_id) & (buckets.c.number == e.number)
    ours = and_(e.key >= _MARK, e.key < _MARK[:-1] + chr(ord(_MARK[-1]) + 1))
    query = (
        select(wallets.c.customer_id, wallets.c.unit, e.key, e.details, buckets.c.effective_at)
        .join(entries, e.wallet_id == wallets.c.id)
        .join(buckets, its_bucket)
        .where(wallets.c.customer_id.in_(names), ours)
    )
    for row in tx.connection.execute(query):
        if isinstance(row.details, dict) and isinstance(row.details.get("import"), dict):
            found[row.customer_id, row.unit][row.key] = row.details["import"]
            if "begins" not in row.details["import"]:
                since[row.customer_id] = max(row.effective_at, since.get(row.customer_id, row.effective_at))
    return found, since


def _granted(tx: Tx, begin: Mapping[str, datetime]) -> dict[str, str]:
    """Who of these was granted a plan's credits for what was paid before its beginning, and what to do."""
    s = sales.c
    its_wallet = sales.join(wallets, s.wallet_id == wallets.c.id)
    query = select(s.customer_id, s.invoice_id, s.paid_at).select_from(its_wallet)
    query = query.where(wallets.c.customer_id.in_(begin), s.kind != "pack")
    return {
        row.customer_id: f"{row.invoice_id}, paid {row.paid_at:%Y-%m-%d %H:%M}, has granted already; if the balance"
        " holds that, too, take the balances as they were before it and say so with --at, else leave the id out"
        for row in tx.connection.execute(query)
        if row.paid_at < begin[row.customer_id]
    }


def _linked(tx: Tx, stripe_ids: set[str]) -> dict[str, tuple[str, datetime | None]]:
    """Whose they are, and since when they pay us, where that was said."""
    rows = tx.connection.execute(select(stripe_customers).where(stripe_customers.c.stripe_id.in_(stripe_ids)))
    return {row.stripe_id: (row.customer_id, row.starts_at) for row in rows}


def _link(tx: Tx, judged: Judged) -> None:
    rows = [
        {"stripe_id": id, "customer_id": customer, "linked_at": tx.now, "starts_at": judged.begins[id]}
        for id, customer in sorted(judged.links.items())
    ]
    sets.insert(tx, stripe_customers, rows)
    begin(tx, judged)


def begin(tx: Tx, judged: Judged) -> None:
    """Sets the beginnings of those who are linked already."""
    for starts_at in sorted(set(judged.begins.values())):
        ids = [id for id, at in judged.begins.items() if at == starts_at and id not in judged.links]
        its = stripe_customers.c.stripe_id.in_(ids) & stripe_customers.c.starts_at.is_(None)
        tx.connection.execute(sa.update(stripe_customers).where(its).values(starts_at=starts_at))


def _make_customers(tx: Tx, catalog: Catalog, rows: Sequence[Balance]) -> set[str]:
    """Makes those who are not there, and says who they are; the others stay as they are."""
    new = _not_there(tx, {one.customer for one in rows})
    said: dict[str, dict[str, Any]] = {}
    for one in (row for row in rows if row.customer in new):
        known = said.setdefault(one.customer, {"name": None, "email": None})
        known["name"], known["email"] = known["name"] or one.name, known["email"] or one.email
    blank: dict[str, Any] = {"locale": None, "timezone": None, "metadata": {}, "created_at": tx.now}
    sets.insert(tx, customers, [{"id": id, **of, **blank} for id, of in sorted(said.items())], unless_there=True)
    make_wallets(tx, [(id, unit) for id in sorted(said) for unit in catalog.units])
    return new


def _not_there(tx: Tx, names: set[str]) -> set[str]:
    return names - set(tx.connection.execute(select(customers.c.id).where(customers.c.id.in_(names))).scalars())


def _words(content: Mapping[str, Any]) -> str:
    paid = f" for {content['paid_cents']} cents {content['currency']}" if content["paid_cents"] else ""
    begins = f" from {content['begins']}" if "begins" in content else ""
    ends = f"until {content['ends']}" if content["ends"] else "for ever"
    return f"{content['credits']} credits{paid}{begins} {ends}"


def _differs(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    said = {name: (before.get(name), now.get(name)) for name in (*now, *before)}
    return "; ".join(f"{name} was {was}, is {value}" for name, (was, value) in said.items() if was != value)
