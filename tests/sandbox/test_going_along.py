"""Who goes along while the clock is moved may use the sandbox meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop, at
from web.sandbox import Sandbox


def test_those_who_are_told_may_ask_and_buy(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """In the middle of a move: a webhook that asks for more, and a stop at which somebody buys."""
    sandbox.start_at(at("2027-01-01 00:00"))
    subscription = shop.subscribe()
    asked: list[str] = []

    def ask(event: stripe.Event) -> int:
        if event.type == "invoice.paid":
            told: Any = event.data.object
            asked.append(str(shop.v1.invoices.retrieve(told.id).status))
        return 200

    listener.answer = ask
    bought: list[int] = []

    def buy(instant: datetime) -> None:
        bought.append(shop.v1.charges.retrieve(str(_charge(shop, sandbox))).created - int(instant.timestamp()))

    sandbox.advance(at("2027-03-02 00:00"), buy)
    assert asked == ["paid"] * 2 and bought == [0] * 5
    assert len(shop.invoices(subscription)) == 3


def _charge(shop: Shop, sandbox: Sandbox) -> object:
    paid = sandbox.pay(shop.session(shop.pack()).id)
    return shop.v1.payment_intents.retrieve(paid["payment_intent"]).latest_charge
