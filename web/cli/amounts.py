"""Credits and times as people type them on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import click


def credits_of(text: str, scale: int) -> int:
    """Credits as they are shown (`1,500`, at scale 2 `12.50`) → the unit's smallest parts."""
    number = Decimal("NaN")
    if _WRITTEN.fullmatch(text):  # a comma parts thousands; a decimal comma would be read a hundredfold
        number = Decimal(text.replace(",", "")).scaleb(scale)
    if not number.is_finite() or number != number.to_integral_value():
        decimals = f" with at most {scale} decimals" if scale else ""
        raise click.BadParameter(f"{text!r}: write a whole number of credits{decimals}." if not scale
                                 else f"{text!r}: write a number of credits{decimals}.")  # fmt: skip
    return int(number)


_WRITTEN = re.compile(r"(-?[0-9]{1,3}(,[0-9]{3})+|-?[0-9]{1,30})(\.[0-9]{1,20})?")


class Moment(click.ParamType[datetime]):
    """`2026-12-31`, `2026-12-31 18:00` or ISO 8601; UTC unless it names a zone."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            at = datetime.fromisoformat(str(value))
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r}: write a time such as 2026-12-31 or 2026-12-31T18:00Z.", param, ctx)
