"""All of the sandbox but its doors: its clock, what listens to it, and a buyer's hand."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from web.sandbox import clock as time
from web.sandbox.clock import Clock
from web.sandbox.dashboard import Dashboard
from web.sandbox.delivery import Deliver, Delivery
from web.sandbox.errors import Refused
from web.sandbox.faults import Faults
from web.sandbox.portal import Portal
from web.sandbox.resources import (
    cards,
    checkout,
    checkout_payments,
    collecting,
    customers,
    payment_methods,
    session_items,
    webhook_endpoints,
)
from web.sandbox.resources.cards import Decline, TestCard
from web.sandbox.stops import AfterStop, Stops, at_once
from web.sandbox.store import Object, Rows, Store
from web.sandbox.work import Work, shown

WAITS_FOR_WEBHOOK = 10.0
"""Seconds that a buyer is kept until those who listen have answered, as Stripe does."""


class Machine:
    """What `Sandbox` is, without HTTP."""

    CARD = "4242424242424242"
    """The card that always pays."""

    def __init__(self, file: Path, *, now: Callable[[], datetime] | None = None, app_url: str | None = None) -> None:
        self.store = Store(file)
        self.clock = Clock(self.store, now)
        self.delivery = Delivery(self.store)
        self.faults = Faults()
        self.app_url = app_url
        self.url = ""
        self.on_stop: AfterStop | None = None
        self.closed = threading.Event()
        self._moving: threading.Thread | None = None
        self.dashboard = Dashboard(self._acting, self.delivery.wake)
        self.portal = Portal(self._acting, lambda: self._tell(None))
        self._stops = Stops(self.store, self.clock, self.delivery, lambda: self.url)

    def start(self) -> None:
        """From now on it delivers, and does what falls due, by itself."""
        self.delivery.start()
        self._stops.start()

    def start_at(self, instant: datetime) -> None:
        """Begins its time at an instant, long past or ahead. ValueError if it has lived already."""
        with self.store.transaction() as rows:
            if rows.run("SELECT 1 FROM events LIMIT 1"):
                raise ValueError("The sandbox has objects already: its time can only be moved forward now.")
            self.clock.set(instant)

    def resume(self) -> None:
        """Before it is started: its time goes on from the last move, as if none had passed since."""
        self.clock.resume()

    def advance(self, to: datetime, after_stop: AfterStop | None = None) -> None:
        """Moves the clock forward. At each stop on the way, and at `to`, it stands still: what is due happens, its
        events are delivered, then `after_stop` is called with that instant. ValueError if `to` has passed.
        """
        self._stops.advance(to, after_stop)

    def advance_soon(self, to: datetime) -> None:
        """As `advance` with `on_stop`, while whoever asked goes on."""
        self._moving = threading.Thread(target=self._move, args=(to,), name="sandbox-moving", daemon=True)
        self._moving.start()

    def _move(self, to: datetime) -> None:
        try:
            self.advance(max(to, self.clock.now()), self.on_stop)
        except sqlite3.ProgrammingError:
            if not self.closed.is_set():  # else it was closed on the way
                raise

    def listen(
        self,
        url: str,
        secret: str,
        enabled_events: Sequence[str] = ("*",),
        deliver: Deliver | None = None,
        *,
        shape: str | None = None,
    ) -> str:
        """Sends events to `url` from now on, signed with `secret`; the endpoint's id. Said again it changes the
        endpoint with that address, or else the one with that secret, which has moved. With `deliver`, which takes body
        and signature and answers a status, events are handed to that instead, as long as this process lives. `shape`
        is what they look like: `endive`, `acacia`, `hybrid` or `thin`.
        """
        if deliver is not None:
            self.delivery.near[url] = deliver
        else:
            self.delivery.near.pop(url, None)
        with self.store.transaction() as rows:
            there = rows.select("webhook_endpoint", url=url)
            moved = [one for one in rows.select("webhook_endpoint") if secret in one["_secrets"]]
            for endpoint in there or moved:
                endpoint |= {"url": url, "enabled_events": list(enabled_events), "_secrets": [secret]}
                break
            else:
                endpoint = webhook_endpoints.make(self._work(rows), url, enabled_events, secret=secret)
            rows.put(endpoint)
            if shape is not None:
                webhook_endpoints.reshape(self._work(rows), endpoint, shape)
            return str(endpoint["id"])

    def tell(self, url: str) -> str:
        """Sends all events to `url` from now on; the secret they are signed with, which stays what it was if the
        address is known already.
        """
        with self.store.transaction() as rows:
            for endpoint in rows.select("webhook_endpoint", url=url):
                return str(endpoint["_secrets"][0])
            return str(webhook_endpoints.make(self._work(rows), url, ["*"])["_secrets"][0])

    def pay(self, session_id: str, *, card: str = CARD, **form: str | None) -> Object:
        """What a buyer does on the Checkout page, the wait for the webhook's answer included; `form` is what else they
        write there (`email`, `country`, `tax_id`). The session as it is afterwards: still open if the card was
        declined. `Refused` if there is nothing to pay or no such card.
        """
        session, _ = self.buy(session_id, card, checkout.Form(**form))
        return session

    def buy(self, session_id: str, card: str, form: checkout.Form) -> tuple[Object, Decline | None]:
        """As `pay`, with what the card said if it was declined. A free order needs no card."""
        with self._acting() as work:
            session = _open(work, session_id)
            free = session["mode"] == "payment" and not session["amount_total"]
            known = _card(card or self.CARD if free else card)
            decline = checkout.pay(work, session, known, form)
            answer = shown(session)
        self._tell(decline)
        return answer, decline

    def enter_code(self, session_id: str, code: str) -> None:
        """What a buyer does who knows a promotion code. `Refused` if it is none for them."""
        with self.store.transaction() as rows:
            work = self._work(rows)
            session = work.addressed("checkout.session", session_id, "session")
            if session["status"] != "open":
                raise Refused(f"This Checkout Session is {session['status']}: it can't be paid any more.")
            session_items.enter_code(work, session, code)

    def pay_later(self, session_id: str, **form: str | None) -> Object:
        """The buyer has their bank pay, which takes days: complete, but unpaid until `arrive`."""
        with self._acting() as work:
            session = _open(work, session_id)
            checkout.pay_later(work, session, checkout.Form(**form))
            answer = shown(session)
        self._tell(None)
        return answer

    def arrive(self, session_id: str, *, fails: bool = False) -> Object:
        """What the bank says days later: it has paid, or not. The session as it is afterwards."""
        with self._acting() as work:
            session = work.addressed("checkout.session", session_id, "session")
            checkout_payments.arrive(work, session, fails=fails)
            answer = shown(session)
        self._tell(None)
        return answer

    def pay_invoice(self, invoice_id: str, card: str) -> Decline | None:
        """What a customer does on an open invoice's page. The card is the customer's own from then on."""
        known = _card(card)
        with self._acting() as work:
            invoice = work.addressed("invoice", invoice_id, "invoice")
            if invoice["status"] != "open":
                raise Refused(f"This invoice is {invoice['status']}: it can't be paid.")
            method = payment_methods.make(work, known)
            if known.decline is None:
                customer = customers.living(work, invoice["customer"])
                payment_methods.attach(work, method, customer)
                customers.change(work, customer, {"invoice_settings": {"default_payment_method": method["id"]}})
                collecting.use_card(work, invoice, method)
            decline = collecting.attempt(work, invoice, method, present=True)
        self._tell(decline)
        return decline

    def decline(self, customer_id: str, *, declines: bool, card: str | None = None) -> int:
        """Has all cards of a customer declined from now on, as that test card is (its number), or taken again. How many
        there are.
        """
        said = _card(card).number if declines and card is not None else declines
        with self.store.transaction() as rows:
            customer = self._work(rows).addressed("customer", customer_id, "customer")
            own = [one for kind in ("payment_method", "card") for one in rows.select(kind, customer=customer["id"])]
            for instrument in own:
                rows.put(instrument | {"_declines": said})
        return len(own)

    def drain(self, timeout: float = 10.0) -> bool:
        """Waits until every endpoint has taken every event. Whether it has."""
        return self.delivery.drain(timeout)

    def _work(self, rows: Rows) -> Work:
        return Work(rows, time.seconds(self.clock.now()), self.url)

    @contextmanager
    def _acting(self) -> Iterator[Work]:
        with self.store.transaction() as rows:
            work = self._work(rows)
            yield work
            at_once(work)

    def _tell(self, decline: Decline | None) -> None:
        """A buyer is sent back when the webhook has answered; a decline is shown at once."""
        self.delivery.wake()
        if decline is None:
            self.delivery.settle(WAITS_FOR_WEBHOOK)

    def close(self) -> None:
        self.closed.set()
        self._stops.close()
        if self._moving is not None:
            self._moving.join(timeout=10)
        self.delivery.close()
        self.store.close()


def _open(work: Work, session_id: str) -> Object:
    session = work.addressed("checkout.session", session_id, "session")
    if session["status"] != "open":
        raise Refused(f"This Checkout Session is {session['status']}: it can't be paid any more.")
    return session


def _card(number: str) -> TestCard:
    known = cards.numbered(number)
    if known is None:
        words = "Your card was declined. Your request was in test mode, but used a non test card."
        raise Refused(words, status=402, kind="card_error", code="card_declined")
    return known
