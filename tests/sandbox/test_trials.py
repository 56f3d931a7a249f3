"""Trials: nothing for a while, then the first period that costs something."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop, at, seconds, shown
from web.sandbox import Sandbox

CARD: Any = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}


def test_a_trial_through_checkout(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    session = shop.session(
        shop.plan(), customer=shop.customer().id, subscription_data={"trial_period_days": 14, "metadata": {"a": "b"}}
    )
    assert session.amount_total == 0
    paid = sandbox.pay(session.id)
    assert paid["payment_status"] == "no_payment_required"
    assert [one for one in listener.types if one.startswith(("invoice.p", "customer.subscription"))] == [
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.created",
    ]
    subscription = shop.v1.subscriptions.retrieve(paid["subscription"])
    trial = (subscription.trial_start or 0, subscription.trial_end or 0)
    assert (subscription.status, *map(shown, trial)) == ("trialing", "2027-01-01 00:00", "2027-01-15 00:00")
    assert subscription.billing_cycle_anchor == trial[1]
    (first,) = shop.invoices(subscription)
    assert (first.billing_reason, first.status, first.amount_paid) == ("subscription_create", "paid", 0)
    line = first.lines.data[0]
    assert (line.amount, line.description, line.period.start, line.period.end) == (0, "Trial period for Pro", *trial)
    listener.events.clear()
    sandbox.advance(at("2027-01-14 23:00"))
    assert [(event.type, shown(event.created)) for event in listener.events] == [
        ("customer.subscription.trial_will_end", "2027-01-12 00:00")
    ]
    sandbox.advance(at("2027-01-15 00:30"))
    begun: Any = listener.events[-1].data
    assert begun.object.status == "active" and begun.previous_attributes.status == "trialing"
    sandbox.advance(at("2027-01-15 02:00"))
    real = shop.invoices(subscription)[-1]
    assert (real.billing_reason, real.amount_paid) == ("subscription_cycle", 2_000)
    assert shown(real.status_transitions.paid_at or 0) == "2027-01-15 01:00"
    assert shown(real.lines.data[0].period.end) == "2027-02-15 00:00"


def test_a_trial_that_ends_now(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    price = shop.plan()
    subscription = shop.v1.subscriptions.create(
        {"customer": shop.customer(**CARD).id, "items": [{"price": price.id}], "trial_period_days": 30}
    )
    sandbox.advance(at("2027-01-05 00:00"))
    # While it is tried another price costs nothing.
    item = subscription.items.data[0].id
    shop.v1.subscriptions.update(subscription.id, {"items": [{"id": item, "price": shop.plan(5_000).id}]})
    assert shop.v1.invoice_items.list().data == []
    listener.events.clear()
    ended = shop.v1.subscriptions.update(subscription.id, {"trial_end": "now"})
    sandbox.drain()
    assert listener.types[:3] == [
        "customer.subscription.trial_will_end",
        "invoice.created",
        "customer.subscription.updated",
    ]
    assert (ended.status, shown(ended.trial_end or 0)) == ("active", "2027-01-05 00:00")
    paid = shop.invoices(subscription)[-1]
    assert (paid.billing_reason, paid.amount_paid) == ("subscription_update", 5_000)
    assert shown(ended.items.data[0].current_period_end) == "2027-02-05 00:00"


@pytest.mark.parametrize(
    ("behavior", "status"), [("create_invoice", "past_due"), ("cancel", "canceled"), ("pause", "paused")]
)
def test_a_trial_without_a_card(shop: Shop, sandbox: Sandbox, listener: Listener, behavior: Any, status: str) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    subscription = shop.v1.subscriptions.create(
        {
            "customer": shop.customer().id,
            "items": [{"price": shop.plan().id}],
            "trial_end": seconds("2027-01-03 00:00"),
            "trial_settings": {"end_behavior": {"missing_payment_method": behavior}},
        }
    )
    sandbox.advance(at("2027-01-03 02:00"))
    assert "customer.subscription.trial_will_end" in listener.types  # at once: it is shorter than three days
    assert shop.again(subscription).status == status
    assert ("customer.subscription.paused" in listener.types) == (status == "paused")
    if status != "paused":
        return
    customer = str(subscription.customer)
    method = shop.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    shop.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}})
    resumed = shop.v1.subscriptions.resume(subscription.id)
    assert resumed.status == "active" and shop.invoices(subscription)[-1].amount_paid == 2_000
