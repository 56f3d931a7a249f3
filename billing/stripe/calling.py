"""Calling Stripe through its SDK: how long it may take, what its errors and answers are in our words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any, TypeVar

from billing.rules.refusals import Refusal, StripeNotConfigured, StripeRefused, StripeUnavailable
from billing.stripe.values import PayloadInvalid
from billing.stripe.whole_answers import read_whole

Answer = TypeVar("Answer")
Params = Mapping[str, Any]
Ask = Callable[[Callable[[], Any]], Any]
"""Makes one call, and raises what goes wrong as one of our refusals."""

CONNECT, READ, LONGEST = 2.0, 8.0, 10.0
"""Seconds: for a connection, for an answer, and for all attempts of one request before another is begun."""

_SHORTEST = 0.2
_PERMISSION = re.compile(r"'(\w{1,80}_(?:read|write))'", re.ASCII)


def patient_client() -> Any:
    """The SDK's client of `requests`, which begins no further attempt when the time of the whole is over."""
    import stripe

    class Client(stripe.RequestsClient):
        def request_with_retries(self, *args: Any, **kwargs: Any) -> Any:
            self._thread_local.until = monotonic() + LONGEST - READ
            return super().request_with_retries(*args, **kwargs)

        def request(self, *args: Any, **kwargs: Any) -> Any:
            return read_whole(self, lambda: super(Client, self).request_stream(*args, **kwargs), monotonic() + LONGEST)

        def _should_retry(self, *args: Any, **kwargs: Any) -> bool:
            return monotonic() < self._thread_local.until and bool(super()._should_retry(*args, **kwargs))

    return Client(timeout=(CONNECT, READ))


def hurried_client(until: float) -> Any:
    """One for a single thread whose requests, all together, end by that time (of `monotonic`)."""
    import stripe

    class Client(stripe.RequestsClient):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            left = until - monotonic()
            if left < _SHORTEST:
                raise stripe.APIConnectionError("no time is left for it")  # type: ignore[no-untyped-call]
            self._timeout = (min(CONNECT, left), min(READ, left))
            return read_whole(self, lambda: super(Client, self).request_stream(*args, **kwargs), until)

        def _should_retry(self, *args: Any, **kwargs: Any) -> bool:
            return monotonic() < until - _SHORTEST and bool(super()._should_retry(*args, **kwargs))

    return Client()


def in_our_words(error: Any) -> Refusal:
    """What the SDK says as one of our errors. What Stripe wrote is for people; of a key it repeats the end only."""
    import stripe

    said = " ".join(str(error.user_message or "").split())[:300] or "it gave no reason"
    if isinstance(error, stripe.PermissionError):
        return StripeNotConfigured(_lacks(str(error.user_message or "")))
    if isinstance(error, stripe.AuthenticationError):
        return StripeNotConfigured("Stripe does not accept STRIPE_SECRET_KEY for this: set a key of this account.")
    if isinstance(error, stripe.RateLimitError):
        return StripeUnavailable("Stripe takes no more requests for the moment. Send the same request again.")
    refused = isinstance(error, stripe.CardError | stripe.InvalidRequestError | stripe.IdempotencyError)
    if refused and error.http_status != 409:
        named = getattr(error, "param", None)
        refusal = StripeRefused(f"{said} ({named})" if named else said)
        refusal.declined = isinstance(error, stripe.CardError)
        refusal.missing = (named or "id") if error.code == "resource_missing" else None
        return refusal
    return StripeUnavailable("Stripe can't be reached, or is in trouble. Send the same request again.")


def _lacks(said: str) -> str:
    """What a restricted key may not do, by the name that Stripe gives it."""
    named = ", ".join(dict.fromkeys(_PERMISSION.findall(said)))
    what = f"it lacks the permission {named}" if named else "it lacks a permission, and Stripe does not name it"
    return f"Stripe does not let STRIPE_SECRET_KEY do this: {what}. Give it that in Stripe's Dashboard."


def read_made(reader: Callable[[object], Answer], answer: Any) -> Answer:
    """What was made, or done, just now: it is there, so what can't be read is asked for again under the same key."""
    try:
        return read(reader, answer)
    except StripeRefused as refused:
        why = str(refused.args[0]).rstrip(".")
        raise StripeUnavailable(f"Stripe has done it, and {why}. Send the same request again.") from refused


def read(reader: Callable[[object], Answer], answer: Any) -> Answer:
    try:
        return reader(plain(answer))
    except PayloadInvalid as error:
        raise StripeRefused(f"its answer can't be read: {error}") from error


def first_of(listed: Any) -> list[Any]:
    """The first page of a list. Raises StripeRefused for what is none."""
    if getattr(listed, "object", None) != "list":
        raise StripeRefused("its answer can't be read: it is no list")
    found: list[Any] = listed.data
    return found


def each_once(listed: Any) -> Iterator[Any]:
    """All of a list, page by page. Raises StripeRefused where the same comes again: such a list has no end."""
    first_of(listed)
    seen: set[str] = set()
    for one in listed.auto_paging_iter():
        if one.id in seen:
            raise StripeRefused(f"its list names {one.id} twice")
        seen.add(one.id)
        yield one


def plain(answer: Any) -> dict[str, Any]:
    """The SDK's object as plain JSON; what is plain already stays as it is."""
    found: dict[str, Any] = answer if isinstance(answer, dict) else answer.to_dict(for_json=True)
    return found


def any_type(params: Params) -> Any:
    """Parameters for methods that want each one's own type; in one order, from whatever database they come back."""
    return json.loads(json.dumps(params, sort_keys=True))
