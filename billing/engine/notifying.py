"""What the engine tells people and programs. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from billing.base import ids
from billing.base.round import Round
from billing.engine.listening import Listening
from billing.notices import delivery, endpoints, looking, preferences
from billing.notices.delivery import Courier
from billing.notices.spread import spread
from billing.notices.values import Notice, Outcome, Preferences, Sending, WebhookEndpoint
from billing.rules.refusals import Invalid, Refusal

Answer = TypeVar("Answer")


class Notifying(Listening):
    """Methods of `Billing` about notices: letters, webhooks, messages to staff."""

    sending: Sending

    # Steps

    def spread_notices(self, limit: int = 500) -> Round:
        """The step: up to `limit` events of the outbox become a notice per receiver. Says whether there is more."""
        with self.database.write() as tx:
            return spread(tx, self.sending, limit)

    def deliver_notices(self, limit: int = 200) -> Round:
        """The step: sends up to `limit` notices whose time has come. Says whether there is more to be sent at once."""
        return delivery.deliver(self._courier, limit)

    # Notices

    def notices(
        self, *, status: str | None = None, customer: str | None = None, channel: str | None = None,
        after: str | None = None, limit: int = 100,
    ) -> list[Notice]:  # fmt: skip
        """What was or will be sent to whom, the newest first, beginning behind the notice `after`. `status`: waiting,
        sent, dropped or given_up. Raises Invalid, UnknownNotice.
        """
        with self.database.read() as tx:
            return _accepted(
                looking.page(tx, status=status, customer=customer, channel=channel, after=after, limit=limit)
            )

    def notice_counts(self) -> dict[str, int]:
        """How many notices stand how, by status."""
        with self.database.read() as tx:
            return looking.counts(tx)

    def replay_notice(self, id: str) -> Notice:
        """Sends a notice again now, from its first attempt on; its receiver knows it by its id. Raises UnknownNotice;
        Invalid for a letter that was dropped.
        """
        with self.database.write() as tx:
            _accepted(looking.again(tx, id))
        delivery.deliver_one(self._courier, id)
        with self.database.read() as tx:
            return _accepted(looking.find(tx, id))

    def replay_failed_notices(self, limit: int = 10_000) -> Iterator[Notice]:
        """Sends each notice that was given up once more, and gives what became of it, one by one."""
        with self.database.read() as tx:
            given_up = looking.failed(tx, limit)
        for id in given_up:
            yield self.replay_notice(id)

    # Webhook endpoints

    def add_webhook_endpoint(
        self, url: str, events: Sequence[str] = (endpoints.ALL,), *, description: str | None = None
    ) -> WebhookEndpoint:
        """Makes an endpoint that is told of `events` (`*`: all but spends). Its `secret` is in this answer alone.
        Raises Invalid.
        """
        catalog = self.catalog
        with self.database.write() as tx:
            return _accepted(endpoints.add(tx, catalog, self.sending.private, url, events, description))

    def change_webhook_endpoint(
        self, id: str, *, url: str | None = None, events: Sequence[str] | None = None, description: str | None = None,
        enabled: bool | None = None,
    ) -> WebhookEndpoint:  # fmt: skip
        """Changes what is given. Raises UnknownWebhookEndpoint, Invalid."""
        catalog = self.catalog
        with self.database.write() as tx:
            return _accepted(
                endpoints.change(tx, catalog, self.sending.private, id, url=url, events=events,
                                 description=description, enabled=enabled)
            )  # fmt: skip

    def remove_webhook_endpoint(self, id: str) -> WebhookEndpoint:
        """What waited for it is dropped. Raises UnknownWebhookEndpoint."""
        with self.database.write() as tx:
            return _accepted(endpoints.remove(tx, id))

    def rotate_webhook_secret(self, id: str, both_for: timedelta = endpoints.ROTATION) -> WebhookEndpoint:
        """A new `secret`, in this answer alone; for `both_for` what is sent is signed with the old one, too.
        Raises UnknownWebhookEndpoint, Invalid.
        """
        with self.database.write() as tx:
            return _accepted(endpoints.rotate(tx, id, both_for))

    def find_webhook_endpoint(self, id: str) -> WebhookEndpoint:
        """Raises UnknownWebhookEndpoint."""
        with self.database.read() as tx:
            return _accepted(endpoints.find(tx, id))

    def webhook_endpoints(self, *, after: str | None = None, limit: int = 100) -> list[WebhookEndpoint]:
        """In the order of their ids, beginning behind `after`. Raises Invalid."""
        with self.database.read() as tx:
            return _accepted(endpoints.page(tx, after, limit))

    def test_webhook_endpoint(self, id: str) -> Outcome:
        """Sends one event `webhook.test` now and says what came of it. Raises UnknownWebhookEndpoint; Invalid for one
        that is disabled.
        """
        with self.database.read() as tx:
            _accepted(endpoints.find(tx, id))
            found = endpoints.to_send(tx, id)
        if isinstance(found, str):
            raise Invalid.field("endpoint", f"Nothing is sent there: {found}.")
        return delivery.test(self._courier, found, ids.new("evt"), self.database.clock.now())

    # Preferences

    def notice_preferences(self, customer: str) -> Preferences:
        """Which letters the customer gets, and where. Raises UnknownCustomer."""
        with self.database.read() as tx:
            return _accepted(preferences.of(tx, customer))

    def set_notice_preferences(self, customer: str, notices: Mapping[str, bool]) -> Preferences:
        """Each kind that is named is wanted, or not. Raises UnknownCustomer; Invalid for a kind that there is not, or
        that can't be done without.
        """
        with self.database.write() as tx:
            return _accepted(preferences.change(tx, customer, notices))

    def unsubscribe(self, customer: str, kind: str = preferences.ALL) -> Preferences:
        """No more letters of this kind, or none that can be done without. Raises UnknownCustomer."""
        with self.database.write() as tx:
            return _accepted(preferences.unsubscribe(tx, customer, kind))

    @property
    def _courier(self) -> Courier:
        return Courier(self.database, self.sending, self.catalog, self._tell)


def _accepted(answer: Answer | Refusal) -> Answer:
    if isinstance(answer, Refusal):
        raise answer
    return answer
