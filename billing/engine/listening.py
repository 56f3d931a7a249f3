"""What Stripe tells the engine, and how it finds out what it was not told. Decides nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

from billing.base.round import Round
from billing.engine.switching import Switching
from billing.inbox import endpoint, stripe_events, sync
from billing.inbox.endpoint import Checked
from billing.inbox.sync import Found
from billing.inbox.values import Desk, StripeEvent
from billing.rules.refusals import StripeNotConfigured, StripeUnavailable
from billing.sales.asking import offers

_LOG = logging.getLogger("billing.sync")


class Listening(Switching):
    """Methods of `Billing` about Stripe's events."""

    webhook_secrets: tuple[str, ...]

    def receive_stripe_event(self, body: bytes, signature: str | None) -> StripeEvent:
        """A webhook's raw body and its `Stripe-Signature`: verified, stored, handled. Stored, it raises nothing more.

        Raises `billing.stripe.signature.SignatureInvalid`, `billing.stripe.values.PayloadInvalid`; Busy,
        DatabaseUnavailable or ClockSkew where it could not be stored.
        """
        return stripe_events.receive(self._desk, body, signature, self.webhook_secrets)

    def take_stripe_event(self, body: bytes) -> StripeEvent:
        """An event that you vouch for yourself, such as a recorded one: the same way, without a signature."""
        return stripe_events.take_recorded(self._desk, body)

    def replay_stripe_event(self, id: str) -> StripeEvent:
        """Tries a stored event again: one that waits, failed or was ignored, or is done but for lines with an unmapped
        price. Raises UnknownStripeEvent.
        """
        return stripe_events.replay(self._desk, id)

    def replay_failed_stripe_events(self) -> Iterator[StripeEvent]:
        """Tries each event again that waits or failed, or has an unmapped price, and gives what became of it,
        one by one.
        """
        return stripe_events.replay_open(self._desk)

    def stripe_events(
        self, *, status: str | None = None, after: str | None = None, limit: int = 100
    ) -> list[StripeEvent]:
        """What Stripe told us, the newest first, beginning behind the event `after`. Raises UnknownStripeEvent."""
        with self.database.read() as tx:
            return stripe_events.page(tx, status, after, limit)

    def handle_stripe_events(self, limit: int = 100) -> Round:
        """Tries again what waits or failed and whose time has come, up to `limit`. Says whether there is more."""
        return stripe_events.handle_due(self._desk, limit)

    def sync_stripe(self) -> Round:
        """The step: looks through some of what Stripe has for what never arrived. Says whether there is more.

        Without a gateway there is nothing to look through; while Stripe can't be reached it goes on later.
        """
        if self.gateway is None:
            return Round(False, 0)
        try:
            found = sync.look(self._desk)
        except (StripeUnavailable, StripeNotConfigured) as refusal:
            _LOG.warning("Stripe could not be looked through: %s", refusal)
            return Round(False, 0)
        for event in found.healed:
            _LOG.warning("Stripe event %s (%s) had never arrived: %s", event.id, event.type, event.status)
        return Round(found.more, found.looked)

    def look_through_stripe(self, since: datetime | None = None) -> Iterator[Found]:
        """The same to its end, piece by piece. `since`: looks through the customers' invoices, sessions, refunds and
        disputes from then on, too, however old. Raises StripeUnavailable, StripeNotConfigured; the next call goes on.
        """
        offers.asked(self.gateway)
        if since is not None:
            with self.database.write() as tx:
                sync.begin_customers(tx, since)
        while True:
            found = sync.look(self._desk)
            yield found
            if not found.more:
                return

    def stripe_webhook(self, url: str, *, change: bool = False) -> Checked:
        """Makes or checks the webhook endpoint at Stripe for this address. Raises Invalid, StripeUnavailable,
        StripeNotConfigured, StripeRefused.
        """
        return endpoint.check(offers.asked(self.gateway), url, change=change)

    @property
    def _desk(self) -> Desk:
        return Desk(self.database, self.catalog, self.gateway, self._tell, self.stripe_start)
