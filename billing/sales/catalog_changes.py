"""A new version of the catalog: what it changes, what forbids it, and from when it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import func, select

from billing.base.clock import aware
from billing.base.db import Tx
from billing.catalog import versions
from billing.catalog.terms import Catalog, Pack, Plan
from billing.catalog.versions import Version
from billing.credits.tables import buckets, wallets
from billing.rules import asking
from billing.rules.refusals import Busy, Invalid, Refusal
from billing.sales.plans.subscriptions import LIVE
from billing.sales.tables import sales, subscriptions, topups


@dataclass(frozen=True, slots=True)
class Change:
    """One difference to what is in force when the new version begins. `what`: added, changed, retired or removed; of
    the `kind` topup (any number of credits) `id` is a unit.
    """

    what: str
    kind: str
    id: str
    keys: tuple[str, ...] = ()


def changes(before: Catalog, after: Catalog) -> tuple[Change, ...]:
    """What is different in `after`."""
    found = [Change("changed", "policy", name) for name in _differing(before.policy, after.policy)]
    found += [Change("changed", "checkout", name) for name in _differing(before.checkout, after.checkout)]
    for kind in ("unit", "plan", "pack", "topup"):
        old, new = getattr(before, f"{kind}s"), getattr(after, f"{kind}s")
        found += [Change("added", kind, id) for id in new if id not in old]
        found += [Change("removed", kind, id) for id in old if id not in new]
        for id in new:
            if id in old and (keys := _differing(old[id], new[id])):
                retired = "retired" in keys and new[id].retired
                found.append(Change("retired" if retired else "changed", kind, id, keys))
    return tuple(found)


def _differing(before: object, after: object) -> tuple[str, ...]:
    names = (part.name for part in fields(before))  # type: ignore[arg-type]
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def apply(
    tx: Tx, present: Catalog, after: Catalog, content: str, holds_from: datetime | None
) -> Version | Refusal | None:
    """Writes `after` (as it stands in the file: `content`) as the version that holds from `holds_from` on (None: now).

    None: that is in force then anyway. Nobody's plan or pack is taken away: it can be retired.
    """
    wrong = asking.refuse(holds_from=asking.maybe(asking.instant, holds_from))
    if wrong is not None:
        return wrong
    since = tx.now if holds_from is None else aware(holds_from)
    known = versions.applied(tx)
    if since < tx.now:
        return Invalid.field(
            "holds_from", "Must not lie in the past: what was bought by then was bought by other terms."
        )
    if since > tx.now and not known:
        first = "Nothing was applied yet: first apply the file that is sold by today, then what shall hold later."
        return Invalid.field("holds_from", first)
    before = versions.in_force(known, since) or present
    if known and before.version == after.version:
        return None
    forbidden = list(_forbidden(tx, before, after, at_once=since == tx.now))
    if forbidden:
        return Invalid({"catalog": forbidden})
    added = versions.add(tx, after, content, since)
    return added or Busy("Another catalog was applied in the same moment. See what changes now, and apply it again.")


def _forbidden(tx: Tx, before: Catalog, after: Catalog, *, at_once: bool) -> Iterator[str]:
    for unit in before.units:
        if unit not in after.units and _count(tx, wallets, (wallets.c.unit == unit) & (wallets.c.last_number > 0)):
            yield f"Unit {unit} is in use: keep [units.{unit}]."
    for id, plan in before.plans.items():
        holders, now = _plan_holders(tx, plan), after.plans.get(id)
        keep = f"keep [plans.{id}]"
        if now is None and holders:
            yield f"Plan {id} has {holders}: {keep} and write retired = true, then nobody new can buy it."
        elif now is None and not at_once and not plan.retired:
            yield f"Plan {id} is on sale until then: {keep} and write retired = true; remove it when nobody has it."
        elif now is not None and holders:
            if now.unit != plan.unit:
                yield f"Plan {id} has {holders}: its unit stays {plan.unit}; sell another as a plan of its own."
            for price in sorted(set(plan.prices) - set(now.prices)):
                used = _subscribed(tx, [price])
                if used:
                    yield f"Plan {id} has {used} at {price}: keep that in its prices, so that renewals are known."
    yield from _forbidden_packs(tx, before, after)


def _forbidden_packs(tx: Tx, before: Catalog, after: Catalog) -> Iterator[str]:
    for id, pack in before.packs.items():
        holders = _pack_holders(tx, pack)
        if id not in after.packs and holders:
            yield f"Pack {id} has {holders}: keep [packs.{id}] and write retired = true, then nobody new can buy it."
        elif id in after.packs and after.packs[id].unit != pack.unit and holders:
            yield f"Pack {id} has {holders}: its unit stays {pack.unit}; sell another as a pack of its own."


def _plan_holders(tx: Tx, plan: Plan) -> str:
    """Who has the plan, in words; nothing if nobody."""
    running = (sales.c.kind != "pack") & (sales.c.product == plan.id) & (sales.c.period_end > tx.now)
    held = (wallets.c.plan == plan.id) & (wallets.c.plan_until > tx.now)
    free = wallets.c.free["plan"].as_string() == plan.id
    found = (
        _subscribed(tx, plan.prices),
        _words(_count(tx, sales, running), "period that runs", "periods that run"),
        _words(_count(tx, wallets, held), "wallet under its terms", "wallets under its terms"),
        _words(_count(tx, wallets, free), "customer who has it free", "customers who have it free"),
    )
    return next(filter(None, found), "")


def _subscribed(tx: Tx, prices: tuple[str, ...] | list[str]) -> str:
    its = subscriptions.c.price.in_(list(prices)) | subscriptions.c.lookup_key.in_(list(prices))
    living = subscriptions.c.status.in_(LIVE)
    return _words(_count(tx, subscriptions, its & living), "subscriber", "subscribers")


def _pack_holders(tx: Tx, pack: Pack) -> str:
    opened = (topups.c.pack == pack.id) & topups.c.status.in_(["open", "pending"])
    words = _words(_count(tx, topups, opened), "purchase under way", "purchases under way")
    its = (sales.c.wallet_id == buckets.c.wallet_id) & (sales.c.origin == buckets.c.sale)
    left = select(func.count()).select_from(sales.join(buckets, its))
    left = left.where(sales.c.kind == "pack", sales.c.product == pack.id, buckets.c.is_open)
    return words or _words(
        tx.connection.execute(left).scalar_one(), "buyer with credits left", "buyers with credits left"
    )


def _count(tx: Tx, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
    return int(tx.connection.execute(select(func.count()).select_from(table).where(where)).scalar_one())


def _words(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}" if count else ""
