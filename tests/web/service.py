"""The service on an engine of a test's own, and someone who asks it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from billing.access import keys
from billing.base.settings import Settings
from billing.testing import TestBilling
from web.app import create_app
from web.state import EXTENSION, State

SECRETS = "newest,older"


@dataclass
class Service:
    """`ask` sends JSON with a key that may do everything; an Idempotency-Key of its own where none is given."""

    billing: TestBilling
    app: Flask
    api_key: str

    def __post_init__(self) -> None:
        self.client, self._numbers = self.app.test_client(), count(1)

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = "", **headers: str) -> TestResponse:
        """`key=None` sends no Idempotency-Key. Header names are written with underscores."""
        sent = {"Authorization": f"Bearer {self.api_key}"}
        if key is not None:
            sent["Idempotency-Key"] = key or f"test-{next(self._numbers)}"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        more: dict[str, Any] = {"json": body} if body is not None else {}
        return self.client.open(path, method=method, headers=sent, **more)

    def new_key(self, *scopes: str) -> str:
        """An API key with these scopes."""
        with self.billing.database.write() as tx:
            return keys.create(tx, settings().secret_keys, "test", scopes)[1]


def settings() -> Settings:
    """Settings as an installation would have them."""
    return Settings.from_env({"SECRET_KEYS": SECRETS, "PUBLIC_URL": "https://billing.example.com"})


_APP: list[Flask] = []


def service_on(billing: TestBilling) -> Service:
    """The service over this engine. The application is made once: what it stands on is looked up by each request."""
    if not _APP:
        _APP.append(create_app(billing, settings()))
    app = _APP[0]
    app.extensions[EXTENSION] = State(billing, settings())
    service = Service(billing, app, "")
    service.api_key = service.new_key("admin")
    return service


def problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The problem that an answer must be."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    content: dict[str, Any] = answer.get_json()
    assert content["code"] == code, content
    assert content["status"] == status
    assert content["detail"]
    return content
