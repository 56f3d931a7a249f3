"""Opening balances as a CSV file: read and judged whole, all that is wrong with it at once, each with its line.

Columns: customer, credits; begins, ends, paid_cents, currency, unit, name, email, stripe_customer_id and row may be
left out. Credits are written as people see them, with at most the unit's decimals; times are ISO 8601, UTC unless they
name a zone.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.catalog.terms import Catalog
from billing.rules import asking
from billing.rules.wallet.values import LARGEST_CREDITS

NEEDED = ("customer", "credits")
COLUMNS = (*NEEDED, "begins", "ends", "paid_cents", "currency", "unit", "name", "email", "stripe_customer_id", "row")

_LONGEST_SAID = 500

_DIGITS = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")
_CENTS = re.compile(r"[0-9]{1,13}")
_STRIPE_ID = re.compile(r"cus_[A-Za-z0-9_]{1,250}")
_ROW = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Balance:
    """One row: what a customer had elsewhere. `credits` 0: the customer comes without any. `line`: where it stands.
    `begins`: when that is later than the other balances, as the months to come of a year that was paid.
    """

    line: int
    customer: str
    credits: int
    ends: datetime | None
    paid_cents: int
    currency: str | None
    unit: str
    name: str | None
    email: str | None
    stripe_customer: str | None
    row: str | None
    begins: datetime | None = None

    @property
    def content(self) -> dict[str, Any]:
        """What makes it the same balance when it is brought again."""
        ends = None if self.ends is None else self.ends.isoformat()
        begins = {} if self.begins is None else {"begins": self.begins.isoformat()}
        money = {"paid_cents": self.paid_cents, "currency": self.currency}
        return {"credits": self.credits, **begins, "ends": ends, **money}


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a line."""

    line: int
    said: str

    def __str__(self) -> str:
        said = self.said if len(self.said) <= _LONGEST_SAID else f"{self.said[:_LONGEST_SAID]}…"
        return f"line {self.line}: {said}"


def read(text: Iterable[str], catalog: Catalog, at: datetime) -> tuple[list[Balance], list[Wrong]]:
    """The rows, and all that is wrong with them. `at`: since when the balances are valid."""
    reader = csv.reader(text, strict=True)
    rows: list[Balance] = []
    wrong: list[Wrong] = []
    try:
        columns = [name.strip().lower().removeprefix("\ufeff") for name in next(reader, [])]
        wrong += _columns(columns)
        if wrong:
            return [], wrong
        for cells in reader:
            if any(cell.strip() for cell in cells):
                _take(reader.line_num, columns, cells, catalog, at, rows, wrong)
    except csv.Error as error:
        wrong.append(Wrong(reader.line_num, f"not CSV: {error}"))
    return rows, sorted(wrong + _together(rows), key=lambda one: one.line)


def _columns(columns: list[str]) -> list[Wrong]:
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        return [Wrong(1, "the columns are not told apart by commas: save it as comma-separated values")]
    missing = [name for name in NEEDED if name not in columns]
    unknown = sorted(set(columns) - set(COLUMNS))
    twice = sorted(name for name, number in Counter(columns).items() if number > 1)
    return [
        Wrong(1, f"{what}: {', '.join(names)}; there may be {', '.join(COLUMNS)}")
        for what, names in (("missing columns", missing), ("unknown columns", unknown), ("columns twice", twice))
        if names
    ]


