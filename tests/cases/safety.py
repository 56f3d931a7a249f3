"""Nasty cases of what may be believed: secrets, clocks, modes, other accounts, junk; and of what breaks on our side."""

from __future__ import annotations

import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from billing.base.settings import Settings, SettingsInvalid
from billing.stripe import signature
from tests.cases.desk import CUSTOMER, SECRET, Desk, changed, signed
from tests.cases.ear import Ear

COMPLETED = "checkout.session.completed"
TAKEN, REFUSED = (200, "done"), (400, "malformed")


def case_31_secrets_rotate(desk: Desk) -> None:
    """Rolled at Stripe: for a day both sign, in one header; we take either, and after that only the new one."""
    ear = Ear(desk, secret="whsec_old")
    desk.billing.webhook_secrets = ("whsec_old",)
    desk.top_up()
    (first,) = desk.news(COMPLETED)
    assert ear.send(first) == [TAKEN]
    new = desk.sandbox.dashboard.roll_secret(ear.endpoint)
    desk.go("2 Apr 00:00")
    desk.top_up()
    (second,) = desk.news(COMPLETED)
    found = {}
    for known in (("whsec_old",), (new, "whsec_old"), (new,)):
        desk.billing.webhook_secrets = known
        for sign in ("all", "old", "new", "wrong"):
            ear.faults.sign = sign
            found[known, sign] = ear.send(second)[0][0]
    refused = {(("whsec_old",), "new"), ((new,), "old"), *((known, "wrong") for known, _ in found)}
    assert {one for one, status in found.items() if status == 400} == refused
    assert ear.sent[-4][1].count("v1=") == 2
    desk.shows("200", "2,000")
    desk.sandbox.dashboard.roll_secret(ear.endpoint, overlap=0)
    ear.faults.sign = "all"
    assert ear.send(second) == [REFUSED]  # it is signed by a secret we were never told


def case_31_a_captured_request(desk: Desk) -> None:
    """Sent again at once it does nothing, later it is refused, and so is a signature moved to another time or body."""
    ear = Ear(desk)
    desk.top_up()
    (event,) = desk.news(COMPLETED)
    assert ear.send(event) == [TAKEN]
    body, header = ear.sent[-1]
    assert ear.take(body, header) == 200
    later = header.replace("t=", "t=1")
    for sent in ((body, later), (body + b" ", header), signed(event, age=301), (body, ""), (body, header[:-1])):
        assert desk.send(*sent).status_code == 400, sent[1]
    assert desk.send(*signed(event, age=290)).status_code == 200
    desk.shows("100", "1,000")


def case_31_no_tolerance_and_no_secret(desk: Desk) -> None:
    """A tolerance of 0 would switch the check off, an empty secret would let anybody sign: neither can be had."""
    desk.top_up()
    (event,) = desk.news(COMPLETED)
    body, header = signed(event)
    with pytest.raises(ValueError, match="tolerance"):
        signature.verify(body, header, [SECRET], desk.billing.now, timedelta(0))
    for secrets in ((), ("",), ("  ",)):
        desk.billing.webhook_secrets = secrets
        for secret in ("", "  ", SECRET):
            assert desk.send(*signed(event, secret=secret)).status_code == 400
    with pytest.raises(SettingsInvalid, match="STRIPE_WEBHOOK_SECRETS"):
        Settings.from_env({"SECRET_KEYS": "x" * 32, "STRIPE_WEBHOOK_SECRETS": "whsec_a,,"})
    desk.shows("0")


def case_32_clocks_that_differ(desk: Desk) -> None:
    """Ours five minutes off refuses all that is live, in either direction, and says that it is the clock."""
    ear = Ear(desk)
    desk.top_up()
    (event,) = desk.news(COMPLETED)
    heard = desk.service.client.get("/readyz").get_json()["webhook"]
    for age in (400, -400, -10 * 365 * 86_400):
        ear.faults.age = age
        assert ear.send(event) == [REFUSED]
        assert "clock" in desk.send(*ear.sent[-1]).get_json()["detail"]
    now = desk.service.client.get("/readyz").get_json()["webhook"]
    assert now["refused_tolerance"] - heard["refused_tolerance"] == 6
    ear.faults.age = 0
    assert ear.send(event) == [TAKEN]
    desk.shows("100")


def case_32_created_long_ago_or_ahead(desk: Desk) -> None:
    """A test clock's `created` is years from now: what counts are the periods of its lines."""
    desk.subscribe()
    (event,) = desk.news("invoice.paid")
    for number, years in enumerate((-10, 10)):
        moved = {**event, "id": f"evt_{number}", "created": event["created"] + years * 365 * 86_400}
        assert desk.post(moved) == ["done"]
    desk.shows("100", "1,000")
    desk.ends("2 May 00:00")


def case_33_live_and_test_mixed_up(desk: Desk) -> None:
    """An event of the other mode grants nothing and says so, in every shape; ours still counts."""
    desk.top_up()
    desk.subscribe()
    events = desk.news(COMPLETED, "invoice.paid", "customer.subscription.created")
    for shape in ("endive", "acacia", "thin"):
        ear = Ear(desk, shape)
        ear.faults.live = True
        assert set(ear.send(*events, twin=shape == "acacia")) == {(200, "waiting")}, shape
    desk.shows("0")
    assert all("mode" in reason for _, reason in desk.waiting)
    wrong = len(desk.waiting)
    ear = Ear(desk, "endive")
    ear.faults.live = False
    desk.post(*[event | {"id": f"{event['id']}_test"} for event in events])
    desk.shows("200", "2,000")
    assert len(desk.waiting) == wrong
    desk.left = [kind for kind, _ in desk.waiting]


