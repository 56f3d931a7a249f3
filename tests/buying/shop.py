"""A shop: an engine that sells through the sandbox, over HTTP and with the real SDK, both by one clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import stripe

from billing import Gateway
from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.sandbox.serving import Watch, served
from web.sandbox import Sandbox

KEY, SECRET = "sk_test_shop", "whsec_shop"
BACK = "https://app.example.com/{topup}"

CATALOG = parse("""
[units.images]

[plans.basic]
name = "Basic"
credits = 100
prices = ["basic_monthly"]

[plans.pro]
name = "Pro"
credits = 250
prices = ["pro_monthly", "pro_monthly_eur"]

[plans.pictures]
name = "Pictures"
credits = 30
unit = "images"
prices = ["pictures_monthly"]

[plans.free]
name = "Free"
credits = 5

[packs.small]
name = "Small"
description = "For a rainy day"
credits = 100
prices = { usd = 1000, eur = 900 }
valid_for = "12 months"

[packs.listed]
name = "Listed"
credits = 40
stripe_prices = ["listed_pack"]
""")

PRICES = {
    "basic_monthly": (500, "usd", True),
    "pro_monthly": (2000, "usd", True),
    "pro_monthly_eur": (1800, "eur", True),
    "pictures_monthly": (700, "usd", True),
    "listed_pack": (650, "usd", False),
}


@dataclass
class Shop:
    """`events`: does the sandbox tell the engine what happens? `heard` counts what it told."""

    billing: TestBilling
    sandbox: Sandbox
    events: bool = True
    heard: int = 0

    @cached_property
    def stripe(self) -> stripe.StripeClient:
        """Someone else who looks at the same account."""
        return stripe.StripeClient(KEY, base_addresses={"api": self.sandbox.url})

    def fail(self, how: str, times: int = 1, path: str = "/v1/", method: str = "POST") -> None:
        """The sandbox's next requests go wrong."""
        from web.sandbox.faults import Fault

        self.sandbox.faults.add(Fault(how, times, path, method))

    def stock(self) -> None:
        """Makes the prices that the catalog names."""
        product = self.stripe.v1.products.create({"name": "All of it"})
        for key, (cents, currency, recurring) in PRICES.items():
            params: Any = {"product": product.id, "currency": currency, "unit_amount": cents, "lookup_key": key}
            self.stripe.v1.prices.create(params | ({"recurring": {"interval": "month"}} if recurring else {}))

    def customers(self) -> list[str]:
        return [one.id for one in self.stripe.v1.customers.list({"limit": 100}).data]

    def sessions(self) -> list[str]:
        return [one.id for one in self.stripe.v1.checkout.sessions.list({"limit": 100}).data]

    def buy(self, key: str = "k", pack: str | None = "small", customer: str = "team", **more: Any) -> Any:
        return self.billing.topup(customer, pack, key=key, **{"success_url": BACK, **more})

    def pay(self, session: str | None, card: str = Sandbox.CARD) -> None:
        """What the buyer does. Whether the engine hears of it says `events`."""
        assert session is not None
        self.sandbox.pay(session, card=card)

    def later(self, **span: float) -> None:
        """Time goes on for both, and the steps run."""
        self.billing.clock.move(self.billing.now + timedelta(**span))
        self.finish()

    def finish(self) -> None:
        while self.billing.finish_conversations():
            pass

    def told(self) -> None:
        """All that the sandbox has to tell has arrived."""
        assert self.sandbox.drain()

    def available(self, customer: str = "team", unit: str = "credits") -> int:
        return self.billing.wallet(customer, unit).available

    def _deliver(self, body: bytes, signature: str) -> int:
        if self.events:
            self.billing.receive_stripe_event(body, signature)
            self.heard += 1
        return 200


@contextmanager
def open_shop(make_billing: Callable[..., TestBilling], folder: Path, watch: Watch, **more: Any) -> Iterator[Shop]:
    """With a customer `team`; `stock` puts the catalog's prices into Stripe. What is said on the wire is held to
    Stripe's interface.
    """
    billing = make_billing(webhook_secrets=(SECRET,), **{"catalog": CATALOG, **more})
    with served(folder / "sandbox.sqlite3", watch, now=billing.clock.now) as sandbox:
        billing.gateway = Gateway(KEY, sandbox.url)
        shop = Shop(billing, sandbox)
        sandbox.listen("http://shop.example/", SECRET, deliver=shop._deliver)
        billing.customer("team", name="Team", email="team@example.com")
        yield shop
    assert not watch.wrong, "this is not Stripe's interface:\n" + "\n".join(watch.wrong)
