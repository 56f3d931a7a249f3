"""What the engine does with Stripe: opens purchases, settles them, finishes what was cut off. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from billing import signals
from billing.base.db import Tx
from billing.base.round import Round
from billing.credits import customers
from billing.engine.catalogs import Catalogs
from billing.inbox import waking
from billing.rules import asking
from billing.rules.refusals import Refusal
from billing.sales import conversations, stripe_customers
from billing.sales.asking import buying, checkouts, giving_back, offers, settling, switching
from billing.sales.auto_topups import charging
from billing.sales.back import refund_rows
from billing.sales.conversations import Conversation
from billing.sales.packs import topup_rows
from billing.sales.plans import subscriptions
from billing.sales.values import Applied, Checkout, Refund, RefundPreview, Subscription, Topup
from billing.stripe.gateway import Gateway
from billing.stripe.values import Price


class Buying(Catalogs):
    """Methods of `Billing` that talk to Stripe, none in a transaction, and questions about what was bought."""

    gateway: Gateway | None
    stripe_start: datetime | None

    def topup(
        self, customer: str, pack: str | None = None, *, key: str, credits: int | None = None, unit: str = "credits",
        currency: str | None = None, success_url: str | None = None, cancel_url: str | None = None,
        home: str | None = None, save_card: bool = False,
    ) -> Topup:  # fmt: skip
        """Opens the purchase of a pack, or of so many `credits` of a unit; its `checkout_url` is where it is paid.
        Nothing is granted before it is. `save_card`: the buyer has agreed that it may be charged in their absence, too.

        `{topup}` in the two addresses becomes its id; `home` stands in for them where they are not given. The same key
        with the same request gives the same top-up. Raises UnknownCustomer, UnknownPack, UnknownUnit, Invalid,
        IdempotencyKeyReused, StripeRefused, StripeNotConfigured; StripeUnavailable: it goes on by itself, or with the
        same request again.
        """
        wanted = buying.Request(
            customer, pack, key, currency, None, success_url, cancel_url, home, credits, unit, save_card
        )
        return buying.topup(self.database, self.gateway, self.catalog, self._tell, wanted)

    def subscribe(
        self, customer: str, plan: str, *, key: str, price: str | None = None, currency: str | None = None,
        success_url: str | None = None, cancel_url: str | None = None, home: str | None = None,
    ) -> Checkout:  # fmt: skip
        """Opens a Checkout of a plan; its `url` is where it is paid. `price`: one of the plan's `prices`.

        `{checkout}` in the two addresses becomes its id. Raises as `topup`, UnknownPlan, and SubscriptionExists where
        the customer subscribes to a plan of this unit already.
        """
        wanted = buying.Request(customer, plan, key, currency, price, success_url, cancel_url, home)
        return buying.subscribe(self.database, self.gateway, self.catalog, self._tell, wanted)

    def settle(self, session: str) -> Applied:
        """Asks Stripe what became of a Checkout session, and grants what it brings, once. For the page a buyer comes
        back to; the webhook does the same. Raises UnknownSession, StripeUnavailable, StripeNotConfigured.
        """
        _refuse(asking.refuse(session=asking.text(session)))
        gateway = offers.asked(self.gateway)
        answer = settling.settle(self.database, gateway, self.catalog, self._tell, session, self.stripe_start)
        if answer.linked is not None:
            with self.database.write() as tx:
                waking.wake(tx, stripe_customer=answer.linked)
        return answer

    def refund(self, customer: str, purchase: str, cents: int | None = None, *, key: str) -> Refund:
        """Gives money back of a purchase: a top-up, an invoice or a Checkout session, by its id. `cents` None: all that
        is left of it. The credits it brought go in the same share.

        The same key with the same request gives the same refund. Raises UnknownCustomer, UnknownPurchase, Invalid,
        IdempotencyKeyReused, StripeRefused, StripeNotConfigured; StripeUnavailable: it goes on by itself, or with the
        same request again.
        """
        return giving_back.refund(self.database, self.gateway, self.catalog, self._tell, customer, purchase, cents, key)

    def refund_preview(self, customer: str, purchase: str) -> RefundPreview:
        """What of this purchase is unused and would come back. Raises UnknownCustomer, UnknownPurchase, Invalid."""
        with self.database.read() as tx:
            found = giving_back.preview(tx, self.catalog, customer, purchase)
        if isinstance(found, Refusal):
            raise found
        return found

    def refunds(self, customer: str, *, after: str | None = None, limit: int = 100) -> list[Refund]:
        """The customer's refunds, newest first, wherever they were asked for, beginning behind the refund `after`.
        Raises UnknownCustomer.
        """
        _refuse(asking.refuse(after=asking.maybe(asking.text, after), limit=asking.count(limit)))
        with self.database.read() as tx:
            _refuse(_unknown(tx, customer))
            return refund_rows.page(tx, customer, after, limit)

    def topups(self, customer: str, *, after: str | None = None, limit: int = 100) -> list[Topup]:
        """The customer's top-ups, newest first, beginning behind the top-up `after`. Raises UnknownTopup."""
        _refuse(asking.refuse(after=asking.maybe(asking.text, after), limit=asking.count(limit)))
        with self.database.read() as tx:
            _refuse(_unknown(tx, customer))
            found = topup_rows.page(tx, customer, after, limit)
        if isinstance(found, Refusal):
            raise found
        return found

    def find_topup(self, customer: str, id: str) -> Topup:
        """Raises UnknownTopup."""
        _refuse(asking.refuse(topup=asking.text(id)))
        with self.database.read() as tx:
            _refuse(_unknown(tx, customer))
            found = topup_rows.find(tx, customer, id)
        if isinstance(found, Refusal):
            raise found
        return found

    def find_checkout(self, customer: str, id: str) -> Checkout:
        """A Checkout of a subscription. Raises UnknownCheckout."""
        _refuse(asking.refuse(checkout=asking.text(id)))
        with self.database.read() as tx:
            _refuse(_unknown(tx, customer))
            found = checkouts.find(tx, customer, id)
        if isinstance(found, Refusal):
            raise found
        return found

    def usual_currency(self, customer: str) -> str | None:
        """The currency in which the customer paid last, None if never."""
        with self.database.read() as tx:
            _refuse(_unknown(tx, customer))
            return topup_rows.usual_currency(tx, customer)

    def prices(self, names: Iterable[str]) -> dict[str, Price]:
        """What Stripe says of these price ids and lookup keys, of those that may be sold.

        Raises StripeUnavailable, StripeNotConfigured.
        """
        return offers.asked(self.gateway).prices(names)

    def subscription(self, customer: str) -> Subscription | None:
        """What the customer subscribes to, or did last, by what was told and paid. Raises UnknownCustomer."""
        with self.database.read() as tx:
            _refuse(_unknown(tx, customer))
            return subscriptions.current(tx, self.catalog, customer)

    def customer_portal(self, customer: str, *, return_url: str) -> str | None:
        """Where the customer looks after their subscription, cards and invoices: a fresh address in Stripe's customer
        portal, from which they come back to `return_url`. None where Stripe knows no customer of theirs.

        Raises UnknownCustomer, Invalid, StripeRefused, StripeUnavailable, StripeNotConfigured.
        """
        _refuse(asking.refuse(return_url=asking.address(return_url)))
        with self.database.read() as tx:
            _refuse(_unknown(tx, customer))
            known = stripe_customers.stripe_id_of(tx, customer)
        return None if known is None else offers.asked(self.gateway).open_portal(known, return_url)

    def conversations(self, *, status: str | None = None, limit: int = 100) -> list[Conversation]:
        """What Stripe was asked for, newest first: `status` open, done, refused or given_up."""
        _refuse(asking.refuse(status=asking.maybe(asking.text, status), limit=asking.count(limit)))
        with self.database.read() as tx:
            return conversations.page(tx, status, limit)

    def finish_conversations(self, limit: int = 50) -> Round:
        """The step: goes on with what was cut off, and asks after sessions that nothing was heard of. Is there more?

        Without a gateway there is nothing to do.
        """
        _refuse(asking.refuse(limit=asking.count(limit)))
        if self.gateway is None:
            return Round(False, 0)
        catalog = self.catalog
        kinds = {**giving_back.kinds(catalog), **switching.kinds(catalog), **charging.kinds(catalog)}
        went_on = conversations.finish_due(self.database, self.gateway, kinds, self._tell, limit)
        looked = settling.look_at_due(self.database, self.gateway, self.catalog, self._tell, limit, self.stripe_start)
        return Round(went_on.more or looked.more, (went_on.done or 0) + (looked.done or 0))

    def _tell(self, facts: Iterable[tuple[str, dict[str, Any]]]) -> None:
        signals.send(self, facts)


def _unknown(tx: Tx, customer: str) -> Refusal | None:
    found = customers.find(tx, customer)
    return found if isinstance(found, Refusal) else None


def _refuse(wrong: Refusal | None) -> None:
    if wrong is not None:
        raise wrong
