"""What the verbs of a sale answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.base.db import Tx
from billing.catalog.terms import Catalog, Pack, Plan
from billing.credits.opening import OpenWallet, open_wallets
from billing.rules.refusals import Refusal
from billing.rules.sale.values import PackTerms, PlanTerms
from billing.stripe.questions import Question


@dataclass(frozen=True, slots=True)
class Applied:
    """What a payment brought. `granted`: the origins of the buckets made now. `waits`: why something of it brings
    nothing yet, for people. `note`: why there was nothing to do. `linked`: the Stripe customer linked on the way.
    `needs`: what it has to know first; nothing was changed then, and it is called again with the answers.
    """

    granted: tuple[str, ...] = ()
    waits: str | None = None
    note: str | None = None
    linked: str | None = None
    needs: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class Topup:
    """One purchase of a pack, or (`pack` None) of any number of credits; `bonus` of the `credits` came on top.
    `cents` is what it costs, `paid_cents` what was paid of it, before tax, once it was; `total_cents` all that was
    paid, with tax, and `refunded_cents` what of that was given back.

    `status`: open (not paid yet), pending (paid, the money is on its way), paid, failed, expired or refunded.
    `checkout_url` is where it is paid, while it can be. `reason`: why it is not paid, if we know. `session`: what was
    paid at Stripe, of one that was bought by itself (`automatic`) a payment intent.
    """

    id: str
    customer: str
    unit: str
    pack: str | None
    quantity: int
    credits: int
    bonus: int
    cents: int
    paid_cents: int | None
    currency: str
    status: str
    checkout_url: str | None
    reason: str | None
    created_at: datetime
    expires_at: datetime | None
    paid_at: datetime | None
    session: str | None
    total_cents: int | None = None
    refunded_cents: int = 0
    automatic: bool = False
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class AutoTopup:
    """What is bought by itself for a wallet (`setting` None: nothing), and how that stands.

    `status`: off, on, pending (one is under way), held_back (until `next_attempt_at`), paused (until somebody says so)
    or frozen; `reason` and `message` say why. `count_this_month` and `cents_this_month` (of the setting's currency) are
    what counts against the caps, by the month of UTC. `agreed_at`: when the customer agreed on their own page. `sold`:
    the most that one purchase came to when it was set, credits and cents; None where nobody knows.
    """

    customer: str
    unit: str
    setting: Mapping[str, Any] | None = field(hash=False)
    status: str
    reason: str | None
    message: str | None
    failures: int
    next_attempt_at: datetime | None
    pending: str | None
    count_this_month: int
    cents_this_month: int
    agreed_at: datetime | None
    sold: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class PreviewedCharge:
    """One purchase that would have been made: when, by which balance, and what it brings for how much."""

    at: datetime
    available: int
    credits: int
    cents: int


@dataclass(frozen=True, slots=True)
class AutoTopupPreview:
    """What a setting would have charged from `since` to `until`, by what was used then. `held_back`: when one of the
    caps (`cap` or `count`) would first have stood in the way, by month.
    """

    customer: str
    unit: str
    since: datetime
    until: datetime
    currency: str
    charges: tuple[PreviewedCharge, ...]
    held_back: tuple[tuple[datetime, str], ...]

    @property
    def cents(self) -> int:
        """All of them together."""
        return sum(one.cents for one in self.charges)


@dataclass(frozen=True, slots=True)
class Checkout:
    """One Checkout of a subscription: `url` is where it is paid, while it can be. `status`: open, complete, failed or
    expired.
    """

    id: str
    customer: str
    plan: str
    price: str
    status: str
    url: str | None
    reason: str | None
    created_at: datetime
    expires_at: datetime | None
    session: str | None
    subscription: str | None
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back of a purchase: a top-up, an invoice or a Checkout session. `status`: open (Stripe has not made
    it yet), pending, succeeded or failed. `refund` is Stripe's id of it.
    """

    id: str
    customer: str
    purchase: str
    cents: int
    currency: str
    status: str
    reason: str | None
    refund: str | None
    created_at: datetime
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class RefundPreview:
    """What can be given back of a purchase. `refundable_cents`: of all that was paid, with tax, what has not gone back,
    is not on its way and not disputed. `unused_credits` are those that nobody has used and that have not ended, held by
    no customer's hold; `unused_cents` what a refund of just these comes to.
    """

    purchase: str
    currency: str
    total_cents: int
    refunded_cents: int
    pending_cents: int
    disputed_cents: int
    refundable_cents: int
    unused_credits: int
    unused_cents: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a customer subscribes to, as Stripe told it last. `plan` None: its price is no plan's.

    `id` None: no event spoke of it yet, it is known by what was paid. `cancel_at`: when it will end, or has ended.
    Where a change waits for the next period, `changes_to` is the plan and `changes_quantity` the number that it has
    from `changes_at` on.
    """

    id: str | None
    customer: str
    plan: str | None
    status: str
    current_period_end: datetime | None
    cancel_at: datetime | None
    quantity: int = 1
    changes_to: str | None = None
    changes_quantity: int | None = None
    changes_at: datetime | None = None

    @property
    def lives(self) -> bool:
        """Is it under way, or may it still become so? Else it has ended for good."""
        return self.status not in ENDED


@dataclass(frozen=True, slots=True)
class SubscriptionChange:
    """What was asked of a subscription here. `act`: change, cancel or resume; `plan`, `price` (Stripe's id) and
    `quantity` are what it has from `takes_effect_at` on, None: from now on. `status`: open (Stripe has not done it
    yet), done or failed, for which `reason` says why.
    """

    id: str
    customer: str
    subscription: str
    act: str
    plan: str | None
    price: str
    quantity: int
    takes_effect_at: datetime | None
    status: str
    reason: str | None
    created_at: datetime
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """What a change of plan would come to. It would take effect at `takes_effect_at`, None: at once, and then
    `due_cents` (with tax, less what the customer has at Stripe) are charged now, below 0 for what stays there;
    `credits` come now, below 0 for what goes, None where that can't be said. At `next_at` the plan renews for
    `next_cents` (before discounts and tax, None where that depends) and brings `next_credits`.
    """

    subscription: str
    plan: str | None
    price: str
    quantity: int
    unit: str
    takes_effect_at: datetime | None
    currency: str | None
    due_cents: int
    credits: int | None
    next_at: datetime | None
    next_cents: int | None
    next_credits: int


ENDED = ("canceled", "incomplete_expired")
"""Statuses of a subscription that never changes again."""


def plan_terms(plan: Plan) -> PlanTerms:
    """The catalog's plan as the rules of a sale read it."""
    return PlanTerms(
        plan=plan.id,
        credits=plan.credits,
        every=plan.every,
        grace=plan.grace,
        late_grace=plan.late_grace,
        at_period_end=plan.at_period_end,
        credit_share=plan.credit_share,
        unit=plan.unit,
        trial_credits=plan.trial_credits,
        on_upgrade=plan.on_upgrade,
    )


def pack_terms(pack: Pack) -> PackTerms:
    """The catalog's pack as the rules of a sale read it."""
    return PackTerms(pack=pack.id, credits=pack.credits, valid_for=pack.valid_for, unit=pack.unit)


def open_units(tx: Tx, catalog: Catalog, customer: str, units: set[str]) -> dict[str, OpenWallet]:
    """The customer's wallets in these units, locked. Raises the refusal where one can't be opened."""
    opened: dict[str, OpenWallet] = {}
    for (_, unit), wallet in open_wallets(tx, catalog, [(customer, unit) for unit in sorted(units)]).items():
        if isinstance(wallet, Refusal):
            raise wallet
        opened[unit] = wallet
    return opened
