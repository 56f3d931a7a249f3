"""What is sold, and what happens to it: acts of the customer, and steps at Stripe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from billing.catalog.loading import parse
from billing.testing import TestBilling

from .stage import Act, Chapter
from .told import CUSTOMER, World

START = datetime(2025, 4, 1, tzinfo=UTC)
BACK = "https://app.example.com/back"

CATALOG = parse("""
[plans.basic]
name = "Basic"
credits = 100
prices = ["basic"]

[plans.pro]
name = "Pro"
credits = 250
credit_share = "80%"
prices = ["pro"]

[plans.yearly]
name = "Yearly"
credits = 100
prices = ["yearly"]

[plans.rolling]
name = "Rolling"
credits = 100
prices = ["rolling"]
at_period_end = { roll_over = { max = 60, periods = 2 } }

[plans.trying]
name = "Trying"
credits = 100
prices = ["trying"]
trial_credits = 30

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000 }
valid_for = "1 month"
""")
PRICES: dict[str, tuple[int, str, str | None]] = {
    "basic": (1_000, "usd", "month"),
    "pro": (2_000, "usd", "month"),
    "yearly": (10_000, "usd", "year"),
    "rolling": (1_000, "usd", "month"),
    "trying": (1_000, "usd", "month"),
}
SHARES = {"pro": Fraction(80, 100)}
"""What of a price is for credits, where that is not all of it."""


def buys(plan: str) -> Act:
    def act(world: World, billing: TestBilling) -> None:
        world.names["session"] = str(billing.subscribe(CUSTOMER, plan, key="subscribe", success_url=BACK).session)

    return Act(act)


def _tops_up(world: World, billing: TestBilling) -> None:
    world.names["session"] = str(billing.topup(CUSTOMER, "small", key="topup", success_url=BACK).session)


tops_up = Act(_tops_up)


def spends(credits: int) -> Act:
    def act(world: World, billing: TestBilling) -> None:
        billing.spend(CUSTOMER, credits, key=f"spend-{world.at.isoformat()}")

    return Act(act)


def chapter(*steps: Any) -> Chapter:
    return Chapter(steps)


def pays(world: World) -> None:
    paid = world.sandbox.pay(world.names["session"])
    world.names |= {name: paid[name] for name in ("subscription", "payment_intent") if paid.get(name)}


def pays_later(world: World) -> None:
    """By a bank debit, which takes days."""
    paid = world.sandbox.pay_later(world.names["session"])
    world.names["payment_intent"] = paid["payment_intent"]


def arrives(world: World) -> None:
    days(world, 3)
    world.sandbox.arrive(world.names["session"])


def days(world: World, count: int) -> None:
    world.go(world.at + timedelta(days=count))


def renews(world: World) -> None:
    world.go(world.at + timedelta(days=31, hours=2))


def some_days(world: World) -> None:
    days(world, 10)


def months(count: int) -> Any:
    def months(world: World) -> None:
        days(world, 31 * count)

    return months


# What happens to a subscription.


def subscribes(plan: str, **more: Any) -> Any:
    """Without a Checkout: with the card that Stripe has already."""

    def subscribes(world: World) -> None:
        params: Any = {"customer": world.names["customer"], "items": [{"price": world.names[plan]}], **more}
        world.names["subscription"] = world.v1.subscriptions.create(params).id

    return subscribes


def changes(**to: Any) -> Any:
    """Another price, another quantity, ten days on; billed at once."""

    def changes(world: World) -> None:
        days(world, 10)
        (item,) = world.v1.subscriptions.retrieve(world.names["subscription"]).items.data
        wanted = {"price": world.names[to["price"]]} if "price" in to else {"quantity": to["quantity"]}
        params: Any = {"items": [{"id": item.id, **wanted}], "proration_behavior": "always_invoice"}
        world.v1.subscriptions.update(world.names["subscription"], params)

    return changes


def cancels(world: World) -> None:
    """Now, and with money back for what is left of the period."""
    days(world, 5)
    world.v1.subscriptions.cancel(world.names["subscription"], {"prorate": True, "invoice_now": True})


def ends(world: World) -> None:
    """Now, and nothing comes back."""
    days(world, 5)
    world.v1.subscriptions.cancel(world.names["subscription"])


def cancels_in_the_portal(world: World) -> None:
    url = world.sandbox.portal.open(world.names["customer"])
    world.sandbox.portal.act(url.rpartition("/")[2], "cancel")


# What happens to money.


def invoice_payment(world: World, number: int) -> str:
    """The payment of the subscription's invoice: -1 is the latest."""
    found = world.v1.invoices.list({"subscription": world.names["subscription"], "limit": 100}).data[::-1]
    (payment,) = world.v1.invoice_payments.list({"invoice": str(found[number].id)}).data
    return str(payment.payment.payment_intent)


def refunds_invoice(number: int, cents: int) -> Any:
    def refunds(world: World) -> None:
        days(world, 1)
        world.sandbox.dashboard.refund(invoice_payment(world, number), cents)

    return refunds


def refunds(cents: int, **how: Any) -> Any:
    def refunds(world: World) -> None:
        days(world, 1)
        refund = world.sandbox.dashboard.refund(world.names["payment_intent"], cents, **how)
        world.names["refund"] = refund["id"]

    return refunds


def disputes(cents: int | None = None, *, inquiry: bool = False) -> Any:
    def disputes(world: World) -> None:
        days(world, 1)
        dispute = world.sandbox.dashboard.dispute(world.names["payment_intent"], amount=cents, inquiry=inquiry)
        world.names["dispute"] = dispute["id"]

    return disputes


def disputes_invoice(number: int, cents: int | None) -> Any:
    def disputes(world: World) -> None:
        days(world, 1)
        dispute = world.sandbox.dashboard.dispute(invoice_payment(world, number), amount=cents)
        world.names["dispute"] = dispute["id"]

    return disputes


def judged(how: str) -> Any:
    def judged(world: World) -> None:
        days(world, 2)
        world.sandbox.dashboard.judge(world.names["dispute"], how)

    return judged
