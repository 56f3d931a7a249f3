"""Processes that die in the middle: by kill -9 in a storm of spends, or at a chosen statement of a verb."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import event as driver
from sqlalchemy.pool import Pool

from billing import Billing, Busy, Spend
from tests.sales.paid import CATALOG, body, event, invoice, line

START = datetime(2025, 4, 20, 10, tzinfo=UTC)
DIED = 17
"""The exit status of a process that was ended at a statement."""


class StandingStill:
    """A clock for one instant."""

    checked = False

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def open_engine(url: str, at: datetime = START) -> Billing:
    return Billing(url, catalog=CATALOG, clock=StandingStill(at))


def storm(url: str, worker: int, log: Path) -> None:
    """Spends and webhooks until killed; `log` says what was sent, and what was acknowledged after it."""
    billing = open_engine(url)
    with log.open("a", buffering=1) as lines:
        for number in range(100_000):
            name = f"{'sold' if number % 4 == 0 else 'storm'}-{worker}-{number}"
            lines.write(f"sent {name}\n")
            send(billing, name)
            lines.write(f"done {name}\n")


def send(billing: Billing, name: str) -> None:
    """The spend, or the delivery of the event, of that name, tried until it is answered."""
    kind, _, number = name.split("-")
    while True:
        try:
            if kind == "storm":
                billing.spend("storm", 1 + int(number) % 2, key=name)
            else:
                assert billing.take_stripe_event(sold(name)).status == "done"
        except Busy:
            continue
        return


def sold(name: str) -> bytes:
    """A paid invoice for one pack."""
    held = invoice(
        line("price_small", 1_000, START, START, id=f"il_{name}", item=None),
        id=f"in_{name}",
        customer="cus_storm",
        paid=START,
    )
    return body(event(held, id=f"evt_{name}"))


def die_at(statement: int) -> None:
    """This process ends, without a word, instead of sending its n-th statement from now."""
    sent = 0

    def count(*_: Any) -> None:
        nonlocal sent
        sent += 1
        if sent == statement:
            os._exit(DIED)

    def traced(dbapi: Any, *_: Any) -> None:
        if isinstance(dbapi, sqlite3.Connection):
            dbapi.set_trace_callback(count)

    driver.listen(Pool, "checkout", traced)
    for owner, name in ((psycopg.Cursor, "execute"), (psycopg.Cursor, "executemany"), (psycopg.Connection, "commit")):
        before(owner, name, count)


def before(owner: type, name: str, call: Callable[..., None]) -> None:
    """Whatever of ours sends a statement to PostgreSQL passes through the driver, with SQLAlchemy or past it."""
    sends = getattr(owner, name)

    def send(*given: Any, **more: Any) -> Any:
        call()
        return sends(*given, **more)

    setattr(owner, name, send)


def prepare(billing: Billing, customer: str) -> dict[str, str]:
    """A wallet with three buckets, a debt repaid, a spend across buckets and an open hold; their ids."""
    billing.customer(customer)
    billing.set_wallet(customer, overdraft={"limit": 20, "debt": "repay"})
    billing.spend(customer, 5, key="debt")
    ends = START + timedelta(days=10)
    billing.grant(customer, 30, reason="a", key="a", expires_at=ends, paid_cents=200, currency="usd")
    bucket = billing.grant(customer, 40, reason="b", key="b", paid_cents=301, currency="usd")
    ending = billing.grant(customer, 7, reason="c", key="c", features=("image",), expires_at=ends)
    spend = billing.spend(customer, 30, key="x")
    hold = billing.hold(customer, 12, key="h", expires_in=900)
    return {"ending": ending.id, "bucket": bucket.id, "spend": spend.id, "hold": hold.id}


Verb = Callable[[Billing, str, dict[str, str]], object]

VERBS: dict[str, Verb] = {
    "grant": lambda b, c, _: b.grant(c, 9, reason="d", key="d", paid_cents=50, currency="usd"),
    "spend": lambda b, c, _: b.spend(c, 40, key="y"),
    "spend_many": lambda b, c, _: b.spend_many([Spend(c, 3, "m1"), Spend(c, 900, "m2"), Spend(c, 35, "m3")]),
    "reverse": lambda b, c, i: b.reverse(c, i["spend"], 28, key="r"),
    "hold": lambda b, c, _: b.hold(c, 20, key="h2"),
    "capture": lambda b, c, i: b.capture(c, i["hold"], 8),
    "capture_more": lambda b, c, i: b.capture(c, i["hold"], 25),
    "release": lambda b, c, i: b.release(c, i["hold"]),
    "void": lambda b, c, i: b.void(c, i["bucket"], reason="v", key="v"),
    "extend": lambda b, c, i: b.extend(c, i["ending"], START + timedelta(days=20), key="e"),
    "set_wallet": lambda b, c, _: b.set_wallet(c, overdraft="none", frozen=True),
    "catch_up": lambda b, _, __: b.catch_up(),
}


def verb_until(url: str, verb: str, customer: str, known: dict[str, str], statement: int) -> None:
    """One verb in a process of its own, which dies instead of its n-th statement, or gets through."""
    at = START + timedelta(days=11) if verb == "catch_up" else START
    billing = Billing(url, clock=StandingStill(at))
    billing.wallet(customer)  # the connection is open and looked at: what is counted is the verb's own
    die_at(statement)
    VERBS[verb](billing, customer, known)
    os._exit(0)
