"""Nonsense is refused in Stripe's words, and never breaks the sandbox."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.serving import KEY, Watch
from tests.sandbox.shop import Shop
from web.sandbox import Sandbox
from web.sandbox.server import OPERATIONS

NAMES = sorted({name for operation in OPERATIONS for name in operation.params.known} | {"a", "", "0", "[", "]", "ü"})
PARTS = st.sampled_from(NAMES)
VALUES = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "1", "true", "usd", "card", "month", "price", "data.customer", "pm_card_visa", "9" * 30]
    ),
    st.text(max_size=8),
)


@st.composite
def forms(draw: st.DrawFn) -> str:
    pairs = []
    for _ in range(draw(st.integers(0, 5))):
        name = draw(PARTS) + "".join(f"[{draw(PARTS)}]" for _ in range(draw(st.integers(0, 3))))
        pairs.append(f"{quote(name)}={quote(draw(VALUES))}")
    return "&".join(pairs)


@pytest.fixture
def ids(shop: Shop, sandbox: Sandbox) -> dict[str, str]:
    """One of each, so that what is asked for is there."""
    subscription = shop.subscribe()
    session = shop.session(shop.pack())
    charge = shop.v1.charges.list().data[0].id
    return {
        "customer": str(subscription.customer),
        "session": session.id,
        "subscription": subscription.id,
        "subscription_exposed_id": subscription.id,
        "item": subscription.items.data[0].id,
        "invoice": str(subscription.latest_invoice),
        "payment_method": "pm_card_visa",
        "intent": shop.v1.payment_intents.list().data[0].id,
        "charge": charge,
        "refund": shop.v1.refunds.create({"charge": charge, "amount": 1}).id,
        "credit_note": "cn_no",
        "dispute": sandbox.dashboard.dispute(charge, inquiry=True)["id"],
        "price": shop.v1.prices.list().data[0].id,
        "id": shop.v1.products.list().data[0].id,
        "invoice_payment": shop.v1.invoice_payments.list().data[0].id,
        "webhook_endpoint": "we_no",
        "invoiceitem": "ii_no",
        "configuration": "bpc_no",
        "test_clock": "clock_no",
        "coupon": shop.v1.coupons.create({"percent_off": 10}).id,
        "promotion_code": "promo_no",
    }


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operation=st.sampled_from(OPERATIONS), form=forms())
def test_no_request_breaks_it(sandbox: Sandbox, watch: Watch, ids: dict[str, str], operation: Any, form: str) -> None:
    watch.lets_bad_requests_through = True
    url = sandbox.url + operation.path.format(**ids)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-www-form-urlencoded"}
    if operation.method == "GET":
        answer = requests.get(f"{url}?{form}", headers=headers, timeout=10)
    else:
        answer = requests.request(operation.method, url, data=form.encode(), headers=headers, timeout=10)
    assert answer.status_code < 500, (operation.method, operation.path, form, answer.text)


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"a=%ff", b"&&&=&", b"a[" * 500, b"a=1&a[b]=2", b"a[b]=1&a=2&a[b][c]=3", b"&a" * 3_000]
)
def test_no_body_breaks_it(sandbox: Sandbox, watch: Watch, body: bytes) -> None:
    watch.lets_bad_requests_through = True
    headers, url = {"Authorization": f"Bearer {KEY}"}, f"{sandbox.url}/v1/customers"
    answer = requests.post(url, data=body, headers=headers, timeout=10)
    assert answer.status_code in (200, 400), answer.text
    assert requests.get(url, headers=headers, timeout=10).ok
