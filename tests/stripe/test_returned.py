"""Payments, what went back, customers and subscriptions: every shape gives the same value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.stripe import answers, payments, returns, thin
from billing.stripe.values import PayloadInvalid
from tests.stripe import recorded
from tests.stripe import returned as shapes
from tests.stripe.shapes import END, PAID, START


def expanded(id: str) -> shapes.Json:
    return {"id": id, "object": "whatever"}


SAME: list[tuple[Callable[[object], Any], shapes.Json, shapes.Json]] = [
    (returns.refund, shapes.refund(), shapes.refund(charge=expanded("ch_1"), payment_intent=expanded("pi_1"))),
    (returns.refund, shapes.refund(), shapes.refund(status=None)),
    (returns.dispute, shapes.dispute(), shapes.dispute(charge=expanded("ch_1"), payment_intent=expanded("pi_1"))),
    (returns.dispute, shapes.dispute(shapes.moved(-3000)), shapes.dispute("txn_1")),
    (returns.dispute, shapes.dispute(shapes.moved(-3000)), shapes.dispute(shapes.moved(-2700, "eur"))),
    (returns.dispute, shapes.dispute(shapes.moved(-3000)),
     shapes.dispute(balance_transactions=None, balance_transaction="txn_1")),
    (returns.dispute, shapes.dispute(), shapes.dispute(shapes.moved(-3000), shapes.moved(3000))),
    (returns.dispute, shapes.dispute(), shapes.dispute("txn_1", "txn_2")),
    (returns.credit_note, shapes.credit_note(),
     shapes.credit_note(refund="re_1", refunds=[{"refund": expanded("re_1"), "amount_refunded": 500}],
                        customer=expanded("cus_1"))),
    (returns.credit_note, shapes.credit_note(refunds=[{"refund": "re_1"}]),
     shapes.credit_note(refund=expanded("re_1"), refunds=None)),
    (returns.credit_note, shapes.old_credit_note(),
     shapes.old_credit_note(pre_payment_amount=0, post_payment_amount=500, refund=None, refunds=[{"refund": "re_1"}])),
    (payments.charge, shapes.charge(), shapes.charge(paid=None, customer=expanded("cus_1"))),
    (payments.payment_intent, shapes.payment_intent(), shapes.payment_intent(customer=expanded("cus_1"))),
    (payments.invoice_payment, shapes.invoice_payment(),
     shapes.invoice_payment(invoice=expanded("in_1"), payment={"payment_intent": expanded("pi_1")})),
]  # fmt: skip


@pytest.mark.parametrize(("read", "one", "other"), SAME)
def test_the_same_fact_in_another_shape(read: Callable[[object], Any], one: shapes.Json, other: shapes.Json) -> None:
    assert read(one) == read(other)


def test_a_refund_says_what_it_is_of() -> None:
    found = returns.refund(shapes.refund(status="from_the_future"))
    assert (found.charge, found.payment_intent, found.amount_cents, found.status) == (
        "ch_1", "pi_1", 500, "from_the_future",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("moves", "withdrawn"),
    [((), 0), ((-3000,), 3000), ((-3000, 3000), 0), ((-3000, 1000), 2000), ((3000,), 0)],
)
def test_what_a_dispute_has_withdrawn(moves: tuple[int, ...], withdrawn: int) -> None:
    assert returns.dispute(shapes.dispute(*map(shapes.moved, moves))).withdrawn_cents == withdrawn


def test_an_old_charge_names_its_invoice() -> None:
    assert payments.charge(shapes.charge(invoice="in_1")).invoice == "in_1"
    assert payments.payment_intent(shapes.payment_intent(invoice=expanded("in_1"))).invoice == "in_1"
    assert payments.charge(shapes.charge()).invoice is None


def test_a_credit_note_for_what_was_not_paid_yet() -> None:
    found = returns.credit_note(shapes.old_credit_note(type="pre_payment", refund=None))
    assert (found.pre_payment_cents, found.post_payment_cents, found.refunds) == (500, 0, ())


def test_a_deleted_customer_is_an_id() -> None:
    found = answers.customer({"id": "cus_1", "object": "customer", "deleted": True})
    assert (found.id, found.deleted, found.email, found.metadata) == ("cus_1", True, None, {})
    assert not answers.customer(shapes.customer()).deleted
    assert answers.customer(shapes.customer(email="x" * 513)).email is None


def test_the_period_of_a_subscription_stands_on_its_items_or_on_itself() -> None:
    (new,), (old,) = (answers.subscription(one()).items for one in (shapes.subscription, shapes.old_subscription))
    assert new == old
    assert (new.period_start, new.period_end) == (at(START), at(END))


def test_items_may_differ() -> None:
    found = answers.subscription(
        shapes.subscription(shapes.item(), shapes.item(id="si_2", quantity=None, current_period_end=END + 5))
    )
    assert [(one.id, one.quantity, one.period_end) for one in found.items] == [
        ("si_1", 3, at(END)), ("si_2", 1, at(END + 5)),
    ]  # fmt: skip
    assert found.ends_at is None


@pytest.mark.parametrize(
    ("more", "cancels", "ends"),
    [
        ({}, False, None),
        ({"cancel_at_period_end": True}, True, END),
        ({"cancel_at": END}, True, END),
        ({"cancel_at": END - 60}, True, END - 60),
        ({"cancel_at": END + 60}, False, END + 60),
        ({"cancel_at_period_end": True, "cancel_at": END}, True, END),
        ({"status": "canceled", "ended_at": START + 5}, False, START + 5),
    ],
)
def test_cancelled_by_either_field(more: shapes.Json, cancels: bool, ends: int | None) -> None:
    for shape in (shapes.subscription, shapes.old_subscription):
        found = answers.subscription(shape(**more))
        assert (found.cancels, found.ends_at) == (cancels, None if ends is None else at(ends))


def test_a_thin_event_says_of_what_it_speaks() -> None:
    found = thin.any_event(shapes.thin_event())
    assert (found.related, found.fact, found.object_id) == (("invoice", "in_1"), "invoice.paid", "in_1")
    assert found.created == at(PAID)
    assert thin.any_event(shapes.thin_event(created="2025-04-01T02:01:40+02:00")).created == at(PAID)
    bare = thin.any_event(shapes.thin_event(type="v2.core.account.updated", related_object=None))
    assert (bare.related, bare.fact) == (None, "v2.core.account.updated")


def test_paused_in_two_ways() -> None:
    collecting = answers.subscription(shapes.subscription(pause_collection={"behavior": "void"}))
    assert (collecting.collection_paused, collecting.paused) == ("void", False)
    paused = answers.subscription(shapes.subscription(status="paused"))
    assert (paused.collection_paused, paused.paused) == (None, True)


@pytest.mark.parametrize(
    ("read", "document", "place"),
    [
        (thin.any_event, shapes.thin_event(created=1743465700), "event.created"),
        (thin.any_event, shapes.thin_event(created="yesterday"), "event.created"),
        (thin.any_event, shapes.thin_event(created="9999-12-31T23:59:59-23:00"), "event.created"),
        (thin.any_event, shapes.thin_event(related_object={"id": "in_1"}), "event.related_object.type"),
        (thin.any_event, shapes.thin_event(livemode=None), "event.livemode"),
        (returns.refund, shapes.charge(), "refund:"),
        (returns.refund, shapes.refund(amount=-1), "refund.amount"),
        (returns.refund, shapes.refund(amount=None), "refund.amount"),
        (returns.refund, shapes.refund(charge={}), "refund.charge.id"),
        (returns.dispute, shapes.dispute(status=None), "dispute.status"),
        (returns.dispute, shapes.dispute(balance_transactions={}), "dispute.balance_transactions"),
        (returns.dispute, shapes.dispute(balance_transactions=[5]), "dispute.balance_transactions"),
        (returns.credit_note, shapes.credit_note(invoice=None), "credit_note.invoice"),
        (returns.credit_note, shapes.credit_note(refunds=["re_1"]), "credit_note.refunds"),
        (payments.charge, shapes.charge(paid="yes"), "charge.paid"),
        (payments.payment_intent, shapes.payment_intent(status=None), "payment_intent.status"),
        (payments.invoice_payment, shapes.invoice_payment(payment=[]), "invoice_payment.payment"),
        (answers.customer, shapes.customer(metadata=[]), "customer.metadata"),
        (answers.subscription, shapes.subscription(pause_collection="void"), "subscription.pause_collection"),
        (answers.subscription, shapes.subscription(shapes.item(current_period_start="now")), "current_period_start"),
    ],
)
def test_what_stripe_does_not_send(read: Callable[[object], Any], document: object, place: str) -> None:
    with pytest.raises(PayloadInvalid) as caught:
        read(document)
    assert place in str(caught.value)


KINDS: dict[str, Callable[[object], Any]] = {
    "charge": payments.charge,
    "payment_intent": payments.payment_intent,
    "invoice_payment": payments.invoice_payment,
    "refund": returns.refund,
    "credit_note": returns.credit_note,
    "customer": answers.customer,
    "subscription": answers.subscription,
}


@recorded.needed
@pytest.mark.parametrize("kind", KINDS)
def test_recorded_ones_are_read(kind: str) -> None:
    found = [one for document in recorded.documents().values() for one in recorded.objects(document, kind)]
    assert found
    for one in found:
        assert KINDS[kind](one).id == one["id"]


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
