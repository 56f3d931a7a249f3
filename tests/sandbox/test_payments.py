"""One-time payments: later, with tax, in any currency, without the buyer, in parts."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop
from tests.sandbox.test_credit_notes import open_invoice
from web.sandbox import Sandbox
from web.sandbox.errors import Refused

pytestmark = pytest.mark.slow  # a stand-in's own ways: what the engine stands on is tried by its tests

HOME = {"country": "DE", "postal_code": "10115", "city": "Berlin"}


def told(listener: Listener, sandbox: Sandbox, since: int = 0) -> list[str]:
    assert sandbox.drain()
    return listener.types[since:]


@pytest.mark.parametrize("fails", [False, True])
def test_paid_days_later(shop: Shop, sandbox: Sandbox, listener: Listener, fails: bool) -> None:
    session = shop.session(shop.pack())
    later = sandbox.pay_later(session.id, email="ann@example.com")
    assert (later["status"], later["payment_status"]) == ("complete", "unpaid")
    intent = shop.v1.payment_intents.retrieve(later["payment_intent"])
    assert (intent.status, intent.payment_method_types) == ("processing", ["us_bank_account"])
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        shop.v1.refunds.create({"payment_intent": intent.id})
    so_far = told(listener, sandbox)
    assert so_far[-4:] == [
        "payment_intent.created",
        "payment_intent.processing",
        "charge.pending",
        "checkout.session.completed",
    ]
    sandbox.arrive(session.id, fails=fails)
    now = shop.v1.checkout.sessions.retrieve(session.id)
    if fails:
        assert now.payment_status == "unpaid"
        ends = ["charge.failed", "payment_intent.payment_failed", "checkout.session.async_payment_failed"]
    else:
        assert now.payment_status == "paid"
        ends = ["charge.succeeded", "payment_intent.succeeded", "checkout.session.async_payment_succeeded"]
        assert shop.v1.refunds.create({"payment_intent": intent.id}).status == "pending"
    assert told(listener, sandbox, len(so_far))[:3] == ends
    with pytest.raises(Refused, match="is on its way"):
        sandbox.arrive(session.id)
    with pytest.raises(Refused, match="is complete"):
        sandbox.pay_later(session.id)


def test_later_with_an_invoice_and_on_the_page(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    session = shop.session(shop.pack(), customer=shop.customer().id, invoice_creation={"enabled": True})
    page = requests.get(str(session.url), timeout=10)
    assert "Pay later" in page.text
    requests.post(str(session.url), data={"later": "true"}, timeout=10, allow_redirects=False)
    unpaid = shop.v1.checkout.sessions.retrieve(session.id)
    invoice = shop.v1.invoices.retrieve(str(unpaid.invoice))
    assert (unpaid.payment_status, invoice.status) == ("unpaid", "open")
    said = requests.post(f"{sandbox.url}/_sandbox/arrive", json={"session": session.id}, timeout=10)
    assert said.json()["payment_status"] == "paid"
    assert shop.v1.invoices.retrieve(invoice.id).status == "paid"
    assert "invoice.paid" in told(listener, sandbox)
    only_card = shop.session(shop.pack(), allowed_payment_method_types=["card"])
    assert "Pay later" not in requests.get(str(only_card.url), timeout=10).text
    for refused in (only_card, shop.session(shop.plan())):
        with pytest.raises(Refused, match="cannot be paid later"):
            sandbox.pay_later(refused.id)


@pytest.mark.parametrize(("behavior", "total", "tax"), [("exclusive", 1_200, 200), ("inclusive", 1_000, 167)])
def test_tax_on_top_or_within(shop: Shop, sandbox: Sandbox, behavior: Any, total: int, tax: int) -> None:
    price = shop.v1.prices.create(
        {"currency": "usd", "unit_amount": 1_000, "product_data": {"name": "Small"}, "tax_behavior": behavior}
    )
    fields: Any = {"automatic_tax": {"enabled": True}, "invoice_creation": {"enabled": True}}
    session = shop.session(price, tax_id_collection={"enabled": True}, **fields)
    assert session.automatic_tax.status == "requires_location_inputs"
    assert (session.amount_total, session.total_details.amount_tax) == (1_000, 0)  # type: ignore[union-attr]
    paid = sandbox.pay(session.id, country="DE", tax_id="DE123456789")
    assert (paid["amount_subtotal"], paid["amount_total"], paid["total_details"]["amount_tax"]) == (1_000, total, tax)
    assert paid["automatic_tax"]["status"] == "complete"
    assert paid["customer_details"]["tax_ids"] == [{"type": "eu_vat", "value": "DE123456789"}]
    (line,) = shop.v1.checkout.sessions.line_items.list(session.id).data
    assert (line.amount_subtotal, line.amount_tax, line.amount_total) == (1_000, tax, total)
    invoice = shop.v1.invoices.retrieve(paid["invoice"])
    assert (invoice.total, invoice.amount_paid, invoice.total_excluding_tax) == (total, total, total - tax)
    assert (
        [one.amount for one in invoice.total_taxes or []]
        == [tax]
        == [one.amount for one in invoice.lines.data[0].taxes or []]
    )
    assert shop.v1.payment_intents.retrieve(paid["payment_intent"]).amount_received == total


def test_tax_wants_to_know_where_the_customer_is(shop: Shop, sandbox: Sandbox) -> None:
    nowhere, exempt = shop.customer(), shop.customer(address=HOME, tax_exempt="reverse")
    tax: Any = {"automatic_tax": {"enabled": True}}
    with pytest.raises(stripe.InvalidRequestError, match="requires a valid address on the Customer"):
        shop.session(shop.pack(), customer=nowhere.id, **tax)
    with pytest.raises(stripe.InvalidRequestError, match="set `customer_update"):
        shop.session(shop.pack(), customer=nowhere.id, tax_id_collection={"enabled": True})
    session = shop.session(shop.pack(), customer=nowhere.id, customer_update={"address": "auto"}, **tax)
    assert sandbox.pay(session.id, country="FR")["amount_total"] == 1_200
    now = shop.v1.customers.retrieve(nowhere.id)
    assert now.address is not None and now.address.country == "FR"
    free = shop.session(shop.pack(), customer=exempt.id, **tax)
    assert free.automatic_tax.status == "complete" and sandbox.pay(free.id)["amount_total"] == 1_000


def test_amounts_of_ones_own(shop: Shop, sandbox: Sandbox) -> None:
    amounts: list[tuple[str, int, str | None]] = [
        ("jpy", 500, None),
        ("jpy", 49, "at least ¥50"),
        ("kwd", 5_120, None),
        ("kwd", 5_124, "divisible by 10"),
        ("usd", 49, r"at least \$0.50"),
        ("gbp", 30, None),
        ("usd", 0, None),
    ]
    pack = shop.pack()
    for currency, amount, refused in amounts:
        data = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Credits"}}
        lines = [{"price_data": data, "quantity": 1}]
        if refused is None:
            paid = sandbox.pay(shop.session(pack, line_items=lines).id)
            assert (paid["amount_total"], paid["currency"]) == (amount, currency)
            assert paid["payment_status"] == ("paid" if amount else "no_payment_required")
            continue
        with pytest.raises(stripe.InvalidRequestError, match=refused):
            shop.session(pack, line_items=lines)
        with pytest.raises(stripe.InvalidRequestError, match=refused):
            shop.v1.payment_intents.create({"amount": amount, "currency": currency})


def intent(shop: Shop, card: str, **fields: Any) -> stripe.PaymentIntent:
    params: Any = {"amount": 1_500, "currency": "usd", "payment_method": card, "confirm": True, **fields}
    return shop.v1.payment_intents.create(params)


def test_without_the_buyer(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    customer = shop.customer()
    off: Any = {"off_session": True, "customer": customer.id}
    assert intent(shop, "pm_card_visa", **off).status == "succeeded"
    for card, code in (("authenticationRequired", "authentication_required"), ("chargeDeclined", "card_declined")):
        with pytest.raises(stripe.CardError) as refused:
            intent(shop, f"pm_card_{card}", **off)
        assert refused.value.code == code
    failed = shop.v1.payment_intents.list({"customer": customer.id}).data[0]
    assert failed.status == "requires_payment_method"
    assert shop.v1.payment_intents.update(failed.id, {"metadata": {"a": "b"}, "amount": 900}).amount == 900
    assert shop.v1.payment_intents.cancel(failed.id).status == "canceled"
    session = shop.session(shop.pack(), customer=customer.id, payment_intent_data={"setup_future_usage": "off_session"})
    sandbox.pay(session.id, card="4000002500003155")  # the buyer is there, and confirms it
    kept = shop.v1.payment_methods.list({"customer": customer.id}).data[0]
    assert intent(shop, kept.id, **off).status == "succeeded"
    assert told(listener, sandbox).count("payment_intent.payment_failed") == 2


@pytest.mark.parametrize("fails", [False, True])
def test_a_buyer_is_asked(shop: Shop, sandbox: Sandbox, listener: Listener, fails: bool) -> None:
    asked = intent(shop, "pm_card_authenticationRequired")
    assert asked.status == "requires_action" and asked.next_action is not None
    body = {"intent": asked.id, "fails": fails}
    said = requests.post(f"{sandbox.url}/_sandbox/authenticate", json=body, timeout=10).json()
    assert said["status"] == ("requires_payment_method" if fails else "succeeded")
    ends = "payment_failed" if fails else "succeeded"
    assert [kind for kind in told(listener, sandbox) if kind.startswith("payment_intent")] == [
        "payment_intent.created",
        "payment_intent.requires_action",
        f"payment_intent.{ends}",
    ]


def test_an_invoice_in_parts(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    invoice = open_invoice(shop, 2_000)
    body: Any = {"invoice": invoice.id, "amounts": [700]}
    assert requests.post(f"{sandbox.url}/_sandbox/parts", json=body, timeout=10).json()["amount_remaining"] == 1_300
    sandbox.dashboard.pay_in_parts(invoice.id, [300, 1_000])
    paid = shop.v1.invoices.retrieve(invoice.id)
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 2_000, 0)
    payments = shop.v1.invoice_payments.list({"invoice": invoice.id}).data
    assert sorted((one.amount_paid or 0, one.status, one.is_default) for one in payments) == [
        (0, "canceled", True),
        (300, "paid", False),
        (700, "paid", False),
        (1_000, "paid", False),
    ]
    one = next(one for one in payments if one.amount_paid == 700)
    by: Any = {"payment": {"type": "payment_intent", "payment_intent": one.payment.payment_intent}}
    assert [found.invoice for found in shop.v1.invoice_payments.list(by).data] == [invoice.id]
    assert shop.v1.refunds.create({"payment_intent": str(one.payment.payment_intent)}).amount == 700
    assert told(listener, sandbox).count("invoice.paid") == 1
    with pytest.raises(Refused, match="is paid"):
        sandbox.dashboard.pay_in_parts(invoice.id, [1])
    other = open_invoice(shop, 2_000)
    sandbox.dashboard.pay_in_parts(other.id, [500, 1_700])
    paid = shop.v1.invoices.retrieve(other.id)
    assert (paid.status, paid.amount_paid, paid.amount_overpaid) == ("paid", 2_000, 200)
    assert shop.v1.customers.retrieve(str(other.customer)).balance == -200
    assert told(listener, sandbox)[-1] == "invoice.overpaid"


@pytest.mark.parametrize("invoiced", [False, True])
@pytest.mark.parametrize(
    ("percent", "total", "tax", "status"), [(100, 0, 0, "no_payment_required"), (25, 900, 150, "paid")]
)
def test_a_code_takes_something_off_or_all(
    shop: Shop, sandbox: Sandbox, percent: int, total: int, tax: int, status: str, invoiced: bool
) -> None:
    coupon = shop.v1.coupons.create({"percent_off": percent, "duration": "once"})
    shop.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "THANKS"})
    fields: Any = {"allow_promotion_codes": True, "automatic_tax": {"enabled": True}}
    session = shop.session(
        shop.pack(), customer=shop.customer(address=HOME).id, **fields, invoice_creation={"enabled": invoiced}
    )
    sandbox.enter_code(session.id, "thanks")
    paid = sandbox.pay(session.id)
    assert (paid["amount_subtotal"], paid["amount_total"], paid["payment_status"]) == (1_000, total, status)
    off = 10 * percent
    assert paid["total_details"] == {"amount_discount": off, "amount_shipping": 0, "amount_tax": tax}
    assert (paid["payment_intent"] is None) == (total == 0)
    assert shop.v1.coupons.retrieve(coupon.id).times_redeemed == 1
    if invoiced:
        invoice = shop.v1.invoices.retrieve(paid["invoice"])
        taken = sum(one.amount for one in invoice.total_discount_amounts or [])
        assert (invoice.status, invoice.total, invoice.amount_paid, taken) == ("paid", total, total, off)
        assert sum(one.amount for one in invoice.total_taxes or []) == tax


def test_what_a_customer_has_does_not_pay_for_a_pack(shop: Shop, sandbox: Sandbox) -> None:
    """A balance is for invoices that come by themselves: Checkout takes the whole price."""
    customer = shop.customer(balance=-400)
    session = shop.session(shop.pack(), customer=customer.id, invoice_creation={"enabled": True})
    paid = sandbox.pay(session.id)
    assert shop.v1.payment_intents.retrieve(paid["payment_intent"]).amount_received == 1_000
    assert shop.v1.invoices.retrieve(paid["invoice"]).amount_paid == 1_000
    assert shop.v1.customers.retrieve(customer.id).balance == -400
