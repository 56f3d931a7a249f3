"""The gateway: what we ask of Stripe, through its SDK. Values in and out are ours, and so are the errors.

No method may be called inside a transaction: each waits for the network, up to `LONGEST` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any

from billing.rules.refusals import StripeRefused, StripeUnavailable, UnknownSession
from billing.stripe import answering, answers, charging, listing, returns, selling, subscribing
from billing.stripe.calling import LONGEST as LONGEST  # noqa: PLC0414 - read from here
from billing.stripe.calling import (
    Answer,
    Params,
    each_once,
    first_of,
    hurried_client,
    in_our_words,
    patient_client,
    read_made,
)
from billing.stripe.calling import any_type as _any
from billing.stripe.calling import plain as _plain
from billing.stripe.calling import read as _read
from billing.stripe.questions import Question
from billing.stripe.values import OpenedSession, Price, Refund, SeenSession

if TYPE_CHECKING:
    from stripe import StripeClient

_RETRIES = 2
_PAGE, _MOST_KEYS = 100, 10


class Gateway:
    """Stripe, asked with one secret key. Making one loads and asks nothing yet."""

    def __init__(
        self, secret_key: str, api_base: str | None = None, makes_client: Callable[[], Any] = patient_client
    ) -> None:
        self._secret_key, self._api_base, self._makes_client = secret_key, api_base, makes_client

    def __repr__(self) -> str:
        return f"Gateway({self._api_base or 'Stripe'})"

    @property
    def livemode(self) -> bool | None:
        """The mode of the key: live, test, or None where it does not tell."""
        _, _, mode = self._secret_key.partition("_")
        return True if mode.startswith("live_") else False if mode.startswith("test_") else None

    def make_customer(self, params: Params, key: str) -> str:
        """Makes a Stripe customer, once per key, and says its id."""
        made = self._ask(lambda: self._client.v1.customers.create(_any(params), {"idempotency_key": key}))
        return read_made(answers.id_of, made)

    def find_customer(self, since: datetime, conversation: str) -> str | None:
        """The Stripe customer that was made since then with this conversation's name in its metadata, if any was."""

        def look() -> str | None:
            listed = self._client.v1.customers.list({"created": {"gte": int(since.timestamp())}, "limit": _PAGE})
            for found in each_once(listed):
                if _plain(found).get("metadata", {}).get("billing_conversation") == conversation:
                    return str(found.id)
            return None

        return self._ask(look)

    def find_session(self, customer: str, since: datetime, name: str, value: str) -> OpenedSession | None:
        """The Stripe customer's Checkout session with that in its metadata that can still be paid, if there is one."""

        def look() -> Any | None:
            wanted = {"customer": customer, "created": {"gte": int(since.timestamp())}, "limit": _PAGE}
            for found in each_once(self._client.v1.checkout.sessions.list(_any(wanted))):
                plain = _plain(found)
                if plain.get("metadata", {}).get(name) == value and plain.get("url"):
                    return found
            return None

        found = self._ask(look)
        return None if found is None else _read(answers.opened, found)

    def open_session(self, params: Params, key: str) -> OpenedSession:
        """Makes a Checkout session, once per key."""
        made = self._ask(lambda: self._client.v1.checkout.sessions.create(_any(params), {"idempotency_key": key}))
        return read_made(answers.opened, made)

    def session(self, id: str) -> SeenSession:
        """The session with all that belongs to it. Raises UnknownSession, unasked for what is no id of Stripe's: it
        would stand in the address.
        """
        if not answering.is_id(id):
            raise UnknownSession(id)
        try:
            return answering.whole_session(self._client, self._ask, id)
        except StripeRefused as refused:
            if refused.missing is None:  # that says nothing of what became of it
                raise StripeUnavailable(str(refused)) from refused
            raise UnknownSession(id) from refused

    def answer(self, question: Question) -> Any:
        """What Stripe knows to this question; the question says what that is. It may take several calls."""
        return answering.answer(self._client, self._ask, question)

    @property
    def look(self) -> listing.Lists:
        """Lists of what is there, page by page."""
        return listing.Lists(self._client, self._ask)

    def refund(self, params: Params, key: str) -> Refund:
        """Gives money back, once per key."""
        made = self._ask(lambda: self._client.v1.refunds.create(_any(params), {"idempotency_key": key}))
        return read_made(returns.refund, made)

    def open_portal(self, customer: str, return_url: str) -> str:
        """A new session of Stripe's customer portal, as the account has it set up: its address."""
        asked = {"customer": customer, "return_url": return_url}
        return read_made(
            answers.address, self._ask(lambda: self._client.v1.billing_portal.sessions.create(_any(asked)))
        )

    @property
    def subscribed(self) -> subscribing.Subscriptions:
        """Subscriptions, changed and ended."""
        return subscribing.Subscriptions(self._client, self._ask)

    @property
    def charging(self) -> charging.Charging:
        """Money, taken in the customer's absence."""
        return charging.Charging(self._client, self._ask)

    @property
    def shelf(self) -> selling.Shelf:
        """What is on sale there, and how it is put there."""
        return selling.Shelf(self._client, self._ask)

    def expire_session(self, id: str) -> bool:
        """Ends an open session; False if it was over already, paid or not."""
        try:
            self._ask(lambda: self._client.v1.checkout.sessions.expire(id))
        except StripeRefused:
            return False
        return True

    def prices(self, names: Iterable[str]) -> dict[str, Price]:
        """Those of these ids and lookup keys that are there and may be sold, in the order of the names."""
        wanted = list(dict.fromkeys(names))
        keys = [name for name in wanted if not name.startswith("price_")]
        found: dict[str, Price] = {}
        for at in range(0, len(keys), _MOST_KEYS):
            asked = {"lookup_keys": keys[at : at + _MOST_KEYS], "limit": _PAGE}
            listed = self._ask(lambda asked=asked: self._client.v1.prices.list(_any(asked)))  # type: ignore[misc]
            prices = [_read(answers.price, one) for one in first_of(listed)]
            found |= {price.lookup_key: price for price in prices if price.lookup_key is not None}
        for name in wanted:
            one_price = self._price(name) if name not in keys else None
            if one_price is not None:
                found[name] = one_price
        return {name: found[name] for name in wanted if name in found and found[name].active}

    def _price(self, id: str) -> Price | None:
        try:
            found = self._ask(lambda: self._client.v1.prices.retrieve(id))
        except StripeRefused as refused:
            if refused.missing is None:
                raise
            return None
        return _read(answers.price, found)

    @contextmanager
    def hurried(self, seconds: float) -> Iterator[Gateway]:
        """The same account, for one thread that has only so much time for all it asks: then StripeUnavailable."""
        until = monotonic() + seconds
        hurried = Gateway(self._secret_key, self._api_base, lambda: hurried_client(until))
        try:
            yield hurried
        finally:
            hurried.close()

    def close(self) -> None:
        """Closes this thread's connection."""
        if "_http" in self.__dict__:
            self._http.close()

    @cached_property
    def _http(self) -> Any:
        return self._makes_client()

    @cached_property
    def _client(self) -> StripeClient:
        import stripe

        stripe.enable_telemetry = False
        bases: Any = {"api": self._api_base} if self._api_base else None
        return stripe.StripeClient(
            self._secret_key, base_addresses=bases, max_network_retries=_RETRIES, http_client=self._http
        )

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        import stripe

        try:
            return call()
        except stripe.StripeError as error:
            raise in_our_words(error) from error
