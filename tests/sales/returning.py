"""Money that goes back, told to the verbs as the inbox would: with the answers to what they ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from billing.catalog.loading import parse
from billing.sales import disputes, refunds
from billing.sales.values import Applied
from billing.stripe.questions import InvoiceOfPayment, Known, SessionOfPayment
from billing.stripe.values import Dispute, Invoice, Refund
from billing.testing import TestBilling

CATALOG = parse("""
[plans.basic]
name = "Basic"
credits = 100
prices = ["price_basic"]

[plans.yearly]
name = "Yearly"
credits = 100
prices = ["price_yearly"]

[packs.plain]
name = "Plain"
credits = 100
prices = { usd = 1000 }

[packs.cheap]
name = "Cheap"
credits = 100
prices = { usd = 900 }

[packs.thirty]
name = "Thirty days"
credits = 100
prices = { usd = 1000 }
valid_for = "30 days"
""")


def invoice_value(id: str, total_cents: int, at: datetime) -> Invoice:
    return Invoice(id, "cus_1", "sub_1", {}, "paid", "usd", at, at, "subscription_cycle", (), False, total_cents)


class Money:
    """What Stripe would say of the payments of one engine's customer: `paid_by` says which payment paid what."""

    def __init__(self, billing: TestBilling) -> None:
        self.billing = billing
        self.paid_by: dict[str, Invoice] = {}
        self.last: dict[str, Refund | Dispute] = {}

    @property
    def known(self) -> Known:
        answers: dict[object, object] = {}
        for id, invoice in self.paid_by.items():
            answers[InvoiceOfPayment(id, None)] = invoice
        return answers  # type: ignore[return-value]

    def invoice(self, payment: str, id: str, total_cents: int) -> None:
        self.paid_by[payment] = invoice_value(id, total_cents, self.billing.now)

    def refund(self, id: str, cents: int, status: str = "succeeded", *, of: str = "pi_1") -> Applied:
        value = Refund(id, None, of, cents, "usd", status, self.billing.now, {})
        self.last[id] = value
        return self.tell(value)

    def becomes(self, id: str, status: str, withdrawn_cents: int | None = None, at: datetime | None = None) -> Applied:
        value = replace(self.last[id], status=status)
        if isinstance(value, Dispute) and withdrawn_cents is not None:
            value = replace(value, withdrawn_cents=withdrawn_cents)
        self.last[id] = value
        return self.tell(value, at)

    def dispute(
        self, id: str, cents: int, status: str = "needs_response", *, of: str = "pi_1", created: datetime | None = None
    ) -> Applied:
        value = Dispute(
            id, None, of, cents, "usd", status, "fraudulent", created or self.billing.now,
            0 if status.startswith("warning") else cents,
        )  # fmt: skip
        self.last[id] = value
        return self.tell(value)

    def said_of_dispute(self, id: str, cents: int, said: str, *, of: str) -> Applied:
        """`said`: a status, or `reinstated`."""
        status = "lost" if said == "reinstated" else said
        withdrawn = cents if said in ("needs_response", "lost") else 0
        known = self.last.get(id)
        created = known.created if isinstance(known, Dispute) else self.billing.now
        value = Dispute(id, None, of, cents, "usd", status, None, created, withdrawn)
        self.last[id] = value
        return self.tell(value)

    def tell(self, value: Refund | Dispute, at: datetime | None = None) -> Applied:
        with self.billing.database.write() as tx:
            catalog, known = self.billing.catalog, self.known
            if isinstance(value, Refund):
                answer = refunds.apply(tx, catalog, value, known)
            else:
                answer = disputes.apply(tx, catalog, value, at or tx.now, known)
        assert not answer.needs or SessionOfPayment not in {type(one) for one in answer.needs}, answer
        return answer
