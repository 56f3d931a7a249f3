"""What the sandbox's tests sell: a plan, a pack, and the purchases of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import stripe

from web.sandbox import Sandbox

DECLINED, DECLINED_LATER = "4000000000000002", "4000000000000341"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def seconds(text: str) -> int:
    return int(at(text).timestamp())


def shown(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


class Shop:
    """A merchant who sells through Stripe's own package."""

    def __init__(self, sandbox: Sandbox, client: stripe.StripeClient) -> None:
        self.sandbox, self.v1 = sandbox, client.v1

    def plan(self, cents: int = 2_000, interval: Any = "month", count: int = 1) -> stripe.Price:
        recurring: Any = {"interval": interval, "interval_count": count}
        return self.v1.prices.create(
            {"currency": "usd", "unit_amount": cents, "recurring": recurring, "product_data": {"name": "Pro"}}
        )

    def pack(self, cents: int = 1_000) -> stripe.Price:
        return self.v1.prices.create({"currency": "usd", "unit_amount": cents, "product_data": {"name": "Small"}})

    def customer(self, **fields: Any) -> stripe.Customer:
        params: Any = {"email": "buyer@example.com", **fields}
        return self.v1.customers.create(params)

    def session(self, price: stripe.Price, **fields: Any) -> stripe.checkout.Session:
        params: Any = {
            "mode": "payment" if price.recurring is None else "subscription",
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "http://127.0.0.1:9/paid?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://127.0.0.1:9/back",
            **fields,
        }
        return self.v1.checkout.sessions.create(params)

    def subscribe(self, price: stripe.Price | None = None, **fields: Any) -> stripe.Subscription:
        """Through Checkout, as a buyer does."""
        session = self.session(price or self.plan(), customer=self.customer().id, **fields)
        paid = self.sandbox.pay(session.id)
        return self.v1.subscriptions.retrieve(paid["subscription"])

    def invoices(self, subscription: stripe.Subscription) -> list[stripe.Invoice]:
        """The oldest first."""
        return self.v1.invoices.list({"subscription": subscription.id, "limit": 100}).data[::-1]

    def again(self, subscription: stripe.Subscription) -> stripe.Subscription:
        return self.v1.subscriptions.retrieve(subscription.id)
