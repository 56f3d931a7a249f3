"""Automatic top-up, ready to be shown: the form as it was filled in, what it would have charged, how it stands. Built
from values alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billing.base.wording import credits_text, date_text, money_text, time_text
from billing.rules import money
from billing.sales.asking.offers import own_currency
from web.portal.amounts import parse
from web.portal.purchases import Bought

if TYPE_CHECKING:
    from billing import AutoTopup, AutoTopupPreview, Catalog

    Card = Any

TARGET = "target"
"""What the form says in place of a pack."""

_TONES = {"on": "in", "pending": "still", "held_back": "wait", "paused": "bad", "frozen": "wait", "off": "still"}
_NAMES = {
    "on": "On",
    "pending": "On: a payment is under way",
    "held_back": "On: held back for now",
    "paused": "Paused",
    "frozen": "On, but your wallet is frozen",
    "off": "Off",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that can be bought by itself."""

    value: str
    words: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Filled:
    """The form's fields as texts. `wrong`: what can't be used of them, in words."""

    threshold: str
    what: str
    target: str
    count: str
    money: str
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AutomaticPage:
    """`consent`: the sentence that is agreed to. `preview`: what it would have charged, a line each; `again`: it can be
    resumed; `stands_still`: nothing is bought by itself just now, so it may be bought by hand;
    `saved`: there is a card, as far as is known.
    """

    who: str
    unit: str
    on: bool
    state: str
    tone: str
    message: str
    facts: tuple[tuple[str, str], ...]
    again: bool
    stands_still: bool
    choices: tuple[Choice, ...]
    form: Filled
    currency: str
    symbol: str
    step: str
    money_step: str
    card: str
    saved: bool
    consent: str
    headline: str
    preview: tuple[tuple[str, str], ...]
    history: tuple[Bought, ...]
    done: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is sold of a unit that can be bought by itself, in one currency."""

    currency: str
    packs: tuple[tuple[str, str, int, int], ...]
    any_number: bool

    @property
    def empty(self) -> bool:
        return not self.packs and not self.any_number


def shelf(catalog: Catalog, unit: str, setting: Mapping[str, Any] | None, usual: str | None) -> Shelf:
    """In the currency that is set, else the customer's usual one, else the first."""
    packs = [pack for pack in catalog.packs_on_sale.values() if pack.unit == unit and pack.prices]
    amounts = catalog.topups.get(unit)
    known = list(dict.fromkeys(name for one in [*packs, *([amounts] if amounts else [])] for name in _prices(one)))
    wanted = setting["currency"] if setting is not None and setting["currency"] in known else usual
    currency = own_currency(known, wanted) if known else "usd"
    return Shelf(
        currency,
        tuple((pack.id, pack.name, pack.credits, pack.prices[currency]) for pack in packs if currency in pack.prices),
        amounts is not None and currency in amounts.price,
    )


def _prices(sold: Any) -> Mapping[str, int]:
    prices: Mapping[str, int] = sold.prices if hasattr(sold, "prices") else sold.price
    return prices


