"""The gateway: what we ask of Stripe, through its SDK. Values in and out are ours, and so are the errors.

No method may be called inside a transaction: each waits for the network, up to `LONGEST` seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from billing.rules.refusals import Refusal, StripeNotConfigured, StripeRefused, StripeUnavailable, UnknownSession
from billing.stripe import answers
from billing.stripe.values import OpenedSession, PayloadInvalid, Price, SeenSession

if TYPE_CHECKING:
    from stripe import StripeClient

Answer = TypeVar("Answer")
Params = Mapping[str, Any]

CONNECT, READ, LONGEST = 2.0, 8.0, 10.0
"""Seconds: for a connection, for an answer, and for all attempts of one request before another is begun."""

_RETRIES = 2
_PAGE, _MOST_KEYS = 100, 10
_WHOLE_SESSION = ["line_items", "invoice", "subscription", "payment_intent.latest_charge"]


class Gateway:
    """Stripe, asked with one secret key. Making one loads and asks nothing yet."""

    def __init__(self, secret_key: str, api_base: str | None = None) -> None:
        self._secret_key, self._api_base = secret_key, api_base

    def __repr__(self) -> str:
        return f"Gateway({self._api_base or 'Stripe'})"

    @property
    def livemode(self) -> bool | None:
        """The mode of the key: live, test, or None where it does not tell."""
        _, _, mode = self._secret_key.partition("_")
        return True if mode.startswith("live_") else False if mode.startswith("test_") else None

    def make_customer(self, params: Params, key: str) -> str:
        """Makes a Stripe customer, once per key, and says its id."""
        return self._ask(lambda: str(self._client.v1.customers.create(_any(params), {"idempotency_key": key}).id))

    def find_customer(self, since: datetime, conversation: str) -> str | None:
        """The Stripe customer that was made since then with this conversation's name in its metadata, if any was."""

        def look() -> str | None:
            listed = self._client.v1.customers.list({"created": {"gte": int(since.timestamp())}, "limit": _PAGE})
            for found in listed.auto_paging_iter():
                if _plain(found).get("metadata", {}).get("billing_conversation") == conversation:
                    return str(found.id)
            return None

        return self._ask(look)

    def find_session(self, customer: str, since: datetime, name: str, value: str) -> OpenedSession | None:
        """The Stripe customer's Checkout session with that in its metadata that can still be paid, if there is one."""

        def look() -> Any | None:
            wanted = {"customer": customer, "created": {"gte": int(since.timestamp())}, "limit": _PAGE}
            for found in self._client.v1.checkout.sessions.list(_any(wanted)).auto_paging_iter():
                plain = _plain(found)
                if plain.get("metadata", {}).get(name) == value and plain.get("url"):
                    return found
            return None

        found = self._ask(look)
        return None if found is None else _read(answers.opened, found)

    def open_session(self, params: Params, key: str) -> OpenedSession:
        """Makes a Checkout session, once per key."""
        made = self._ask(lambda: self._client.v1.checkout.sessions.create(_any(params), {"idempotency_key": key}))
        return _read(answers.opened, made)

    def session(self, id: str) -> SeenSession:
        """The session with all that belongs to it. Raises UnknownSession, unasked for what is no id of Stripe's: it
        would stand in the address.
        """
        if not id.isascii() or not id.replace("_", "").isalnum():
            raise UnknownSession(id)
        try:
            found = self._ask(lambda: self._client.v1.checkout.sessions.retrieve(id, _any({"expand": _WHOLE_SESSION})))
        except StripeRefused as refused:
            raise UnknownSession(id) from refused
        return _read(answers.seen, found)

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
            prices = [_read(answers.price, one) for one in listed.data]
            found |= {price.lookup_key: price for price in prices if price.lookup_key is not None}
        for name in wanted:
            one_price = self._price(name) if name not in keys else None
            if one_price is not None:
                found[name] = one_price
        return {name: found[name] for name in wanted if name in found and found[name].active}

    def _price(self, id: str) -> Price | None:
        try:
            found = self._ask(lambda: self._client.v1.prices.retrieve(id))
        except StripeRefused:  # there is no such price
            return None
        return _read(answers.price, found)

    @cached_property
    def _client(self) -> StripeClient:
        import stripe

        stripe.enable_telemetry = False
        bases: Any = {"api": self._api_base} if self._api_base else None
        return stripe.StripeClient(
            self._secret_key,
            base_addresses=bases,
            max_network_retries=_RETRIES,
            http_client=_patient_client(),
        )

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        import stripe

        try:
            return call()
        except stripe.StripeError as error:
            raise _in_our_words(error) from error


def _patient_client() -> Any:
    """The SDK's client of `requests`, which begins no further attempt when the time of the whole is over."""
    import stripe

    class Client(stripe.RequestsClient):
        def request_with_retries(self, *args: Any, **kwargs: Any) -> Any:
            self._thread_local.until = monotonic() + LONGEST - READ
            return super().request_with_retries(*args, **kwargs)

        def _should_retry(self, *args: Any, **kwargs: Any) -> bool:
            return monotonic() < self._thread_local.until and bool(super()._should_retry(*args, **kwargs))

    return Client(timeout=(CONNECT, READ))


def _in_our_words(error: Any) -> Refusal:
    """What the SDK says as one of our errors. What Stripe wrote is for people; of a key it repeats the end only."""
    import stripe

    said = str(error.user_message or "it gave no reason").splitlines()[0][:300]
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return StripeNotConfigured("Stripe does not accept STRIPE_SECRET_KEY for this: set a key of this account.")
    if isinstance(error, stripe.RateLimitError):
        return StripeUnavailable("Stripe takes no more requests for the moment. Send the same request again.")
    refused = isinstance(error, stripe.CardError | stripe.InvalidRequestError | stripe.IdempotencyError)
    if refused and error.http_status != 409:
        named = getattr(error, "param", None)
        refusal = StripeRefused(f"{said} ({named})" if named else said)
        refusal.missing = named if error.code == "resource_missing" else None
        return refusal
    return StripeUnavailable("Stripe can't be reached, or is in trouble. Send the same request again.")


def _read(reader: Callable[[object], Answer], answer: Any) -> Answer:
    try:
        return reader(_plain(answer))
    except PayloadInvalid as error:
        raise StripeRefused(f"its answer can't be read: {error}") from error


def _plain(answer: Any) -> dict[str, Any]:
    """The SDK's object as plain JSON."""
    found: dict[str, Any] = answer.to_dict(for_json=True)
    return found


def _any(params: Params) -> Any:
    """Parameters for methods that want each one's own type; in one order, from whatever database they come back."""
    return json.loads(json.dumps(params, sort_keys=True))
