"""The demo's own page: who lives here, a walk through it, lines to paste into a terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, render_template

from billing.base.wording import credits_text
from web.demo import kept
from web.demo.people import CUSTOMERS, FJORD, JUNIPER, TIDEWATER, Customer
from web.demo.sold import CODES
from web.demo.words import curl_lines, spend_line
from web.pages import message

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from web.demo.preparing import Preparation

HOME = "/demo"


@dataclass(frozen=True, slots=True)
class Resident:
    """A customer as the page shows it."""

    name: str
    about: str
    available: str
    owed: str
    wallet: str


def demo_pages(preparation: Preparation) -> Blueprint:
    """To be registered with the demo's application only: it shows its API key to whoever can reach it."""
    pages = Blueprint("demo", __name__)

    @pages.get(HOME)
    def home() -> str | Response:
        missing = preparation.missing()
        if missing is not None:
            return message("A moment, please", (missing, "Load this page again in a few seconds."), 503)
        url, key = preparation.settings.public_url, preparation.kept.api_key
        return render_template(
            "demo/home.html",
            customers=[_resident(preparation, customer) for customer in CUSTOMERS],
            newcomer=_newcomer(preparation.portal_url, url, key),
            low=FJORD,
            tops_up={"name": TIDEWATER.name, "wallet": f"{preparation.portal_url(TIDEWATER.id)}/auto-topup"},
            lines=curl_lines(url, key, past=bool(preparation.kept.sandbox_url)),
            codes=CODES,
            finance=(kept.STAFF, preparation.kept.finance_password),
        )

    return pages


def _resident(preparation: Preparation, customer: Customer) -> Resident:
    wallet = preparation.billing.wallet(customer.id)
    owed = credits_text(wallet.owed) if wallet.owed else ""
    about = customer.about if preparation.kept.sandbox_url else ""  # in an account of one's own nobody has a past
    return Resident(customer.name, about, credits_text(wallet.available), owed, preparation.portal_url(customer.id))


def _newcomer(portal_url: Callable[[str, str], str], url: str, key: str) -> dict[str, str]:
    wallet = portal_url(JUNIPER.id, "wallet")
    return {
        "name": JUNIPER.name,
        "wallet": wallet,
        "plans": f"{wallet}/plans",
        "topup": f"{wallet}/topup",
        "spend": spend_line(url, key, JUNIPER.id, "walk-1", 150),
    }
