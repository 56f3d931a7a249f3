"""Handlers: the type of a Stripe event → the one verb it calls. Types without one are kept and passed over.

A handler that has to know more says so in its answer; it is rolled back then, and called again with what Stripe
answered (`known`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.inbox import mirroring, paying, returning
from billing.sales.values import Applied
from billing.stripe.questions import Known
from billing.stripe.values import Event

Handler = Callable[[Tx, Catalog, Event, Known], Applied]

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "charge.dispute.closed": returning.handle_dispute,
        "charge.dispute.created": returning.handle_dispute,
        "charge.dispute.funds_reinstated": returning.handle_dispute,
        "charge.dispute.funds_withdrawn": returning.handle_dispute,
        "charge.dispute.updated": returning.handle_dispute,
        "charge.refund.updated": returning.handle_refund,
        "charge.refunded": returning.handle_charge_refunded,
        "checkout.session.async_payment_failed": paying.handle_session_failed,
        "checkout.session.async_payment_succeeded": paying.handle_session,
        "checkout.session.completed": paying.handle_session,
        "checkout.session.expired": paying.handle_session,
        "credit_note.created": returning.handle_credit_note,
        "credit_note.updated": returning.handle_credit_note,
        "credit_note.voided": returning.handle_credit_note,
        "customer.created": mirroring.handle_customer,
        "customer.deleted": mirroring.handle_customer_deleted,
        "customer.subscription.created": mirroring.handle_subscription_created,
        "customer.subscription.deleted": mirroring.handle_subscription,
        "customer.subscription.paused": mirroring.handle_subscription,
        "customer.subscription.pending_update_applied": mirroring.handle_subscription,
        "customer.subscription.pending_update_expired": mirroring.handle_subscription,
        "customer.subscription.resumed": mirroring.handle_subscription,
        "customer.subscription.trial_will_end": mirroring.handle_trial_ends,
        "customer.subscription.updated": mirroring.handle_subscription,
        "customer.updated": mirroring.handle_customer,
        "invoice.deleted": paying.handle_invoice_unpaid,
        "invoice.finalization_failed": paying.handle_invoice_trouble,
        "invoice.marked_uncollectible": paying.handle_invoice_unpaid,
        "invoice.overpaid": paying.handle_invoice_overpaid,
        "invoice.paid": paying.handle_invoice_paid,
        "invoice.payment_action_required": paying.handle_invoice_trouble,
        "invoice.payment_failed": paying.handle_invoice_trouble,
        "invoice.voided": paying.handle_invoice_unpaid,
        "invoice_payment.paid": returning.handle_invoice_payment,
        "payment_intent.canceled": paying.handle_payment_canceled,
        "payment_intent.payment_failed": paying.handle_payment_failed,
        "payment_intent.succeeded": paying.handle_payment,
        "price.created": mirroring.handle_price,
        "price.updated": mirroring.handle_price,
        "refund.created": returning.handle_refund,
        "refund.failed": returning.handle_refund,
        "refund.updated": returning.handle_refund,
    }
)
"""All that is listened to: a webhook endpoint needs these types, and no others."""

IGNORED: Mapping[str, str] = MappingProxyType(
    {"invoice.payment_succeeded": "invoice.paid says the same, and also when the invoice was paid outside Stripe"}
)
"""Types that are passed over on purpose, and why."""


def handler_of(event: Event) -> Handler | str:
    """The event's handler, or why there is nothing to do."""
    if event.account is not None:
        return f"of the connected account {event.account}, not of ours"
    return HANDLERS.get(event.fact) or IGNORED.get(event.fact) or "nothing is done for events of this type"
