"""Money that goes back, told to the verbs as the inbox would: with the answers to what they ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from billing.catalog.loading import parse
from billing.sales.back import disputes, refunds
from billing.sales.values import Applied
from billing.stripe.questions import InvoiceOfPayment, Known, SessionOfPayment
from billing.stripe.values import Dispute, Invoice, Refund
from billing.testing import TestBilling
from tests.sales.paid import seconds, tell

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


def refund_object(refund: Refund) -> dict[str, Any]:
    """As Stripe sends it."""
    return {
        "id": refund.id, "object": "refund", "amount": refund.amount_cents, "currency": refund.currency,
        "status": refund.status, "payment_intent": refund.payment_intent, "charge": refund.charge,
        "created": seconds(refund.created), "metadata": {},
    }  # fmt: skip


def dispute_object(dispute: Dispute) -> dict[str, Any]:
    """As Stripe sends it: what was withdrawn and given back stands in balance transactions."""
    taken = [-dispute.amount_cents] if dispute.withdrawn_cents or dispute.status in ("lost", "won") else []
    back = dispute.amount_cents - dispute.withdrawn_cents if taken else 0
    return {
        "id": dispute.id, "object": "dispute", "amount": dispute.amount_cents, "currency": dispute.currency,
        "status": dispute.status, "reason": "fraudulent", "payment_intent": dispute.payment_intent, "charge": None,
        "created": seconds(dispute.created), "metadata": {},
        "balance_transactions": [
            {"id": f"txn_{place}", "object": "balance_transaction", "amount": amount, "currency": "usd", "net": amount,
             "fee": 0}
            for place, amount in enumerate([*taken, *([back] if back else [])])
        ],
    }  # fmt: skip


DISPUTE_EVENTS = dict.fromkeys(("won", "lost", "warning_closed"), "charge.dispute.closed")


class Money:
    """What Stripe would say of the payments of one engine's customer: `paid_by` says which payment paid what."""

    def __init__(self, billing: TestBilling, *, by_events: bool = False) -> None:
        self.billing, self.by_events = billing, by_events
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
        if self.by_events:
            paid = {
                "id": f"inpay_{id}", "object": "invoice_payment", "invoice": id, "status": "paid", "currency": "usd",
                "amount_paid": total_cents, "amount_requested": total_cents, "created": seconds(self.billing.now),
                "payment": {"type": "payment_intent", "payment_intent": payment},
            }  # fmt: skip
            assert tell(self.billing, paid, "invoice_payment.paid").status == "done"

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
        if self.by_events:
            is_refund = isinstance(value, Refund)
            held = refund_object(value) if isinstance(value, Refund) else dispute_object(value)
            kind = "refund.updated" if is_refund else DISPUTE_EVENTS.get(value.status, "charge.dispute.updated")
            event = tell(self.billing, held, kind, at=at or self.billing.now)
            assert event.status == "done", event
            return Applied(note=event.reason)
        with self.billing.database.write() as tx:
            catalog, known = self.billing.catalog, self.known
            if isinstance(value, Refund):
                answer = refunds.apply(tx, catalog, value, known)
            else:
                said_at = at or tx.now
                since = said_at if value.status in DISPUTE_EVENTS else None
                answer = disputes.apply(tx, catalog, value, said_at, known, since)
        assert not answer.needs or SessionOfPayment not in {type(one) for one in answer.needs}, answer
        return answer
