"""The step that tells of wallets below a threshold that no movement crossed: it was raised in the catalog."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from billing.base import sets
from billing.base.db import Tx
from billing.base.round import Round
from billing.catalog.terms import Catalog
from billing.credits import lows
from billing.credits.opening import open_some
from billing.credits.tables import low_sweep, wallets
from billing.credits.writing import write
from billing.rules import asking
from billing.rules.refusals import Refusal
from billing.rules.wallet import thresholds as rule

_LOG = logging.getLogger("billing.credits")


def warn_low(tx: Tx, catalog: Catalog, limit: int, window: int) -> Round | Refusal:
    """Looks at the next `window` wallets in the order of their ids and tells of up to `limit` of them. Says whether
    there are more behind them; if not, the next call begins anew.

    Whether a wallet is meant is asked of its row, which the catalog alone can't say; only those that are get locked.
    One that others have locked is passed over: who writes it asks the same.
    """
    wrong = asking.refuse(limit=asking.count(limit), window=asking.count(window))
    if wrong is not None:
        return wrong
    begin = _come_to(tx)
    last = tx.connection.execute(select(func.max(wallets.c.id))).scalar_one() or 0
    end = begin + window
    query = select(wallets).where(wallets.c.id > begin, wallets.c.id <= end, _may_be_low(catalog))
    rows = [dict(row._mapping) for row in tx.connection.execute(query.order_by(wallets.c.id).limit(limit))]
    if len(rows) == limit:
        end = rows[-1]["id"]
    meant = []
    for row in rows:
        at = max(tx.now, row["last_at"] or tx.now)
        _, crossed = rule.at_rest(
            lows.settings(catalog, row, at)[0], lows.warned(row), row["available"], row["owed"], at
        )
        if crossed is not None:
            meant.append(row["id"])
    if meant:
        _tell(tx, catalog, meant)
    more = end < last
    tx.connection.execute(update(low_sweep).values(wallet_id=end if more else 0))
    return Round(more, len(meant))


def _tell(tx: Tx, catalog: Catalog, meant: Sequence[int]) -> None:
    """All at once. One whose books are broken (the audit says how) is logged and stops no other."""
    try:
        with tx.connection.begin_nested():
            write(tx, open_some(tx, catalog, meant))
    except Exception:  # noqa: BLE001 - whatever it is, the other wallets must not wait for it
        if len(meant) > 1:
            for wallet in meant:
                _tell(tx, catalog, [wallet])
        else:
            _LOG.exception("wallet %s could not be looked at", meant[0])


def _come_to(tx: Tx) -> int:
    """How far the sweep has come. Of two at once, one waits for the other."""
    sets.insert(tx, low_sweep, [{"one": 1, "wallet_id": 0}], unless_there=True)
    return int(tx.connection.execute(select(low_sweep.c.wallet_id).with_for_update()).scalar_one())


def _may_be_low(catalog: Catalog) -> ColumnElement[bool]:
    """Who was told of nothing since the last credits, and has settings of its own or less than any version's highest
    threshold could be.
    """
    versions = [version for _, version in catalog.history] or [catalog]
    each = [one for version in versions for one in version.policy.low_balance]
    each += [one for version in versions for plan in version.plans.values() for one in plan.low_balance or ()]
    most = max((one.credits for one in each if one.share is None), default=0)
    percent = max((-(-one.share * 100 // 1) for one in each if one.share is not None), default=0)
    w = wallets.c
    low = or_(w.low_balance.is_not(None), w.available <= most, w.available <= (w.low_base // 100 + 1) * int(percent))
    return and_(w.low_told.is_(None), low)
