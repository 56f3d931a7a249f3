"""What Stripe told us, queued: how fast the step handles it, and what it costs that much else lies in the inbox."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from typing import Any
from uuid import uuid4

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy import event as driver

from billing import Billing
from billing.base import schema
from billing.base.clock import StandingClock
from billing.inbox.tables import stripe_events
from billing.inbox.waking import customer_of, reference_of
from billing.stripe import payloads, thin
from tests.sales.paid import APRIL, CATALOG, MAY, Json, body, event, invoice, line, seconds, session

KINDS = ("subscription.updated", "invoice.paid", "session", "refund")
EACH = 100
"""Events that one step takes at most."""


@dataclass
class Inbox:
    """A database of its own with `queued` events, of each kind a quarter, and `lying` ones that are done; `waiting`
    ones are due, too, and younger.
    """

    url: str
    queued: int
    lying: int = 0
    waiting: int = 0

    def prepare(self) -> None:
        schema.upgrade(self.url)
        billing = opened(self.url)
        with billing.transaction() as tx:
            for number in range(self.queued // len(KINDS)):
                tx.customer(f"team_{number}", stripe_customer_id=f"cus_{number}")
        with billing.database.engine.begin() as connection:
            for place in range(0, self.queued + self.lying + self.waiting, 10_000):
                connection.execute(sa.insert(stripe_events), list(self._rows(place, 10_000)))
        if self.url.startswith("postgresql"):
            with billing.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text("VACUUM ANALYZE"))
        billing.close()

    def _rows(self, first: int, count: int) -> Iterator[dict[str, Any]]:
        customers = self.queued // len(KINDS)
        for place in range(first, min(first + count, self.queued + self.lying + self.waiting)):
            kind, number = divmod(place, customers)
            mine = place < self.queued
            told = told_of(KINDS[kind] if mine else KINDS[0], number if mine else place)  # the others are others'
            told |= {"id": f"evt_{place}", "created": seconds(APRIL) + place}
            done = self.queued <= place < self.queued + self.lying
            yield row(told, "done" if done else "received")


def another(server: str) -> str:
    """The url of a new database beside that one."""
    name = f"inbox_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def opened(url: str) -> Billing:
    return Billing(url, catalog=CATALOG, clock=StandingClock(APRIL + timedelta(days=2)))


def told_of(kind: str, number: int) -> Json:
    """An event about one customer."""
    its = {"customer": f"cus_{number}"}
    match kind:
        case "invoice.paid":
            return event(invoice(line("price_basic", 1_000, item=f"si_{number}"), id=f"in_{number}", **its))
        case "session":
            named = {"client_reference_id": f"team_{number}", "payment_intent": f"pi_{number}"}
            return event(session(id=f"cs_{number}", **its, **named))
        case "refund":
            held: Json = {
                "id": f"re_{number}", "object": "refund", "amount": 300, "currency": "usd", "status": "succeeded",
                "payment_intent": f"pi_{number}", "charge": f"ch_{number}", "created": seconds(APRIL), "metadata": {},
            }  # fmt: skip
            return event(held, "refund.created")
    item = {
        "id": f"si_{number}", "object": "subscription_item", "quantity": 1,
        "price": {"id": "price_basic", "object": "price", "lookup_key": None},
        "current_period_start": seconds(APRIL), "current_period_end": seconds(MAY),
    }  # fmt: skip
    held = {
        "id": f"sub_{number}", "object": "subscription", "status": "active", "metadata": {}, "created": seconds(APRIL),
        "cancel_at_period_end": False, "items": {"object": "list", "has_more": False, "data": [item]}, **its,
    }  # fmt: skip
    return event(held, "customer.subscription.updated")


def row(told: Json, status: str) -> dict[str, Any]:
    """As it is stored when it arrives."""
    sent = body(told)
    read = thin.any_event(payloads.decode(sent))
    return {
        "id": read.id, "type": read.type, "object_id": read.object_id, "stripe_customer": customer_of(read),
        "reference": reference_of(read), "api_version": read.api_version, "livemode": read.livemode,
        "payload": sent.decode(), "created_at": read.created, "received_at": APRIL, "status": status, "reason": None,
        "attempts": 0 if status == "received" else 1, "next_attempt_at": APRIL if status == "received" else None,
        "handled_at": None if status == "received" else APRIL,
    }  # fmt: skip


@dataclass
class Handled:
    """`kinds`: of each kind the seconds, the seconds of our own processor and the statements, for one event."""

    events: int
    seconds: float
    kinds: dict[str, tuple[float, float, float]]

    @property
    def rate(self) -> float:
        return self.events / self.seconds

    @property
    def ours(self) -> float:
        """Seconds of our own processor for one event, which say more than a rate on a machine with much to do."""
        return sum(ours for _, ours, _ in self.kinds.values()) / len(KINDS) if self.kinds else 0.0


def handle(inbox: Inbox) -> Handled:
    """One process, as the scheduler's step does it."""
    billing = opened(inbox.url)
    sent = 0

    def count(*_: Any) -> None:
        nonlocal sent
        sent += 1

    driver.listen(billing.database.engine, "before_cursor_execute", count)
    each = min(EACH, inbox.queued // len(KINDS))
    kinds = dict.fromkeys(KINDS, (0.0, 0.0, 0.0))
    begun = time.monotonic()
    for place in range(0, inbox.queued, each):
        before, ours, said = time.monotonic(), time.process_time(), sent
        billing.handle_stripe_events(min(each, inbox.queued - place))
        of = KINDS[place * len(KINDS) // inbox.queued]
        spent = (time.monotonic() - before, time.process_time() - ours, sent - said)
        kinds[of] = tuple(a + b * len(KINDS) / inbox.queued for a, b in zip(kinds[of], spent, strict=True))  # type: ignore[assignment]
    handled = Handled(inbox.queued, time.monotonic() - begun, kinds)
    check(billing, inbox)
    billing.close()
    return handled


def handle_at_once(inbox: Inbox, workers: int) -> Handled:
    """So many processes, each with its step, until nothing is left."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.bench.inbox"])
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        list(pool.map(_ready, [inbox.url] * workers))
        begun = time.monotonic()
        list(pool.map(_until_done, [inbox.url] * workers))
        handled = Handled(inbox.queued, time.monotonic() - begun, {})
    billing = opened(inbox.url)
    check(billing, inbox)
    billing.close()
    return handled


def _ready(url: str) -> None:
    time.sleep(0.2)
    opened(url).close()


def _until_done(url: str) -> None:
    billing = opened(url)
    while billing.handle_stripe_events(EACH):
        pass
    billing.close()


def check(billing: Billing, inbox: Inbox) -> None:
    """All that was measured was done, and the books add up."""
    status, count = stripe_events.c.status, sa.func.count()
    with billing.database.engine.connect() as connection:
        found: dict[str, int] = dict(connection.execute(sa.select(status, count).group_by(status)).tuples().all())
        reasons = connection.execute(sa.select(stripe_events.c.reason).where(status == "waiting").limit(3)).all()
    assert found.pop("done") == inbox.queued + inbox.lying, (found, reasons)
    # What is granted wakes what waited for it, so a step that takes so many may reach a few of the younger ones.
    assert found.pop("received", 0) + found.pop("waiting", 0) == inbox.waiting, found
    assert not found, (found, reasons)
    breaches = billing.audit()
    assert not breaches, breaches


def print_rates(name: str, measured: Iterable[tuple[str, Handled]]) -> None:
    """Rates as they are measured, what they are beside the first, and what the first one's events cost."""
    print(f"\n{name}: what Stripe told, handled by the step\n")
    print(f"| {'':40} | events a second | ratio | ms of our processor | ratio |")
    print(f"|{'-' * 42}|----------------:|------:|--------------------:|------:|", flush=True)
    first: Handled | None = None
    for what, handled in measured:
        first = first or handled
        line = f"| {what:40} | {handled.rate:15.0f} | {handled.rate / first.rate:5.2f} |"
        print(f"{line} {1000 * handled.ours:19.2f} | {handled.ours / first.ours:5.2f} |", flush=True)
    print(f"\n| {'one event':20} | {'ms':>6} | ms of our processor | statements |")
    print(f"|{'-' * 22}|-------:|--------------------:|-----------:|")
    for kind, (spent, ours, statements) in first.kinds.items() if first else ():
        if not statements:  # what is granted wakes what may have waited for it: it is handled there, and counted there
            print(f"| {kind:20} | along with what it belongs to |")
            continue
        print(f"| {kind:20} | {1000 * spent:6.2f} | {1000 * ours:19.2f} | {statements:10.1f} |", flush=True)
