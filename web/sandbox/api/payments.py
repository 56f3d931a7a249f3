"""/v1/payment_methods, /v1/payment_intents and /v1/charges."""

from __future__ import annotations

from typing import Any

from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.errors import Refused, needed
from web.sandbox.money import least, money, odd
from web.sandbox.params import ADDRESS, PAGE, SPAN, Currency, Fields, Labels, OneOf, Text, Whole, YesNo, merged
from web.sandbox.resources import bank_debits, cards, customers, payment_intents, payment_methods
from web.sandbox.store import Object
from web.sandbox.work import Work, id_of, shown

_LARGEST = 99_999_999
_BILLING = Fields({"address": ADDRESS, "email": Text(), "name": Text(), "phone": Text()})
_CARD = Fields({"token": Text(), "number": Text(), "exp_month": Whole(1, 12), "exp_year": Whole(0), "cvc": Text()})
_METHOD = takes({"billing_details": _BILLING, "card": _CARD, "metadata": Labels(), "type": OneOf("card")}, "type")
_INTENT = takes(
    {
        "amount": Whole(1, _LARGEST),
        "automatic_payment_methods": Fields(
            {"enabled": YesNo(), "allow_redirects": OneOf("always", "never")}, ["enabled"]
        ),
        "confirm": YesNo(),
        "currency": Currency(),
        "customer": Text(),
        "description": Text(),
        "error_on_requires_action": YesNo(),
        "metadata": Labels(),
        "off_session": YesNo(),
        "payment_method": Text(),
        "receipt_email": Text(),
        "return_url": Text(),
        "setup_future_usage": OneOf("off_session", "on_session"),
    },
    "amount",
    "currency",
)


def _create_method(asked: Asked) -> Object:
    given = asked.params.get("card") or {}
    if given.get("token"):
        card = cards.named(given["token"]) if given["token"].startswith("tok_") else None
        if card is None:
            raise Refused(f"No such token: '{given['token']}'", code="resource_missing", param="card[token]")
    elif given.get("number"):
        card = cards.numbered(given["number"])
        if card is None:
            words = "Your card was declined. Your request was in test mode, but used a non test card."
            raise Refused(words, status=402, kind="card_error", code="card_declined")
    else:
        raise needed("card[token]")
    billing, metadata = asked.params.get("billing_details"), merged({}, asked.params.get("metadata"))
    return shown(payment_methods.make(asked.work, card, billing, metadata))


def _attach(asked: Asked) -> Object:
    method = _method(asked.work, asked.id)
    return shown(payment_methods.attach(asked.work, method, customers.living(asked.work, asked.params["customer"])))


def _retrieve_method(asked: Asked) -> Object:
    return shown(_method(asked.work, asked.id))


def _list_methods(asked: Asked) -> Object:
    found = matching(asked, "payment_method", "customer", "type")
    return paged(asked, "/v1/payment_methods", found, "PaymentMethod")


def _method(work: Work, id: str) -> Object:
    if id.startswith("pm_card_"):
        return payment_methods.named(work, id, "payment_method")
    return work.addressed("payment_method", id, "payment_method")


def _create_intent(asked: Asked) -> Object:
    work, given = asked.work, asked.params
    customer = customers.living(work, given["customer"]) if given.get("customer") else None
    method = None
    if given.get("payment_method"):
        method = payment_methods.named(work, given["payment_method"], "payment_method")
        owner = method["customer"]
        if owner is not None and owner != (id_of(customer)):
            raise Refused("The provided PaymentMethod belongs to another customer.", param="payment_method")
    _judge(given["amount"], given["currency"])
    confirm = given.get("confirm", False)
    if given.get("off_session") and not confirm:
        raise Refused("`off_session` can only be used with `confirm=true`.", param="off_session")
    intent = payment_intents.make(
        work,
        given["amount"],
        given["currency"],
        customer=id_of(customer),
        description=given.get("description"),
        metadata=merged({}, given.get("metadata")),
        receipt_email=given.get("receipt_email"),
        setup_future_usage=given.get("setup_future_usage"),
    )
    if given.get("automatic_payment_methods"):
        intent["automatic_payment_methods"] = {"allow_redirects": "always"} | given["automatic_payment_methods"]
    if method is not None:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    work.keep(intent)
    return _confirmed(work, intent, given) if confirm else shown(intent)


def _judge(amount: int, currency: str) -> None:
    if amount < least(currency):
        words = f"Amount must be at least {money(least(currency), currency)} {currency}"
        raise Refused(words, code="amount_too_small", param="amount")
    if odd(amount, currency):
        words = f"Amounts in {currency} must be divisible by 10: {amount} is not."
        raise Refused(words, code="parameter_invalid_integer", param="amount")


def _update_intent(asked: Asked) -> Object:
    work, given, intent = asked.work, asked.params, _intent(asked)
    if "amount" in given:
        if intent["status"] in ("succeeded", "canceled", "processing"):
            words = f"This PaymentIntent's amount could not be updated because it has a status of {intent['status']}."
            raise Refused(words, code="payment_intent_unexpected_state")
        _judge(given["amount"], intent["currency"])
        intent["amount"] = given["amount"]
    for name in ("description", "receipt_email"):
        if name in given:
            intent[name] = given[name]
    intent["metadata"] = merged(intent["metadata"], given.get("metadata"))
    return shown(work.keep(intent))


