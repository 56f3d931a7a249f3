"""The business's side of the demo's Stripe account: what its people would set up or do in Stripe's own Dashboard.

Plain HTTP, as any other program would: what the engine itself asks of Stripe goes through `billing/stripe`.
"""

from __future__ import annotations

from typing import Any

import requests

from web.demo.people import Customer
from web.demo.sold import CODES, MONTHLY_CENTS, YEARLY_CENTS, lookup_key, product_name

STRIPE = "https://api.stripe.com"
_SECONDS = 20


class Account:
    """An account in test mode at `base`, real or the sandbox's. Whatever is made here is made once, by its key."""

    def __init__(self, base: str, secret_key: str) -> None:
        self.base, self._http = base.rstrip("/"), requests.Session()
        self._http.headers["Authorization"] = f"Bearer {secret_key}"

    def sell(self) -> None:
        """The products and prices of the demo's plans, found by their lookup keys or made."""
        for every, sold in (("month", MONTHLY_CENTS), ("year", YEARLY_CENTS)):
            for plan, cents in sold.items():
                for currency, unit_cents in cents.items():
                    self._price(plan, currency, unit_cents, every)

    def promote(self) -> None:
        """The promotion codes, found or made."""
        for code, percent in CODES.items():
            if not self.get("promotion_codes", code=code)["data"]:
                off = self.post("coupons", f"demo-coupon-{code}", duration="once", percent_off=percent, name="Welcome")
                promotion = {"promotion[type]": "coupon", "promotion[coupon]": off["id"]}
                self.post("promotion_codes", f"demo-code-{code}", code=code, **promotion)

    def _price(self, plan: str, currency: str, cents: int, every: str) -> None:
        key = lookup_key(plan, currency)
        if not self.get("prices", **{"lookup_keys[]": key})["data"]:
            self.post(
                "prices",
                f"demo-price-{key}",
                currency=currency,
                unit_amount=cents,
                lookup_key=key,
                **{"recurring[interval]": every, "product_data[name]": product_name(plan)},
            )

    def subscribe(self, customer: Customer, plan: str, quantity: int = 1, trial_days: int = 0) -> None:
        """A subscription made by hand, for somebody who doesn't buy through the portal; a card is there for it."""
        payer = self.payer(customer)
        self.card(customer, "pm_card_visa")
        [price] = self.get("prices", **{"lookup_keys[]": lookup_key(plan, customer.currency)})["data"]
        wanted: dict[str, Any] = {"items[0][price]": price["id"], "items[0][quantity]": quantity}
        if trial_days:
            wanted["trial_period_days"] = trial_days
        self.post(
            "subscriptions",
            f"demo-subscription-{customer.id}-{plan}",
            customer=payer,
            **wanted,
            **{"metadata[billing_customer]": customer.id},
        )

    def payer(self, customer: Customer) -> str:
        """Stripe's customer of ours: the one there is, or a new one."""
        for one in self.get("customers", email=customer.email)["data"]:
            return str(one["id"])
        made = self.post(
            "customers",
            f"demo-customer-{customer.id}",
            email=customer.email,
            name=customer.name,
            **{"metadata[billing_customer]": customer.id},
        )
        return str(made["id"])

    def card(self, customer: Customer, card: str) -> None:
        """Another card for what is to be paid from now on."""
        payer = self.payer(customer)
        method = self.post(f"payment_methods/{card}/attach", None, customer=payer)["id"]
        self.post(f"customers/{payer}", None, **{"invoice_settings[default_payment_method]": method})
        for running in self.get("subscriptions", customer=payer)["data"]:
            if running["default_payment_method"] is not None:  # Checkout has put one there, which comes first
                self.post(f"subscriptions/{running['id']}", None, default_payment_method=method)

    def pay_open(self, customer: Customer) -> None:
        """Pays the customer's open invoices, with the card there is."""
        for invoice in self.get("invoices", customer=self.payer(customer), status="open")["data"]:
            self.post(f"invoices/{invoice['id']}/pay", None)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._answer(self._http.get(f"{self.base}/v1/{path}", params=query, timeout=_SECONDS))

    def post(self, path: str, key: str | None, **form: Any) -> dict[str, Any]:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._answer(self._http.post(f"{self.base}/v1/{path}", data=form, headers=headers, timeout=_SECONDS))

    def close(self) -> None:
        self._http.close()

    @staticmethod
    def _answer(response: requests.Response) -> dict[str, Any]:
        answer: dict[str, Any] = response.json()
        if not response.ok:
            raise RuntimeError(f"{response.request.method} {response.request.path_url}: {answer}")
        return answer
