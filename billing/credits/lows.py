"""Low balance: which thresholds hold for a wallet, what its movements crossed, and where its purse has to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from billing.base.outbox import Fact
from billing.catalog.terms import Catalog
from billing.credits.opening import OpenWallet
from billing.rules.wallet import thresholds as rule
from billing.rules.wallet.thresholds import Allocation, Crossed, Thresholds, Warned


@dataclass(frozen=True, slots=True)
class Lows:
    """What follows from a wallet's movements: the columns that change with them, what is to be told, and the balance
    above which its purse stops, and until when that holds.
    """

    columns: Mapping[str, Any]
    facts: list[Fact]
    next_low: int | None
    until: datetime | None


def settings(catalog: Catalog, row: Mapping[str, Any], at: datetime) -> tuple[Thresholds, datetime | None]:
    """The wallet's own thresholds before its plan's before the catalog's; and until when, where they are a plan's.

    A paid plan's are those of the version that its period began with, as its overdraft is, a free one's those of the
    version that holds at that instant.
    """
    if row["low_balance"] is not None:
        return _own(tuple(row["low_balance"])), None
    plan, until = None, row["plan_until"]
    if until is not None and at < until:
        plan = catalog.at(row["plan_from"] or at).plans.get(row["plan"])
    else:
        until = None
        if row["free"] is not None and row["free"]["plan"] is not None:
            plan = catalog.at(at).plans.get(row["free"]["plan"])
    if plan is not None and plan.low_balance is not None:
        return plan.low_balance, until
    return catalog.policy.low_balance, until


@lru_cache(maxsize=1024)
def _own(setting: tuple[int | str, ...]) -> Thresholds:
    own = rule.parse(setting)
    assert not isinstance(own, str), own
    return own


def warned(row: Mapping[str, Any]) -> Warned:
    """What the wallet's row remembers."""
    if row["low_base"] is None:
        return Warned(row["low_told"])
    return Warned(row["low_told"], Allocation(row["low_base"], row["low_from"], row["low_period"]))


def stop(
    catalog: Catalog, row: Mapping[str, Any], now: Warned, available: int, at: datetime
) -> tuple[int | None, datetime | None]:
    """The next balance below this one at which something has to be written, and until when that is so."""
    thresholds, until = settings(catalog, row, at)
    stops = [rule.next_below(thresholds, now, available, at), _topup_at(row)]
    below = max((one for one in stops if one is not None and one < available), default=None)
    ends = [until]
    if now.allocation is not None and any(one.share is not None for one in thresholds):
        ends.append(now.allocation.ends_at)
    return below, min((end for end in ends if end is not None and end > at), default=None)


def of(wallet: OpenWallet) -> Lows:
    """What is to be told of the wallet, and written on its row, after all that was decided on it."""
    position, catalog = wallet.position, wallet.catalog
    position.end_act()
    row = {**wallet.row, **wallet.changed}
    now, before = warned(wallet.row), wallet.row["available"]
    told: list[Crossed] = []
    for place, act in enumerate(position.acts):
        thresholds, _ = settings(catalog, wallet.row if place < wallet.due else row, act.at)
        now, crossed = rule.after(act, position.movements[act.moved], position.buckets, before, thresholds, now)
        before = act.available
        told += [crossed] if crossed is not None else []
    thresholds, _ = settings(catalog, row, wallet.at)
    now, crossed = rule.at_rest(thresholds, now, position.available, position.owed, wallet.at)
    told += [crossed] if crossed is not None else []
    columns = _columns(now) | {"topup_due_at": _topup_due_at(row, position.available, wallet.at)}
    changed = any(columns[name] != wallet.row[name] for name in columns)
    facts = [_fact(wallet, crossed) for crossed in told]
    return Lows(columns if changed else {}, facts, *stop(catalog, row, now, position.available, wallet.at))


def _columns(now: Warned) -> dict[str, Any]:
    base = now.allocation
    return {
        "low_told": now.told,
        "low_base": base.credits if base is not None else None,
        "low_from": base.starts_at if base is not None else None,
        "low_period": base.ends_at if base is not None else None,
    }


def _topup_at(row: Mapping[str, Any]) -> int | None:
    """The balance at which the wallet's auto top-up wants to be looked at."""
    setting = row["auto_topup"]
    return setting.get("threshold") if setting is not None else None


def _topup_due_at(row: Mapping[str, Any], available: int, at: datetime) -> datetime | None:
    """Since when it does: the first time stays as long as it is so."""
    threshold = _topup_at(row)
    if threshold is None or available > threshold:
        return None
    since: datetime | None = row["topup_due_at"]
    return since or at


def _fact(wallet: OpenWallet, crossed: Crossed) -> Fact:
    return "credits.exhausted" if crossed.exhausted else "credits.low", {
        "customer": wallet.customer,
        "unit": wallet.unit,
        "available": crossed.available,
        "owed": crossed.owed,
        "thresholds": [{"setting": one.setting, "credits": level} for one, level in crossed.levels],
        "allocation": crossed.allocation,
        "effective_at": crossed.at,
        "cause": crossed.cause,
    }