def _confirm(asked: Asked) -> Object:
    work, given = asked.work, asked.params
    intent = _intent(asked)
    if intent["status"] in ("succeeded", "canceled"):
        words = f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}."
        raise Refused(words, code="payment_intent_unexpected_state")
    if given.get("payment_method"):
        intent["payment_method"] = payment_methods.named(work, given["payment_method"], "payment_method")["id"]
    return _confirmed(work, intent, given)


def _confirmed(work: Work, intent: Object, given: dict[str, Any]) -> Object:
    method = work.find("payment_method", intent["payment_method"])
    if method is None:
        words = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise Refused(words, code="payment_intent_unexpected_state")
    if method["type"] != "card":  # a bank account: whether it pays says its bank, in some days
        bank_debits.begin(work, intent, method)
        return shown(intent)
    off_session = given.get("off_session", False)
    asked = cards.behind(method).decline is None and cards.asks_the_buyer(method, off_session=off_session)
    if asked and not (off_session or given.get("error_on_requires_action")):
        payment_intents.ask_the_buyer(work, intent, method)
        return shown(intent)
    decline = payment_intents.charge(work, intent, method, cards.AUTHENTICATE if asked else None)
    if decline is not None:
        raise payment_intents.declined(decline, intent)
    return shown(intent)


def _cancel(asked: Asked) -> Object:
    intent = _intent(asked)
    if intent["status"] in ("succeeded", "canceled"):
        words = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
        raise Refused(words, code="payment_intent_unexpected_state")
    return shown(payment_intents.cancel(asked.work, intent, asked.params.get("cancellation_reason")))


def _retrieve_intent(asked: Asked) -> Object:
    return shown(_intent(asked))


def _list_intents(asked: Asked) -> Object:
    return paged(asked, "/v1/payment_intents", matching(asked, "payment_intent", "customer"), "payment_intent")


def _intent(asked: Asked) -> Object:
    return asked.work.addressed("payment_intent", asked.id, "intent")


def _create_charge(asked: Asked) -> Object:
    """The older way: a card is charged without an intent."""
    work, given = asked.work, asked.params
    _judge(given["amount"], given["currency"])
    customer = customers.living(work, given["customer"]) if given.get("customer") else None
    source = given.get("source") or ""
    card = cards.named(source) if source.startswith("tok_") else None
    if card is not None:
        instrument = cards.source(work, card, id_of(customer) or "")
    elif customer is not None:
        instrument = work.named("card", source or customer["default_source"] or "", "source")
    else:
        raise needed("source")
    made, decline = payment_intents.charge_directly(
        work,
        instrument,
        amount=given["amount"],
        currency=given["currency"],
        customer=id_of(customer),
        description=given.get("description"),
        metadata=merged({}, given.get("metadata")),
    )
    if decline is not None:
        raise Refused(
            decline.message,
            status=402,
            kind="card_error",
            code=decline.code,
            decline_code=decline.decline_code,
            charge=made["id"],
            kept=True,
        )
    return shown(made)


def _retrieve_charge(asked: Asked) -> Object:
    return shown(asked.work.addressed("charge", asked.id))


def _list_charges(asked: Asked) -> Object:
    return paged(asked, "/v1/charges", matching(asked, "charge", "customer", "payment_intent"), "charge")


_REASONS = OneOf("abandoned", "duplicate", "fraudulent", "requested_by_customer")

OPERATIONS = (
    Operation("POST", "/v1/payment_methods", _create_method, _METHOD),
    Operation("GET", "/v1/payment_methods", _list_methods, Fields({**PAGE, "customer": Text(), "type": OneOf("card")})),
    Operation("GET", "/v1/payment_methods/{payment_method}", _retrieve_method),
    Operation("POST", "/v1/payment_methods/{payment_method}/attach", _attach, takes({"customer": Text()}, "customer")),
    Operation("POST", "/v1/payment_intents", _create_intent, _INTENT, frozenset({"payment_method_types"})),
    Operation("GET", "/v1/payment_intents", _list_intents, Fields({**PAGE, "created": SPAN, "customer": Text()})),
    Operation("GET", "/v1/payment_intents/{intent}", _retrieve_intent),
    Operation(
        "POST",
        "/v1/payment_intents/{intent}",
        _update_intent,
        takes({"amount": Whole(1, _LARGEST), "description": Text(), "metadata": Labels(), "receipt_email": Text()}),
    ),
    Operation(
        "POST",
        "/v1/payment_intents/{intent}/confirm",
        _confirm,
        takes(
            {
                "error_on_requires_action": YesNo(),
                "off_session": YesNo(),
                "payment_method": Text(),
                "return_url": Text(),
            }
        ),
    ),
    Operation("POST", "/v1/payment_intents/{intent}/cancel", _cancel, takes({"cancellation_reason": _REASONS})),
    Operation(
        "POST",
        "/v1/charges",
        _create_charge,
        takes(
            {
                "amount": Whole(1, _LARGEST),
                "currency": Currency(),
                "customer": Text(),
                "description": Text(),
                "metadata": Labels(),
                "source": Text(),
            },
            "amount",
            "currency",
        ),
    ),
    Operation(
        "GET",
        "/v1/charges",
        _list_charges,
        Fields({**PAGE, "created": SPAN, "customer": Text(), "payment_intent": Text()}),
    ),
    Operation("GET", "/v1/charges/{charge}", _retrieve_charge),
)
