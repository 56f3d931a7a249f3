"""Credit notes, on what is owed and on what was paid."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop
from web.sandbox import Sandbox

pytestmark = pytest.mark.slow  # a stand-in's own ways: what the engine stands on is tried by its tests


def note(shop: Shop, invoice: str | None, **fields: Any) -> stripe.CreditNote:
    params: Any = {"invoice": invoice, **fields}
    return shop.v1.credit_notes.create(params)


def open_invoice(shop: Shop, cents: int = 2_000) -> stripe.Invoice:
    customer = shop.customer()
    shop.v1.invoice_items.create({"customer": customer.id, "pricing": {"price": shop.pack(cents).id}})
    made = shop.v1.invoices.create({"customer": customer.id, "pending_invoice_items_behavior": "include"})
    return shop.v1.invoices.finalize_invoice(made.id)


def paid_invoice(shop: Shop) -> stripe.Invoice:
    return shop.invoices(shop.subscribe(shop.plan(2_000)))[0]


def test_paid_money_goes_back_in_every_way_at_once(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    invoice = paid_invoice(shop)
    intent = shop.v1.invoice_payments.list({"invoice": invoice.id}).data[0].payment.payment_intent
    earlier = shop.v1.refunds.create({"payment_intent": str(intent), "amount": 300})
    assert sandbox.drain()
    before = len(listener.events)
    ways = {"refund_amount": 500, "credit_amount": 200, "out_of_band_amount": 100}
    line = {"type": "custom_line_item", "description": "Sorry", "quantity": 2, "unit_amount": 550}
    made = note(shop, invoice.id, **ways, refunds=[{"refund": earlier.id}], lines=[line], reason="order_change")
    assert (made.amount, made.post_payment_amount, made.pre_payment_amount) == (1_100, 1_100, 0)
    assert (made.type, made.out_of_band_amount, made.number) == ("post_payment", 100, f"{invoice.number}-CN-01")
    assert (made.refunds[0].refund, made.refunds[0].amount_refunded) == (earlier.id, 300)
    refund = shop.v1.refunds.retrieve(str(made.refunds[1].refund))
    assert (refund.amount, refund.payment_intent) == (500, intent)
    assert shop.v1.customers.retrieve(str(invoice.customer)).balance == -200
    assert shop.v1.invoices.retrieve(invoice.id).post_payment_credit_notes_amount == 1_100
    assert sandbox.drain()
    assert listener.types[before:] == [
        "refund.created",
        "charge.refunded",
        "customer.updated",
        "credit_note.created",
        "invoice.updated",
    ]
    with pytest.raises(stripe.InvalidRequestError, match="only void"):
        shop.v1.credit_notes.void_credit_note(made.id)


def test_less_is_owed(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    invoice = open_invoice(shop)
    first = note(shop, invoice.id, amount=500)
    assert (first.type, first.pre_payment_amount) == ("pre_payment", 500)
    owed = shop.v1.invoices.retrieve(invoice.id)
    assert (owed.amount_remaining, owed.amount_due, owed.total, owed.status) == (1_500, 1_500, 2_000, "open")
    assert shop.v1.credit_notes.void_credit_note(first.id).status == "void"
    assert shop.v1.invoices.retrieve(invoice.id).amount_remaining == 2_000
    line: Any = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id, "amount": 700}
    note(shop, invoice.id, lines=[line], metadata={"a": "b"})
    sandbox.pay_invoice(invoice.id, Sandbox.CARD)
    assert shop.v1.charges.list().data[0].amount == 1_300
    assert shop.v1.invoices.retrieve(invoice.id).amount_paid == 1_300
    assert len(shop.v1.credit_notes.list({"invoice": invoice.id}).data) == 2
    assert sandbox.drain()
    assert [kind for kind in listener.types if kind.startswith("credit_note")] == [
        "credit_note.created",
        "credit_note.voided",
        "credit_note.created",
    ]


def test_nothing_is_left_to_pay(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    invoice = open_invoice(shop)
    note(shop, invoice.id, amount=2_000)
    now = shop.v1.invoices.retrieve(invoice.id)
    assert (now.status, now.amount_paid, now.amount_due) == ("paid", 0, 0)
    assert sandbox.drain()
    assert listener.types[-3:] == ["invoice.paid", "invoice.payment_succeeded", "payment_intent.canceled"]


def test_refused(shop: Shop) -> None:
    invoice = paid_invoice(shop)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"amount": 2_001, "refund_amount": 2_001}, "greater than what is left"),
        ({"amount": 500}, "must equal the post payment amount"),
        ({"amount": 500, "refund_amount": 400}, "must equal the post payment amount"),
        ({"refund_amount": 500}, "one of `amount` or `lines`"),
        ({"amount": 500, "refunds": [{"refund": "re_no"}]}, "No such refund"),
        ({"lines": [{"type": "invoice_line_item", "invoice_line_item": "il_no"}]}, "No such invoice line item"),
    ]
    for fields, words in refused:
        with pytest.raises(stripe.InvalidRequestError, match=words):
            note(shop, invoice.id, **fields)
    assert shop.v1.credit_notes.list({"invoice": invoice.id}).data == []


def test_by_the_buttons_of_the_page(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """A credit note on a paid invoice's page, and what becomes of its subscription on the first page."""
    invoice = paid_invoice(shop)
    page = f"{sandbox.url}/_sandbox/invoices/{invoice.id}"
    assert 'max="2000"' in requests.get(page, timeout=10).text

    def press(path: str, **form: str) -> requests.Response:
        return requests.post(f"{sandbox.url}/_sandbox/{path}", data=form, timeout=10, allow_redirects=False)

    assert press("credit", invoice=str(invoice.id), amount="500").status_code == 303
    assert press("credit", invoice=str(invoice.id), amount="300", to="balance").status_code == 303
    text = requests.get(page, timeout=10).text
    assert "Credited since: $8.00" in text and 'max="1200"' in text
    assert press("credit", invoice=str(invoice.id), amount="1201").status_code == 400
    subscription = shop.v1.subscriptions.list().data[0].id
    for how, says in (
        ("pause", "Resume"),
        ("resume", "Pause"),
        ("end", "Keep"),
        ("keep", "Let it end"),
        ("cancel", "ended"),
    ):
        assert press("subscription", subscription=subscription, how=how).status_code == 303, how
        assert says in requests.get(f"{sandbox.url}/_sandbox/", timeout=10).text, how
    assert press("subscription", subscription=subscription, how="resume").status_code == 400
