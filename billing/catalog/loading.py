"""The catalog file → the terms it comes to, or everything that is wrong with it, each where it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, get_args

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema

from billing.catalog import reading, reading_prices, together
from billing.catalog.lines import Path, line_numbers, line_of
from billing.catalog.terms import (
    Amounts,
    Catalog,
    CheckoutTerms,
    OnUpgrade,
    Pack,
    Plan,
    Policy,
    TaxBehavior,
    Unit,
)
from billing.rules.periods import EVERY
from billing.rules.wallet.overdraft import MOST_CREDITS

MOST_DECIMALS = 9

_AT_LINE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True, slots=True)
class CatalogError:
    """One thing that is wrong: the key's path (`plans.pro.prices[0]`), its line (from 1; None where there is
    none) and what to write instead.
    """

    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (f"line {self.line}" if self.line else "", self.path, self.message)))


class CatalogInvalid(Exception):
    """A catalog that can't be used: all `errors` in the order of their lines; `source` names the file."""

    def __init__(self, errors: list[CatalogError], source: str = "") -> None:
        self.errors, self.source = errors, source
        super().__init__("\n".join(f"{source}: {error}" if source else str(error) for error in errors))


def load(path: str | File) -> Catalog:
    """Read a catalog file. Raises CatalogInvalid, also where the file can't be read."""
    try:
        raw = File(path).read_bytes()
        return parse(raw.decode("utf-8-sig"))
    except CatalogInvalid as invalid:
        raise CatalogInvalid(invalid.errors, str(path)) from None
    except UnicodeDecodeError as error:
        wrong = CatalogError("", raw.count(b"\n", 0, error.start) + 1, "Write the file in UTF-8.")
        raise CatalogInvalid([wrong], str(path)) from None
    except OSError as error:
        wrong = CatalogError("", None, f"The file can't be read: {error.strerror}.")
        raise CatalogInvalid([wrong], str(path)) from None


def parse(text: str) -> Catalog:
    """Read a catalog's text. Raises CatalogInvalid with every error there is, not only the first."""
    document, lines = _document(text)
    found: list[tuple[Path, str]] = []
    loaded: dict[str, Any] = {}
    try:
        loaded = _CATALOG.load(document)
    except ValidationError as error:
        found.extend(_flat(error.messages_dict))
    found.extend(together.twice(document, lines))
    found.extend(together.unknown_units(document))
    if found:
        errors = [CatalogError(together.written(path), line_of(lines, path), message) for path, message in found]
        raise CatalogInvalid(sorted(errors, key=lambda error: (error.line or 0, error.path, error.message)))
    return Catalog(
        policy=Policy(**loaded.get("policy", {})),
        units={"credits": Unit("credits")} | loaded.get("units", {}),
        plans=loaded.get("plans", {}),
        packs=loaded.get("packs", {}),
        topups=loaded.get("topups", {}),
        checkout=CheckoutTerms(**loaded.get("checkout", {})),
    )


def _document(text: str) -> tuple[dict[str, Any], dict[Path, int]]:
    text = text.replace("\r\n", "\n")
    try:
        return tomllib.loads(text), line_numbers(text)
    except RecursionError:
        raise CatalogInvalid([CatalogError("", None, "Arrays or tables are nested too deeply.")]) from None
    except ValueError as error:
        at = _AT_LINE.search(str(error))
        line = (int(at.group(1)) if at.group(1) else text.rstrip("\n").count("\n") + 1) if at else None
        message = f"This is no TOML: {_AT_LINE.sub('', str(error)).rstrip('.')}."
        raise CatalogInvalid([CatalogError("", line, message)]) from None


class _Field(fields.Field[Any]):
    """A field that takes what one of the readers makes of it."""

    default_error_messages = {"required": "This key is missing."}  # noqa: RUF012  # as marshmallow declares it

    def __init__(self, read: Callable[[Any], Any], **options: Any) -> None:
        super().__init__(**options)
        self.read = read

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        try:
            return self.read(value)
        except reading.Wrong as wrong:
            raise ValidationError(wrong.what) from None


class _Tables(fields.Field[Any]):
    """`[plans.<id>]`: tables of one kind by their ids, each made into a value."""

    def __init__(self, make: Callable[..., Any], schema: type[Schema]) -> None:
        super().__init__()
        self.make, self.schema = make, schema()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError(f"Write tables, such as [{attr}.pro].")
        made, wrong = {}, {}
        for name, table in value.items():
            try:
                made[name] = self.make(id=name, **self.schema.load(table))
            except ValidationError as error:
                wrong[name] = error.messages_dict
            try:
                reading.identity(name)
            except reading.Wrong as error:
                own = wrong.setdefault(name, {})
                own["_schema"] = [error.what, *own.get("_schema", [])]
        if wrong:
            raise ValidationError(wrong)
        return made


