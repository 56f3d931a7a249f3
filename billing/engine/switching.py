"""What the engine does with a subscription that runs: changes it, ends it, undoes what waits. Decides nothing."""

from __future__ import annotations

from billing.engine.buying import Buying
from billing.sales.asking import previewing, switching
from billing.sales.asking.wanted_changes import Wanted
from billing.sales.values import ChangePreview, SubscriptionChange


class Switching(Buying):
    """Methods of `Billing` that change a customer's subscription at Stripe, none in a transaction.

    None of them grants or takes: that follows from the invoices that Stripe makes. The same key with the same request
    gives the same answer. `subscription`: which, where the customer has several. They raise UnknownCustomer,
    NoSubscription, SubscriptionEnded, Invalid, IdempotencyKeyReused, StripeRefused (nothing was changed then),
    StripeNotConfigured; StripeUnavailable: send the same request again; if it has a `purchase`, it goes on by itself.
    """

    def change_plan(
        self, customer: str, plan: str | None = None, *, key: str, quantity: int | None = None,
        price: str | None = None, now: bool = False, subscription: str | None = None,
    ) -> SubscriptionChange:  # fmt: skip
        """Another plan, another of its `prices`, or another number of seats (`quantity`); what is not said stays.

        What costs more comes at once: the difference for the rest of the period is charged now, and its credits come
        with that invoice. What costs less, or brings fewer credits for as much, comes with the next period, and so does
        a plan with `on_upgrade = "next_period"`; `now=True`: at once all the same, and what is not used of what was
        paid stays at Stripe for the next invoices. A longer interval begins a period now. Another change that waits is
        replaced by it.

        Raises UnknownPlan, too, and SubscriptionPastDue, SubscriptionPaused, SubscriptionCancels, ChangeScheduled,
        ChangeNeedsNow.
        """
        wanted = Wanted("change", customer, key, plan, price, quantity, now, subscription)
        return switching.ask(self.database, self.gateway, self.catalog, self._tell, wanted)

    def preview_change(
        self, customer: str, plan: str | None = None, *, quantity: int | None = None, price: str | None = None,
        now: bool = False, subscription: str | None = None,
    ) -> ChangePreview:  # fmt: skip
        """What `change_plan` would come to, by Stripe's reckoning and our rules. Changes nothing, raises as it does."""
        wanted = Wanted("change", customer, "preview", plan, price, quantity, now, subscription)
        return previewing.preview(self.database, self.gateway, self.catalog, wanted, self.stripe_start)

    def cancel(
        self, customer: str, *, key: str, now: bool = False, subscription: str | None = None
    ) -> SubscriptionChange:
        """Ends the subscription with its period, or `now`. Nothing is given back by it (see `refund`), and what it
        brought stays until its own end.
        """
        wanted = Wanted("cancel", customer, key, now=now, subscription=subscription)
        return switching.ask(self.database, self.gateway, self.catalog, self._tell, wanted)

    def resume(self, customer: str, *, key: str, subscription: str | None = None) -> SubscriptionChange:
        """Undoes what is scheduled, wherever it was asked for: the end of the subscription, and a change that waits for
        the next period. Raises NothingScheduled, too.
        """
        wanted = Wanted("resume", customer, key, subscription=subscription)
        return switching.ask(self.database, self.gateway, self.catalog, self._tell, wanted)
