"""Wallets that are topped up by themselves: what is set, how it stands, and the step that does it. Decides nothing."""

from __future__ import annotations

from typing import Any

from billing.base.round import Round
from billing.engine.listening import Listening
from billing.rules import asking
from billing.rules.refusals import Refusal
from billing.sales.auto_topups import charging, looking, previewing, resuming, setting
from billing.sales.values import AutoTopup, AutoTopupPreview
from billing.stripe.charging import Card


class ToppingUp(Listening):
    """Methods of `Billing` about automatic top-ups."""

    def auto_topup(self, customer: str, unit: str = "credits") -> AutoTopup:
        """What is bought by itself for the wallet, and how that stands. Raises UnknownCustomer, UnknownUnit."""
        with self.database.read() as tx:
            found = setting.of_wallet(tx, self.catalog, customer, unit)
        if isinstance(found, Refusal):
            raise found
        return found

    def preview_auto_topup(self, customer: str, auto_topup: Any, unit: str = "credits") -> AutoTopupPreview:
        """What such a setting would have charged in the last 30 days, by what was used then. Nothing is set.

        Raises UnknownCustomer, UnknownUnit, Invalid.
        """
        with self.database.read() as tx:
            found = previewing.preview(tx, self.catalog, customer, unit, auto_topup)
        if isinstance(found, Refusal):
            raise found
        return found

    def resume_auto_topup(self, customer: str, unit: str = "credits") -> AutoTopup:
        """Ends a pause, or a hold after a decline. The card that was declined last is left alone until its time all the
        same; another one is charged as soon as the balance calls for it. A price that has changed is agreed to by it.

        Raises UnknownCustomer, UnknownUnit, Invalid where no card is saved or the price fits no cap,
        StripeNotConfigured, StripeUnavailable.
        """
        return resuming.resume(self.database, self.gateway, self.catalog, customer, unit)

    def saved_card(self, customer: str) -> Card | None:
        """What an automatic top-up would be paid with, as Stripe says it now; None: nothing is saved.

        Raises UnknownCustomer, StripeNotConfigured, StripeUnavailable.
        """
        return resuming.saved_card(self.database, self.gateway, customer)

    def card_page(self, customer: str, *, return_url: str) -> str:
        """Where the customer saves a card, or another, without buying anything: a fresh address in Stripe's customer
        portal, from which they come back to `return_url`. Nothing is resumed by it.

        Raises UnknownCustomer, Invalid, StripeRefused, StripeUnavailable, StripeNotConfigured.
        """
        return resuming.card_page(self.database, self.gateway, self._tell, customer, return_url)

    def charge_auto_topups(self, limit: int = 20) -> Round:
        """The step: buys for wallets whose balance calls for it, and asks after payments that were on their way. Is
        there more, and how many were begun? Without a gateway there is nothing to do.
        """
        wrong = asking.refuse(limit=asking.count(limit))
        if wrong is not None:
            raise wrong
        if self.gateway is None:
            return Round(False, 0)
        begun = charging.charge_due(self.database, self.gateway, self.catalog, self._tell, limit)
        looks = looking.look_at_pending(self.database, self.gateway, self.catalog, self._tell, limit)
        return Round(begun.more or looks.more, (begun.done or 0) + (looks.done or 0))
