"""The portal's pages. A link is a token in the path: no cookie, no session, nothing to log in to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request
from werkzeug.wrappers import Response

from billing.access.tokens import PortalLink, read_portal_link
from billing.rules.refusals import UnknownCustomer
from web.charts import Point
from web.pages import message
from web.portal.activity import Activity, activities
from web.portal.walletpage import wallet_page
from web.portal.words import name_of
from web.state import clock_now, engine, secrets

if TYPE_CHECKING:
    from billing import Entry

portal = Blueprint("portal", __name__, url_prefix="/portal")

CHART_DAYS = 60
RECENT = 30
"""Entries read for the wallet page; the slices of one spend make one line of them."""
SHOWN = 8
PAGE = 100

BACK = "Go back to the app or the message you came from and open your wallet there again"

View = Callable[[PortalLink, str], Any]


def by_link(view: View) -> Callable[[str], Any]:
    """Lets in whoever holds a good link, as its customer; tells everyone else what to do."""

    @wraps(view)
    def opened(token: str) -> Any:
        link = read_portal_link(secrets(), token, clock_now())
        if link == "expired":
            return message(
                "This link has expired",
                (
                    "For your safety a link to your wallet works for a day.",
                    f"{BACK}: you will get a fresh one. Your credits are where they were.",
                ),
                410,
            )
        if isinstance(link, str):
            return _wrong()
        try:
            return view(link, token)
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


@portal.get("/<token>")
@by_link
def wallet(link: PortalLink, token: str) -> Any:
    """What the customer has, what expires when, and where it went."""
    billing, now, unit = engine(), clock_now(), _unit()
    customer = billing.find_customer(link.customer)
    state = billing.wallet(link.customer, unit)
    entries = billing.entries(link.customer, unit=unit, limit=RECENT)
    shown = activities(_whole(entries, RECENT), state.scale, _names(link.customer, unit))
    page = wallet_page(
        state,
        now,
        who=customer.name or customer.id,
        activity=shown[:SHOWN],
        more_activity=len(shown) > SHOWN or len(entries) == RECENT,
        points=_balance_by_day(link.customer, unit, now, state.available),
        units=_units(),
    )
    return render_template("portal/wallet.html", page=page, token=token, unit_asked=request.args.get("unit"))


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
    billing, unit = engine(), _unit()
    before = request.args.get("before", "")
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None
    customer = billing.find_customer(link.customer)
    entries = billing.entries(link.customer, unit=unit, before=number, limit=PAGE)
    whole = _whole(entries, PAGE)
    page = ActivityPage(
        who=customer.name or customer.id,
        activity=tuple(activities(whole, billing.wallet(link.customer, unit).scale, _names(link.customer, unit))),
        older=whole[-1].number if whole and whole[-1].number > 1 else None,
        first=number is not None,
    )
    return render_template("portal/activity.html", page=page, token=token, unit_asked=request.args.get("unit"))


def _unit() -> str:
    unit = request.args.get("unit", "credits")
    return unit if unit in _units() else abort(404)


def _units() -> tuple[str, ...]:
    return tuple(engine().catalog.units)


def _whole(entries: list[Entry], asked: int) -> list[Entry]:
    """Without the last group, when the page may have cut it in two (unless it is all there is)."""
    if len(entries) < asked:
        return entries
    kept = [entry for entry in entries if entry.cause != entries[-1].cause]
    return kept or entries


def _names(customer: str, unit: str) -> dict[str, str]:
    """What the customer's buckets are called, by id: ended ones too, for entries speak of them."""
    return {bucket.id: name_of(bucket) for bucket in engine().buckets(customer, unit=unit)}


def _balance_by_day(customer: str, unit: str, now: datetime, available: int) -> list[Point]:
    """The balance at the end of each of the last 60 days, from the wallet's first on; today's is now's."""
    billing, points = engine(), []
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(CHART_DAYS - 1, -1, -1):
        day = midnight - timedelta(days=back)
        if back == 0:
            points.append(Point(day.date(), available))
            break
        last = billing.entries(customer, unit=unit, until=day + timedelta(days=1), limit=1)
        if last:
            points.append(Point(day.date(), last[0].available_after))
    return points if len(points) > 1 else []
