"""What stands in the catalog about any number of credits, and about what a plan costs. As in `reading`: strict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.catalog.reading import Wrong, prices
from billing.rules import money
from billing.rules.periods import EVERY
from billing.rules.sale.amounts import Bonus, bonus_credits, cost_cents
from billing.rules.wallet.overdraft import MOST_CREDITS

MOST_PERCENT = 1_000
BY_EVERY = "every"
"""Stands for the plan's own `every` until that is known."""


def bonus(value: Any) -> tuple[Bonus, ...]:
    """`[{ from = 5000, percent = 5 }, { from = 20000, credits = 3000 }]`, each step larger than the one before."""
    if not isinstance(value, list):
        raise Wrong("Write a list of steps, such as [{ from = 5000, percent = 5 }].")
    tiers: list[Bonus] = []
    wrong: dict[Any, list[str]] = {}
    for position, one in enumerate(value):
        read = _tier(one)
        if isinstance(read, str):
            wrong[position] = [read]
        elif tiers and read.least <= tiers[-1].least:
            wrong[position] = [f"Write the steps in order: this one begins no later than {tiers[-1].least:,}."]
        elif bonus_credits(read.least, [read]) < bonus_credits(read.least, tiers):
            wrong[position] = ["Who buys more must not get less: this step brings less than the one before it."]
        else:
            tiers.append(read)
    if wrong:
        raise Wrong(wrong)
    return tuple(tiers)


def _tier(value: Any) -> Bonus | str:
    if not isinstance(value, dict) or "from" not in value or not {"percent", "credits"} & set(value):
        return "Write from and percent, or from and credits, such as { from = 5000, percent = 5 }."
    unknown = set(value) - {"from", "percent", "credits"}
    if unknown:
        return f"Unknown key {min(unknown)!r}: known here: from, percent, credits."
    largest = {"from": MOST_CREDITS, "percent": MOST_PERCENT, "credits": MOST_CREDITS}
    for name, number in value.items():
        if type(number) is not int or not 1 <= number <= largest[name]:
            return f"{name}: write a whole number from 1 to {largest[name]:,}."
    return Bonus(value["from"], value.get("percent", 0), value.get("credits", 0))


def plan_price(value: Any) -> dict[str, dict[str, int]]:
    """`{ usd = 2000 }` for the plan's own `every`, or by the interval: `{ month = { … }, year = { usd = 20000 } }`."""
    if not isinstance(value, dict) or not value:
        raise Wrong("Write a table of currency and cents, such as { usd = 2000 }, or one for each interval.")
    if not any(isinstance(part, dict) for part in value.values()):
        return {BY_EVERY: prices(value)}
    found: dict[str, dict[str, int]] = {}
    wrong: dict[Any, list[str]] = {}
    for interval, part in value.items():
        if interval not in EVERY:
            wrong[interval] = [f"Write one of {', '.join(map(repr, EVERY))}."]
            continue
        try:
            found[interval] = prices(part)
        except Wrong as error:
            wrong[interval] = error.what if isinstance(error.what, dict) else [error.what]  # type: ignore[assignment]
    if wrong:
        raise Wrong(wrong)
    return found


def of_every(read: Mapping[str, Mapping[str, int]], every: str) -> dict[str, Mapping[str, int]]:
    """A plan's price with its own interval named."""
    return {every if interval == BY_EVERY else interval: price for interval, price in read.items()}


def check_amounts(table: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong between the keys of a table of any number of credits, by key."""
    least, most, step, per = table["min"], table["max"], table.get("step", 1), table.get("per", 1)
    wrong: dict[str, Any] = {}
    if most < least:
        wrong["max"] = [f"It is less than min, {least:,}."]
    for name, number in (("min", least), ("max", most)):
        if number % step:
            wrong[name] = [f"It is no multiple of step, {step:,}."]
    for currency, cents in table["price"].items():
        first = cost_cents(least, cents, per, currency)
        last = cost_cents(most, cents, per, currency)
        charged = money.least(currency)
        if first < charged:
            text = f"The fewest, {least:,}, cost {first}: Stripe charges no less than {charged} in {currency}."
            wrong.setdefault("price", {})[currency] = [text]
        elif last > MOST_CHARGED:
            text = f"The most, {most:,}, cost {last:,}: Stripe charges no more than {MOST_CHARGED:,}."
            wrong.setdefault("price", {})[currency] = [text]
    if most + bonus_credits(most, table.get("bonus", ())) > MOST_CREDITS:
        wrong["bonus"] = [f"With it the most would be more than {MOST_CREDITS:,}."]
    return wrong


MOST_CHARGED = 99_999_999
"""Stripe's limit for one price: eight digits."""


def rate(value: Any) -> dict[str, int]:
    """Cents for so many credits, by currency. A single credit may cost less than Stripe charges, a purchase may not."""
    if not isinstance(value, dict) or not value:
        raise Wrong("Write a table of currency and cents, such as { usd = 99 }.")
    wrong = {}
    for currency, cents in value.items():
        if text := money.check_currency(currency):
            wrong[currency] = [text]
        elif type(cents) is not int or not 1 <= cents <= money.MOST_CENTS:
            wrong[currency] = [f"Write whole cents from 1 to {money.MOST_CENTS:,}: 1000 is 10.00."]
    if wrong:
        raise Wrong(wrong)
    return dict(value)