def case_34_a_connected_account(desk: Desk) -> None:
    """Another account's events, plain or thin: 200, ignored, and nothing of it."""
    paid = desk.top_up()
    desk.sandbox.dashboard.refund(paid["payment_intent"], 100)
    events = desk.news(COMPLETED, "refund.created", "charge.refunded")
    for shape in ("endive", "thin"):
        ear = Ear(desk, shape)
        ear.faults.account = "acct_other"
        assert set(ear.send(*events)) == {(200, "ignored")}
    desk.shows("0")
    desk.post(*[event | {"id": f"{event['id']}_ours"} for event in events])
    desk.shows("90", "900 · 0 · 0 · 100")


def case_40_junk(desk: Desk) -> None:
    """What is no event: 400 or 413, whoever signed it, never 500, and nothing is kept."""
    before = desk.billing.stripe_events()
    nested = b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    bodies = (b"", b"{", b"\xff\xfe{}", b"[]", b"null", b"1", b'"x"', b'{"id": "evt_1"}', b"{}", nested, b"\x00" * 9,
              b'{"id": "evt_1", "object": "event", "type": "invoice.paid", "created": 1e999, "data": 3}',
              b'{"id": 7, "object": "event", "type": ["a"], "created": "x", "data": {"object": []}}')  # fmt: skip
    for body in bodies:
        for header in ("t=1,v1=0", _header(body)):
            assert desk.send(body, header).status_code == 400, body[:60]
    large = b'{"id": "evt_1", "x": "' + b"x" * 5 * 2**20 + b'"}'
    assert desk.send(large, _header(large)).status_code == 413
    assert desk.billing.stripe_events() == before


def _header(body: bytes) -> str:
    at = int(time.time())
    return f"t={at},v1=" + hmac.new(SECRET.encode(), f"{at}.".encode() + body, "sha256").hexdigest()


def case_40_odd_objects(desk: Desk) -> None:
    """An event whose object makes no sense is kept and said; the good one after it is not held up."""
    desk.subscribe()
    events = desk.news()
    (paid,) = [event for event in events if event["type"] == "invoice.paid"]
    odd: list[dict[str, Any]] = [
        {"status": "open"}, {"lines": None}, {"lines": {"data": [None]}}, {"customer": 7}, {"parent": []},
        {"currency": None}, {"lines__data__0__period": {"start": 2, "end": 1}}, {"lines__data__0__quantity": -1},
        {"lines__data__0__amount": "many"}, {"lines__data__0__pricing": {"price_details": None}},
        {"lines__data__0__period": {"start": 1e20, "end": -5}}, {"total": True}, {"object": "else"},
    ]  # fmt: skip
    for number, paths in enumerate(odd):
        (became,) = desk.post(changed(paid, f"evt_odd_{number}", **paths))
        assert became in ("waiting", "failed", "done", "ignored"), paths
    assert desk.billing.wallet(CUSTOMER).available in (0, 100)
    desk.post(*events)
    desk.shows("100", "1,000")
    desk.left = [kind for kind, _ in desk.waiting]


def case_41_a_crash_at_every_statement(desk: Desk) -> None:
    """It breaks off before the first statement of a request, the second, … : Stripe's next try ends the same, once."""
    desk.subscribe()
    (event,) = desk.news("invoice.paid")
    engine, number, left, granted = desk.billing.database.engine, 0, [0], list[int]()

    def breaks(*_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError("the power is gone")

    while left[0] <= 0:
        number += 1
        left[0] = number
        sa.event.listen(engine, "before_cursor_execute", breaks)
        try:
            answer = desk.send(*signed(event | {"id": f"evt_{number}"}))
        finally:
            sa.event.remove(engine, "before_cursor_execute", breaks)
        assert answer.status_code in (200, 503)
        granted.append(desk.billing.wallet(CUSTOMER).available)
    assert granted == sorted(granted) and set(granted) == {0, 100} and granted.count(0) > 10
    desk.post(*[event | {"id": f"evt_{one}"} for one in range(1, number + 1)])
    desk.try_again()
    desk.shows("100", "1,000")


def case_42_nothing_of_the_sdk_leaks(desk: Desk) -> None:
    """Decimals and objects of the package: what is kept is what came, and what is asked is read as plainly."""
    desk.subscribe()
    (event,) = desk.news("invoice.paid")
    line = event["data"]["object"]["lines"]["data"][0]
    line["quantity_decimal"], line["pricing"]["unit_amount_decimal"] = "1.0", "1000.000000000001"
    assert desk.post(event) == ["done"]
    desk.shows("100", "1,000")
    desk.hear()
    pages = [desk.service.ask("GET", f"/v1/customers/{CUSTOMER}{end}", key=None) for end in ("", "/subscription")]
    assert all(json.loads(page.text) for page in pages if page.status_code == 200)
