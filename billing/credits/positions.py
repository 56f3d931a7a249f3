"""A wallet's row and the rows of its parts, as the rules see them: its terms and its position."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from billing.catalog.terms import Catalog
from billing.credits import free, purse
from billing.credits.rows import bucket_state, hold_state, month_state
from billing.rules.wallet import overdraft as overdrafts
from billing.rules.wallet.position import Position
from billing.rules.wallet.terms import Terms


def terms_of(catalog: Catalog, row: dict[str, Any], at: datetime) -> tuple[Terms, tuple[datetime, Terms] | None]:
    """What holds for the wallet at that instant: its own overdraft setting before its plan's before the catalog's.

    And, where that is the plan's: until when, and what holds from then on.
    """
    burn_down, usual = catalog.policy.burn_down, Terms(catalog.policy.burn_down, catalog.policy.overdraft)
    if row["overdraft"] is not None:
        setting = overdrafts.parse(row["overdraft"])
        assert not isinstance(setting, str), setting
        return Terms(burn_down, setting), None
    if row["plan_until"] is None or row["plan_until"] <= at:
        return usual, None
    plan = catalog.at(row["plan_from"] or at).plans.get(row["plan"])
    overdraft = plan.overdraft if plan is not None and plan.overdraft is not None else usual.overdraft
    # The end is due even where nothing changes with it: what is due must not depend on the catalog.
    return Terms(burn_down, overdraft), (row["plan_until"], usual)


def position_of(
    catalog: Catalog,
    row: dict[str, Any],
    bucket_rows: Iterable[Any],
    hold_rows: Iterable[Any],
    month_rows: Iterable[Any],
    now: datetime,
) -> tuple[Position, datetime]:
    """The position as it was last written, and the instant it is to be brought to. Used by readers, too."""
    last_at = row["last_at"] or now
    at = max(now, last_at)
    terms, terms_end = terms_of(catalog, row, last_at)
    states = [bucket_state(bucket) for bucket in bucket_rows]
    purse.pour(row, states)
    position = Position(
        terms,
        last_at,
        buckets=states,
        holds=[hold_state(hold) for hold in hold_rows],
        months=[month_state(month) for month in month_rows],
        next_month=row["last_month"] + 1,
        next_number=row["last_number"] + 1,
        owed=row["owed"],
        frozen=row["frozen_at"] is not None,
        debt_due_at=row["debt_due_at"],
        period_end=row["period_end"],
        terms_end=terms_end,
        free=free.of_row(catalog, row),
    )
    return position, at
