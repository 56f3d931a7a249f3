"""Who signs in at finance's pages, and how."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from werkzeug.test import Client, TestResponse

from billing.access import passwords, staff
from billing.base.clock import SystemClock
from billing.testing import TestBilling
from tests.sales.paid import APRIL, CATALOG
from tests.web.service import Service, service_on

PASSWORD = "correct horse battery"
INLINE = re.compile(r"<script|<style|\sstyle=|\son\w+=|javascript:", re.IGNORECASE)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The real hashing, with less work in it."""
    from argon2 import PasswordHasher

    monkeypatch.setattr(passwords, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    passwords._nobody.cache_clear()
    yield
    passwords._nobody.cache_clear()


@pytest.fixture
def service(make_billing: Callable[..., TestBilling]) -> Service:
    billing = make_billing(catalog=CATALOG, start=APRIL)
    billing.customer("team", name="Team", stripe_customer_id="cus_1")
    return service_on(billing)


def invited(service: Service, email: str = "ann@example.com", role: str = "reviewer") -> str:
    with service.billing.database.write() as tx:
        return f"/finance/welcome/{staff.add(tx, email, role, SystemClock().now())[1]}"


def form(page: TestResponse) -> str:
    found = re.search(r'name="form" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


def get(client: Client, path: str) -> TestResponse:
    return client.get(path, base_url="https://billing.example.com")


def post(client: Client, path: str, at: str, **fields: str) -> TestResponse:
    """Sends a form of the page at `at`."""
    return client.post(path, data={"form": form(get(client, at)), **fields}, base_url="https://billing.example.com")


def entered(service: Service, role: str = "reviewer", email: str = "ann@example.com") -> Client:
    """A browser in which somebody of that role has signed in."""
    client, link = service.app.test_client(), invited(service, email, role)
    assert post(client, link, link, password=PASSWORD, again=PASSWORD).status_code == 303
    answer = post(client, "/finance/sign-in", "/finance/sign-in", email=email, password=PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/finance/allocations")
    return client
