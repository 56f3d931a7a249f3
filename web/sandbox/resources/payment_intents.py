"""Payment intents: an amount that is to be paid, and the attempts to pay it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from web.sandbox import ids
from web.sandbox.errors import Refused
from web.sandbox.resources import cards, charges
from web.sandbox.resources.cards import Decline
from web.sandbox.store import Object
from web.sandbox.work import Work, shown


def make(
    work: Work,
    amount: int,
    currency: str,
    *,
    customer: str | None = None,
    description: str | None = None,
    metadata: dict[str, str] | None = None,
    receipt_email: str | None = None,
    setup_future_usage: str | None = None,
    order: str | None = None,
) -> Object:
    intent = work.new(
        "payment_intent",
        amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        application=None,
        application_fee_amount=None,
        automatic_payment_methods=None,
        canceled_at=None,
        cancellation_reason=None,
        capture_method="automatic_async",
        confirmation_method="automatic",
        currency=currency,
        customer=customer,
        customer_account=None,
        description=description,
        excluded_payment_method_types=None,
        last_payment_error=None,
        latest_charge=None,
        metadata=metadata or {},
        next_action=None,
        on_behalf_of=None,
        payment_details={"customer_reference": None, "order_reference": order},
        payment_method=None,
        payment_method_configuration_details=None,
        payment_method_options={
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        payment_method_types=["card"],
        processing=None,
        receipt_email=receipt_email,
        review=None,
        setup_future_usage=setup_future_usage,
        shipping=None,
        source=None,
        statement_descriptor=None,
        statement_descriptor_suffix=None,
        status="requires_payment_method",
        transfer_data=None,
        transfer_group=None,
    )
    intent["client_secret"] = f"{intent['id']}_secret_{ids.letters(25)}"
    work.keep(intent)
    work.emit("payment_intent.created", intent)
    return intent


def charge(work: Work, intent: Object, instrument: Object, said: Decline | None = None) -> Decline | None:
    """Tries to take the money, and tells how it went. Whoever asked turns a decline into an answer. What is `said` the
    bank says whatever the card.
    """
    card = cards.behind(instrument)
    if said is not None:
        card = replace(card, decline=said)
    made = charges.make(work, intent, instrument, card)
    intent["latest_charge"] = made["id"]
    decline = card.decline
    if decline is None:
        intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
        intent["payment_method"] = instrument["id"]
        work.keep(intent)
        work.emit("charge.succeeded", made)
        work.emit("payment_intent.succeeded", intent)
        if card.disputed is not None:
            work.rows.schedule(work.now, "dispute", made["id"])
        return None
    intent["status"] = "requires_payment_method"
    intent["payment_method"] = None
    intent["last_payment_error"] = {
        "advice_code": decline.advice,
        "charge": made["id"],
        "code": decline.code,
        "decline_code": decline.decline_code,
        "message": decline.message,
        "type": "card_error",
    }
    if instrument["object"] == "payment_method":
        intent["last_payment_error"]["payment_method"] = shown(instrument)
    work.keep(intent)
    work.emit("charge.failed", made)
    work.emit("payment_intent.payment_failed", intent)
    return decline


def charge_directly(work: Work, instrument: Object, **fields: Any) -> tuple[Object, Decline | None]:
    """A charge that belongs to no intent."""
    card = cards.behind(instrument)
    made = charges.make(work, {"id": None, "receipt_email": None, **fields}, instrument, card)
    work.emit("charge.failed" if card.decline else "charge.succeeded", made)
    if card.disputed is not None and card.decline is None:
        work.rows.schedule(work.now, "dispute", made["id"])
    return made, card.decline


def ask_the_buyer(work: Work, intent: Object, instrument: Object) -> None:
    """Nothing is taken before the buyer has told their bank that it is they."""
    intent |= {"status": "requires_action", "payment_method": instrument["id"]}
    intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    work.keep(intent)
    work.emit("payment_intent.requires_action", intent)


def authenticate(work: Work, intent: Object, *, fails: bool) -> Object:
    """The buyer has, or could not."""
    instrument = work.find("payment_method", intent["payment_method"])
    if intent["status"] != "requires_action" or instrument is None:
        raise Refused(f"This PaymentIntent is {intent['status']}: nobody is asked to authenticate it.")
    intent["next_action"] = None
    if not fails:
        charge(work, intent, instrument)
        return intent
    words = "We are unable to authenticate your payment method. Please choose a different payment method and try again."
    intent |= {"status": "requires_payment_method", "payment_method": None}
    intent["last_payment_error"] = {
        "code": "payment_intent_authentication_failure",
        "message": words,
        "payment_method": shown(instrument),
        "type": "invalid_request_error",
    }
    work.keep(intent)
    work.emit("payment_intent.payment_failed", intent)
    return intent


def declined(decline: Decline, intent: Object) -> Refused:
    """The answer to who asked for the money: 402. What was tried stays on record."""
    return Refused(
        decline.message,
        status=402,
        kind="card_error",
        code=decline.code,
        decline_code=decline.decline_code,
        advice_code=decline.advice,
        charge=intent["latest_charge"],
        payment_intent=shown(intent),
        kept=True,
    )


def cancel(work: Work, intent: Object, reason: str | None = None) -> Object:
    with work.changing(intent):
        intent |= {"status": "canceled", "canceled_at": work.now, "cancellation_reason": reason}
    work.emit("payment_intent.canceled", intent)
    return intent
