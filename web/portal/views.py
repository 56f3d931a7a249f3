"""The portal's pages. A link is a token in the path: no cookie, no session, nothing to log in to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, request

from billing.access.tokens import PortalLink, read_portal_link
from billing.base.wording import credits_text
from billing.rules.refusals import UnknownCustomer
from web.pages import message, policy
from web.portal.activity import Activity, activities
from web.portal.balance import by_day
from web.portal.names import names_of
from web.portal.walletpage import wallet_page
from web.state import clock_now, engine, secrets, sells_credits, snapshot, state

if TYPE_CHECKING:
    from billing import Entry, Topup, Transaction

portal = Blueprint("portal", __name__, url_prefix="/portal")

RECENT = 30
"""Entries read for the wallet page; the slices of one spend make one line of them."""
SHOWN = 8
PAGE = 100

BACK = "Go back to the app or the message you came from and open your wallet there again"

_UNPAID = ("Your plan’s last payment did not go through.", "Its credits come as soon as it is paid.")
_TROUBLES = {
    "past_due": _UNPAID,
    "unpaid": _UNPAID,
    "paused": ("Your plan is paused.", "No credits come from it until it goes on; what you have keeps its dates."),
}
"""By the subscription's status, what the wallet says of it."""

View = Callable[..., Any]


def by_link(view: View) -> View:
    """Lets in whoever holds a good link, as its customer; tells everyone else what to do. What else stands in the path
    is handed on.
    """

    @wraps(view)
    def opened(token: str, **more: str) -> Any:
        link = read_portal_link(secrets(), token, clock_now())
        if link == "expired":
            return message(
                "This link has expired",
                (
                    "For your safety a link to your wallet works for a limited time.",
                    f"{BACK}: you will get a fresh one. Your credits are where they were.",
                ),
                410,
            )
        if isinstance(link, str):
            return _wrong()
        try:
            return view(link, token, **more)
        except UnknownCustomer:
            return _wrong()

    return opened


def _wrong() -> Response:
    return message(
        "This link does not work",
        (
            "It may have been cut off on its way: a link to your wallet is long, and all of it is needed.",
            f"{BACK}, or copy the whole link.",
        ),
        404,
    )


@portal.after_request
def lead_to_checkout(response: Response) -> Response:
    """The portal's forms may lead to Stripe."""
    response.headers["Content-Security-Policy"] = policy(state().settings)
    return response


@portal.context_processor
def sold() -> dict[str, bool]:
    """Which pages there are something on to buy."""
    catalog = engine().catalog
    return {"sells_packs": sells_credits(), "sells_plans": any(plan.prices for plan in catalog.plans.values())}


@portal.get("/<token>")
@by_link
def wallet(link: PortalLink, token: str) -> Any:
    """What the customer has, what expires when, and where it went."""
    unit = unit_asked()
    with snapshot() as tx:
        customer, state = tx.find_customer(link.customer), tx.wallet(link.customer, unit)
        entries = tx.entries(link.customer, unit=unit, limit=RECENT)
        whole = _whole(entries, RECENT)
        shown = activities(whole, state.scale, names_of(tx, link.customer, unit, whole))
        page = wallet_page(
            state,
            tx.now,
            who=customer.name or customer.id,
            activity=shown[:SHOWN],
            more_activity=len(shown) > SHOWN or len(entries) == RECENT,
            points=by_day(tx, link.customer, unit, state.available),
            units=_used_units(tx, link.customer, unit),
        )
    newest = engine().topups(link.customer, limit=SHOWN)
    of_unit = [one for one in newest if one.unit == unit]
    coming = [(one.id, credits_text(one.credits, state.scale)) for one in of_unit if one.status == "pending"]
    failed = [
        (one.id, credits_text(one.credits, state.scale)) for one in of_unit[:1] if _just_failed(one, page.as_of_at)
    ]
    subscribed = engine().subscription(link.customer)
    return render_template(
        "portal/wallet.html", page=page, token=token, unit_asked=request.args.get("unit"), coming=coming, failed=failed,
        trouble=_TROUBLES.get(subscribed.status) if subscribed is not None else None,
    )  # fmt: skip


def _just_failed(newest: Topup, now: datetime) -> bool:
    """Said until another one is begun, or for two weeks: banks that take days say no after some."""
    return newest.status == "failed" and now - newest.created_at < timedelta(days=14)


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """`older` is where the next page begins; `first` says that newer ones are there."""

    who: str
    activity: tuple[Activity, ...]
    older: int | None
    first: bool


@portal.get("/<token>/activity")
@by_link
def activity(link: PortalLink, token: str) -> Any:
    """All that moved, a page at a time."""
    unit, before = unit_asked(), request.args.get("before", "")
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None
    with snapshot() as tx:
        customer, scale = tx.find_customer(link.customer), tx.wallet(link.customer, unit).scale
        whole = _whole(tx.entries(link.customer, unit=unit, before=number, limit=PAGE), PAGE)
        page = ActivityPage(
            who=customer.name or customer.id,
            activity=tuple(activities(whole, scale, names_of(tx, link.customer, unit, whole))),
            older=whole[-1].number if whole and whole[-1].number > 1 else None,
            first=number is not None,
        )
    return render_template("portal/activity.html", page=page, token=token, unit_asked=request.args.get("unit"))


def unit_asked() -> str:
    """The unit that the page was opened with; there is no page of another."""
    unit = request.args.get("unit", "credits")
    return unit if unit in _units() else abort(404)


def _units() -> tuple[str, ...]:
    return tuple(engine().catalog.units)


def _used_units(tx: Transaction, customer: str, shown: str) -> tuple[str, ...]:
    """The units in which the customer has ever had anything, and the one that is looked at."""
    return tuple(unit for unit in _units() if unit == shown or tx.entries(customer, unit=unit, limit=1))


def _whole(entries: list[Entry], asked: int) -> list[Entry]:
    """Without the last group, when the page may have cut it in two (unless it is all there is)."""
    if len(entries) < asked:
        return entries
    kept = [entry for entry in entries if entry.cause != entries[-1].cause]
    return kept or entries