class _Strict(Schema):
    """A table of known keys. An unknown one is an error with the nearest known name, and hides no other
    error.
    """

    error_messages = {"type": "Write a table of keys."}  # noqa: RUF012  # as marshmallow declares it

    class Meta:
        unknown = EXCLUDE

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _known(self, data: Any, original: Any, **_: Any) -> None:
        keys = original if isinstance(original, dict) else ()
        unknown = {key: [reading.no_such("key", key, self.fields)] for key in keys if key not in self.fields}
        if unknown:
            raise ValidationError(unknown)


class _PolicyTable(_Strict):
    burn_down = _Field(reading.burn_down)
    overdraft = _Field(reading.overdraft_terms)
    low_balance = _Field(reading.low_balance)
    spent_events = _Field(reading.yes_or_no)


class _UnitTable(_Strict):
    scale = _Field(reading.whole(0, MOST_DECIMALS))


class _PlanTable(_Strict):
    name = _Field(reading.name, required=True)
    description = _Field(reading.text)
    credits = _Field(reading.whole(1, MOST_CREDITS), required=True)
    unit = _Field(reading.name)
    every = _Field(reading.one_of(EVERY))
    prices = _Field(reading.stripe_prices)
    at_period_end = _Field(reading.at_period_end)
    grace = _Field(reading.span)
    late_grace = _Field(reading.span)
    overdraft = _Field(reading.overdraft_terms)
    low_balance = _Field(reading.low_balance)
    credit_share = _Field(reading.share)
    price = _Field(reading_prices.plan_price)
    retired = _Field(reading.yes_or_no)
    trial_credits = _Field(reading.whole(0, MOST_CREDITS))
    on_upgrade = _Field(reading.one_of(get_args(OnUpgrade)))


class _PackTable(_Strict):
    name = _Field(reading.name, required=True)
    description = _Field(reading.text)
    credits = _Field(reading.whole(1, MOST_CREDITS), required=True)
    unit = _Field(reading.name)
    prices = _Field(reading.prices)
    stripe_prices = _Field(reading.stripe_prices)
    valid_for = _Field(reading.some_time)
    retired = _Field(reading.yes_or_no)
    stripe_product = _Field(reading.name)
    promotion_codes = _Field(reading.yes_or_no)


class _AmountsTable(_Strict):
    name = _Field(reading.name)
    description = _Field(reading.text)
    min = _Field(reading.whole(1, MOST_CREDITS), required=True)
    max = _Field(reading.whole(1, MOST_CREDITS), required=True)
    step = _Field(reading.whole(1, MOST_CREDITS))
    per = _Field(reading.whole(1, MOST_CREDITS))
    price = _Field(reading_prices.rate, required=True)
    bonus = _Field(reading_prices.bonus)
    valid_for = _Field(reading.some_time)
    stripe_product = _Field(reading.name)
    promotion_codes = _Field(reading.yes_or_no)

    @validates_schema
    def _together(self, table: Any, **_: Any) -> None:
        if wrong := reading_prices.check_amounts(table):
            raise ValidationError(wrong)


class _CheckoutTable(_Strict):
    promotion_codes = _Field(reading.yes_or_no)
    invoice = _Field(reading.yes_or_no)
    automatic_tax = _Field(reading.yes_or_no)
    tax_behavior = _Field(reading.one_of(get_args(TaxBehavior)))
    tax_ids = _Field(reading.yes_or_no)


def _plan(*, id: str, **table: Any) -> Plan:
    """A plan whose price is for its own interval, unless it says for which."""
    price = reading_prices.of_every(table.pop("price", {}), table.get("every", "month"))
    return Plan(id=id, price=price, **table)


class _CatalogTable(_Strict):
    policy = fields.Nested(_PolicyTable)
    units = _Tables(Unit, _UnitTable)
    plans = _Tables(_plan, _PlanTable)
    packs = _Tables(Pack, _PackTable)
    topups = _Tables(Amounts, _AmountsTable)
    checkout = fields.Nested(_CheckoutTable)


_CATALOG = _CatalogTable()


def _flat(messages: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """marshmallow's tree of messages as (path, message); a whole table's own are under `_schema`."""
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _flat(inner, path if key == "_schema" else (*path, key))
    else:
        yield from ((path, str(message)) for message in messages)