def _take(
    line: int, columns: list[str], cells: list[str], catalog: Catalog, at: datetime, rows: list[Balance],
    wrong: list[Wrong],
) -> None:  # fmt: skip
    if len(cells) != len(columns):
        wrong.append(Wrong(line, f"{len(cells)} cells where the first line has {len(columns)}"))
        return
    given = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
    problems: dict[str, str] = {}

    def take(name: str, read: Callable[[str], Any], missing: Any = None) -> Any:
        try:
            return read(given[name]) if given.get(name) else missing
        except ValueError as error:
            problems[name] = str(error)
            return missing

    unit = given.get("unit") or "credits"
    known = catalog.units.get(unit)
    if known is None:
        problems["unit"] = f"there is no unit {unit!r}"
    found = Balance(
        line=line,
        customer=take("customer", _checked(asking.name), ""),
        credits=take("credits", lambda text: _credits(text, known.scale if known else 0), 0),
        ends=take("ends", lambda text: _after(text, at, "it has ended")),
        paid_cents=take("paid_cents", _cents, 0),
        currency=take("currency", lambda text: str(_checked(asking.currency)(text.lower()))),
        unit=unit,
        name=take("name", _checked(asking.text)),
        email=take("email", _checked(asking.text)),
        stripe_customer=take("stripe_customer_id", _stripe_customer),
        row=take("row", _row),
        begins=take("begins", lambda text: _after(text, at, "leave it out")),
    )
    wrong += [Wrong(line, f"{name}: {said}") for name, said in (_needed(given, found) | problems).items()]
    rows.append(found)


def _needed(given: Mapping[str, str], found: Balance) -> dict[str, str]:
    said = {name: "must be given" for name in NEEDED if not given[name]}
    if found.paid_cents and found.currency is None:
        said["currency"] = "say in which currency paid_cents are"
    if found.begins is not None and found.ends is not None and found.ends <= found.begins:
        said["ends"] = "it ends before it begins"
    if found.paid_cents and not found.credits:
        said["paid_cents"] = "money was paid, and there are no credits"
    return said


def _together(rows: list[Balance]) -> list[Wrong]:
    """What no row shows by itself."""
    wrong: list[Wrong] = []
    first: dict[tuple[Any, ...], Balance] = {}
    owner: dict[str, Balance] = {}
    for one in rows:
        same: tuple[Any, ...] = (one.customer, one.unit, one.row or str(one.content)) if one.credits else (one,)
        before = first.setdefault(same, one)
        if before is not one:
            what = f"row {one.row!r} stands" if one.row else "the same stands"
            wrong.append(
                Wrong(one.line, f"{what} on line {before.line}, too: give each a row of its own if both count")
            )
        if one.stripe_customer is not None:
            linked = owner.setdefault(one.stripe_customer, one)
            if linked.customer != one.customer:
                said = f"stripe_customer_id: {one.stripe_customer} is {linked.customer!r} on line {linked.line}"
                wrong.append(Wrong(one.line, said))
    return wrong


def _checked(check: Callable[[Any], str | None]) -> Callable[[str], str]:
    def read(text: str) -> str:
        wrong = check(text)
        if wrong is not None:
            raise ValueError(wrong)
        return text

    return read


def _credits(text: str, scale: int) -> int:
    number = Decimal(text).scaleb(scale) if _DIGITS.fullmatch(text) else Decimal("NaN")
    if not number.is_finite() or number != number.to_integral_value():
        decimals = f" with at most {scale} decimals" if scale else ""
        raise ValueError(f"{text!r} is no whole number of credits" if not scale else f"{text!r}: write it{decimals}")
    if number > LARGEST_CREDITS:
        raise ValueError(f"at most {LARGEST_CREDITS:,}")
    return int(number)


def _cents(text: str) -> int:
    if not _CENTS.fullmatch(text) or asking.cents(int(text)) is not None:
        raise ValueError(f"{text!r} is no whole number of cents: 1000 is 10.00")
    return int(text)


def _after(text: str, at: datetime, else_said: str) -> datetime:
    """A time after `at`, when the balances hold."""
    try:
        read = datetime.fromisoformat(text)
        found = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r}: write a time such as 2026-12-31 or 2026-12-31T18:00Z") from None
    if found <= at:
        raise ValueError(f"{found:%Y-%m-%d %H:%M} is not after {at:%Y-%m-%d %H:%M}: {else_said}")
    wrong = asking.instant(found)
    if wrong is not None:
        raise ValueError(wrong)
    return found


def _stripe_customer(text: str) -> str:
    if not _STRIPE_ID.fullmatch(text):
        raise ValueError(f"{text!r} is no id of a Stripe customer")
    return text


def _row(text: str) -> str:
    if not _ROW.fullmatch(text):
        raise ValueError("write up to 64 letters, digits, dots, dashes and underscores")
    return text
