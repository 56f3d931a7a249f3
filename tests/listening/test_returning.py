"""What comes back, told by the sandbox's events through the webhook: in any order, twice, in part, or not at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing import Gateway
from tests.buying.shop import KEY, Shop
from tests.listening.hearing import happened, subscribe, tell
from tests.sales.paid import Json

pytestmark = pytest.mark.quick_on("sqlite")


def bought(shop: Shop) -> str:
    """A pack of 100 for 1000 cents that was paid and granted; its payment intent."""
    intent = paid(shop)
    tell(shop, happened(shop, "checkout.session.completed"))
    assert shop.available() == 100
    return intent


def paid(shop: Shop) -> str:
    opened = shop.buy()
    shop.pay(opened.session)
    return str(shop.stripe.v1.checkout.sessions.retrieve(opened.session).payment_intent)


def test_a_refund_is_taken_once_however_often_it_is_told(shop: Shop) -> None:
    shop.sandbox.dashboard.refund(bought(shop), 300)
    for what in ("charge.refunded", "refund.created"):
        tell(shop, happened(shop, what))
    assert shop.available() == 70
    again = happened(shop, "refund.created")
    assert tell(shop, {**again, "id": "evt_twin"}).status == "done"
    assert shop.available() == 70


@pytest.mark.slow
def test_a_refund_of_an_invoice_is_found_by_its_payment(shop: Shop) -> None:
    """Since basil neither refund nor charge says of which invoice it is."""
    subscribe(shop)
    invoice = happened(shop, "invoice.paid")
    tell(shop, invoice)
    intent = shop.stripe.v1.invoice_payments.list({"invoice": invoice["data"]["object"]["id"]}).data[0].payment
    shop.sandbox.dashboard.refund(str(intent.payment_intent), 1000)
    assert tell(shop, happened(shop, "refund.created")).status == "done"
    assert shop.available() == 125


@pytest.mark.slow
def test_invoice_payment_paid_makes_asking_needless(shop: Shop) -> None:
    subscribe(shop)
    tell(shop, happened(shop, "invoice.paid"))
    payment = happened(shop, "invoice_payment.paid")
    tell(shop, payment)
    shop.sandbox.dashboard.refund(payment["data"]["object"]["payment"]["payment_intent"], 1000)
    told = happened(shop, "refund.created")
    shop.billing.gateway = Gateway(KEY, "http://127.0.0.1:9")
    assert tell(shop, told).status == "done"
    assert shop.available() == 125


@pytest.mark.slow
def test_a_refund_that_is_told_before_its_payment(shop: Shop) -> None:
    intent = paid(shop)
    shop.sandbox.dashboard.refund(intent, 300)
    waits = tell(shop, happened(shop, "refund.created"))
    assert waits.status == "waiting"
    tell(shop, happened(shop, "checkout.session.completed"))
    assert shop.available() == 70
    assert shop.billing.replay_stripe_event(waits.id).status == "done"
    assert shop.available() == 70


@pytest.mark.slow
def test_a_charge_alone_tells_that_refunds_were_missed(shop: Shop) -> None:
    intent = bought(shop)
    shop.sandbox.dashboard.refund(intent, 300)
    shop.sandbox.dashboard.refund(intent, 200)
    assert tell(shop, happened(shop, "charge.refunded")).status == "done"
    assert shop.available() == 50
    assert tell(shop, happened(shop, "refund.created")).status == "done"
    assert shop.available() == 50
    again = happened(shop, "charge.refunded")
    assert tell(shop, {**again, "id": "evt_twin"}).reason == "its refunds have said so"


@pytest.mark.slow
def test_pending_then_failed_gives_back(shop: Shop) -> None:
    made = shop.sandbox.dashboard.refund(bought(shop), 300, status="pending")
    tell(shop, happened(shop, "refund.created"))
    assert shop.available() == 70
    shop.sandbox.dashboard.settle_refund(made["id"], "fail")
    tell(shop, happened(shop, "refund.failed"))
    assert shop.available() == 100


@pytest.mark.slow
@pytest.mark.parametrize(("how", "left"), [("win", 100), ("lose", 0)])
def test_a_chargeback_holds_and_then_ends(shop: Shop, how: str, left: int) -> None:
    made = shop.sandbox.dashboard.dispute(bought(shop))
    for what in ("charge.dispute.created", "charge.dispute.funds_withdrawn"):
        assert tell(shop, happened(shop, what)).status == "done"
    assert shop.available() == 0
    shop.sandbox.dashboard.judge(made["id"], how)
    tell(shop, happened(shop, "charge.dispute.closed"))
    if how == "win":
        tell(shop, happened(shop, "charge.dispute.funds_reinstated"))
    assert shop.available() == left


@pytest.mark.slow
def test_an_inquiry_moves_nothing(shop: Shop) -> None:
    shop.sandbox.dashboard.dispute(bought(shop), inquiry=True)
    assert tell(shop, happened(shop, "charge.dispute.created")).status == "done"
    assert shop.available() == 100


@pytest.mark.slow
def test_a_credit_note_brings_the_refund_it_names(shop: Shop) -> None:
    """Whether the refund's own events come or not, its money comes back once."""
    subscribe(shop)
    paid_event = happened(shop, "invoice.paid")
    tell(shop, paid_event)
    invoice = paid_event["data"]["object"]["id"]
    shop.stripe.v1.credit_notes.create({"invoice": invoice, "amount": 1000, "refund_amount": 1000})
    assert tell(shop, happened(shop, "credit_note.created")).status == "done"
    assert shop.available() == 125
    tell(shop, happened(shop, "refund.created"))
    assert shop.available() == 125


