"""Charges: one attempt to take money from a card."""

from __future__ import annotations

from web.sandbox import ids
from web.sandbox.resources import cards
from web.sandbox.resources.cards import TestCard
from web.sandbox.store import Object
from web.sandbox.work import Work


def make(work: Work, intent: Object, instrument: Object, card: TestCard) -> Object:
    """Succeeded or failed, as the card has it. The caller tells of it."""
    decline = card.decline
    billing = instrument.get("billing_details") or {}
    return work.keep(
        work.new(
            "charge",
            amount=intent["amount"],
            amount_captured=0 if decline else intent["amount"],
            amount_refunded=0,
            application=None,
            application_fee=None,
            application_fee_amount=None,
            balance_transaction=None if decline else ids.new("balance_transaction"),
            billing_details={
                "address": billing.get("address") or cards.no_address(),
                "email": billing.get("email"),
                "name": billing.get("name"),
                "phone": billing.get("phone"),
                "tax_id": None,
            },
            calculated_statement_descriptor="SANDBOX",
            captured=decline is None,
            currency=intent["currency"],
            customer=intent["customer"],
            description=intent["description"],
            disputed=False,
            failure_balance_transaction=None,
            failure_code=decline and decline.code,
            failure_message=decline and decline.message,
            fraud_details={},
            metadata=intent["metadata"],
            on_behalf_of=None,
            outcome=_outcome(card),
            paid=decline is None,
            payment_intent=intent["id"],
            payment_method=instrument["id"],
            payment_method_details={"card": _details(intent, card), "type": "card"},
            radar_options={},
            receipt_email=intent["receipt_email"],
            receipt_number=None,
            receipt_url=None,
            refunded=False,
            review=None,
            shipping=None,
            source=None,
            source_transfer=None,
            statement_descriptor=None,
            statement_descriptor_suffix=None,
            status="failed" if decline else "succeeded",
            transfer_data=None,
            transfer_group=None,
            _number=card.number,
        )
    )


def balance_id() -> str:
    """The balance transaction of a payment that has arrived."""
    return ids.new("balance_transaction")


def _outcome(card: TestCard) -> Object:
    decline = card.decline
    return {
        "advice_code": decline and decline.advice,
        "network_advice_code": None,
        "network_decline_code": decline and "01",
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline and decline.decline_code,
        "risk_level": "normal",
        "risk_score": 0,
        "seller_message": "The bank did not return any further details." if decline else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }


def _details(intent: Object, card: TestCard) -> Object:
    return {
        "amount_authorized": None if card.decline else intent["amount"],
        "authorization_code": None if card.decline else "123456",
        "brand": card.brand,
        "checks": cards.checks(),
        "country": "US",
        "exp_month": 12,
        "exp_year": 2040,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card.last4 * 4,
        "funding": card.funding,
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card.last4,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": "749857738210088",
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "wallet": None,
    }
