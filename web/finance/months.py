"""Months as addresses write them: `2026-11`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from babel.dates import format_date

_WRITTEN = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Month:
    """A month of UTC: `[since, until)`."""

    since: datetime
    until: datetime

    @property
    def written(self) -> str:
        return f"{self.since:%Y-%m}"

    @property
    def name(self) -> str:
        """`November 2026`."""
        return str(format_date(self.since.date(), "LLLL y", locale="en_US"))

    @property
    def before(self) -> str:
        return f"{_beginning(self.since.year, self.since.month - 1):%Y-%m}"

    @property
    def after(self) -> str:
        return f"{self.until:%Y-%m}"


def month_of(text: str | None, now: datetime) -> Month:
    """The month that is written, or the present one where none is."""
    written = _WRITTEN.fullmatch(text or "")
    year, month = (int(written[1]), int(written[2])) if written else (now.year, now.month)
    return Month(_beginning(year, month), _beginning(year, month + 1))


def _beginning(year: int, month: int) -> datetime:
    years, month = divmod(month - 1, 12)
    return datetime(year + years, month + 1, 1, tzinfo=UTC)
