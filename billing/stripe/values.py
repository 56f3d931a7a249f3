"""What Stripe told us, as small values of our own, alike for every API version. Nothing of the SDK leaves
this room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.rules.sale.lines import Line
from billing.stripe.subscribed import SubscribedItem as SubscribedItem  # noqa: PLC0414 - read from here
from billing.stripe.subscribed import Subscription as Subscription  # noqa: PLC0414 - read from here


class PayloadInvalid(Exception):
    """What came is not what Stripe sends. The message says where it differs, and is fit for a log."""


@dataclass(frozen=True, slots=True)
class Event:
    """One Stripe event. `object` is `data.object` as it came, in the shape of `api_version`.

    Keys come from the object, never from `id`: Stripe may send two events for one fact. `account` is set on
    events of a connected account. `object_id` is None where the object has none (`invoice.upcoming`). `related`: a thin
    event came without its object, and says of which (kind, id) it speaks. `previous`: what of the object was otherwise
    before.
    """

    id: str
    type: str
    created: datetime
    livemode: bool
    api_version: str | None
    account: str | None
    object_id: str | None
    object: Mapping[str, Any] = field(hash=False)
    related: tuple[str, str] | None = None
    previous: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def fact(self) -> str:
        """What happened, by the one name it has for either kind of event: `invoice.paid`."""
        return self.type.removeprefix("v1.") if self.related is not None else self.type


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice. `metadata` is the subscription's, overlaid by the invoice's own.

    `paid_at` is None when the invoice does not say; then the event's `created` counts. `has_more`: `lines`
    are only the first ones, the rest must be fetched. `status` and `billing_reason` may hold values we do not
    know. `total_cents` is after discounts and with tax, `amount_paid_cents` what was paid of it, on Stripe or outside.
    """

    id: str
    customer: str | None
    subscription: str | None
    metadata: Mapping[str, str] = field(hash=False)
    status: str | None
    currency: str
    created: datetime
    paid_at: datetime | None
    billing_reason: str | None
    lines: tuple[Line, ...]
    has_more: bool
    total_cents: int | None = None
    amount_paid_cents: int | None = None


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One line of a Checkout session. `net_cents` is after discounts and before tax."""

    id: str
    price: str | None
    lookup_key: str | None
    quantity: int | None
    currency: str | None
    amount_subtotal_cents: int
    amount_total_cents: int
    net_cents: int

    @property
    def count(self) -> int:
        """How many were bought; a line that doesn't say is one."""
        return 1 if self.quantity is None else self.quantity


@dataclass(frozen=True, slots=True)
class Session:
    """One Checkout session. Amounts are in Stripe's smallest unit of `currency`, None until Stripe knows
    them.

    `lines` is None unless the session came with its lines expanded: an event never does. `has_more`: and then
    only the first of them.
    """

    id: str
    mode: str | None
    status: str | None
    payment_status: str | None
    customer: str | None
    client_reference_id: str | None
    metadata: Mapping[str, str] = field(hash=False)
    currency: str | None
    amount_total_cents: int | None
    amount_subtotal_cents: int | None
    tax_cents: int
    shipping_cents: int
    created: datetime | None
    invoice: str | None
    subscription: str | None
    payment_intent: str | None
    lines: tuple[SessionLine, ...] | None
    has_more: bool
    discount_cents: int = 0

    @property
    def net_cents(self) -> int | None:
        """What was paid for the goods: after discounts, before tax and shipping."""
        if self.amount_total_cents is None:
            return None
        return self.amount_total_cents - self.tax_cents - self.shipping_cents


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A Checkout session that was made just now: where the buyer pays, until when."""

    id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SeenSession:
    """A Checkout session as Stripe has it now, with the invoice and the subscription that it made.

    `paid_at` is when the money was taken, None where Stripe does not say. `failed`: its payment failed for good.
    """

    session: Session
    invoice: Invoice | None
    subscription: Subscription | None
    paid_at: datetime | None
    failed: bool


@dataclass(frozen=True, slots=True)
class Price:
    """What something costs at Stripe. `cents` is None where that depends (tiers, a free choice).

    `every` is how often, as (`month`, 1); None for what is bought once.
    """

    id: str
    lookup_key: str | None
    active: bool
    currency: str
    cents: int | None
    every: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund, the source of truth for what went back. `status`: pending, requires_action, succeeded, failed,
    canceled, or one we do not know.
    """

    id: str
    charge: str | None
    payment_intent: str | None
    amount_cents: int
    currency: str
    status: str
    created: datetime
    metadata: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Dispute:
    """One dispute. `status`: `warning_*` (an inquiry), needs_response, under_review, won, lost, prevented, or one we do
    not know. `withdrawn_cents`: what Stripe has taken for it as it stands, less what it gave back, 0 for an inquiry;
    `back_at`: when it gave that back, where it says so.
    """

    id: str
    charge: str | None
    payment_intent: str | None
    amount_cents: int
    currency: str
    status: str
    reason: str | None
    created: datetime
    withdrawn_cents: int
    back_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge; `refunded_cents` is cumulative, to check by and never to add up. `invoice` only before basil."""

    id: str
    payment_intent: str | None
    invoice: str | None
    customer: str | None
    amount_cents: int
    refunded_cents: int
    currency: str
    created: datetime
    paid: bool


@dataclass(frozen=True, slots=True)
class PaymentFailure:
    """Why a payment was refused, in Stripe's codes and in words for people; `method`: with what it was tried."""

    code: str | None
    decline_code: str | None
    advice: str | None
    message: str | None
    method: str | None


@dataclass(frozen=True, slots=True)
class PaymentIntent:
    """One payment, and the metadata that we gave it. `invoice` only before basil. `failure`: of its last attempt."""

    id: str
    invoice: str | None
    customer: str | None
    status: str
    amount_cents: int
    received_cents: int
    currency: str
    created: datetime
    metadata: Mapping[str, str] = field(hash=False)
    failure: PaymentFailure | None = None


@dataclass(frozen=True, slots=True)
class InvoicePayment:
    """One payment of an invoice, by a payment intent or (older) a charge. `status`: open, paid, canceled."""

    id: str
    invoice: str
    payment_intent: str | None
    charge: str | None
    amount_paid_cents: int | None
    status: str


@dataclass(frozen=True, slots=True)
class NamedRefund:
    """A refund that a credit note names, and how much of it is the note's; None: all of it."""

    id: str
    cents: int | None


@dataclass(frozen=True, slots=True)
class CreditNote:
    """One credit note. `pre_payment_cents` were taken off while the invoice was open; `post_payment_cents` went back
    after it was paid, by the `refunds` it names, to the customer's balance, or outside Stripe (`out_of_band_cents`).
    `status`: issued or void.
    """

    id: str
    invoice: str
    customer: str | None
    currency: str
    status: str
    created: datetime
    pre_payment_cents: int
    post_payment_cents: int
    out_of_band_cents: int
    refunds: tuple[NamedRefund, ...]
    voided_at: datetime | None = None

    def beside_refunds(self, amounts: Mapping[str, int]) -> int:
        """What it took off or gave back in another way than by the refunds it names. `amounts`: theirs, by id, which
        may be more than what is the note's.
        """
        by_refunds = [amounts.get(one.id, 0) if one.cents is None else one.cents for one in self.refunds]
        return self.pre_payment_cents + max(0, self.post_payment_cents - sum(by_refunds))


@dataclass(frozen=True, slots=True)
class Customer:
    """One Stripe customer; `deleted`: it is no more."""

    id: str
    deleted: bool
    email: str | None
    currency: str | None
    livemode: bool
    metadata: Mapping[str, str] = field(hash=False)
