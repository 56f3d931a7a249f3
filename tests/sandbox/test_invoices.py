"""Invoices by hand and by themselves: voided, given up, sent, previewed, of many lines, of too little."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop, at, shown
from web.sandbox import Sandbox

pytestmark = pytest.mark.slow  # a stand-in's own ways: what the engine stands on is tried by its tests

CARD: Any = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}


def invoice(shop: Shop, customer: str, *cents: int, **fields: Any) -> stripe.Invoice:
    for amount in cents:
        shop.v1.invoice_items.create({"customer": customer, "amount": amount, "currency": "usd"})
    params: Any = {"customer": customer, "pending_invoice_items_behavior": "include", **fields}
    return shop.v1.invoices.create(params)


def test_voided_and_given_up(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    customer = shop.customer(**CARD).id
    void = shop.v1.invoices.finalize_invoice(invoice(shop, customer, 700).id)
    assert shop.v1.invoices.void_invoice(void.id).status == "void"
    given_up = shop.v1.invoices.finalize_invoice(invoice(shop, customer, 800).id)
    assert shop.v1.invoices.mark_uncollectible(given_up.id).status == "uncollectible"
    sandbox.drain()
    assert listener.types[-2:] == ["invoice.updated", "invoice.marked_uncollectible"]
    assert shop.v1.invoices.pay(given_up.id).status == "paid"  # it still can be
    with pytest.raises(stripe.InvalidRequestError, match="void"):
        shop.v1.invoices.pay(void.id)
    with pytest.raises(stripe.InvalidRequestError, match="paid"):
        shop.v1.invoices.void_invoice(given_up.id)
    assert [one.id for one in shop.v1.invoices.list({"status": "paid", "customer": customer}).data] == [given_up.id]


def test_one_that_is_sent(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """Nobody's card is charged for it; it is paid on its page, or out of band."""
    sandbox.start_at(at("2027-01-01 00:00"))
    customer = shop.customer(**CARD).id
    sent = invoice(shop, customer, 9_000, collection_method="send_invoice", days_until_due=30, auto_advance=True)
    assert shown(sent.due_date or 0) == "2027-01-31 00:00"
    sandbox.advance(at("2027-01-05 00:00"))
    assert shop.v1.invoices.retrieve(sent.id).status == "open" and listener.types[-1] == "invoice.sent"
    assert sandbox.pay_invoice(sent.id, "4242424242424242") is None
    assert shop.v1.invoices.retrieve(sent.id).status == "paid"
    by_hand = invoice(shop, customer, 100, collection_method="send_invoice", days_until_due=30)
    assert shop.v1.invoices.send_invoice(by_hand.id).status == "open"


