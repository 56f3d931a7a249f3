"""The catalog file → the terms it comes to, or everything that is wrong with it, each where it stands."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, get_args

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema

from billing.catalog import reading
from billing.catalog.lines import Path, line_numbers, line_of
from billing.catalog.terms import Catalog, OnUpgrade, Pack, Plan, Policy, Unit
from billing.rules.periods import EVERY
from billing.rules.wallet.overdraft import MOST_CREDITS

MOST_DECIMALS = 9

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
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
    found.extend(_twice(document, lines))
    found.extend(_unknown_units(document))
    if found:
        errors = [CatalogError(_written(path), line_of(lines, path), message) for path, message in found]
        raise CatalogInvalid(sorted(errors, key=lambda error: (error.line or 0, error.path, error.message)))
    return Catalog(
        policy=Policy(**loaded.get("policy", {})),
        units={"credits": Unit("credits")} | loaded.get("units", {}),
        plans=loaded.get("plans", {}),
        packs=loaded.get("packs", {}),
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
    credit_share = _Field(reading.share)
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


class _CatalogTable(_Strict):
    policy = fields.Nested(_PolicyTable)
    units = _Tables(Unit, _UnitTable)
    plans = _Tables(Plan, _PlanTable)
    packs = _Tables(Pack, _PackTable)


_CATALOG = _CatalogTable()


def _flat(messages: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """marshmallow's tree of messages as (path, message); a whole table's own are under `_schema`."""
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _flat(inner, path if key == "_schema" else (*path, key))
    else:
        yield from ((path, str(message)) for message in messages)


def _sold(document: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The tables of plans and packs that are tables at all, be they right or wrong."""
    for kind in ("plans", "packs"):
        tables = document.get(kind)
        for name, table in tables.items() if isinstance(tables, dict) else ():
            if isinstance(table, dict):
                yield (kind, name), table


def _twice(document: dict[str, Any], lines: dict[Path, int]) -> Iterator[tuple[Path, str]]:
    """One Stripe price in two places: a line with it could mean either."""
    places: list[tuple[Path, str]] = []
    for path, table in _sold(document):
        key = "prices" if path[0] == "plans" else "stripe_prices"
        prices = table.get(key)
        if isinstance(prices, list):
            places += [((*path, key, n), price) for n, price in enumerate(prices) if isinstance(price, str)]
    seen: dict[str, Path] = {}
    for path, price in sorted(places, key=lambda place: lines[place[0]]):
        if (first := seen.setdefault(price, path)) != path:
            where = f"{_written(first)}, line {lines[first]}"
            yield path, f"The Stripe price {price!r} is already taken by {where}: it can mean one thing only."


def _unknown_units(document: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    units = document.get("units")
    known = ["credits", *(name for name in (units if isinstance(units, dict) else ()) if name != "credits")]
    for path, table in _sold(document):
        unit = table.get("unit", "credits")
        if isinstance(unit, str) and unit.strip() and unit not in known:
            yield (*path, "unit"), reading.no_such("unit", unit, known)


def _written(path: Path) -> str:
    """A path as it would stand in the file: `plans.pro.prices[0]`, `plans."my plan"`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (key if _PLAIN_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False))
    return text
