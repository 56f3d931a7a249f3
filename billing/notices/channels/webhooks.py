"""Webhooks: an event posted to an endpoint, signed by Standard Webhooks (standardwebhooks.com).

The body is the same at every attempt, and so is `webhook-id`: the event's id. `webhook-timestamp` is when the attempt
is made, by real time: receivers refuse what is older than some minutes.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Sequence
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from billing.base.clock import SystemClock
from billing.notices.channels.deadlines import within
from billing.notices.channels.guard import Forbidden, reach, refuse_url
from billing.notices.values import SENT, Endpoint, Event, Outcome

CONNECT_SECONDS = 5.0
SECONDS = 15.0
"""For one attempt in all, from the first byte of the request to the answer's status."""

LONGEST_REST = timedelta(hours=1)
"""A receiver that wants to be left alone for longer (`Retry-After`) is not: it may be mended before that."""

_GONE = 410
_SHOWN = 200
"""Characters of an answer that are kept: enough to know what the receiver meant."""

_READ = 16 * 1024


def body_of(event: Event) -> str:
    """What is sent: the event's type, when it was recorded, and its facts."""
    content = {"type": event.type, "timestamp": _time(event), "data": event.facts}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def send(endpoint: Endpoint, event: Event, allowed: Sequence[str]) -> Outcome:
    """One attempt. Anything but a 2xx answer in time has failed; 410 says that nothing is wanted there any more."""
    wrong = refuse_url(endpoint.url, allowed)
    if wrong is not None:
        return Outcome("failed", wrong, lane=True)
    body = body_of(event)
    try:
        return _exchange(endpoint, body.encode(), _headers(endpoint, event.id, body), allowed)
    except Forbidden as forbidden:
        return Outcome("failed", str(forbidden), lane=True)
    except ssl.SSLCertVerificationError as error:
        return Outcome("failed", f"its certificate can't be trusted: {error.verify_message}", lane=True)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Outcome("failed", _why(error), lane=True)


def _headers(endpoint: Endpoint, id: str, body: str) -> dict[str, str]:
    now = SystemClock().now()
    signatures = [Webhook(secret).sign(id, now, body) for secret in endpoint.secrets]
    return {
        "content-type": "application/json",
        "user-agent": "billing-webhooks/1",
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
        "connection": "close",
    }


def _exchange(endpoint: Endpoint, body: bytes, headers: dict[str, str], allowed: Sequence[str]) -> Outcome:
    url = urlsplit(endpoint.url)
    assert url.hostname is not None
    port = url.port or (443 if url.scheme == "https" else 80)
    connection = _Connection(url.hostname, port, secure=url.scheme == "https", allowed=allowed)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    with within(SECONDS, lambda: connection.sock) as deadline:
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            status, rest = answer.status, _rest(answer.getheader("retry-after"))
            said = "" if 200 <= status < 300 else answer.read(_READ).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException, ValueError) as error:
            if deadline.passed:
                raise TimeoutError(f"it did not answer within {deadline.seconds:.0f} seconds") from error
            raise
        finally:
            connection.close()
    return SENT if 200 <= status < 300 else _refused(status, said, rest)


def _refused(status: int, said: str, rest: timedelta | None) -> Outcome:
    phrase = http.client.responses.get(status, "")
    shown = " ".join(said.split())[:_SHOWN]
    reason = f"it answered {status} {phrase}".rstrip() + (f": {shown}" if shown else "")
    if status == _GONE:
        return Outcome("failed", reason, final=True, gone=True)
    if 300 <= status < 400:
        return Outcome("failed", f"it answered {status} {phrase}: redirects are not followed", lane=True)
    return Outcome("failed", reason, lane=True, rest=rest)


def _rest(retry_after: str | None) -> timedelta | None:
    """What a `Retry-After` asks for, seconds or a date; what is neither asks for nothing."""
    said = (retry_after or "").strip()
    if said.isascii() and said.isdigit():
        return min(timedelta(seconds=int(said[:9])), LONGEST_REST)
    try:
        asked = parsedate_to_datetime(said) - SystemClock().now()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(timedelta(), min(asked, LONGEST_REST))


class _Connection(http.client.HTTPConnection):
    """To a checked address only; TLS is held against the name."""

    def __init__(self, host: str, port: int, *, secure: bool, allowed: Sequence[str]) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS)
        self._secure, self._allowed = secure, allowed
        if secure:
            self.default_port = 443  # so that the Host header names no usual port

    def connect(self) -> None:
        last: OSError | None = None
        until = monotonic() + SECONDS
        for family, address in reach(self.host, self.port, self._allowed):
            if monotonic() >= until:  # a name may have any number of addresses where nobody answers
                break
            reached = socket.socket(family, socket.SOCK_STREAM)
            reached.settimeout(CONNECT_SECONDS)
            self.sock = reached
            try:
                reached.connect((address, self.port))
                reached.settimeout(SECONDS)
                if self._secure:
                    self.sock = _tls().wrap_socket(reached, server_hostname=self.host)
                return
            except OSError as error:
                reached.close()
                last = error
        raise last or OSError("its name has no address")


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _time(event: Event) -> str:
    return event.recorded_at.isoformat().replace("+00:00", "Z")


def _why(error: Exception) -> str:
    """For people, without what a library adds."""
    if isinstance(error, socket.gaierror):
        return "its name can't be looked up"
    if isinstance(error, TimeoutError):
        return str(error) if "did not answer" in str(error) else "it can't be reached: nobody answers there"
    if isinstance(error, ConnectionRefusedError):
        return "it can't be reached: the connection is refused"
    if isinstance(error, http.client.HTTPException | ValueError):
        return f"its answer is no HTTP: {type(error).__name__}"
    said = error.strerror if isinstance(error, OSError) else None
    return f"it can't be reached: {said or type(error).__name__}"


def test_event(id: str, now: Any) -> Event:
    """What `test` sends: signed and shaped like all others, about nothing."""
    return Event(id, "webhook.test", None, {"message": "It works."}, now)
