"""A customer whose wallet is topped up by itself, as the sandbox's list of charges has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from billing import AutoTopup
from billing.catalog.loading import parse
from tests.buying.shop import Shop
from tests.sandbox.serving import Watch
from web.sandbox import Sandbox

CATALOG = parse("""
[units.images]

[plans.pro]
name = "Pro"
credits = 50
prices = ["pro_monthly"]

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000, eur = 900 }
valid_for = "12 months"

[packs.pictures]
name = "Pictures"
credits = 30
unit = "images"
prices = { usd = 500 }

[packs.listed]
name = "Listed"
credits = 40
stripe_prices = ["listed_pack"]

[topups.credits]
min = 50
max = 1000
step = 50
price = { usd = 10 }
bonus = [{ from = 500, percent = 10 }]
""")

SMALL: dict[str, Any] = {"threshold": 20, "pack": "small", "max_cents_per_month": 5_000, "max_count_per_month": 3}


@dataclass
class Saver:
    shop: Shop
    watch: Watch
    spent: int = 0

    @property
    def billing(self) -> Any:
        return self.shop.billing

    def saved(self, customer: str = "team", card: str = Sandbox.CARD) -> Saver:
        """A pack was bought by hand, and the card saved with it."""
        if customer != "team":
            self.billing.customer(customer)
        self.spent += 1
        opened = self.shop.buy(customer=customer, save_card=True, key=f"by hand {self.spent}")
        self.shop.pay(opened.session, card)
        self.billing.settle(opened.session)
        return self

    def set(self, customer: str = "team", unit: str = "credits", **more: Any) -> Saver:
        self.billing.set_wallet(customer, unit, auto_topup={**SMALL, **more})
        return self

    def poor(self, customer: str, credits: int = 10) -> Saver:
        """A customer whose card is known at Stripe, and whose balance calls for a top-up at once."""
        made = self.shop.stripe.v1.customers.create({"payment_method": "pm_card_visa"})
        self.billing.customer(customer, stripe_customer_id=made.id)
        self.billing.grant(customer, credits, reason="welcome", key="w")
        return self.set(customer)

    def off(self, customer: str = "team") -> None:
        self.billing.set_wallet(customer, auto_topup=None)

    def use(self, credits: int, customer: str = "team", unit: str = "credits") -> None:
        self.spent += 1
        self.billing.spend(customer, credits, key=f"use {self.spent}", unit=unit)

    def step(self) -> None:
        while self.billing.charge_auto_topups():
            pass

    def later(self, **span: float) -> None:
        """Time goes on, and all steps run."""
        self.billing.clock.move(self.billing.now + timedelta(**span))
        while self.billing.catch_up() or self.billing.handle_stripe_events():
            pass
        self.shop.finish()
        self.step()

    def to(self, *when: int) -> None:
        self.billing.clock.move(datetime(*when, tzinfo=UTC))  # type: ignore[misc, arg-type]

    def stands(self, customer: str = "team", unit: str = "credits") -> AutoTopup:
        found: AutoTopup = self.billing.auto_topup(customer, unit)
        return found

    def payer(self, customer: str = "team") -> str:
        return str(self.billing.find_customer(customer).stripe_customer_id)

    def charges(self, customer: str = "team") -> list[Any]:
        """What was tried at Stripe in the customer's absence, the oldest first, by its charges."""
        intents = {
            one.id: one
            for one in self.shop.stripe.v1.payment_intents.list(
                {"customer": self.payer(customer), "limit": 100}
            ).auto_paging_iter()
            if "billing_topup" in one.metadata
        }
        listed = self.shop.stripe.v1.charges.list({"customer": self.payer(customer), "limit": 100}).auto_paging_iter()
        return [one for one in reversed(list(listed)) if one.payment_intent in intents]

    def taken(self, customer: str = "team") -> list[int]:
        """What money was taken of them."""
        return [one.amount for one in self.charges(customer) if one.status == "succeeded"]

    def intents(self) -> int:
        """How often such a payment was asked for."""
        return sum(path == "/v1/payment_intents" and how == "POST" for how, path, _ in self.watch.asked)

    def bought(self, customer: str = "team") -> list[str]:
        """What became of those bought by themselves, the newest first."""
        return [one.status for one in self.billing.topups(customer) if one.automatic]

    def available(self, customer: str = "team", unit: str = "credits") -> int:
        found: int = self.billing.wallet(customer, unit).available
        return found

    def facts(self, name: str) -> list[dict[str, Any]]:
        """What was told under that name (of `auto_topup`, or a whole one), the oldest first."""
        from sqlalchemy import select

        from billing.base.outbox import outbox

        with self.billing.database.read() as tx:
            its = select(outbox.c.facts).where(outbox.c.type == (name if "." in name else f"auto_topup.{name}"))
            return list(tx.connection.execute(its.order_by(outbox.c.recorded_at, outbox.c.id)).scalars())
