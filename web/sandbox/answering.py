"""How a request to /v1 is answered: who asks, what goes wrong, once per idempotency key, all in one transaction."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from web.sandbox import clock as time
from web.sandbox import ids
from web.sandbox.api.operation import Asked, Operation
from web.sandbox.errors import Refused
from web.sandbox.expanding import expanded
from web.sandbox.machine import Machine
from web.sandbox.params import decoded
from web.sandbox.stops import at_once
from web.sandbox.store import Rows
from web.sandbox.work import API_VERSION, Work

_LONGEST_KEY = 255
_KEY = re.compile(r"[sr]k_test_[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Request:
    """What arrived."""

    method: str
    path: str
    words: str  # the form, or the query of a GET
    authorization: str | None
    key: str | None
    version: str
    base_url: str

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.method} {self.path} {self.words}".encode()).hexdigest()


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    request: str
    replayed: bool = False


class Desk:
    """Answers requests. The keys of those that are being answered are in nobody else's hands."""

    def __init__(self, sandbox: Machine) -> None:
        self._sandbox = sandbox
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def answer(self, operation: Operation, path: dict[str, str], request: Request) -> Answer:
        id = ids.new("request")
        try:
            known(request.authorization)
            with self._alone(request.key):
                return self._once(operation, path, request, id)
        except Refused as refusal:
            return Answer(refusal.status, {"error": refusal.error}, id)

    def _once(self, operation: Operation, path: dict[str, str], request: Request, id: str) -> Answer:
        refusal: Refused | None = None
        with self._sandbox.store.transaction() as rows:
            given_before = _replay(rows, request)
            if given_before is not None:
                return given_before
            raw = decoded(request.words)
            if request.version < API_VERSION:  # they begin with their day
                raw = {name: value for name, value in raw.items() if name not in operation.older}
            params = operation.params.read(raw)
            now = time.seconds(self._sandbox.clock.now())
            work = Work(rows, now, request.base_url, id, request.key)
            try:
                shown = expanded(work, operation.act(Asked(work, path, params)), params.get("expand", []))
                at_once(work)
                answer = Answer(200, shown, id)
            except Refused as error:
                if not error.kept:
                    raise
                refusal = error
                answer = Answer(refusal.status, {"error": refusal.error}, id)
            if request.key is not None:
                rows.run(
                    "INSERT INTO answers (key, fingerprint, status, request, body) VALUES (?, ?, ?, ?, ?)",
                    request.key,
                    request.fingerprint,
                    answer.status,
                    id,
                    json.dumps(answer.body),
                )
        if work.events:
            self._sandbox.delivery.wake()
        if work.moves_to is not None:
            self._sandbox.advance_soon(time.instant(work.moves_to))
        return answer

    @contextmanager
    def _alone(self, key: str | None) -> Iterator[None]:
        if key is None:
            yield
            return
        if len(key) > _LONGEST_KEY:
            raise Refused(f"Idempotency keys have at most {_LONGEST_KEY} characters.", kind="idempotency_error")
        with self._lock:
            if key in self._busy:
                words = f"There is currently another in-progress request using this Idempotent Key ({key})."
                raise Refused(words, status=409, kind="idempotency_error", code="idempotency_key_in_use")
            self._busy.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(key)


def _replay(rows: Rows, request: Request) -> Answer | None:
    """The answer this key was given before; refused if it was another request."""
    if request.key is None:
        return None
    found = rows.run("SELECT fingerprint, status, request, body FROM answers WHERE key = ?", request.key)
    if not found:
        return None
    if found[0]["fingerprint"] != request.fingerprint:
        words = "Keys for idempotent requests can only be used with the same parameters they were first used with."
        raise Refused(f"{words} Try using a key other than '{request.key}'.", kind="idempotency_error")
    return Answer(found[0]["status"], json.loads(found[0]["body"]), found[0]["request"], replayed=True)


def known(authorization: str | None) -> None:
    """Any test key, as Bearer or as the name of Basic."""
    scheme, _, rest = (authorization or "").partition(" ")
    key = rest.strip()
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode().split(":", 1)[0]
        except ValueError:
            key = ""
    if not key or scheme.lower() not in ("basic", "bearer"):
        words = "You did not provide an API key. You need to provide your API key in the Authorization header, using"
        raise Refused(f"{words} Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').", status=401)
    if not _KEY.fullmatch(key):
        raise Refused(f"Invalid API Key provided: {key[:8]}***. The sandbox takes any sk_test_… key.", status=401)
