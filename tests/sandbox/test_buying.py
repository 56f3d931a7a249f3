"""A buyer and a merchant: Checkout, through Stripe's own package."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import DECLINED, Shop
from web.sandbox import Sandbox
from web.sandbox.errors import Refused

PAID_BY_CARD = ["invoice_payment.paid", "charge.succeeded", "payment_intent.succeeded", "invoice.updated"]
INVOICED = ["payment_intent.created", "invoice.updated", "invoice.finalized", *PAID_BY_CARD]
PAID = ["invoice.paid", "invoice.payment_succeeded"]


def test_a_pack(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    customer = shop.customer(metadata={"team": "42"})
    session = shop.session(
        shop.pack(),
        customer=customer.id,
        client_reference_id="team_42",
        metadata={"topup": "top_1"},
        payment_intent_data={"metadata": {"topup": "top_1"}},
    )
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert session.url is not None and session.url.startswith(sandbox.url)
    sandbox.drain()
    listener.events.clear()
    paid = sandbox.pay(session.id)
    # The buyer goes back when those who listen have been told.
    assert listener.types == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    assert paid["url"] is None
    session = shop.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items", "payment_intent.latest_charge"]})
    assert (session.status, session.payment_status, session.amount_total) == ("complete", "paid", 1_000)
    assert (
        session.client_reference_id == "team_42"
        and session.metadata is not None
        and session.metadata["topup"] == "top_1"
    )
    assert session.line_items is not None and session.line_items.data[0].amount_total == 1_000
    intent: Any = session.payment_intent
    assert (intent.status, intent.amount_received, intent.customer) == ("succeeded", 1_000, customer.id)
    assert intent.metadata is not None and intent.metadata["topup"] == "top_1" and intent.latest_charge.paid
    told: Any = listener.events[-1].data.object
    assert told.id == session.id and told.metadata["topup"] == "top_1"


def test_a_pack_with_a_price_made_for_it_and_a_buyer_without_a_name(shop: Shop, sandbox: Sandbox) -> None:
    price: Any = {"currency": "jpy", "unit_amount": 500, "product_data": {"name": "Once"}}
    session = shop.session(shop.pack(), line_items=[{"price_data": price, "quantity": 3}])
    paid = sandbox.pay(session.id, email="ann@example.com")
    assert (paid["amount_total"], paid["currency"], paid["customer"]) == (1_500, "jpy", None)
    assert paid["customer_details"]["email"] == "ann@example.com"


def test_a_pack_with_an_invoice(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    price = shop.pack()
    invoice_creation = {"enabled": True, "invoice_data": {"metadata": {"topup": "top_1"}}}
    session = shop.session(price, customer=shop.customer().id, invoice_creation=invoice_creation)
    paid = sandbox.pay(session.id)
    invoice = shop.v1.invoices.retrieve(paid["invoice"], {"expand": ["payments"]})
    assert (invoice.billing_reason, invoice.status, invoice.amount_paid) == ("manual", "paid", 1_000)
    assert invoice.parent is None and invoice.metadata is not None and invoice.metadata["topup"] == "top_1"
    line: Any = invoice.lines.data[0]
    assert line.pricing.price_details.price == price.id and line.parent.type == "invoice_item_details"
    assert invoice.payments is not None
    assert invoice.payments.data[0].payment.payment_intent == paid["payment_intent"]
    assert listener.types[-3:] == [*PAID, "checkout.session.completed"]


def test_a_subscription(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    price, customer = shop.plan(), shop.customer()
    data = {"metadata": {"customer": "team_42"}}
    session = shop.session(price, customer=customer.id, client_reference_id="team_42", subscription_data=data)
    assert (session.subscription, session.invoice) == (None, None)  # since basil it is made when it is paid
    sandbox.drain()
    listener.events.clear()
    paid = sandbox.pay(session.id)
    assert listener.types == [
        "payment_method.attached",
        "invoice.created",
        "customer.updated",
        *INVOICED,
        *PAID,
        "customer.subscription.created",
        "checkout.session.completed",
    ]
    subscription = shop.v1.subscriptions.retrieve(paid["subscription"], {"expand": ["latest_invoice"]})
    assert (subscription.status, subscription.customer) == ("active", customer.id)
    assert subscription.metadata["customer"] == "team_42"
    item, invoice = subscription.items.data[0], subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.id, invoice.billing_reason, invoice.status) == (paid["invoice"], "subscription_create", "paid")
    assert invoice.parent is not None and invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert invoice.parent.subscription_details.metadata is not None
    assert invoice.parent.subscription_details.metadata["customer"] == "team_42"
    line: Any = invoice.lines.data[0]
    assert line.pricing.price_details.price == price.id
    assert line.parent.subscription_item_details.subscription_item == item.id
    assert (line.period.start, line.period.end) == (item.current_period_start, item.current_period_end)
    # Not in events, only when it is asked for.
    told = next(event for event in listener.events if event.type == "invoice.paid")
    assert "payments" not in told.data.object


def test_what_was_paid_for_what_can_be_found(shop: Shop, sandbox: Sandbox) -> None:
    subscription = shop.subscribe()
    (invoice,) = shop.invoices(subscription)
    (payment,) = shop.v1.invoice_payments.list({"invoice": invoice.id}).data
    intent = payment.payment.payment_intent
    assert isinstance(intent, str)
    by_intent = shop.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent}})
    assert [one.invoice for one in by_intent.data] == [invoice.id]
    (charge,) = shop.v1.charges.list({"payment_intent": intent}).data
    assert shop.v1.charges.retrieve(charge.id, {"expand": ["customer"]}).amount == 2_000


def test_a_declined_card_leaves_the_offer_open(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    session = shop.session(shop.pack(), customer=shop.customer().id)
    sandbox.drain()
    listener.events.clear()
    assert sandbox.pay(session.id, card=DECLINED)["status"] == "open"
    sandbox.drain()
    assert listener.types == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    assert sandbox.pay(session.id)["payment_status"] == "paid"
    (intent,) = shop.v1.payment_intents.list().data  # one intent, two attempts
    assert [charge.status for charge in shop.v1.charges.list({"payment_intent": intent.id}).data] == [
        "succeeded",
        "failed",
    ]


def test_a_declined_subscription_is_none(shop: Shop, sandbox: Sandbox) -> None:
    session = shop.session(shop.plan())
    assert sandbox.pay(session.id, card=DECLINED)["subscription"] is None
    assert shop.v1.subscriptions.list({"status": "all"}).data == []
    assert shop.v1.customers.list().data == []
    assert sandbox.pay(session.id)["subscription"] is not None


def test_it_is_paid_once(shop: Shop, sandbox: Sandbox) -> None:
    session = shop.session(shop.pack())
    sandbox.pay(session.id)
    with pytest.raises(Refused, match="complete"):
        sandbox.pay(session.id)
    assert len(shop.v1.charges.list().data) == 1


def test_an_offer_is_taken_back(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    session = shop.session(shop.pack())
    assert shop.v1.checkout.sessions.expire(session.id).status == "expired"
    sandbox.drain()
    assert listener.types[-1] == "checkout.session.expired"
    with pytest.raises(Refused, match="expired"):
        sandbox.pay(session.id)
    with pytest.raises(stripe.InvalidRequestError, match="open"):
        shop.v1.checkout.sessions.expire(session.id)
    assert [one.id for one in shop.v1.checkout.sessions.list({"status": "expired"}).data] == [session.id]


def test_a_card_on_file_is_charged_without_the_buyer(shop: Shop, sandbox: Sandbox) -> None:
    session = shop.session(
        shop.pack(), customer=shop.customer().id, payment_intent_data={"setup_future_usage": "off_session"}
    )
    customer = sandbox.pay(session.id)["customer"]
    (method,) = shop.v1.customers.payment_methods.list(customer).data
    charged: Any = {
        "amount": 700,
        "currency": "usd",
        "customer": customer,
        "payment_method": method.id,
        "off_session": True,
        "confirm": True,
    }
    assert shop.v1.payment_intents.create(charged).status == "succeeded"
    sandbox.decline(customer, declines=True)
    with pytest.raises(stripe.CardError) as declined:
        shop.v1.payment_intents.create(charged)
    assert (declined.value.code, declined.value.http_status) == ("card_declined", 402)
    failed = shop.v1.payment_intents.list({"customer": customer}).data[0]
    assert failed.status == "requires_payment_method" and failed.last_payment_error is not None
    assert failed.last_payment_error.decline_code == "generic_decline"


def test_bank_transfer(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """Paid out of band: `invoice.payment_succeeded` is not sent, and the intent is cancelled."""
    customer, price = shop.customer(), shop.pack()
    shop.v1.invoice_items.create({"customer": customer.id, "pricing": {"price": price.id}, "quantity": 2})
    invoice = shop.v1.invoices.create({"customer": customer.id, "pending_invoice_items_behavior": "include"})
    shop.v1.invoices.finalize_invoice(invoice.id)
    listener.events.clear()
    paid = shop.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    assert (paid.status, paid.amount_paid, paid.attempted, paid.attempt_count) == ("paid", 2_000, False, 0)
    sandbox.drain()
    assert [one for one in listener.types if one.startswith(("invoice.p", "payment_intent.c"))][-2:] == [
        "invoice.paid",
        "payment_intent.canceled",
    ]


def test_an_api_subscription_without_a_paying_card(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    price = shop.plan()
    poor = shop.customer()
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        shop.v1.subscriptions.create({"customer": poor.id, "items": [{"price": price.id}]})
    failing: Any = {"payment_method": "pm_card_chargeCustomerFail"}
    failing["invoice_settings"] = {"default_payment_method": "pm_card_chargeCustomerFail"}
    customer = shop.customer(**failing)
    subscription = shop.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
    assert subscription.status == "incomplete"
    sandbox.drain()
    assert listener.types[-2:] == ["invoice.payment_failed", "customer.subscription.created"]
    with pytest.raises(stripe.CardError):
        shop.v1.subscriptions.create(
            {"customer": customer.id, "items": [{"price": price.id}], "payment_behavior": "error_if_incomplete"}
        )
    assert len(shop.v1.subscriptions.list({"status": "all"}).data) == 1
    method = shop.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    shop.v1.invoices.pay(str(subscription.latest_invoice), {"payment_method": method.id})
    assert shop.again(subscription).status == "active"
