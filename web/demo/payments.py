"""What Stripe would send about the demo's payments: bodies of today's API shape, signed like its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from billing.base.clock import SystemClock
from billing.stripe.signature import sign

if TYPE_CHECKING:
    from billing import Billing
    from billing.inbox.values import StripeEvent

API_VERSION = "2026-10-28.endive"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Payer:
    """A customer as Stripe knows it. `customer` is our own id, which Stripe carries along."""

    customer: str
    name: str
    email: str
    currency: str

    @property
    def stripe_id(self) -> str:
        return f"cus_demo_{self.customer}"


@dataclass(frozen=True, slots=True)
class Period:
    """One period of a subscription, and what it costs: `unit_cents` for each of `quantity`."""

    number: int
    start: datetime
    end: datetime
    price: str
    unit_cents: int
    quantity: int = 1


def invoice(payer: Payer, period: Period, paid_at: datetime | None) -> Json:
    """A subscription's invoice for one period, paid at that time (None: still open)."""
    id, total = f"in_demo_{payer.customer}_{period.number}", period.unit_cents * period.quantity
    paid = 0 if paid_at is None else total
    return {
        "id": id,
        "object": "invoice",
        "amount_due": total,
        "amount_paid": paid,
        "amount_remaining": total - paid,
        "attempted": True,
        "auto_advance": paid_at is None,
        "billing_reason": "subscription_create" if period.number == 1 else "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": _seconds(period.start),
        "currency": payer.currency,
        "customer": payer.stripe_id,
        "customer_email": payer.email,
        "customer_name": payer.name,
        "lines": _list(f"/v1/invoices/{id}/lines", _line(payer, period, id)),
        "livemode": False,
        "metadata": {},
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {
                "metadata": {"billing_customer": payer.customer},
                "subscription": f"sub_demo_{payer.customer}",
            },
        },
        "period_end": _seconds(period.start),
        "period_start": _seconds(period.start),
        "status": "open" if paid_at is None else "paid",
        "status_transitions": {
            "finalized_at": _seconds(period.start),
            "marked_uncollectible_at": None,
            "paid_at": None if paid_at is None else _seconds(paid_at),
            "voided_at": None,
        },
        "subtotal": total,
        "total": total,
        "total_discount_amounts": [],
        "total_taxes": [],
    }


def _line(payer: Payer, period: Period, invoice: str) -> Json:
    return {
        "id": f"il_demo_{payer.customer}_{period.number}",
        "object": "line_item",
        "amount": period.unit_cents * period.quantity,
        "currency": payer.currency,
        "discount_amounts": [],
        "discountable": True,
        "invoice": invoice,
        "livemode": False,
        "metadata": {"billing_customer": payer.customer},
        "parent": {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": f"sub_demo_{payer.customer}",
                "subscription_item": f"si_demo_{payer.customer}",
            },
        },
        "period": {"start": _seconds(period.start), "end": _seconds(period.end)},
        "pricing": {
            "type": "price_details",
            "price_details": {"price": period.price, "product": f"prod_{period.price.removeprefix('price_')}"},
            "unit_amount_decimal": str(period.unit_cents),
        },
        "quantity": period.quantity,
        "subtotal": period.unit_cents * period.quantity,
        "taxes": [],
    }


def session(payer: Payer, number: int, pack: str, cents: int, paid_at: datetime) -> Json:
    """A completed and paid Checkout session that bought one pack."""
    id = f"cs_demo_{payer.customer}_{number}"
    return {
        "id": id,
        "object": "checkout.session",
        "amount_subtotal": cents,
        "amount_total": cents,
        "client_reference_id": payer.customer,
        "created": _seconds(paid_at) - 95,
        "currency": payer.currency,
        "customer": payer.stripe_id,
        "customer_details": {"email": payer.email, "name": payer.name},
        "expires_at": _seconds(paid_at) + 86_400 - 95,
        "invoice": None,
        "livemode": False,
        "metadata": {"pack": pack},
        "mode": "payment",
        "payment_intent": f"pi_demo_{payer.customer}_{number}",
        "payment_status": "paid",
        "status": "complete",
        "subscription": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted",
    }


def event(kind: str, held: Mapping[str, Any], at: datetime, delivery: int = 1) -> Json:
    """The event that tells of an object. Its id follows from both; another `delivery` is a twin of it."""
    twin = f"_{delivery}" if delivery > 1 else ""
    return {
        "id": f"evt_demo_{held['id'].replace('_demo', '')}_{kind.rpartition('.')[2]}{twin}",
        "object": "event",
        "api_version": API_VERSION,
        "created": _seconds(at),
        "data": {"object": dict(held)},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


def deliver(billing: Billing, secret: str, event: Mapping[str, Any]) -> StripeEvent:
    """Signs the event and puts it through the webhook's door. A signature's age is real time's, not the story's."""
    body = json.dumps(event, indent=2).encode()
    return billing.receive_stripe_event(body, sign(body, secret, SystemClock().now()))


def _list(url: str, *data: Json) -> Json:
    return {"object": "list", "data": list(data), "has_more": False, "total_count": len(data), "url": url}


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
