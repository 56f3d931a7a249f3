"""Pace: wallets whose credits will not last at today's pace, and those of which more is used than usual.

Only wallets that used any today or yesterday are looked at: those of others last longer every day. What is looked at is
what `usage` has counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import RowMapping, and_, case, func, or_, select

from billing.base import outbox, walks
from billing.base.db import Tx
from billing.base.outbox import Fact
from billing.base.round import Round
from billing.base.walks import START, Place
from billing.catalog.terms import Catalog
from billing.credits.tables import buckets, wallets
from billing.insight import leads, renewals
from billing.insight.leads import Holder
from billing.insight.tables import usage_counts, usage_days
from billing.rules import watching
from billing.rules.periods import add
from billing.rules.watching import PACE_DAYS, USUAL_DAYS, Pace
from billing.sales import auto_state

_WALK = "watch_pace"

Row = RowMapping
Days = Mapping[date, tuple[int, bool]]
"""By day: what was used less what was given back, and whether any was used."""


def watch(tx: Tx, catalog: Catalog, limit: int) -> Round:
    """The step: looks at up to `limit` wallets that used any today or yesterday. Is there more?"""
    after = walks.begin(tx, _WALK)
    if after is None:
        return Round(False, 0)
    today = tx.now.date()
    rows = _active(tx, today - timedelta(days=1), after.wallet, limit)
    days = _days(tx, [row["id"] for row in rows], today)
    facts = [*_unusual(catalog, rows, days, today), *_running_out(tx, catalog, rows, days, today)]
    outbox.tell_new(tx, dict(facts))
    more = len(rows) == limit
    walks.come_to(tx, _WALK, Place(rows[-1]["id"]) if more else START)
    return Round(more, len(rows))


def _active(tx: Tx, since: date, after: int, limit: int) -> list[Row]:
    w = wallets.c
    columns = (
        w.id, w.customer_id, w.unit, w.available, w.plan, w.plan_from, w.plan_until, w.period_end, w.free,
        w.auto_topup, w.next_due_at, usage_counts.c.first_day,
    )  # fmt: skip
    query = (
        select(*columns)
        .join(usage_counts, usage_counts.c.wallet_id == w.id)
        .where(usage_counts.c.last_day >= since, usage_counts.c.wallet_id > after)
        .order_by(usage_counts.c.wallet_id)
        .limit(limit)
    )
    return [row._mapping for row in tx.connection.execute(query)]


def _days(tx: Tx, ids: Sequence[int], today: date) -> Mapping[int, Days]:
    """What each wallet used on each of the days that are looked at."""
    found: dict[int, dict[date, tuple[int, bool]]] = {wallet: {} for wallet in ids}
    if ids:
        d = usage_days.c
        query = select(d.wallet_id, d.day, d.used, d.given_back).where(
            d.wallet_id.in_(ids), d.day >= today - timedelta(days=USUAL_DAYS + 1), d.day <= today
        )
        for wallet, day, used, given_back in tx.connection.execute(query):
            found[wallet][day] = (used - given_back, used > 0)
    return found


def _pace(row: Row, days: Days, before: date, most: int) -> Pace | None:
    since = before - timedelta(days=most)
    used = sum(net for day, (net, _) in days.items() if since <= day < before)
    return watching.pace_of(used, before.toordinal(), row["first_day"].toordinal(), most)


def _unusual(
    catalog: Catalog, rows: Sequence[Row], days: Mapping[int, Days], today: date
) -> Iterable[tuple[str, Fact]]:
    """Yesterday's too: its last hours may have been counted only today."""
    rule = catalog.policy.unusual
    if rule is None:
        return
    for row in rows:
        unit = catalog.units.get(row["unit"])
        for day in (today - timedelta(days=1), today):
            used, _ = days[row["id"]].get(day, (0, False))
            usual = _pace(row, days[row["id"]], day, USUAL_DAYS)
            if usual is None or unit is None:
                continue
            used_on = sum(
                any_used and 0 < (day - one).days <= USUAL_DAYS for one, (_, any_used) in days[row["id"]].items()
            )
            if watching.is_unusual(rule, unit.scale, used, usual, used_on):
                yield (
                    f"usage.unusual:{row['id']}:{day.isoformat()}",
                    (
                        "usage.unusual",
                        {
                            "customer": row["customer_id"],
                            "unit": row["unit"],
                            "credits": used,
                            "usual": usual.per_day,
                            "times": used * usual.days // usual.credits,
                            "day": day.isoformat(),
                        },
                    ),
                )


