"""Subscriptions that change while they run: prices, quantities, intervals, and what Stripe bills for it."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop, at, seconds, shown
from web.sandbox import Sandbox

START, MIDDLE, END = "2027-04-01 00:00", "2027-04-11 00:00", "2027-05-01 00:00"


def lines(invoice: stripe.Invoice) -> list[tuple[int, bool, str, str]]:
    """Amount, proration, and the period of each line."""
    found = []
    for line in invoice.lines.data:
        parent: Any = line.parent
        details = parent.subscription_item_details or parent.invoice_item_details
        found.append((line.amount, details.proration, shown(line.period.start), shown(line.period.end)))
    return found


def test_an_upgrade_is_billed_at_the_renewal(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """Two items wait for it: what of the old price is not used, and what is left of the new one."""
    sandbox.start_at(at(START))
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.advance(at(MIDDLE))
    listener.events.clear()
    item, dearer = subscription.items.data[0], shop.plan(2_000)
    changed = shop.v1.subscriptions.update(subscription.id, {"items": [{"id": item.id, "price": dearer.id}]})
    assert changed.items.data[0].id == item.id and changed.items.data[0].price.id == dearer.id
    sandbox.drain()
    assert listener.types[-3:] == ["invoiceitem.created", "invoiceitem.created", "customer.subscription.updated"]
    previous: Any = listener.events[-1].data.previous_attributes
    assert set(previous.to_dict()) == {"items"}
    waiting = shop.v1.invoice_items.list({"customer": str(subscription.customer), "pending": True}).data[::-1]
    assert [(one.amount, one.proration) for one in waiting] == [(-667, True), (1_333, True)]
    assert len(shop.invoices(subscription)) == 1
    sandbox.advance(at("2027-05-01 02:00"))
    first, renewal = shop.invoices(subscription)
    assert renewal.billing_reason == "subscription_cycle" and renewal.amount_paid == 2_666
    assert lines(renewal) == [
        (-667, True, MIDDLE, END),
        (1_333, True, MIDDLE, END),
        (2_000, False, END, "2027-06-01 00:00"),
    ]
    credit: Any = renewal.lines.data[0]
    details = credit.parent.subscription_item_details
    assert (details.invoice_item, details.subscription_item) == (waiting[0].id, item.id)
    assert details.proration_details.credited_items.to_dict() == {
        "invoice": first.id,
        "invoice_line_items": [first.lines.data[0].id],
    }
    assert credit.description == "Unused time on Pro after 11 Apr 2027"


def test_always_invoice_bills_it_at_once(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at(START))
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.advance(at(MIDDLE))
    listener.events.clear()
    item = subscription.items.data[0]
    changed = shop.v1.subscriptions.update(
        subscription.id,
        {"items": [{"id": item.id, "quantity": 3}], "proration_behavior": "always_invoice"},
    )
    sandbox.drain()
    assert listener.types == [
        "invoiceitem.created",
        "invoiceitem.created",
        "invoice.created",
        "customer.subscription.updated",
        "payment_intent.created",
        "invoice.updated",
        "invoice.finalized",
        "invoice_payment.paid",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    invoice = shop.v1.invoices.retrieve(str(changed.latest_invoice))
    assert (invoice.billing_reason, invoice.amount_paid) == ("subscription_update", 1_333)
    assert (shown(invoice.period_start), shown(invoice.period_end)) == (START, MIDDLE)
    assert [line.quantity for line in invoice.lines.data] == [1, 3]
    # A second change gives back what the first one billed.
    sandbox.advance(at("2027-04-21 00:00"))
    shop.v1.subscription_items.update(item.id, {"quantity": 2, "proration_behavior": "always_invoice"})
    third = shop.invoices(subscription)[-1]
    assert lines(third) == [(-1_000, True, "2027-04-21 00:00", END), (667, True, "2027-04-21 00:00", END)]
    details: Any = third.lines.data[0].parent
    assert details.subscription_item_details.proration_details.credited_items.invoice == invoice.id
    # Less than nothing is due: it waits in the customer's balance, and pays for the renewal.
    assert (third.status, third.amount_due, third.total, third.ending_balance) == ("paid", 0, -333, -333)
    assert shop.v1.customers.retrieve(str(subscription.customer)).balance == -333
    sandbox.advance(at("2027-05-01 02:00"))
    renewal = shop.invoices(subscription)[-1]
    assert (renewal.total, renewal.starting_balance, renewal.amount_paid) == (2_000, -333, 1_667)
    assert shop.v1.customers.retrieve(str(subscription.customer)).balance == 0


def test_without_prorations_nothing_is_billed_for_it(shop: Shop, sandbox: Sandbox) -> None:
    """What is given back later is what was paid, not what it costs by then."""
    sandbox.start_at(at(START))
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.advance(at(MIDDLE))
    item = subscription.items.data[0].id
    shop.v1.subscription_items.update(item, {"price": shop.plan(3_000).id, "proration_behavior": "none"})
    sandbox.advance(at("2027-04-16 00:00"))
    assert shop.v1.invoice_items.list({"pending": True}).data == []
    shop.v1.subscription_items.update(item, {"price": shop.plan(2_000).id})
    waiting = shop.v1.invoice_items.list({"pending": True}).data[::-1]
    assert [one.amount for one in waiting] == [-500, 1_000]


def test_a_date_of_one_s_own(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.start_at(at(START))
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.advance(at(MIDDLE))
    items: Any = [{"id": subscription.items.data[0].id, "quantity": 2}]
    day = seconds("2027-04-16 00:00")
    shop.v1.subscriptions.update(subscription.id, {"items": items, "proration_date": day})
    assert [one.amount for one in shop.v1.invoice_items.list().data[::-1]] == [-500, 1_000]
    items[0]["quantity"] = 3
    with pytest.raises(stripe.InvalidRequestError, match="within the current period"):
        shop.v1.subscriptions.update(subscription.id, {"items": items, "proration_date": seconds(START) - 1})


@pytest.mark.parametrize("anchor", ["unchanged", "now", "classic"])
def test_from_monthly_to_yearly(shop: Shop, sandbox: Sandbox, anchor: str) -> None:
    """On its old anchor the rest of the year is a proration; on a new one it is a year, and no proration."""
    sandbox.start_at(at(START))
    customer = shop.customer(payment_method="pm_card_visa", invoice_settings={"default_payment_method": "pm_card_visa"})
    mode: Any = {"billing_mode": {"type": "classic"}} if anchor == "classic" else {}
    wanted: Any = {"customer": customer.id, "items": [{"price": shop.plan(1_000).id}], **mode}
    subscription = shop.v1.subscriptions.create(wanted)
    sandbox.advance(at(MIDDLE))
    how: Any = {"billing_cycle_anchor": {"type": "now"}} if anchor == "now" else {}
    how["items"] = [{"id": subscription.items.data[0].id, "price": shop.plan(10_000, "year").id}]
    how["proration_behavior"] = "always_invoice"
    changed = shop.v1.subscriptions.update(subscription.id, how)
    invoice = shop.v1.invoices.retrieve(str(changed.latest_invoice))
    now = changed.items.data[0]
    if anchor == "unchanged":
        assert lines(invoice) == [(-667, True, MIDDLE, END), (9_727, True, MIDDLE, "2028-04-01 00:00")]
        assert (shown(now.current_period_start), shown(now.current_period_end)) == (START, "2028-04-01 00:00")
    else:
        assert lines(invoice) == [(-667, True, MIDDLE, END), (10_000, False, MIDDLE, "2028-04-11 00:00")]
        assert shown(changed.billing_cycle_anchor) == MIDDLE
    assert invoice.status == "paid" and invoice.amount_paid == invoice.total
    sandbox.advance(at("2028-04-12 00:00"))
    renewal = shop.invoices(subscription)[-1]
    assert (len(shop.invoices(subscription)), renewal.amount_paid) == (3, 10_000)


def test_an_item_more_and_an_item_less(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.start_at(at(START))
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.advance(at(MIDDLE))
    extra = shop.plan(300)
    added = shop.v1.subscription_items.create({"subscription": subscription.id, "price": extra.id, "quantity": 2})
    assert [one.id for one in shop.v1.subscription_items.list({"subscription": subscription.id}).data][-1] == added.id
    assert shop.v1.subscription_items.retrieve(added.id).quantity == 2
    sandbox.advance(at("2027-05-01 02:00"))
    assert [line.amount for line in shop.invoices(subscription)[-1].lines.data] == [400, 1_000, 600]
    sandbox.advance(at("2027-05-16 12:00"))
    shop.v1.subscriptions.update(
        subscription.id,
        {"items": [{"id": added.id, "deleted": True}], "proration_behavior": "always_invoice"},
    )
    last = shop.invoices(subscription)[-1]
    assert [(line.amount, line.quantity) for line in last.lines.data] == [(-300, 2)]
    with pytest.raises(stripe.InvalidRequestError, match="at least one"):
        shop.v1.subscription_items.delete(subscription.items.data[0].id)


def test_a_first_part_of_a_period(shop: Shop, sandbox: Sandbox) -> None:
    """Until the anchor a part of the price, as a proration; or nothing."""
    sandbox.start_at(at("2027-04-20 18:00"))
    card: Any = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    customer, price = shop.customer(**card), shop.plan(1_000)
    wanted: Any = {"customer": customer.id, "items": [{"price": price.id}], "billing_cycle_anchor": seconds(END)}
    subscription = shop.v1.subscriptions.create(wanted)
    (invoice,) = shop.invoices(subscription)
    assert lines(invoice) == [(342, True, "2027-04-20 18:00", END)]
    wanted["proration_behavior"] = "none"
    free = shop.v1.subscriptions.create(wanted)
    assert (free.status, free.latest_invoice) == ("active", None)
    sandbox.advance(at("2027-04-26 00:00"))
    change: Any = {
        "items": [{"id": subscription.items.data[0].id, "quantity": 2}],
        "proration_behavior": "always_invoice",
    }
    shop.v1.subscriptions.update(subscription.id, change)
    assert [line.amount for line in shop.invoices(subscription)[-1].lines.data] == [-167, 333]  # 5 of 30 days
    change["items"][0]["quantity"] = 1
    shop.v1.subscriptions.update(subscription.id, change | {"proration_behavior": "none"})
    sandbox.advance(at("2027-05-01 02:00"))
    for one in (subscription, free):
        assert lines(shop.invoices(one)[-1]) == [(1_000, False, END, "2027-06-01 00:00")]


def test_from_classic_to_flexible(shop: Shop) -> None:
    card: Any = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    wanted: Any = {"customer": shop.customer(**card).id, "items": [{"price": shop.plan().id}]}
    classic = shop.v1.subscriptions.create(wanted | {"billing_mode": {"type": "classic"}})
    assert classic.billing_mode.type == "classic"
    moved = shop.v1.subscriptions.migrate(classic.id, {"billing_mode": {"type": "flexible"}})
    assert moved.billing_mode.type == "flexible"
    leaving = shop.v1.subscriptions.update(classic.id, {"cancel_at": "min_period_end"})
    assert leaving.cancel_at == leaving.items.data[0].current_period_end
    assert shop.v1.subscriptions.update(classic.id, {"cancel_at": ""}).cancel_at is None
