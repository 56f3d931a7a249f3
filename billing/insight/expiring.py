"""Credits that will end soon: who has them is warned, a lead time before, once for each bucket, end and lead.

The date is the bucket's own end, grace included, as every page shows it; the credits are those that can still be spent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy import RowMapping, and_, case, delete, func, or_, select, tuple_

from billing.base import ids, outbox, sets, walks
from billing.base.db import Tx
from billing.base.outbox import Fact
from billing.base.round import Round
from billing.base.types import UTCDateTime, Whole
from billing.base.walks import START, Place
from billing.catalog.terms import Catalog
from billing.credits.tables import buckets, wallets
from billing.insight import leads, renewals
from billing.insight.leads import Holder
from billing.insight.renewals import Renewals
from billing.insight.tables import expiry_warnings
from billing.rules import watching
from billing.rules.periods import Span
from billing.rules.wallet import endterms
from billing.rules.wallet.endterms import RollOver
from billing.rules.watching import Ending

_WALK = "warn_expiring"
_A_DAY = timedelta(days=1)
_NEVER = 10**10  # seconds: longer than any lead
_FAR = 20
"""For each bucket that is warned of, so many may be gone over that were warned of before."""

Leads = Sequence[tuple[Span, bool, frozenset[str]]]
Row = RowMapping


def warn(tx: Tx, catalog: Catalog, limit: int) -> Round:
    """The step: looks at up to `limit` buckets that have come within a lead, and warns of them: the first ends first,
    from where it stopped. Is there more, and how many buckets were looked at?
    """
    every = leads.all_leads(catalog)
    after = walks.begin(tx, _WALK)
    if after is None:
        return Round(False, 0)
    late = _forget(tx, limit)
    if not every:
        return Round(late, 0)
    found, place = _due(tx, every, after, limit)
    walks.come_to(tx, _WALK, place)
    rows = _of_wallets(tx, {wallet for wallet, _ in found}, every[-1][0])
    unsure = {row["customer_id"] for row in rows if row["at_end"]}
    renewing = renewals.read(tx, unsure)
    facts: list[Fact] = []
    looked_at: list[tuple[Row, Span]] = []
    for _, its in groupby(rows, key=lambda row: row["wallet_id"]):
        of_wallet = {row["number"]: row for row in its}
        warned = watching.warnings(_endings(tx, catalog, of_wallet, renewing), tx.now)
        facts.extend(_fact(lead, endings, of_wallet) for lead, endings in warned.items())
        said = {one.bucket: lead for lead, endings in warned.items() for one in endings}
        for number, row in of_wallet.items():
            lead = said.get(number)
            if lead is None and (row["wallet_id"], number) in found:
                lead = next(one for one, *_ in every if row["expires_at"] <= tx.now + _length(one))
            if lead is not None:
                looked_at.append((row, lead))
    _note(tx, looked_at)
    outbox.tell(tx, *facts)
    return Round(late or place != START, len(looked_at))


def _due(tx: Tx, every: Leads, after: Place, limit: int) -> tuple[set[tuple[int, int]], Place]:
    """Buckets with credits that have come within a lead under which their end was not looked at, and how far that goes.

    A wallet in which something is due has to wait until that is done. A purse never has a bucket's last credit. What
    other tables say is asked of each bucket by its key, in their order: a join might go over all of them each time. No
    further than a window of ends, which the index alone counts off.
    """
    b, w, seen = buckets.c, wallets.c, expiry_warnings.c
    of, place = tuple_(b.expires_at, b.wallet_id), _row(after if after.at is not None else Place(0, tx.now))
    ending = [b.is_open, of > place, b.expires_at > tx.now, b.expires_at <= tx.now + _length(every[-1][0])]
    in_order = (b.expires_at, b.wallet_id)
    window = select(*in_order).where(*ending).order_by(*in_order).offset(limit * _FAR - 1).limit(1)
    end = tx.connection.execute(window).one_or_none()
    if end is not None:
        ending.append(of <= _row(Place(end.wallet_id, end.expires_at)))
    at_that_end = and_(seen.wallet_id == b.wallet_id, seen.bucket == b.number, seen.ends_at == b.expires_at)
    under = func.coalesce(select(seen.lead_seconds).where(at_that_end).scalar_subquery(), _NEVER)
    due_at = func.coalesce(select(w.next_due_at).where(w.id == b.wallet_id).scalar_subquery(), b.expires_at)
    plan = b.metadata["plan"].as_string()
    within = [
        and_(
            b.expires_at <= tx.now + _length(lead),
            under > lead.seconds,
            or_(
                b.series.is_(None) if free else sa.false(),
                and_(b.series.is_not(None), plan.in_(sorted(plans))) if plans else sa.false(),
            ),
        )
        for lead, free, plans in every
    ]
    query = select(b.wallet_id, b.number, b.expires_at).where(
        *ending, b.effective_at <= tx.now, b.free > 0, or_(*within), due_at > tx.now
    )
    rows = tx.connection.execute(query.order_by(*in_order).limit(limit)).all()
    last = rows[-1] if len(rows) == limit else end
    found = {(row.wallet_id, row.number) for row in rows}
    return found, START if last is None else Place(last.wallet_id, last.expires_at)


def _row(place: Place) -> sa.Tuple:
    return tuple_(sa.literal(place.at, UTCDateTime), sa.literal(place.wallet, Whole))


def _of_wallets(tx: Tx, ids: set[int], longest: Span) -> list[Row]:
    """Of these wallets, the live buckets that end within the longest lead, or on the day at which it is reached."""
    if not ids:
        return []
    b, w, seen = buckets.c, wallets.c, expiry_warnings.c
    in_purse = case((w.purse_bucket == b.number, w.purse_credits), else_=0)
    columns = (
        b.wallet_id, b.number, b.description, b.series, b.origin, b.metadata, b.effective_at, b.granted_at,
        b.expires_at, b.period_end, b.at_end, b.granted, b.rolled_from, (b.free + in_purse).label("credits"),
        w.customer_id, w.unit, w.plan, w.plan_from, w.plan_until, w.free, seen.ends_at, seen.lead_seconds,
    )  # fmt: skip
    query = (
        select(*columns)
        .join(wallets, w.id == b.wallet_id)
        .outerjoin(expiry_warnings, and_(seen.wallet_id == b.wallet_id, seen.bucket == b.number))
        .where(
            b.wallet_id.in_(sorted(ids)),
            b.is_open,
            b.expires_at > tx.now,
            b.expires_at <= tx.now + _length(longest) + _A_DAY,
            b.effective_at <= tx.now,
            b.free > 0,
        )
        .order_by(b.wallet_id, b.expires_at, b.number)
    )
    return [row._mapping for row in tx.connection.execute(query)]


def _endings(tx: Tx, catalog: Catalog, of_wallet: Mapping[int, Row], renewing: Renewals) -> list[Ending]:
    """The wallet's buckets, each with what of it would be lost."""
    lost = _lost(catalog, of_wallet, renewing, tx.now)
    return [
        Ending(
            bucket=number,
            credits=lost[number] if number in lost else row["credits"],
            began_at=max(row["effective_at"], row["granted_at"]),
            ends_at=row["expires_at"],
            leads=leads.of_bucket(catalog, _holder(row), row["series"], row["origin"], row["metadata"], tx.now),
            warned=row["lead_seconds"] if row["ends_at"] == row["expires_at"] else None,
        )
        for number, row in of_wallet.items()
    ]