def filled(setting: Mapping[str, Any] | None, shelf: Shelf, scale: int) -> Filled:
    """The form as it is opened: what is set, else something careful."""
    places = money.exponent(shelf.currency)
    if setting is not None:
        target = _plain(setting["target"], scale) if setting.get("target") is not None else ""
        return Filled(
            _plain(setting["threshold"], scale), setting.get("pack") or TARGET, target,
            str(setting["max_count_per_month"]), _plain(setting["max_cents_per_month"], places),
        )  # fmt: skip
    if not shelf.packs:
        return Filled("", TARGET, "", "2", "")
    id, _, credits, cents = shelf.packs[0]
    return Filled(_plain(credits // 5, scale), id, "", "2", _plain(2 * cents, places))


def read(form: Mapping[str, str], currency: str, scale: int) -> tuple[dict[str, Any], Filled]:
    """What the form sends: the setting as the engine takes it, and the form to be shown again."""
    sent = [form.get(name, "") for name in ("threshold", "what", "target", "count", "money")]
    again = Filled(sent[0], sent[1], sent[2], sent[3], sent[4])
    setting: dict[str, Any] = {
        "threshold": parse(again.threshold, scale),
        "max_count_per_month": parse(again.count, 0),
        "max_cents_per_month": parse(again.money, money.exponent(currency)),
        "currency": currency,
        "pack": None if again.what == TARGET else again.what or None,
        "target": parse(again.target, scale) if again.what == TARGET else None,
    }
    return {name: value for name, value in setting.items() if value is not None}, again


_FIELDS = {
    "threshold": "When to buy",
    "pack": "What to buy",
    "target": "Up to how many",
    "max_cents_per_month": "At most a month, in money",
    "max_count_per_month": "At most a month, in number",
    "currency": "Currency",
}


def wrong(errors: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """What the engine says of a setting, in the form's words."""
    found = []
    for name, messages in errors.items():
        field = _FIELDS.get(name.removeprefix("auto_topup."))
        found.append(f"{field}: {' '.join(messages)}" if field else " ".join(messages))
    return tuple(found)


def page(
    who: str, found: AutoTopup, catalog: Catalog, on_shelf: Shelf, form: Filled, card: Card | None, *,
    preview: AutoTopupPreview | None, history: Sequence[Bought], card_known: bool, done: str = "",
) -> AutomaticPage:  # fmt: skip
    """`card_known`: could Stripe be asked for the card?"""
    scale, currency = catalog.units[found.unit].scale, on_shelf.currency
    choices = [
        Choice(id, f"{name}: {credits_text(credits, scale)} {found.unit} for {money_text(cents, currency)}",
               form.what == id)
        for id, name, credits, cents in on_shelf.packs
    ]  # fmt: skip
    if on_shelf.any_number:
        choices.append(Choice(TARGET, f"As many {found.unit} as are missing up to", form.what == TARGET))
    words = "no card is saved" if card is None else card.words
    return AutomaticPage(
        who=who,
        unit=found.unit,
        on=found.setting is not None,
        state=_NAMES[found.status],
        tone=_TONES[found.status],
        message=found.message or "",
        facts=_facts(found, scale),
        again=found.status in ("paused", "held_back") and found.reason not in ("cap", "count"),
        stands_still=found.status in ("paused", "held_back"),
        choices=tuple(choices),
        form=form,
        currency=currency,
        symbol=currency.upper(),
        step=_plain(1, scale),
        money_step=_plain(1, money.exponent(currency)),
        card=words if card_known else "our payment provider does not say just now",
        saved=card is not None or not card_known,
        consent=(
            "I agree that, when my balance is at or below this number, what I chose is bought and my saved payment "
            "method is charged without asking me again, up to these limits, until I switch it off."
        ),
        headline="" if preview is None else _headline(preview),
        preview=() if preview is None else _lines(preview, scale, found.unit),
        history=tuple(history),
        done=done,
    )


def _facts(found: AutoTopup, scale: int) -> tuple[tuple[str, str], ...]:
    setting = found.setting
    if setting is None:
        return ()
    spent, cap = (
        money_text(cents, setting["currency"]) for cents in (found.cents_this_month, setting["max_cents_per_month"])
    )
    facts = [
        ("Buys at", f"{credits_text(setting['threshold'], scale)} {found.unit} or fewer"),
        ("This month", f"{found.count_this_month} of {setting['max_count_per_month']} times"),
        ("Charged this month", f"{spent} of {cap}"),
    ]  # fmt: skip
    if found.sold is not None:
        credits, cents = found.sold
        words = f"{credits_text(credits, scale)} {found.unit} for {money_text(cents, setting['currency'])}"
        facts.insert(1, ("One purchase", words if setting.get("pack") else f"at most {words}"))
    if found.next_attempt_at is not None:
        facts.append(("Next attempt", f"not before {time_text(found.next_attempt_at)}"))
    if found.agreed_at is not None:
        facts.append(("You agreed", date_text(found.agreed_at)))
    return tuple(facts)


def _headline(found: AutoTopupPreview) -> str:
    since = f"From {date_text(found.since)} until today"
    if not found.charges:
        return f"{since} it would have charged nothing."
    times = "once" if len(found.charges) == 1 else "twice" if len(found.charges) == 2 else f"{len(found.charges)} times"
    return f"{since} it would have charged {times}, {money_text(found.cents, found.currency)} in all."


def _lines(found: AutoTopupPreview, scale: int, unit: str) -> tuple[tuple[str, str], ...]:
    lines = [
        (one.at, f"{credits_text(one.credits, scale)} {unit} for {money_text(one.cents, found.currency)}")
        for one in found.charges
    ]
    limits = {"cap": "the limit in money", "count": "the limit in number"}
    lines += [(at, f"held back by {limits[reason]} for the rest of that month") for at, reason in found.held_back]
    return tuple((time_text(at), words) for at, words in sorted(lines))


def _plain(number: int, places: int) -> str:
    return f"{Decimal(number).scaleb(-places):f}"
