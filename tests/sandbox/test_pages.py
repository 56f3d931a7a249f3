"""The pages a buyer and a developer use, without a script; and the controls behind them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from tests.sandbox.serving import Listener, Watch, served
from tests.sandbox.shop import DECLINED, DECLINED_LATER, Shop, at
from web.sandbox import Sandbox
from web.sandbox.server import LARGEST


def get(sandbox: Sandbox, path: str, **options: Any) -> requests.Response:
    return requests.get(sandbox.url + path, timeout=10, **options)


def post(sandbox: Sandbox, path: str, **options: Any) -> requests.Response:
    return requests.post(sandbox.url + path, timeout=10, allow_redirects=False, **options)


def test_a_buyer_pays(shop: Shop, sandbox: Sandbox) -> None:
    session = shop.session(shop.pack(1_250), line_items=[{"price": shop.pack(1_250).id, "quantity": 2}])
    page = requests.get(str(session.url), timeout=10)
    assert page.status_code == 200 and "$25.00" in page.text and "Small × 2" in page.text
    assert 'name="email"' in page.text and "http://127.0.0.1:9/back" in page.text
    form = {"card": "4242 4242 4242 4242", "email": "ann@example.com"}
    declined = post(sandbox, f"/c/pay/{session.id}", data={**form, "card": DECLINED})
    assert declined.status_code == 402 and "Your card was declined." in declined.text
    unknown = post(sandbox, f"/c/pay/{session.id}", data={**form, "card": '"><script>'})
    assert unknown.status_code == 402 and "non test card" in unknown.text and "<script>" not in unknown.text
    paid = post(sandbox, f"/c/pay/{session.id}", data=form)
    assert (paid.status_code, paid.headers["Location"]) == (303, f"http://127.0.0.1:9/paid?session={session.id}")
    again = post(sandbox, f"/c/pay/{session.id}", data=form)
    assert again.status_code == 409 and "has been paid" in again.text
    page = get(sandbox, f"/c/pay/{session.id}")
    assert "has been paid" in page.text and f"paid?session={session.id}" in page.text
    assert len(shop.v1.charges.list().data) == 2  # a declined one and one that succeeded


def test_a_buyer_who_is_known_is_not_asked_who(shop: Shop, sandbox: Sandbox) -> None:
    session = shop.session(shop.plan(), customer=shop.customer(email="ann@example.com").id)
    page = get(sandbox, f"/c/pay/{session.id}")
    assert "Subscribe for $20.00" in page.text and "ann@example.com" in page.text and 'name="email"' not in page.text


def test_an_offer_that_has_ended_says_so(shop: Shop, sandbox: Sandbox) -> None:
    session = shop.session(shop.pack())
    shop.v1.checkout.sessions.expire(session.id)
    page = get(sandbox, f"/c/pay/{session.id}")
    assert "has expired" in page.text and "http://127.0.0.1:9/back" in page.text
    assert "has expired" in post(sandbox, f"/c/pay/{session.id}", data={"card": Sandbox.CARD}).text
    for path in ("/c/pay/cs_test_no", "/_sandbox/no"):
        gone = get(sandbox, path)
        assert gone.status_code == 404 and "There is nothing here" in gone.text


def test_pages_run_nothing_and_lead_only_where_they_say(shop: Shop, sandbox: Sandbox) -> None:
    session = shop.session(shop.pack())
    for path in (f"/c/pay/{session.id}", "/_sandbox/", "/"):
        page = get(sandbox, path)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src" not in policy
        assert not re.search(r"<script|style=|\son\w+=", page.text)
    assert (
        "form-action 'self' http://127.0.0.1:9"
        in get(sandbox, f"/c/pay/{session.id}").headers["Content-Security-Policy"]
    )
    assert get(sandbox, "/_sandbox/style.css").headers["Content-Type"].startswith("text/css")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({}, 303),
    ],
)
def test_other_sites_move_nothing(sandbox: Sandbox, headers: dict[str, str], status: int) -> None:
    before = sandbox.clock.offset.total_seconds()
    assert post(sandbox, "/_sandbox/clock", data={"days": "1"}, headers=headers).status_code == status
    moved = sandbox.clock.offset.total_seconds() - before
    assert moved == pytest.approx(86_400 if status == 303 else 0, abs=5)


def test_what_it_knows_is_shown(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-01-31 10:00"))
    subscription = shop.subscribe()
    shop.session(shop.pack())
    sandbox.drain()
    page = get(sandbox, "/_sandbox/").text
    for words in (
        "31 Jan 2027",
        "28 Feb 2027",
        "buyer@example.com",
        "$20.00",
        "invoice.paid",
        "succeeded",
        listener.url,
    ):
        assert words in page, words
    assert post(sandbox, "/_sandbox/clock", data={"months": "1", "days": "2"}).status_code == 303
    page = get(sandbox, "/_sandbox/").text
    assert "2 Mar 2027" in page and "31 Mar 2027" in page
    assert len(shop.invoices(subscription)) == 2
    invoice = shop.invoices(subscription)[-1]
    assert str(invoice.hosted_invoice_url).startswith(sandbox.url)
    assert "paid" in requests.get(str(invoice.hosted_invoice_url), timeout=10).text


def test_a_late_invoice_is_paid_on_its_page(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    subscription = shop.subscribe()
    post(sandbox, "/_sandbox/decline", json={"customer": subscription.customer})
    sandbox.advance(at("2027-02-02 00:00"))
    assert shop.again(subscription).status == "past_due"
    path = f"/_sandbox/invoices/{shop.invoices(subscription)[-1].id}"
    assert "Your card was declined." in post(sandbox, path, data={"card": DECLINED_LATER}).text
    assert post(sandbox, path, data={"card": Sandbox.CARD}).status_code == 303
    assert shop.again(subscription).status == "active"
    sandbox.advance(at("2027-03-02 00:00"))
    assert [invoice.status for invoice in shop.invoices(subscription)] == ["paid"] * 3


def test_programs_move_the_clock(sandbox: Sandbox) -> None:
    stops: list[object] = []
    sandbox.start_at(at("2027-01-31 10:00"))
    sandbox.on_stop = stops.append
    moved = post(sandbox, "/_sandbox/clock", json={"by": {"months": 1, "days": 2}}).json()
    assert moved["now"].startswith("2027-03-02T10:00:") and len(stops) == 1
    assert post(sandbox, "/_sandbox/clock", json={"to": "2027-03-05T00:00:00Z"}).json()["now"].startswith("2027-03-05")
    assert get(sandbox, "/_sandbox/clock").json()["now"].startswith("2027-03-05")
    for wrong in ({"to": "yesterday"}, {"by": {"moons": 1}}, {"by": {"days": -1}}, {"to": "2027-01-01T00:00:00Z"}, {}):
        answer = post(sandbox, "/_sandbox/clock", json=wrong)
        assert answer.status_code == 400 and answer.json()["error"]["message"], wrong
    endless = post(
        sandbox, "/_sandbox/clock", data='{"by": {"days": 1e400}}', headers={"Content-Type": "application/json"}
    )
    assert endless.status_code == 400
    by_hand = post(sandbox, "/_sandbox/clock", data={"to": "2027-01-01T00:00:00"})
    assert by_hand.status_code == 400 and "The clock goes forward only" in by_hand.text
    assert by_hand.headers["Content-Type"].startswith("text/html"), "a person gets a page, with a way back"


def test_what_cant_be_taken_is_said_on_a_page(sandbox: Sandbox) -> None:
    """To a person. A program gets the error that it knows."""
    large = "x" * (LARGEST + 1)
    by_hand = post(sandbox, "/_sandbox/clock", data={"days": large})
    assert by_hand.status_code == 413 and by_hand.headers["Content-Type"].startswith("text/html")
    assert "The request is too large" in by_hand.text and "This was not done" in by_hand.text
    assert 'href="/_sandbox/style.css"' in by_hand.text and 'href="/_sandbox/">Go back' in by_hand.text
    told = post(sandbox, "/_sandbox/clock", json={"to": large})
    assert told.status_code == 413 and told.json()["error"]["message"] in by_hand.text
    elsewhere = post(sandbox, "/_sandbox/")
    assert elsewhere.status_code == 405 and "This was not done" in elsewhere.text
    assert "GET" in elsewhere.headers["Allow"]


def test_programs_pay_and_decline(shop: Shop, sandbox: Sandbox) -> None:
    session = shop.session(shop.pack())
    assert post(sandbox, "/_sandbox/decline", json={"session": session.id}).json()["status"] == "open"
    assert post(sandbox, "/_sandbox/pay", json={"session": session.id}).json()["status"] == "complete"
    assert post(sandbox, "/_sandbox/pay", json={"session": session.id}).status_code == 400
    assert post(sandbox, "/_sandbox/pay", json={"session": "cs_no"}).status_code == 404
    assert post(sandbox, "/_sandbox/pay", json=["x"]).status_code == 400
    assert post(sandbox, "/_sandbox/decline", json={"customer": "cus_no"}).status_code == 404


def test_programs_make_it_fail(sandbox: Sandbox) -> None:
    coming = post(sandbox, "/_sandbox/fail", json={"how": "500", "times": 2, "path": "/v1/prices"}).json()["faults"]
    assert coming == [{"how": "500", "times": 2, "path": "/v1/prices", "method": None}]
    assert post(sandbox, "/_sandbox/fail", json={"how": "fire"}).status_code == 400
    assert post(sandbox, "/_sandbox/fail", json={"how": "none"}).json()["faults"] == []


def test_the_way_back_to_the_app(tmp_path: Any, watch: Watch) -> None:
    with served(tmp_path / "s.sqlite3", watch, app_url="http://127.0.0.1:9/app") as sandbox:
        assert 'href="http://127.0.0.1:9/app"' in get(sandbox, "/_sandbox/").text
