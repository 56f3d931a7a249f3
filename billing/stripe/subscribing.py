"""Changing and ending what somebody subscribes to at Stripe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.rules.refusals import StripeRefused
from billing.stripe import answering, answers, payloads
from billing.stripe import reading as reader
from billing.stripe.calling import Ask, Params, any_type, plain, read
from billing.stripe.questions import SubscriptionById
from billing.stripe.values import Invoice, Subscription

if TYPE_CHECKING:
    from stripe import StripeClient


class Subscriptions:
    """The account's subscriptions. Raises StripeRefused, StripeUnavailable, StripeNotConfigured."""

    def __init__(self, client: StripeClient, ask: Ask) -> None:
        self._client, self._ask = client, ask

    def now(self, id: str) -> Subscription | None:
        """The subscription as it stands, None where there is none."""
        found: Subscription | None = answering.answer(self._client, self._ask, SubscriptionById(id))
        return found

    def change(self, id: str, params: Params, key: str) -> Subscription:
        """Changes it, once per key, and says how it stands then."""
        call = self._client.v1.subscriptions.update
        return read(answers.subscription, self._ask(lambda: call(id, any_type(params), {"idempotency_key": key})))

    def cancel(self, id: str) -> Subscription:
        """Ends it now, and gives nothing back. Stripe keeps no keys for this: one that has ended already has ended."""
        try:
            return read(answers.subscription, self._ask(lambda: self._client.v1.subscriptions.cancel(id)))
        except StripeRefused:
            found = self.now(id)
            if found is None or found.ended_at is None:
                raise
            return found

    def preview(self, id: str, details: Params) -> tuple[Invoice, int]:
        """The invoice that a change would make now, and how much of it would be charged: with tax, less the customer's
        balance. Nothing is changed.
        """
        wanted = any_type({"subscription": id, "subscription_details": details})
        found = plain(self._ask(lambda: self._client.v1.invoices.create_preview(wanted)))
        return read(payloads.invoice, found), read(_due, found)


def _due(document: object) -> int:
    return reader.whole(reader.mapping(document, "invoice").get("amount_due"), "invoice.amount_due")
