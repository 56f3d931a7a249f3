"""A customer's hand in the portal: what its pages do, for them and for programs.

sandbox.portal.act("bps_…", "switch", price="price_…")
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from web.sandbox.errors import Refused, missing
from web.sandbox.resources import portal
from web.sandbox.store import Object
from web.sandbox.work import Work, shown

ACTS = ("cancel", "keep", "switch", "card")


class Portal:
    """Opened by a session's id, which whoever has it may use."""

    def __init__(self, opening: Callable[[], AbstractContextManager[Work]], told: Callable[[], None]) -> None:
        self._opening, self._told = opening, told

    def show(self, session: str) -> dict[str, Any]:
        """What the page shows; `Refused` where there is no such session, or no such customer any more."""
        with self._opening() as work:
            found = _session(work, session)
            running = portal.running(work, found)
            return {
                "session": shown(found),
                "features": portal.features(work, found),
                "customer": work.find("customer", found["customer"]),
                "subscriptions": [shown(one) for one in running],
                "choices": {one["id"]: portal.choices(work, found, one) for one in running},
                "products": {one["id"]: one["name"] for one in work.rows.select("product")},
                "invoices": work.rows.select("invoice", customer=found["customer"])[:12],
            }

    def act(
        self,
        session: str,
        act: str,
        subscription: str | None = None,
        *,
        price: str | None = None,
        quantity: int | None = None,
        card: str = "",
    ) -> None:
        """`cancel`, `keep`, `switch` (to a price, or so many) or `card`; of the one subscription if none is named.
        `Refused` where it can't be done, or the card says no.
        """
        with self._opening() as work:
            found = _session(work, session)
            if act == "card":
                portal.use_card(work, found, card)
            elif act in ACTS:
                _act(work, found, act, _one(work, found, subscription), price, quantity)
            else:
                raise Refused(f"Say one of {', '.join(ACTS)}.")
        self._told()


def _act(work: Work, session: Object, act: str, subscription: Object, price: str | None, quantity: int | None) -> None:
    if act == "cancel":
        portal.cancel(work, session, subscription)
    elif act == "keep":
        portal.keep(work, subscription)
    else:
        portal.switch(work, session, subscription, price, quantity)


def _session(work: Work, id: str) -> Object:
    session = work.addressed("billing_portal.session", id, "session")
    customer = work.find("customer", session["customer"])
    if customer is None or customer.get("deleted"):
        raise missing("customer", session["customer"], "customer", status=404)
    return session


def _one(work: Work, session: Object, id: str | None) -> Object:
    running = [one for one in portal.running(work, session) if id in (None, one["id"])]
    if len(running) != 1:
        raise Refused("There is no such subscription." if id else "Say which subscription.", status=404)
    return running[0]
