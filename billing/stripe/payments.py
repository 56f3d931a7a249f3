"""Payments → our values: charges, payment intents, and which payment paid which invoice.

As in `payloads`: read where it stands today, then where it stood before; what can't be read raises `PayloadInvalid`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.stripe import reading as read
from billing.stripe.values import Charge, InvoicePayment, PaymentFailure, PaymentIntent


def charge(document: object) -> Charge:
    """A charge. `amount_refunded` is all that was refunded of it so far; its invoice is named only before basil."""
    found = read.of_kind(document, "charge")
    paid = found.get("paid")
    return Charge(
        id=read.text(found.get("id"), "charge.id"),
        payment_intent=read.reference(found.get("payment_intent"), "charge.payment_intent"),
        invoice=read.reference(found.get("invoice"), "charge.invoice"),
        customer=read.reference(found.get("customer"), "charge.customer"),
        amount_cents=read.whole(found.get("amount"), "charge.amount"),
        refunded_cents=read.maybe_whole(found.get("amount_refunded"), "charge.amount_refunded") or 0,
        currency=read.currency(found.get("currency"), "charge.currency"),
        created=read.time(found.get("created"), "charge.created"),
        paid=found.get("status") == "succeeded" if paid is None else read.flag(paid, "charge.paid"),
    )


def payment_intent(document: object) -> PaymentIntent:
    """A payment intent, with the metadata that was given to it."""
    found = read.of_kind(document, "payment_intent")
    return PaymentIntent(
        id=read.text(found.get("id"), "payment_intent.id"),
        invoice=read.reference(found.get("invoice"), "payment_intent.invoice"),
        customer=read.reference(found.get("customer"), "payment_intent.customer"),
        status=read.text(found.get("status"), "payment_intent.status"),
        amount_cents=read.whole(found.get("amount"), "payment_intent.amount"),
        received_cents=read.maybe_whole(found.get("amount_received"), "payment_intent.amount_received") or 0,
        currency=read.currency(found.get("currency"), "payment_intent.currency"),
        created=read.time(found.get("created"), "payment_intent.created"),
        metadata=read.metadata(found.get("metadata"), "payment_intent.metadata"),
        failure=_failure(found.get("last_payment_error")),
    )


def _failure(error: Any) -> PaymentFailure | None:
    """What can't be read of it is not known: that a payment failed says its status."""
    if not isinstance(error, Mapping):
        return None

    def said(name: str, longest: int = 100) -> str | None:
        value = error.get(name)
        return value[:longest] if isinstance(value, str) and value.isprintable() and value else None

    method = error.get("payment_method")
    id = method.get("id") if isinstance(method, Mapping) else method
    return PaymentFailure(said("code"), said("decline_code"), said("advice_code"), said("message", 300),
                          id if isinstance(id, str) else None)  # fmt: skip


def invoice_payment(document: object) -> InvoicePayment:
    """One payment of an invoice (basil and later): which payment intent or charge paid how much of it."""
    found = read.of_kind(document, "invoice_payment")
    invoice = read.reference(found.get("invoice"), "invoice_payment.invoice")
    payment = read.maybe_mapping(found.get("payment"), "invoice_payment.payment")
    return InvoicePayment(
        id=read.text(found.get("id"), "invoice_payment.id"),
        invoice=read.text(invoice, "invoice_payment.invoice"),
        payment_intent=read.reference(payment.get("payment_intent"), "invoice_payment.payment.payment_intent"),
        charge=read.reference(payment.get("charge"), "invoice_payment.payment.charge"),
        amount_paid_cents=read.maybe_whole(found.get("amount_paid"), "invoice_payment.amount_paid"),
        status=read.text(found.get("status"), "invoice_payment.status"),
    )
