"""What the gateway answers to a handler's questions: our own values, from the real SDK."""

from __future__ import annotations

from typing import Any

import pytest

from billing.stripe import questions as ask
from billing.stripe.values import Customer, Dispute, Invoice, InvoicePayment, Refund, SeenSession, Subscription
from tests.buying.shop import Shop
from tests.listening.hearing import happened, subscribe

pytestmark = pytest.mark.database("sqlite")


def answer(shop: Shop, question: ask.Question) -> Any:
    assert shop.billing.gateway is not None
    return shop.billing.gateway.answer(question)


def test_what_a_subscriptions_payment_paid(shop: Shop) -> None:
    subscription = subscribe(shop)
    paid = happened(shop, "invoice.paid")["data"]["object"]["id"]
    invoice = answer(shop, ask.InvoiceById(paid))
    assert isinstance(invoice, Invoice) and invoice.subscription == subscription
    [payment] = answer(shop, ask.PaymentsOfInvoice(paid))
    assert isinstance(payment, InvoicePayment) and payment.invoice == paid and payment.status == "paid"
    assert answer(shop, ask.InvoiceOfPayment(payment.payment_intent)) == invoice
    charge = shop.stripe.v1.charges.list({"payment_intent": payment.payment_intent or ""}).data[0].id
    assert answer(shop, ask.InvoiceOfPayment(None, charge)) == invoice
    assert answer(shop, ask.PaidInvoices(subscription)) == (invoice,)
    told = answer(shop, ask.SubscriptionById(subscription))
    assert isinstance(told, Subscription) and told.latest_invoice == paid and told.items[0].period_start is not None
    customer = answer(shop, ask.CustomerById(told.customer or ""))
    assert isinstance(customer, Customer) and customer.metadata["billing_customer"] == "team"


@pytest.mark.slow
def test_what_went_back_of_a_purchase(shop: Shop) -> None:
    opened = shop.buy()
    shop.pay(opened.session)
    seen = answer(shop, ask.SessionById(opened.session))
    assert isinstance(seen, SeenSession) and seen.paid_at is not None and seen.session.lines is not None
    intent = seen.session.payment_intent or ""
    assert answer(shop, ask.SessionOfPayment(intent)) == seen
    assert answer(shop, ask.InvoiceOfPayment(intent)) is None
    for cents, status in ((300, "succeeded"), (200, "pending")):
        shop.sandbox.dashboard.refund(intent, cents, status=status)
    refunds = answer(shop, ask.RefundsOfPayment(intent))
    assert all(isinstance(one, Refund) for one in refunds)
    assert sorted((one.amount_cents, one.status) for one in refunds) == [(200, "pending"), (300, "succeeded")]
    assert answer(shop, ask.RefundsOfPayment(None, refunds[0].charge)) == refunds
    shop.sandbox.dashboard.dispute(intent)
    [dispute] = answer(shop, ask.DisputesOfPayment(intent))
    assert isinstance(dispute, Dispute) and dispute.withdrawn_cents == dispute.amount_cents > 0


@pytest.mark.slow
def test_more_lines_than_a_page_are_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(shop)
    monkeypatch.setattr("billing.stripe.answering.PAGE", 2)
    customer = shop.customers()[0]
    for cents in range(1, 24):
        shop.stripe.v1.invoice_items.create({"customer": customer, "amount": 100 + cents, "currency": "usd"})
    made = shop.stripe.v1.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    assert shop.stripe.v1.invoices.retrieve(made.id).lines.has_more
    found = answer(shop, ask.InvoiceById(made.id))
    assert len({line.id for line in found.lines}) == 23 and not found.has_more


GONE: list[tuple[ask.Question, object]] = [
    (ask.InvoiceById("in_gone"), None),
    (ask.InvoiceOfPayment("pi_gone"), None),
    (ask.InvoiceOfPayment(None, "ch_gone"), None),
    (ask.InvoiceOfPayment(None), None),
    (ask.PaymentsOfInvoice("in_gone"), ()),
    (ask.PaidInvoices("sub_gone"), ()),
    (ask.RefundsOfPayment("pi_gone"), ()),
    (ask.DisputesOfPayment(None, "ch_gone"), ()),
    (ask.SessionOfPayment("pi_gone"), None),
    (ask.SessionById("cs_gone"), None),
    (ask.SubscriptionById("sub_gone"), None),
    (ask.CustomerById("cus_gone"), None),
    (ask.ObjectById("invoice", "in_gone"), None),
    (ask.InvoiceById("../customers"), None),
    (ask.InvoiceById("in_1?expand[]=customer"), None),
    (ask.PaymentsOfInvoice("in_1&limit=1"), ()),
    (ask.PaidInvoices("sub/1"), ()),
    (ask.RefundsOfPayment("pi_é"), ()),
    (ask.SessionOfPayment("pi 1"), None),
]


@pytest.mark.slow
def test_what_is_not_there(shop: Shop, watch: Any) -> None:
    watch.lets_bad_requests_through = True
    for question, nothing in GONE:
        assert answer(shop, question) == nothing, question
    asked = [path for _, path, _ in watch.asked]
    assert not [path for path in asked if ".." in path or "?" in path or "&" in path]


@pytest.mark.slow
def test_a_deleted_customer_is_told_as_deleted(shop: Shop) -> None:
    subscribe(shop)
    id = shop.customers()[0]
    shop.stripe.v1.customers.delete(id)
    assert answer(shop, ask.CustomerById(id)).deleted