def test_many_lines(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    customer = shop.customer(**CARD).id
    made = shop.v1.invoices.pay(invoice(shop, customer, *range(100, 112)).id)
    sandbox.drain()
    told: Any = next(event for event in listener.events if event.type == "invoice.paid").data.object
    assert (len(told.lines.data), told.lines.has_more, told.lines.total_count) == (10, True, 12)
    lines = list(shop.v1.invoices.line_items.list(made.id, {"limit": 5}).auto_paging_iter())
    assert [line.amount for line in lines] == list(range(100, 112))


def test_a_draft_changes_and_goes(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    customer = shop.customer(**CARD).id
    draft = invoice(shop, customer, 300)
    assert shop.v1.invoices.update(draft.id, {"description": "Once", "metadata": {"a": "b"}}).description == "Once"
    assert shop.v1.invoices.delete(draft.id).deleted
    (item,) = shop.v1.invoice_items.list({"customer": customer, "pending": True}).data
    assert shop.v1.invoice_items.update(item.id, {"amount": 400}).amount == 400
    assert shop.v1.invoice_items.retrieve(item.id).net_amount == 400
    assert shop.v1.invoice_items.delete(item.id).deleted
    sandbox.drain()
    assert listener.types[-2:] == ["invoice.deleted", "invoiceitem.deleted"]
    coupon = shop.v1.coupons.create({"percent_off": 50})
    half = invoice(shop, customer, 1_000, discounts=[{"coupon": coupon.id}])
    assert (half.subtotal, half.total) == (1_000, 500)


def test_too_little_to_be_charged(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """It is paid with nothing, and owed on the next one."""
    customer = shop.customer(**CARD).id
    small = shop.v1.invoices.pay(invoice(shop, customer, 30).id)
    assert (small.status, small.total, small.amount_due, small.amount_paid) == ("paid", 30, 0, 0)
    assert (small.starting_balance, small.ending_balance) == (0, 30)
    sandbox.drain()
    assert "invoice.paid" in listener.types and "charge.succeeded" not in listener.types
    following = shop.v1.invoices.pay(invoice(shop, customer, 70).id)
    assert (following.total, following.amount_paid, following.ending_balance) == (70, 100, 0)
    assert shop.v1.customers.retrieve(customer).balance == 0


def test_a_balance_pays(shop: Shop, sandbox: Sandbox) -> None:
    customer = shop.customer(**CARD, balance=-1_000).id
    paid = shop.v1.invoices.pay(invoice(shop, customer, 600).id)
    assert (paid.amount_due, paid.starting_balance, paid.ending_balance) == (0, -1_000, -400)
    void = shop.v1.invoices.finalize_invoice(invoice(shop, customer, 900).id)
    assert (void.amount_due, shop.v1.customers.retrieve(customer).balance) == (500, 0)
    shop.v1.invoices.void_invoice(void.id)
    assert shop.v1.customers.retrieve(customer).balance == -400


def test_a_preview(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """What it would be; nothing has happened."""
    sandbox.start_at(at("2027-04-01 00:00"))
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.advance(at("2027-04-11 00:00"))
    listener.events.clear()
    renewal = shop.v1.invoices.create_preview({"subscription": subscription.id})
    assert (renewal.billing_reason, renewal.amount_due) == ("upcoming", 1_000)
    assert shown(renewal.lines.data[0].period.start) == "2027-05-01 00:00"
    items: Any = [{"id": subscription.items.data[0].id, "price": shop.plan(2_000).id}]
    for behavior, amounts in (("create_prorations", [-667, 1_333, 2_000]), ("always_invoice", [-667, 1_333])):
        details: Any = {"items": items, "proration_behavior": behavior}
        wanted = shop.v1.invoices.create_preview({"subscription": subscription.id, "subscription_details": details})
        assert [line.amount for line in wanted.lines.data] == amounts
    leaving = shop.v1.invoices.create_preview(
        {"subscription": subscription.id, "subscription_details": {"cancel_now": True}}
    )
    assert leaving.total == -667
    new = shop.v1.invoices.create_preview(
        {"customer": str(subscription.customer), "subscription_details": {"items": [{"price": shop.plan(500).id}]}}
    )
    assert new.amount_due == 500
    sandbox.drain()
    assert {event.type for event in listener.events} == {"product.created", "price.created"}
    assert shop.v1.invoice_items.list().data == [] and len(shop.v1.invoices.list().data) == 1


def test_tiers(shop: Shop, sandbox: Sandbox) -> None:
    """Several lines for one item and one period."""
    tiers: Any = [
        {"up_to": 5, "unit_amount": 500},
        {"up_to": 10, "unit_amount": 400, "flat_amount": 1_000},
        {"up_to": "inf", "unit_amount": 300},
    ]
    given: Any = {"currency": "usd", "recurring": {"interval": "month"}, "product_data": {"name": "Seats"}}
    given |= {"billing_scheme": "tiered", "tiers": tiers}
    graduated = shop.v1.prices.create(given | {"tiers_mode": "graduated", "expand": ["tiers"]})
    assert graduated.unit_amount is None and [tier.up_to for tier in graduated.tiers or []] == [5, 10, None]
    volume = shop.v1.prices.create(given | {"tiers_mode": "volume"})
    assert "tiers" not in volume
    found = []
    for price in (graduated, volume):
        session = shop.session(price, customer=shop.customer().id, line_items=[{"price": price.id, "quantity": 12}])
        paid = shop.v1.invoices.retrieve(sandbox.pay(session.id)["invoice"])
        found.append([(line.quantity, line.amount) for line in paid.lines.data])
        assert len({(line.period.start, line.period.end) for line in paid.lines.data}) == 1
    assert found == [[(5, 2_500), (5, 2_000), (0, 1_000), (2, 600)], [(12, 3_600)]]