@pytest.mark.slow
def test_a_credit_note_may_name_a_part_of_a_refund(shop: Shop) -> None:
    """Of 900 cents 600 are a part of a refund of 1000; 300 went to the customer's balance, and are in no refund. It is
    found by the customer where its event is listed no more.
    """
    subscribe(shop)
    paid_event = happened(shop, "invoice.paid")
    tell(shop, paid_event)
    list(shop.billing.look_through_stripe())
    invoice = paid_event["data"]["object"]["id"]
    intent = str(shop.stripe.v1.invoice_payments.list({"invoice": invoice}).data[0].payment.payment_intent)
    refund = shop.sandbox.dashboard.refund(intent, 1000)
    part: Any = {"refund": refund["id"], "amount_refunded": 600}
    shop.stripe.v1.credit_notes.create({"invoice": invoice, "amount": 900, "credit_amount": 300, "refunds": [part]})
    shop.billing.clock.move(shop.billing.now + timedelta(days=20))
    shop.sandbox.advance(to=shop.billing.now)
    tell(shop, happened(shop, "refund.created"))
    assert shop.available() == 125
    shop.billing.clock.move(shop.billing.now + timedelta(days=9))
    shop.sandbox.advance(to=shop.billing.now)
    copy = happened(shop, "credit_note.created")
    shop.billing.clock.move(shop.billing.now + timedelta(days=20))
    shop.sandbox.advance(to=shop.billing.now)
    found = [one.type for piece in shop.billing.look_through_stripe() for one in piece.healed]
    assert "credit_note.created" in found
    refunded = [
        one.cents for one in shop.billing.entries("team", limit=100) if one.destination.startswith("clawed_back")
    ]
    assert sum(refunded) == 1300
    assert tell(shop, copy).reason == "known before"


@pytest.mark.slow
def test_what_comes_back_of_something_else_waits_for_nothing(shop: Shop) -> None:
    """An invoice without a price of ours was paid, and is refunded."""
    subscribe(shop)
    customer = shop.customers()[0]
    shop.stripe.v1.invoice_items.create({"customer": customer, "amount": 700, "currency": "usd"})
    made = shop.stripe.v1.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    shop.stripe.v1.invoices.finalize_invoice(made.id)
    shop.stripe.v1.invoices.pay(made.id, {"payment_method": "pm_card_visa"})
    other = shop.stripe.v1.invoice_payments.list({"invoice": made.id}).data[0].payment.payment_intent
    shop.sandbox.dashboard.refund(str(other))
    refunded = happened(shop, "refund.created")
    waits = tell(shop, refunded)
    assert waits.status == "waiting"
    bare = happened(shop, "invoice.paid")
    bare["data"]["object"]["lines"]["data"][0]["pricing"] = None
    assert tell(shop, bare).reason == "no line of it has a price"
    told = shop.billing.replay_stripe_event(waits.id)
    assert told.status == "done" and "brought no credits" in (told.reason or "")


