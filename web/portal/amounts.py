"""Any number of credits, ready to be shown: how many, what they cost, what comes on top. Built from values alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from billing.base.wording import credits_text, money_text, span_text
from billing.rules.refusals import Invalid
from billing.sales.asking.offers import Quote, own_currency, quote

if TYPE_CHECKING:
    from billing import Wallet
    from billing.catalog.terms import Amounts


@dataclass(frozen=True, slots=True)
class AmountsCard:
    """A field for a number, and what that number costs. Without a `total` the number can't be bought: `wrong` says why.
    `least`, `most`, `step`, `written`: as a number field has them.
    """

    unit: str
    name: str
    description: str
    bounds: str
    rate: str
    steps: tuple[str, ...]
    lasts: str
    least: str
    most: str
    step: str
    written: str
    wrong: str = ""
    number: int = 0
    credits: str = ""
    bonus: str = ""
    total: str = ""
    currency: str = ""
    after: str = ""


def amounts_card(amounts: Amounts, wallet: Wallet, usual: str | None, asked: Mapping[str, str]) -> AmountsCard:
    """`asked`: what the page was opened with; a number in it is of its `unit`."""
    scale, mine = wallet.scale, asked.get("unit", "credits") == amounts.id
    written = asked.get("credits", "") if mine else ""
    number = parse(written, scale) if written else amounts.min
    currency = own_currency(amounts.price, usual)
    try:
        if number is None:
            raise Invalid.field("credits", "Write a number, such as " + credits_text(amounts.min, scale) + ".")
        found: Quote | None = quote(amounts, number, scale, currency, usual)
        wrong = ""
    except Invalid as invalid:
        found, wrong = None, " ".join(text for texts in invalid.errors.values() for text in texts)
    return AmountsCard(
        unit=amounts.id,
        name=amounts.name,
        description=amounts.description,
        bounds=f"{credits_text(amounts.min, scale)} to {credits_text(amounts.max, scale)}{_steps_of(amounts, scale)}",
        rate=f"{money_text(amounts.price[currency], currency)} for {credits_text(amounts.per, scale)}",
        steps=tuple(_step(one.least, one.percent, one.credits, scale) for one in amounts.bonus),
        lasts=span_text(amounts.valid_for) if amounts.valid_for else "ever",
        least=_plain(amounts.min, scale),
        most=_plain(amounts.max, scale),
        step=_plain(amounts.step, scale),
        written=written or _plain(amounts.min, scale),
        wrong=wrong,
        **(_quoted(found, wallet) if found is not None else {}),  # type: ignore[arg-type]
    )


def _steps_of(amounts: Amounts, scale: int) -> str:
    return f", in steps of {credits_text(amounts.step, scale)}" if amounts.step > 1 else ""


def _quoted(found: Quote, wallet: Wallet) -> dict[str, str | int]:
    scale, more = wallet.scale, found.credits + found.bonus
    return {
        "number": found.credits,
        "credits": credits_text(found.credits, scale),
        "bonus": credits_text(found.bonus, scale) if found.bonus else "",
        "total": money_text(found.cents, found.currency),
        "currency": found.currency,
        "after": credits_text(wallet.available + more - wallet.owed, scale),
    }


def parse(written: str, scale: int) -> int | None:
    """What a number field sent, in whole credits: `2500`, `25.5` at two decimals; None for what is no such number."""
    try:
        number = Decimal(written.strip().replace(",", "")).scaleb(scale) if len(written) <= 30 else None
    except InvalidOperation:
        return None
    if number is None or not number.is_finite() or number != number.to_integral_value() or not 0 <= number <= 10**18:
        return None
    return int(number)


def _plain(credits: int, scale: int) -> str:
    return f"{Decimal(credits).scaleb(-scale):f}"


def _step(least: int, percent: int, credits: int, scale: int) -> str:
    more = [f"{percent} %"] if percent else []
    more += [credits_text(credits, scale)] if credits else []
    return f"from {credits_text(least, scale)}: {' and '.join(more)} on top"
