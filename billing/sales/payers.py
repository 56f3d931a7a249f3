"""Who paid, where neither a link nor the payment tells: Stripe is asked for the metadata of what it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from billing.base.db import Tx
from billing.sales import stripe_customers
from billing.sales.stripe_customers import REFERENCE
from billing.stripe.questions import CustomerById, Known, Question, SubscriptionById


@dataclass(frozen=True, slots=True)
class Sought:
    """The metadata by which the payer is told, and what would have to be known to find one."""

    metadata: Mapping[str, str]
    needs: tuple[Question, ...] = ()


def seek(tx: Tx, stripe_id: str | None, subscription: str | None, metadata: Mapping[str, str], known: Known) -> Sought:
    """The payment's metadata, with the customer of ours that its subscription or its Stripe customer names where the
    payment is linked to nobody and names nobody of ours itself.
    """
    linked = stripe_id is not None and stripe_customers.customer_of(tx, stripe_id) is not None
    if linked or stripe_customers.is_ours(tx, metadata.get(REFERENCE)):
        return Sought(metadata)
    questions: list[Question] = []
    if subscription is not None:
        questions.append(SubscriptionById(subscription))
    if stripe_id is not None:
        questions.append(CustomerById(stripe_id))
    for question in questions:
        found = known.get(question)
        if found is not None and stripe_customers.is_ours(tx, found.metadata.get(REFERENCE)):
            return Sought({**metadata, REFERENCE: found.metadata[REFERENCE]})
    return Sought(metadata, tuple(question for question in questions if question not in known))
