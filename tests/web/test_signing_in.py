"""The way in to finance's pages and out: forms, limits, addresses."""

from __future__ import annotations

import re

import pytest

from billing.access import signing_in
from tests.sales.paid import invoice, tell
from tests.web import staff as shared
from tests.web.service import Service
from tests.web.staff import PASSWORD, entered, form, get, invited, post

pytestmark = pytest.mark.quick_on("sqlite")

quick = shared.quick
service = shared.service


@pytest.mark.database("sqlite")
def test_the_way_in_and_out(service: Service) -> None:
    client, link = service.app.test_client(), invited(service)
    there = get(client, "/finance/inbox?status=done")
    assert (there.status_code, there.location) == (303, "/finance/sign-in?next=/finance/inbox?status%3Ddone")
    assert "not the same" in post(client, link, link, password=PASSWORD, again="another one").text
    assert "12 to" in post(client, link, link, password="short", again="short").text
    assert post(client, link, link, password=PASSWORD, again=PASSWORD).location == "/finance/sign-in"
    assert get(client, link).status_code == 404, "it works once"
    wrong = post(client, "/finance/sign-in", there.location, email="ann@example.com", password="wrong")
    nobody = post(client, "/finance/sign-in", there.location, email="bob@example.com", password="wrong")
    assert wrong.status_code == nobody.status_code == 401
    hidden = re.compile(r'value="[^"]*"')
    assert hidden.sub("", wrong.text) == hidden.sub("", nobody.text), "who is there is not told"
    answer = post(client, "/finance/sign-in", there.location, email="ann@example.com", password=PASSWORD,
                  next="/finance/inbox?status=done")  # fmt: skip
    assert answer.location == "/finance/inbox?status=done"
    cookie = next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith("billing_staff="))
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/finance"} <= set(cookie.split("; "))
    page = get(client, answer.location)
    assert (page.status_code, "ann@example.com" in page.text) == (200, True)
    held = client.get_cookie("billing_staff", domain="billing.example.com", path="/finance")
    assert post(client, "/finance/sign-out", "/finance/inbox").location == "/finance/sign-in"
    assert held is not None
    client.set_cookie("billing_staff", held.value, domain="billing.example.com", path="/finance")
    assert get(client, "/finance/inbox").status_code == 303, "a copy of the cookie opens nothing"


@pytest.mark.parametrize(
    "next", ["https://evil.example", "//evil.example", "/\\evil.example", "/finance/\\x", "/portal/x"]
)
@pytest.mark.database("sqlite")
def test_a_sign_in_leads_to_finance_only(service: Service, next: str) -> None:  # noqa: A002
    client = entered(service)
    assert client.get("/finance/sign-in", query_string={"next": next},
                      base_url="https://billing.example.com").location == "/finance/allocations"  # fmt: skip


@pytest.mark.database("sqlite")
def test_a_form_from_elsewhere_does_nothing(service: Service) -> None:
    failed = tell(service.billing, invoice(currency=5), id="evt_1")
    assert failed.status == "failed"
    client, other = entered(service), entered(service, email="bob@example.com")
    theirs = form(get(other, "/finance/inbox"))
    before = form(get(service.app.test_client(), "/finance/sign-in"))
    for token in ("", "x", theirs, before):
        answer = client.post("/finance/inbox/replay", data={"form": token, "event": "evt_1"},
                             base_url="https://billing.example.com")  # fmt: skip
        assert answer.status_code == 400, token
        out = client.post("/finance/sign-out", data={"form": token}, base_url="https://billing.example.com")
        assert out.status_code == 400
    fresh = service.app.test_client()
    assert fresh.post("/finance/sign-in", data={"email": "ann@example.com", "password": PASSWORD}).status_code == 400
    assert service.billing.stripe_events()[0].attempts == 1
    assert get(client, "/finance/inbox").status_code == 200


@pytest.mark.database("sqlite")
def test_who_tries_too_often_waits(service: Service) -> None:
    client = service.app.test_client()
    page = form(get(client, "/finance/sign-in"))
    for _ in range(signing_in.OF_ACCOUNT + 1):
        answer = client.post("/finance/sign-in", data={"form": page, "email": "a@b.c", "password": "x"},
                             base_url="https://billing.example.com")  # fmt: skip
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert "Try again in 15 minutes" in answer.text


@pytest.mark.database("sqlite")
def test_who_is_behind_a_proxy_is_counted_by_the_address_it_names(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_in, "OF_ADDRESS", 2)
    client = service.app.test_client()
    page = form(get(client, "/finance/sign-in"))

    def tried(forwarded: str, near: str = "127.0.0.1") -> list[int]:
        return [
            client.post("/finance/sign-in", data={"form": page, "email": f"{number}{forwarded}{near}@b.c"},
                        base_url="https://billing.example.com", headers={"X-Forwarded-For": forwarded},
                        environ_base={"REMOTE_ADDR": near}).status_code
            for number in range(3)
        ]  # fmt: skip

    assert tried("10.9.9.9, 10.0.0.1") == [401, 401, 429]
    assert tried("10.0.0.2") == [401, 401, 429]
    assert tried("10.0.0.3", near="10.7.7.7") == [401, 401, 429]
    assert tried("10.0.0.4", near="10.7.7.7") == [429, 429, 429], "an address that anybody could name is not believed"
