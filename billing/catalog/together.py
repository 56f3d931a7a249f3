"""What the tables of a catalog say about each other: a price in two places, a unit that is nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from billing.catalog import reading
from billing.catalog.lines import Path

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


def _sold(document: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The tables of plans and packs that are tables at all, be they right or wrong."""
    for kind in ("plans", "packs"):
        tables = document.get(kind)
        for name, table in tables.items() if isinstance(tables, dict) else ():
            if isinstance(table, dict):
                yield (kind, name), table


def twice(document: dict[str, Any], lines: dict[Path, int]) -> Iterator[tuple[Path, str]]:
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
            where = f"{written(first)}, line {lines[first]}"
            yield path, f"The Stripe price {price!r} is already taken by {where}: it can mean one thing only."


def unknown_units(document: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    units = document.get("units")
    known = ["credits", *(name for name in (units if isinstance(units, dict) else ()) if name != "credits")]
    for path, table in _sold(document):
        unit = table.get("unit", "credits")
        if isinstance(unit, str) and unit.strip() and unit not in known:
            yield (*path, "unit"), reading.no_such("unit", unit, known)
    topups = document.get("topups")
    for unit in topups if isinstance(topups, dict) else ():
        if unit not in known:
            yield ("topups", unit), reading.no_such("unit", unit, known)


def written(path: Path) -> str:
    """A path as it would stand in the file: `plans.pro.prices[0]`, `plans."my plan"`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (key if _PLAIN_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False))
    return text
