"""What the catalog says of warnings: how long before credits end, and at which pace of use."""

from __future__ import annotations

from typing import Any

from billing.catalog.reading import Wrong, no_such, some_time, whole
from billing.rules.periods import Span
from billing.rules.wallet.overdraft import MOST_CREDITS
from billing.rules.watching import Unusual

MOST_LEADS = 5
LONGEST_LEAD = 366 * 86_400
LEAST_TIMES, MOST_TIMES = 2, 1_000

_LEADS = '["7 days", "1 day"]'


def leads(value: Any) -> tuple[Span, ...]:
    """How long before an end to warn of it, the longest first; none at all is never."""
    if not isinstance(value, list) or len(value) > MOST_LEADS:
        raise Wrong(f"Write a list of up to {MOST_LEADS} spans, such as {_LEADS}, or [] for no warning.")
    found: dict[Span, int] = {}
    wrong: dict[Any, list[str]] = {}
    for position, written in enumerate(value):
        try:
            lead = some_time(written)
        except Wrong as error:
            wrong[position] = [str(error.what)]
            continue
        if lead.months or not 3_600 <= lead.seconds <= LONGEST_LEAD:
            wrong[position] = ['Write hours, days or weeks, from "1 hour" to "366 days": months are not equally long.']
        elif lead in found:
            wrong[position] = [f"The same as the one at position {found[lead]}."]
        else:
            found[lead] = position
    if wrong:
        raise Wrong(wrong)
    return tuple(sorted(found, key=lambda lead: -lead.seconds))


def runway(value: Any) -> Span:
    """How long credits should last; "none" (no span at all) is no warning."""
    if value == "none":
        return Span()
    try:
        return some_time(value)
    except Wrong:
        raise Wrong('Write how long credits should last, such as "7 days", or "none" for no warning.') from None


def unusual(value: Any) -> Unusual | None:
    """How many times the usual is unusual; "none" is no warning."""
    if value == "none":
        return None
    table = {"times": value} if type(value) is int else value
    if not isinstance(table, dict):
        raise Wrong('Write a number of times, such as 5, or { times = 5, least = 1000 }, or "none" for no warning.')
    wrong: dict[Any, list[str]] = {
        key: [no_such("key", key, ["times", "least"])] for key in table if key not in ("times", "least")
    }
    found: dict[str, int] = {}
    for key, read in (("times", whole(LEAST_TIMES, MOST_TIMES)), ("least", whole(1, MOST_CREDITS))):
        if key in table:
            try:
                found[key] = read(table[key])
            except Wrong as error:
                wrong[key] = [str(error.what)]
    if wrong and type(value) is int:
        raise Wrong(wrong["times"][0])
    if wrong:
        raise Wrong(wrong)
    return Unusual(**found)