def _lost(catalog: Catalog, of_wallet: Mapping[int, Row], renewing: Renewals, at: datetime) -> dict[int, int]:
    """Of those that roll over when the next period is paid for, what its cap will cut off; if none follows, all."""
    together: dict[tuple[str, datetime], list[tuple[Row, RollOver]]] = {}
    for row in of_wallet.values():
        terms = endterms.roll_over(row["at_end"])
        if terms is not None and row["series"] and row["period_end"] and renewing.of_series(row["series"], dict(row)):
            together.setdefault((row["series"], row["period_end"]), []).append((row, terms))
    lost: dict[int, int] = {}
    for its in together.values():
        newest = sorted(its, key=lambda one: (one[0]["effective_at"], one[0]["number"]), reverse=True)
        first, terms = newest[0]
        plan = _holder(first).terms(catalog, (first["metadata"] or {}).get("plan"), at)
        brought = sum(row["granted"] for row, _ in its if row["rolled_from"] is None)
        cap = watching.cap_of(terms.max, max(brought, plan.credits if plan is not None else 0))
        lost |= watching.lost_beyond(cap, [(row["number"], row["credits"]) for row, _ in newest])
    return lost


def _holder(row: Row) -> Holder:
    return Holder(row["plan"], row["plan_from"], row["plan_until"])


def _fact(lead: Span, endings: Sequence[Ending], of_wallet: Mapping[int, Row]) -> Fact:
    row = of_wallet[endings[0].bucket]
    return "credits.expiring", {
        "customer": row["customer_id"],
        "unit": row["unit"],
        "credits": sum(one.credits for one in endings),
        "buckets": [
            {
                "bucket": ids.of("bkt", row["wallet_id"], one.bucket),
                "credits": one.credits,
                "ends_at": one.ends_at,
                "description": of_wallet[one.bucket]["description"],
            }
            for one in endings
        ],
        "ends_at": endings[0].ends_at,
        "lead": leads.text(lead),
    }


def _note(tx: Tx, looked_at: Sequence[tuple[Row, Span]]) -> None:
    rows = [
        (
            row["lead_seconds"] is None,
            {
                "wallet_id": row["wallet_id"],
                "bucket": row["number"],
                "ends_at": row["expires_at"],
                "lead_seconds": lead.seconds,
            },
        )
        for row, lead in looked_at
    ]
    writes = sets.Writes(tx)
    writes.insert(expiry_warnings, [values for new, values in rows if new])
    writes.update(expiry_warnings, ("wallet_id", "bucket"), [values for new, values in rows if not new])
    writes.run()


def _forget(tx: Tx, limit: int) -> bool:
    """What has ended is not warned of again."""
    seen = expiry_warnings.c
    key = tuple_(seen.wallet_id, seen.bucket)
    over = select(seen.wallet_id, seen.bucket).where(seen.ends_at <= tx.now).limit(limit)
    gone = tx.connection.execute(delete(expiry_warnings).where(key.in_(over)))
    return gone.rowcount == limit


def _length(lead: Span) -> timedelta:
    return timedelta(seconds=lead.seconds)