def _running_out(
    tx: Tx, catalog: Catalog, rows: Sequence[Row], days: Mapping[int, Days], today: date
) -> Iterable[tuple[str, Fact]]:
    """Of whom no credits will come before: a wallet that tops itself up, with nothing in its way, does not run out, and
    one in which something is due has to wait until that is done.
    """
    topped_up = auto_state.going_to(tx, [row["customer_id"] for row in rows if row["auto_topup"] is not None])
    paces: dict[int, tuple[Row, Pace, datetime]] = {}
    for row in rows:
        if (row["customer_id"], row["unit"]) in topped_up:
            continue
        runway = leads.runway_of(catalog, Holder(row["plan"], row["plan_from"], row["plan_until"]), tx.now)
        late = row["next_due_at"] is not None and row["next_due_at"] <= tx.now
        pace = _pace(row, days[row["id"]], today, PACE_DAYS)
        if runway and pace is not None and row["available"] > 0 and not late:
            paces[row["id"]] = row, pace, add(tx.now, runway)
    lots, upcoming, last = _lots(tx, list(paces))
    empty: dict[int, datetime] = {}
    for wallet, (_, pace, until) in paces.items():
        at = watching.empty_at(tx.now, lots.get(wallet, ()), pace, until)
        if at is not None and (wallet not in upcoming or upcoming[wallet] > at):
            empty[wallet] = at
    coming = renewals.read(tx, {paces[wallet][0]["customer_id"] for wallet in empty})
    months = renewals.next_months(tx, list(empty))
    for wallet, at in empty.items():
        row, pace, _ = paces[wallet]
        next_at = renewals.next_allocation(catalog, dict(row), months.get(wallet), coming, tx.now)
        if next_at is None or next_at > at:
            yield (
                f"credits.running_out:{wallet}:{last[wallet]}",
                (
                    "credits.running_out",
                    {
                        "customer": row["customer_id"],
                        "unit": row["unit"],
                        "available": row["available"],
                        "per_day": pace.per_day,
                        "days": (at - tx.now).days,
                        "empty_at": at,
                    },
                ),
            )


def _lots(
    tx: Tx, ids: Sequence[int]
) -> tuple[dict[int, list[tuple[int, datetime | None]]], dict[int, datetime], dict[int, int]]:
    """Of these wallets: the general credits there are, with their ends; when the next bucket begins; and the newest
    bucket that came from outside, so that a warning is one until another comes.
    """
    lots: dict[int, list[tuple[int, datetime | None]]] = {}
    upcoming: dict[int, datetime] = {}
    if not ids:
        return lots, upcoming, {}
    b, w = buckets.c, wallets.c
    in_purse = case((w.purse_bucket == b.number, w.purse_credits), else_=0)
    query = (
        select(b.wallet_id, b.free + in_purse, b.effective_at, b.expires_at)
        .join(wallets, w.id == b.wallet_id)
        .where(
            b.wallet_id.in_(ids),
            b.is_open,
            b.free > 0,
            b.features.is_(sa.null()),
            or_(b.expires_at.is_(None), b.expires_at > tx.now),
        )
    )
    for wallet, credits, begins_at, ends_at in tx.connection.execute(query):
        if begins_at <= tx.now:
            lots.setdefault(wallet, []).append((credits, ends_at))
        else:
            upcoming[wallet] = min(begins_at, upcoming.get(wallet, begins_at))
    newest = select(b.wallet_id, func.max(b.number)).where(and_(b.wallet_id.in_(ids), b.rolled_from.is_(None)))
    last = tx.connection.execute(newest.group_by(b.wallet_id)).all()
    return lots, upcoming, dict(map(tuple, last))
