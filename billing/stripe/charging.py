"""Taking money in the customer's absence, from what they have saved for it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from billing.rules.refusals import Refusal, StripeRefused
from billing.stripe import answering, payments, reading
from billing.stripe.calling import Ask, Params, any_type, each_once, first_of, plain, read, read_made
from billing.stripe.values import PayloadInvalid, PaymentIntent

if TYPE_CHECKING:
    from stripe import StripeClient

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
"""Statuses of a payment that was tried, has brought nothing, and could still be tried again."""

_PAYS = ("active", "trialing", "past_due")


@dataclass(frozen=True, slots=True)
class Card:
    """A saved payment method, a card or another. `ends`: year and month after which a card is worth nothing."""

    id: str
    type: str
    brand: str | None = None
    last4: str | None = None
    ends: tuple[int, int] | None = None

    def expired(self, now: datetime) -> bool:
        return self.ends is not None and self.ends < (now.year, now.month)

    @property
    def words(self) -> str:
        """`Visa ending in 4242`, for people."""
        name = (self.brand or self.type).replace("_", " ").capitalize()
        return f"{name} ending in {self.last4}" if self.last4 else name


class Charging:
    """Raises StripeUnavailable, StripeNotConfigured, StripeRefused."""

    def __init__(self, client: StripeClient, ask: Ask) -> None:
        self._client, self._ask = client, ask

    def card_of(self, customer: str) -> Card | None:
        """What the Stripe customer is charged with in their absence: their default, else that of a subscription, else
        the card that was saved last.
        """
        v1, expand = self._client.v1, ["invoice_settings.default_payment_method"]
        if not answering.is_id(customer):
            return None
        found = plain(self._ask(lambda: v1.customers.retrieve(customer, any_type({"expand": expand}))))
        if found.get("deleted") is True:
            return None
        default = (found.get("invoice_settings") or {}).get("default_payment_method")
        if isinstance(default, dict):
            return read(card, default)
        wanted = {"customer": customer, "limit": 10, "expand": ["data.default_payment_method"]}
        for one in first_of(self._ask(lambda: v1.subscriptions.list(any_type(wanted)))):
            said = plain(one)
            if said.get("status") in _PAYS and isinstance(said.get("default_payment_method"), dict):
                return read(card, said["default_payment_method"])
        saved = self._ask(lambda: v1.payment_methods.list(any_type({"customer": customer, "type": "card", "limit": 1})))
        return next((read(card, one) for one in first_of(saved)), None)

    def charge(self, params: Params, key: str) -> PaymentIntent:
        """Tries to take the money, once per key. What was declined is cancelled at once, so that nobody can pay it
        later, and is an answer like any other: its `failure` says why.
        """
        call = self._client.v1.payment_intents.create
        try:
            made = self._ask(lambda: call(any_type(params), {"idempotency_key": key}))
        except StripeRefused as refused:
            tried = _declined(refused)
            if tried is None:
                raise
            self._cancel(tried)
            return tried
        found = read_made(payments.payment_intent, made)
        self._cancel(found)
        return found

    def find(self, customer: str, since: datetime, name: str, value: str) -> PaymentIntent | None:
        """The Stripe customer's payment with that in its metadata, made since then, if there is one."""

        def look() -> Any | None:
            listed = {"customer": customer, "created": {"gte": int(since.timestamp())}, "limit": answering.PAGE}
            for one in each_once(self._client.v1.payment_intents.list(any_type(listed))):
                if plain(one).get("metadata", {}).get(name) == value:
                    return one
            return None

        made = self._ask(look)
        if made is None:
            return None
        found = read(payments.payment_intent, made)
        self._cancel(found)
        return found

    def now(self, id: str) -> PaymentIntent | None:
        """The payment as it stands; None where there is none."""
        found = answering.plain_object(self._client, self._ask, "payment_intent", id)
        return None if found is None else read(payments.payment_intent, found)

    def _cancel(self, intent: PaymentIntent) -> None:
        """Of one that has failed: nothing depends on it, nobody else tries it again."""
        if intent.status in _OPEN:
            with suppress(Refusal):
                self._ask(lambda: self._client.v1.payment_intents.cancel(intent.id))


def card(document: object) -> Card:
    """A payment method, as it is charged."""
    found = reading.mapping(plain(document) if not isinstance(document, dict) else document, "payment_method")
    kind = reading.text(found.get("type"), "payment_method.type")
    details = found.get(kind)
    details = details if isinstance(details, dict) else {}
    month, year, last4 = details.get("exp_month"), details.get("exp_year"), details.get("last4")
    return Card(
        id=reading.text(found.get("id"), "payment_method.id"),
        type=kind,
        brand=details.get("brand") if isinstance(details.get("brand"), str) else None,
        last4=last4 if isinstance(last4, str) else None,
        ends=(year, month) if isinstance(year, int) and isinstance(month, int) else None,
    )


def _declined(refused: StripeRefused) -> PaymentIntent | None:
    """The payment that a card's refusal is about: Stripe sends it along."""
    error = getattr(refused.__cause__, "json_body", None)
    said = error.get("error") if isinstance(error, dict) else None
    intent = said.get("payment_intent") if isinstance(said, dict) and refused.declined else None
    if not isinstance(intent, dict):
        return None
    try:
        return payments.payment_intent(intent)
    except PayloadInvalid:
        return None
