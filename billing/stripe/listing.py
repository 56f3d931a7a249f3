"""Looking through what is at Stripe: events, a customer's invoices, sessions and charges, webhook endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from billing.rules.refusals import StripeRefused
from billing.stripe import reading
from billing.stripe.answering import PAGE, is_id, pages
from billing.stripe.calling import Ask, any_type, first_of, plain, read
from billing.stripe.values import PayloadInvalid

if TYPE_CHECKING:
    from stripe import StripeClient

MOST_TYPES = 20
"""Types of events that one list may name."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook endpoint as Stripe has it. `api_version` None: whatever the account's default is. `secret` is told
    once, when it is made.
    """

    id: str
    url: str
    events: frozenset[str]
    api_version: str | None
    enabled: bool
    livemode: bool
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Endpoint({self.id}, {self.url})"


class Lists:
    """What the account holds, in plain JSON, the newest first. Raises StripeUnavailable, StripeNotConfigured."""

    def __init__(self, client: StripeClient, ask: Ask) -> None:
        self._client, self._ask = client, ask

    def events(
        self, types: Sequence[str], since: datetime, until: datetime | None = None, after: str | None = None
    ) -> tuple[list[dict[str, Any]], bool]:
        """One page of events of these types (20 at most), behind the event `after`, and whether there are more. Stripe
        keeps them for 30 days.
        """
        created = {"gte": int(since.timestamp())}
        if until is not None:
            created["lte"] = int(until.timestamp())
        wanted: dict[str, Any] = {"types": list(types), "created": created, "limit": PAGE}
        if after is not None:
            wanted["starting_after"] = after
        found = self._ask(lambda: self._client.v1.events.list(any_type(wanted)))
        return [plain(one) for one in first_of(found)], bool(found.has_more)

    def of_customer(self, kind: str, customer: str, since: datetime | None) -> list[dict[str, Any]]:
        """The Stripe customer's paid invoices, complete sessions, charges, payment intents, credit notes or
        subscriptions since then.
        """
        if not is_id(customer):
            return []
        wanted: dict[str, Any] = {"customer": customer}
        if since is not None:
            wanted["created"] = {"gte": int(since.timestamp())}
        v1 = self._client.v1
        call, more = {
            "invoice": (v1.invoices.list, {"status": "paid"}),
            "checkout.session": (v1.checkout.sessions.list, {"status": "complete"}),
            "charge": (v1.charges.list, {}),
            "payment_intent": (v1.payment_intents.list, {}),
            "credit_note": (v1.credit_notes.list, {}),
            "subscription": (v1.subscriptions.list, {"status": "all"}),
        }[kind]
        try:
            return pages(self._ask, call, {**wanted, **more})
        except StripeRefused as refused:
            if refused.missing is None:
                raise
            return []

    def made_between(self, kind: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """The account's paid invoices, complete sessions, payment intents, refunds or disputes that were made in
        `[since, until)`, whoever's they are.
        """
        v1 = self._client.v1
        call, more = {
            "invoice": (v1.invoices.list, {"status": "paid"}),
            "checkout.session": (v1.checkout.sessions.list, {"status": "complete"}),
            "payment_intent": (v1.payment_intents.list, {}),
            "refund": (v1.refunds.list, {}),
            "dispute": (v1.disputes.list, {}),
        }[kind]
        created = {"gte": int(since.timestamp()), "lt": int(until.timestamp())}
        return pages(self._ask, call, {"created": created, **more})

    def refunds_of(self, charge: str) -> list[dict[str, Any]]:
        return pages(self._ask, self._client.v1.refunds.list, {"charge": charge})

    def disputes_of(self, charge: str) -> list[dict[str, Any]]:
        return pages(self._ask, self._client.v1.disputes.list, {"charge": charge})

    def endpoints(self) -> list[Endpoint]:
        """The account's webhook endpoints, in the key's mode."""
        return [read(_endpoint, one) for one in pages(self._ask, self._client.v1.webhook_endpoints.list, {})]

    def make_endpoint(self, url: str, events: Sequence[str], key: str) -> Endpoint:
        """Makes one for exactly these events, in the version of the API that this package speaks."""
        import stripe

        wanted = {
            "url": url,
            "enabled_events": sorted(events),
            "api_version": stripe.api_version,
            "description": "Billing: credits and subscriptions",
        }
        made = self._ask(lambda: self._client.v1.webhook_endpoints.create(any_type(wanted), {"idempotency_key": key}))
        return read(_endpoint, made)

    def change_endpoint(self, id: str, events: Sequence[str]) -> Endpoint:
        """Makes it listen to exactly these events, and enables it. Its version of the API stays: Stripe never changes
        it.
        """
        wanted = {"enabled_events": sorted(events), "disabled": False}
        return read(_endpoint, self._ask(lambda: self._client.v1.webhook_endpoints.update(id, any_type(wanted))))

    @staticmethod
    def api_version() -> str:
        """The version of the API that this package speaks."""
        import stripe

        return str(stripe.api_version)


def _endpoint(document: object) -> Endpoint:
    found = reading.of_kind(document, "webhook_endpoint")
    url = found.get("url")
    if not isinstance(url, str):
        raise PayloadInvalid("webhook_endpoint.url: text is wanted.")
    secret = found.get("secret")
    named = reading.items(found.get("enabled_events"), "webhook_endpoint.enabled_events")
    return Endpoint(
        id=reading.text(found.get("id"), "webhook_endpoint.id"),
        url=url,
        events=frozenset(str(one) for one in named),
        api_version=reading.maybe_text(found.get("api_version"), "webhook_endpoint.api_version"),
        enabled=found.get("status") != "disabled",
        livemode=found.get("livemode") is True,
        secret=secret if isinstance(secret, str) else None,
    )
