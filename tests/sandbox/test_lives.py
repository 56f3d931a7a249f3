"""How subscriptions wait, pause, fail, recover and end."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import DECLINED_LATER, Shop, at, seconds, shown
from web.sandbox import Sandbox

pytestmark = pytest.mark.slow  # a stand-in's own ways: what the engine stands on is tried by its tests

CARD: Any = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
PENDING: Any = {"payment_behavior": "pending_if_incomplete", "proration_behavior": "always_invoice"}


def dearer(shop: Shop, subscription: stripe.Subscription, cents: int = 2_000) -> Any:
    return {"items": [{"id": subscription.items.data[0].id, "price": shop.plan(cents).id}]}


def test_a_change_that_waits_for_its_payment(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-04-01 00:00"))
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.advance(at("2027-04-11 00:00"))
    sandbox.decline(str(subscription.customer), declines=True)
    listener.events.clear()
    waiting = shop.v1.subscriptions.update(subscription.id, dearer(shop, subscription) | PENDING)
    assert waiting.status == "active" and waiting.items.data[0].price.unit_amount == 1_000
    assert waiting.pending_update is not None
    assert shown(waiting.pending_update.expires_at) == "2027-04-11 23:00"
    (wanted,) = waiting.pending_update.subscription_items or []
    assert wanted.price.unit_amount == 2_000
    invoice = shop.v1.invoices.retrieve(str(waiting.latest_invoice))
    assert (invoice.status, invoice.amount_due) == ("open", 666)
    assert sandbox.pay_invoice(invoice.id, sandbox.CARD) is None
    assert listener.types[-2:] == ["customer.subscription.updated", "customer.subscription.pending_update_applied"]
    applied = shop.again(subscription)
    assert (applied.pending_update, applied.items.data[0].price.unit_amount) == (None, 2_000)
    # What was billed by then is what is given back.
    sandbox.advance(at("2027-04-16 00:00"))
    shop.v1.subscriptions.update(subscription.id, dearer(shop, subscription, 500))
    assert [one.amount for one in shop.v1.invoice_items.list({"pending": True}).data[::-1]] == [-1_000, 250]


def test_a_change_that_is_not_paid_in_time(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-04-01 00:00"))
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.decline(str(subscription.customer), declines=True)
    waiting = shop.v1.subscriptions.update(subscription.id, dearer(shop, subscription) | PENDING)
    sandbox.advance(at("2027-04-02 00:00"))
    assert "customer.subscription.pending_update_expired" in listener.types
    assert shop.v1.invoices.retrieve(str(waiting.latest_invoice)).status == "void"
    after = shop.again(subscription)
    assert (after.pending_update, after.items.data[0].price.unit_amount) == (None, 1_000)
    # Paid at once it never waits.
    sandbox.decline(str(subscription.customer), declines=False)
    listener.events.clear()
    changed = shop.v1.subscriptions.update(subscription.id, dearer(shop, subscription) | PENDING)
    assert (changed.pending_update, changed.items.data[0].price.unit_amount) == (None, 2_000)
    sandbox.drain()
    assert "customer.subscription.pending_update_applied" not in listener.types


@pytest.mark.parametrize(("behavior", "status"), [("allow_incomplete", "past_due"), ("error_if_incomplete", "active")])
def test_a_change_whose_payment_fails(shop: Shop, sandbox: Sandbox, behavior: Any, status: str) -> None:
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.decline(str(subscription.customer), declines=True)
    how = {"payment_behavior": behavior, "proration_behavior": "always_invoice"}
    if behavior == "error_if_incomplete":
        with pytest.raises(stripe.CardError):
            shop.v1.subscriptions.update(subscription.id, dearer(shop, subscription) | how)
    else:
        shop.v1.subscriptions.update(subscription.id, dearer(shop, subscription) | how)
    after = shop.again(subscription)
    assert (after.status, after.items.data[0].price.unit_amount) == (status, 2_000 if status == "past_due" else 1_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behavior", "status"), [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")]
)
def test_collecting_is_paused(shop: Shop, sandbox: Sandbox, listener: Listener, behavior: Any, status: Any) -> None:
    """It runs on, and its invoices are made; nobody pays them by themselves."""
    sandbox.start_at(at("2027-01-01 00:00"))
    subscription = shop.subscribe()
    paused: Any = {"pause_collection": {"behavior": behavior, "resumes_at": seconds("2027-03-15 00:00")}}
    assert shop.v1.subscriptions.update(subscription.id, paused).status == "active"
    listener.events.clear()
    sandbox.advance(at("2027-04-01 02:00"))
    assert [one.status for one in shop.invoices(subscription)] == ["paid", status, status, "paid"]
    assert listener.types.count("invoice.paid") == 1
    assert shop.again(subscription).pause_collection is None
    if behavior == "keep_as_draft":
        late = shop.v1.invoices.pay(shop.invoices(subscription)[1].id)
        assert (late.status, shown(late.lines.data[0].period.start)) == ("paid", "2027-02-01 00:00")


def test_paused_and_resumed(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """No periods meanwhile; then a new one begins, and what was not used of the old one is given back."""
    sandbox.start_at(at("2027-04-01 00:00"))
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.advance(at("2027-04-11 00:00"))
    listener.events.clear()
    paused = shop.v1.subscriptions.pause(subscription.id)
    assert paused.status == "paused" and paused.status_details is not None
    assert paused.status_details.paused.subscription.type == "pause_requested"
    sandbox.advance(at("2027-06-10 00:00"))
    assert listener.types == [
        "invoiceitem.created",
        "customer.subscription.updated",
        "customer.subscription.paused",
    ]
    listener.events.clear()
    resumed = shop.v1.subscriptions.resume(subscription.id)
    assert (resumed.status, shown(resumed.billing_cycle_anchor)) == ("active", "2027-06-10 00:00")
    sandbox.drain()
    assert "customer.subscription.resumed" in listener.types and listener.types[-2] == "invoice.paid"
    last = shop.invoices(subscription)[-1]
    assert [line.amount for line in last.lines.data] == [-667, 1_000] and last.amount_paid == 333
    with pytest.raises(stripe.InvalidRequestError, match="paused"):
        shop.v1.subscriptions.resume(subscription.id)


def test_resumed_within_its_period_or_when_it_is_paid(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.start_at(at("2027-04-01 00:00"))
    subscription = shop.subscribe(shop.plan(1_000))
    free: Any = {"bill_for": {"unused_time_from": {"type": "none"}}}
    shop.v1.subscriptions.pause(subscription.id, free)
    sandbox.advance(at("2027-05-17 12:00"))
    unchanged: Any = {"billing_cycle_anchor": {"type": "unchanged"}, "proration_behavior": "always_invoice"}
    assert shop.v1.subscriptions.resume(subscription.id, unchanged).status == "active"
    assert [line.amount for line in shop.invoices(subscription)[-1].lines.data] == [468]  # 14½ of 31 days
    shop.v1.subscriptions.pause(subscription.id, free)
    sandbox.decline(str(subscription.customer), declines=True)
    still = shop.v1.subscriptions.resume(subscription.id, {"payment_behavior": "resume_on_payment_success"})
    assert still.status == "paused"
    sandbox.pay_invoice(str(still.latest_invoice), sandbox.CARD)
    assert shop.again(subscription).status == "active"


@pytest.mark.slow
@pytest.mark.parametrize("then", ["unpaid", "past_due"])
def test_what_becomes_of_it_when_no_attempt_is_left(shop: Shop, sandbox: Sandbox, then: str) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    subscription = shop.subscribe()
    said = requests.post(f"{sandbox.url}/_sandbox/retries", json={"then": then}, timeout=10)
    assert said.json() == {"then": then}
    sandbox.decline(str(subscription.customer), declines=True)
    sandbox.advance(at("2027-03-01 02:00"))
    assert shop.again(subscription).status == then
    late, newest = shop.invoices(subscription)[1:]
    assert (late.status, newest.status) == ("open", "draft" if then == "unpaid" else "open")
    shop.v1.invoices.mark_uncollectible(late.id)
    sandbox.decline(str(subscription.customer), declines=False)
    assert shop.v1.invoices.pay(late.id).status == "paid"
    assert shop.v1.invoices.pay(newest.id).status == "paid"
    assert shop.again(subscription).status == "active"


def test_cancelled_now_with_money_back(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-04-01 00:00"))
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.advance(at("2027-04-11 00:00"))
    listener.events.clear()
    shop.v1.subscriptions.cancel(subscription.id, {"prorate": True, "invoice_now": True})
    sandbox.drain()
    assert listener.types[-3:] == ["invoice.paid", "invoice.payment_succeeded", "customer.subscription.deleted"]
    last = shop.invoices(subscription)[-1]
    assert (last.status, last.total, last.amount_paid) == ("paid", -667, 0)
    assert shop.v1.customers.retrieve(str(subscription.customer)).balance == -667


def test_what_waits_when_it_ends_is_billed(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.start_at(at("2027-04-01 00:00"))
    subscription = shop.subscribe(shop.plan(1_000))
    sandbox.advance(at("2027-04-11 00:00"))
    shop.v1.subscriptions.update(subscription.id, dearer(shop, subscription))
    shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    sandbox.advance(at("2027-05-01 02:00"))
    assert shop.again(subscription).status == "canceled"
    last = shop.invoices(subscription)[-1]
    assert ([line.amount for line in last.lines.data], last.amount_paid) == ([-667, 1_333], 666)


def test_who_is_deleted_subscribes_to_nothing(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    subscription = shop.subscribe()
    assert shop.v1.customers.delete(str(subscription.customer)).deleted
    sandbox.drain()
    assert listener.types[-2:] == ["customer.deleted", "customer.subscription.deleted"]
    assert shop.again(subscription).status == "canceled"


def test_a_bank_that_wants_to_hear_from_the_buyer(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    method = "pm_card_authenticationRequired"
    customer = shop.customer(payment_method=method, invoice_settings={"default_payment_method": method})
    subscription = shop.v1.subscriptions.create({"customer": customer.id, "items": [{"price": shop.plan().id}]})
    assert subscription.status == "incomplete"
    invoice = shop.v1.invoices.retrieve(str(subscription.latest_invoice), {"expand": ["payments"]})
    assert (invoice.status, invoice.attempted, invoice.attempt_count) == ("open", True, 0)
    sandbox.drain()
    assert listener.types[-5:] == [
        "payment_intent.requires_action",
        "invoice.updated",
        "invoice.payment_failed",
        "invoice.payment_action_required",
        "customer.subscription.created",
    ]
    assert invoice.payments is not None
    sandbox.dashboard.authenticate(str(invoice.payments.data[0].payment.payment_intent))
    assert shop.again(subscription).status == "active"
    assert shop.v1.invoices.retrieve(invoice.id).status == "paid"


def test_a_card_that_pays_no_more_at_the_renewal(shop: Shop, sandbox: Sandbox) -> None:
    """It is kept by a trial, and declined at its end."""
    sandbox.start_at(at("2027-01-01 00:00"))
    session = shop.session(shop.plan(), customer=shop.customer().id, subscription_data={"trial_period_days": 7})
    subscription = sandbox.pay(session.id, card=DECLINED_LATER)["subscription"]
    assert shop.v1.subscriptions.retrieve(subscription).status == "trialing"
    sandbox.advance(at("2027-01-08 02:00"))
    assert shop.v1.subscriptions.retrieve(subscription).status == "past_due"
