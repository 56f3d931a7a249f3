"""Writing a letter: what happened, the figures, and one thing to do, in the customer's language and time zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from billing.access.tokens import LETTER_LIFETIME, PortalLink, Unsubscribing, portal_address, unsubscribe_address
from billing.base.addresses import mailbox
from billing.base.readers import Reader
from billing.catalog.terms import Catalog
from billing.credits.values import Customer
from billing.notices.channels.mail import Letter, one_line
from billing.notices.kinds import Kind
from billing.notices.values import Event, Sending

_UNIT_WORDS = {"en": ("credit", "credits"), "de": ("Credit", "Credits")}
_OPTIONAL_PARTS: Mapping[str, Any] = {"hero": "", "hero_of": "", "figures": (), "todo": ""}
_LONGEST_FIGURE = 80


@dataclass(frozen=True, slots=True)
class Desk:
    """What is needed to write: how we send, what is sold, when it is."""

    sending: Sending
    catalog: Catalog
    now: datetime


def write(desk: Desk, kind: Kind, event: Event, customer: Customer) -> tuple[Letter, str | None]:
    """The letter, and where one click ends such letters (None where it is about money)."""
    reader = Reader.of(customer.locale, customer.timezone)
    words = _Words(desk, reader, event)
    parts = _parts(f"{reader.language}/{kind.name}.jinja", words.given(customer))
    frame = _parts(f"{reader.language}/frame.jinja", {"brand": words.brand, "about": kind.about})
    if not _there(desk.catalog, parts["page"]):
        parts |= {"page": "wallet", "button": frame["open"], "todo": ""}
    stop = _unsubscribe(desk, kind, customer) if kind.optional else None
    letter = {
        **_OPTIONAL_PARTS,
        **parts,
        "frame": frame,
        "language": reader.language,
        "brand": words.brand,
        "link": _link(desk, customer, parts["page"]),
        "manage": _link(desk, customer, "notices"),
        "unsubscribe": stop,
    }
    text = _templates().get_template("frame.txt").render(letter)
    html = _templates().get_template("frame.html").render(letter)
    return Letter(parts["subject"], text, html), stop


def _parts(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a template sets by name. It is plain text: the frames escape it where they must."""
    module = _templates().get_template(name).make_module(dict(given))
    found = {part: value for part, value in vars(module).items() if not part.startswith("_")}
    return {part: value.strip() if isinstance(value, str) else value for part, value in found.items()}


@lru_cache(maxsize=1)
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("billing.notices", "letters"),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _unsubscribe(desk: Desk, kind: Kind, customer: Customer) -> str:
    wish = Unsubscribing(customer.id, kind.name)
    return unsubscribe_address(desk.sending.public_url, desk.sending.secrets, wish)


def _there(catalog: Catalog, page: str) -> bool:
    """Is there something to buy on that page, if it is one to buy on?"""
    if page == "topup":
        return bool(catalog.packs_on_sale or catalog.topups)
    return page != "plans" or any(plan.prices for plan in catalog.plans.values())


def _link(desk: Desk, customer: Customer, page: str) -> str:
    """A signed link to one of the customer's pages."""
    link = PortalLink(customer.id, page, desk.now + LETTER_LIFETIME)
    return portal_address(desk.sending.public_url, desk.sending.secrets, link)


def _short(text: str) -> str:
    """On one line, whatever was written for a lot of credits or said by a bank."""
    line = one_line(text)
    return line if len(line) <= _LONGEST_FIGURE else line[: _LONGEST_FIGURE - 1].rstrip() + "…"


class _Words:
    """How figures and times are put for one reader; the templates' functions."""

    def __init__(self, desk: Desk, reader: Reader, event: Event) -> None:
        self._desk, self._reader, self._event = desk, reader, event
        self._unit = str(event.facts.get("unit") or "credits")
        assert desk.sending.mail_from is not None, "a letter is from somebody"
        sender = mailbox(desk.sending.mail_from)
        self.brand = sender.display_name or sender.domain

    def given(self, customer: Customer) -> dict[str, Any]:
        facts = dict(self._event.facts)
        return {
            "f": {name: facts.get(name) for name in (*_FACTS, *facts)},
            "brand": self.brand,
            "name": _short(customer.name or customer.id),
            "number": self.number,
            "credits": self.credits,
            "money": self._reader.money,
            "time": lambda text: self._reader.time(_instant(text)),
            "date": lambda text: self._reader.date(_instant(text)),
            "day": lambda text: self._reader.day(date.fromisoformat(str(text)[:10])),
            "settings": lambda thresholds: ", ".join(map(self.setting, thresholds)),
            "unit": self.unit(2),
            "single": lambda credits: self.unit(credits) != self.unit(2),
            "short": _short,
            "buyable": _there(self._desk.catalog, "topup"),
            "pack": self.pack(facts.get("pack")),
        }

    def number(self, credits: int) -> str:
        unit = self._desk.catalog.units.get(self._unit)
        return self._reader.credits(credits, unit.scale if unit else 0)

    def credits(self, credits: int) -> str:
        """`1,000 credits`: the figure and what is counted."""
        return f"{self.number(credits)}\u00a0{self.unit(credits)}"

    def unit(self, credits: int) -> str:
        if self._unit != "credits":
            return self._unit
        one, many = _UNIT_WORDS[self._reader.language]
        catalogued = self._desk.catalog.units.get(self._unit)
        return one if credits == 1 and not (catalogued and catalogued.scale) else many

    def setting(self, threshold: Mapping[str, Any]) -> str:
        """`20% (1,000 credits)`, in German `20 % …`, `500 credits`: a threshold as it was set."""
        written, credits = threshold.get("setting"), threshold.get("credits")
        figure = self.credits(credits) if isinstance(credits, int) else ""
        if isinstance(written, str) and written.endswith("%"):
            share = self._reader.percent(written[:-1])
            return f"{share} ({figure})" if figure else share
        return figure or str(written)

    def pack(self, id: Any) -> str:
        found = self._desk.catalog.packs.get(id) if isinstance(id, str) else None
        return found.name if found is not None else ""


_FACTS = (
    "allocation", "available", "owed", "thresholds", "credits", "buckets", "ends_at", "per_day", "days", "empty_at",
    "usual", "times", "day", "cents", "currency", "reason", "message", "next_attempt_at", "failures", "effective_at",
    "topup", "invoice", "subscription", "cause",
)  # fmt: skip
"""What the templates speak of: None where the event does not say it."""


def _instant(text: Any) -> datetime:
    return text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
