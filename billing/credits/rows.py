"""Rows as the rules see them: buckets, months and holds."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from billing.credits import terms_text
from billing.credits.tables import buckets, months
from billing.rules.wallet.values import BucketState, HoldState, MonthState

BUCKET_COLUMNS = tuple(buckets.c[field.name] for field in fields(BucketState) if field.name != "live")
"""The columns of `bucket_state`, in the order of its fields."""

BUCKET_NAMES = tuple(column.name for column in BUCKET_COLUMNS)


def bucket_state(row: Any) -> BucketState:
    """A row of `billing_buckets` as the rules see it; it begins with `BUCKET_COLUMNS`."""
    state = BucketState(*row[: len(BUCKET_COLUMNS)])
    state.features = tuple(state.features or ())
    return state


MONTH_COLUMNS = tuple(months.c[field.name] for field in fields(MonthState))
"""The columns of `month_state`, in the order of its fields."""


def month_state(row: Any) -> MonthState:
    """A row of `billing_months` as the rules see it; it begins with `MONTH_COLUMNS`."""
    state = MonthState(*row[: len(MONTH_COLUMNS)])
    state.terms = terms_text.read(row[_TERMS])
    return state


_TERMS = [column.name for column in MONTH_COLUMNS].index("terms")


def hold_state(row: Any) -> HoldState:
    """A row of `billing_holds` as the rules see it."""
    return HoldState(
        number=row.number,
        credits=row.credits,
        slices=tuple((number, credits) for number, credits in row.slices),
        overdraft=row.overdraft,
        feature=row.feature,
        metadata=row.metadata,
        placed_at=row.placed_at,
        lapses_at=row.lapses_at,
        recorded_at=row.recorded_at,
        status=row.status,
        ended_at=row.ended_at,
        captured=row.captured,
        outcome=row.outcome,
    )