@pytest.mark.slow
def test_what_comes_back_of_a_payment_from_before_our_time_takes_nothing(shop: Shop) -> None:
    intent = paid(shop)
    shop.billing.stripe_start = shop.billing.now + timedelta(days=1)
    shop.billing.clock.move(shop.billing.now + timedelta(days=2))
    shop.sandbox.advance(to=shop.billing.now)
    shop.sandbox.dashboard.refund(intent, 300)
    for what in ("refund.created", "charge.refunded", "checkout.session.completed"):
        told = tell(shop, happened(shop, what))
        assert told.status == "done" and "before our time" in (told.reason or "")
    assert shop.available() == 0


@pytest.mark.slow
def test_an_inquiry_that_was_closed_may_become_a_chargeback(shop: Shop) -> None:
    made = shop.sandbox.dashboard.dispute(bought(shop), inquiry=True)
    tell(shop, happened(shop, "charge.dispute.created"))
    shop.sandbox.dashboard.judge(made["id"], "close")
    tell(shop, happened(shop, "charge.dispute.closed"))
    shop.sandbox.dashboard.judge(made["id"], "escalate")
    tell(shop, happened(shop, "charge.dispute.updated"))
    assert shop.available() == 0
    assert shop.billing.wallet("team").held == 100


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "stands"),
    [
        ({"status": "of_tomorrow"}, (0, 100)),
        ({"status": "prevented"}, (0, 0)),
        ({"status": "prevented", "balance_transactions": []}, (100, 0)),
        ({"currency": "jpy", "amount": 1, "status": "lost"}, (0, 0)),
    ],
)
def test_money_that_stands_withdrawn_is_not_there(shop: Shop, said: Json, stands: tuple[int, int]) -> None:
    """Whatever the status is called, and in whatever currency a bank speaks of it: then it is about all of it."""
    shop.sandbox.dashboard.dispute(bought(shop))
    made = happened(shop, "charge.dispute.funds_withdrawn")
    made["data"]["object"] |= said
    assert tell(shop, made).status == "done"
    wallet = shop.billing.wallet("team")
    assert (wallet.available, wallet.held) == stands


@pytest.mark.slow
def test_what_names_a_charge_alone_is_found(shop: Shop) -> None:
    """As disputes of old do: the charge says of which payment it is, and that of which session."""
    shop.sandbox.dashboard.dispute(bought(shop))
    made = happened(shop, "charge.dispute.created")
    made["data"]["object"]["payment_intent"] = None
    assert tell(shop, made).status == "done"
    assert shop.billing.wallet("team").held == 100
    assert tell(shop, happened(shop, "charge.dispute.funds_withdrawn")).status == "done"
    assert shop.billing.wallet("team").held == 100


@pytest.mark.slow
def test_a_refund_in_another_currency_than_was_paid_waits(shop: Shop) -> None:
    shop.sandbox.dashboard.refund(bought(shop), 300)
    made = happened(shop, "refund.created")
    made["data"]["object"]["currency"] = "jpy"
    waits = tell(shop, made)
    assert waits.status == "waiting" and "was paid in usd" in (waits.reason or "")
    assert shop.available() == 100


@pytest.mark.slow
def test_a_refund_that_failed_unheard_is_found_though_its_charge_says_nothing(shop: Shop) -> None:
    """Where the events are not listed any more."""
    intent = bought(shop)
    shop.sandbox.dashboard.refund(intent, 300, status="pending", fails=True)
    tell(shop, happened(shop, "refund.created"))
    list(shop.billing.look_through_stripe())
    assert shop.available() == 70
    shop.billing.clock.move(shop.billing.now + timedelta(days=60))
    shop.sandbox.advance(to=shop.billing.now)
    (charge,) = shop.stripe.v1.charges.list({"payment_intent": intent}).data
    assert charge.amount_refunded == 0
    list(shop.billing.look_through_stripe())
    assert shop.available() == 100


@pytest.mark.slow
def test_refunds_that_never_arrived_are_found(shop: Shop) -> None:
    """By the customers' charges, where the events are not listed any more."""
    intent = bought(shop)
    list(shop.billing.look_through_stripe())
    shop.sandbox.dashboard.refund(intent, 300)
    shop.billing.clock.move(shop.billing.now + timedelta(days=60))
    shop.sandbox.advance(to=shop.billing.now)
    found = [one.type for piece in shop.billing.look_through_stripe() for one in piece.healed]
    assert found == ["refund.updated"]
    assert shop.available() == 70
