"""Nasty cases of what is paid in parts: several payments, credit notes, tiers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing import Invalid
from billing.catalog.terms import CheckoutTerms
from tests.cases.desk import CUSTOMER, Desk, twin
from tests.cases.odd_payments import intent_of
from tests.cases.shelf import CATALOG


def _in_parts(desk: Desk) -> list[str]:
    """A renewal whose card failed, paid by two payments: their intents, the smaller first."""
    paid = desk.subscribe()
    desk.hear()
    desk.sandbox.decline(paid["customer"], declines=True)
    desk.go("1 May 02:00")
    (due,) = desk.v1.invoices.list({"status": "open"}).data
    desk.sandbox.dashboard.pay_in_parts(due.id, [300, 700])
    payments = desk.v1.invoice_payments.list({"invoice": due.id, "status": "paid"}).data
    return [str(one.payment.payment_intent) for one in sorted(payments, key=lambda one: one.amount_paid or 0)]


def case_45_several_payments_on_one_invoice(desk: Desk) -> None:
    """A refund of one of them is a share of the total, and not of itself."""
    smaller, larger = _in_parts(desk)
    desk.hear()
    desk.shows("200")
    desk.sandbox.dashboard.refund(smaller)
    desk.hear()
    desk.shows("170")
    desk.sandbox.dashboard.refund(larger, 350)
    desk.hear()
    desk.shows("135", "1,350 · 0 · 0 · 650")
    dispute = desk.sandbox.dashboard.dispute(larger, amount=350)
    desk.sandbox.dashboard.judge(dispute["id"], "lose")
    desk.hear()
    desk.shows("100", "1,000 · 0 · 0 · 1,000")


def case_45_parts_refunded_before_we_hear(desk: Desk) -> None:
    """The same, told backwards, refunds before the invoice."""
    smaller, larger = _in_parts(desk)
    desk.sandbox.dashboard.refund(smaller)
    desk.sandbox.dashboard.refund(larger, 350)
    told = desk.news()
    desk.post(*reversed(told), *reversed(told))
    for _ in range(3):
        list(desk.billing.replay_failed_stripe_events())
    assert desk.waiting == []
    desk.shows("135", "1,350 · 0 · 0 · 650")


def case_45_given_back_from_here(desk: Desk) -> None:
    """What one of the payments has left is asked of that one, of which nothing was told; the other went back before it
    was heard of, and told its charge: that is no payment more.
    """
    smaller, _ = _in_parts(desk)
    desk.sandbox.dashboard.refund(smaller)
    told = [event for event in desk.news() if event["type"] != "invoice_payment.paid"]
    desk.post(*sorted(told, key=lambda event: event["type"] != "refund.created"))
    list(desk.billing.replay_failed_stripe_events())
    desk.shows("170")
    due = str(desk.v1.invoices.list({"limit": 1}).data[0].id)
    with pytest.raises(Invalid, match="At most 700"):
        desk.billing.refund(CUSTOMER, due, 701, key="r0")
    given = desk.billing.refund(CUSTOMER, due, 650, key="r1")
    assert given.status == "succeeded"
    with pytest.raises(Invalid, match="At most 50"):
        desk.billing.refund(CUSTOMER, due, 51, key="r2")
    assert desk.billing.refund(CUSTOMER, due, key="r3").cents == 50
    desk.shows("100", "1,000 · 0 · 0 · 1,000")
    first, second, third = desk.billing.refunds(CUSTOMER)
    assert [one.cents for one in desk.billing.refunds(CUSTOMER, limit=2)] == [first.cents, second.cents]
    assert desk.billing.refunds(CUSTOMER, after=second.id) == [third]
    with pytest.raises(Invalid, match="a refund of this customer"):
        desk.billing.refunds(CUSTOMER, after="re_unknown")


def case_45_more_than_was_asked(desk: Desk) -> None:
    """The last payment was too large: what is left of it lies on the customer's balance, and brings no credits until a
    renewal is paid with it.
    """
    paid = desk.subscribe()
    desk.hear()
    desk.sandbox.decline(paid["customer"], declines=True)
    desk.go("1 May 02:00")
    (due,) = desk.v1.invoices.list({"status": "open"}).data
    desk.sandbox.dashboard.pay_in_parts(due.id, [300, 900])
    told = desk.news()
    assert told[-1]["type"] == "invoice.overpaid"
    desk.post(*reversed(told))
    desk.shows("200", "2,000 · 0 · 0")
    desk.sandbox.decline(paid["customer"], declines=False)
    desk.through("2 Jun 02:00")
    desk.shows("100", "1,000 · 0 · 2,000")
    assert desk.v1.customers.retrieve(paid["customer"]).balance == 0


def case_46_tiers(desk: Desk) -> None:
    """Several lines for one item and one period: one grant of their sum; a change of seats is the difference."""
    made = desk.buys([{"price": desk.prices["seats"], "quantity": 12}])
    told = desk.news()
    desk.post(*reversed(told), *map(twin, told))
    (bucket,) = desk.billing.buckets(CUSTOMER)
    assert (bucket.granted, bucket.paid_cents) == (120, 6_100)
    desk.go("16 Apr 00:00")
    item = made.items.data[0].id
    more: Any = {"items": [{"id": item, "quantity": 14}], "proration_behavior": "always_invoice"}
    desk.v1.subscriptions.update(made.id, more)
    desk.hear()
    desk.shows("130", "6,400 · 0 · 0")
    first = desk.v1.invoices.list({"subscription": made.id}).data[-1]
    desk.sandbox.dashboard.refund(intent_of(desk, first.id), 3_050)
    desk.hear()
    desk.shows("70", "3,350 · 0 · 0 · 3,050")


def case_45_a_credit_note_in_every_way(desk: Desk) -> None:
    """Paid money goes back by refund, to the balance and outside Stripe, told twice and backwards: once each."""
    paid = desk.subscribe()
    desk.hear()
    ways: Any = {"refund_amount": 200, "credit_amount": 150, "out_of_band_amount": 50}
    desk.v1.credit_notes.create({"invoice": paid["invoice"], "amount": 400, **ways})
    told = desk.news()
    desk.post(*reversed(told), *map(twin, told))
    desk.try_again()
    desk.shows("60", "600 · 0 · 0 · 400")
    desk.go("1 May 02:00")
    desk.hear()
    desk.shows("160", "1,600 · 0 · 0 · 400")


def _owed(desk: Desk) -> str:
    """A renewal that is not paid yet: the invoice."""
    paid = desk.subscribe()
    desk.hear()
    desk.sandbox.decline(paid["customer"], declines=True)
    desk.go("1 May 02:00")
    (due,) = desk.v1.invoices.list({"status": "open"}).data
    desk.hear()
    return str(due.id)


def case_45_less_was_owed(desk: Desk) -> None:
    """A credit note before payment: what was never paid is not ours, and giving the rest back takes the rest."""
    due = _owed(desk)
    gone = desk.v1.credit_notes.create({"invoice": due, "amount": 200})
    desk.v1.credit_notes.create({"invoice": due, "amount": 300})
    desk.v1.credit_notes.void_credit_note(gone.id)
    early = desk.news()
    desk.post(*early[len(early) // 2 :])
    desk.go("3 May 00:00")
    desk.sandbox.pay_invoice(due, "4242424242424242")
    desk.hear()
    desk.post(*early)
    desk.shows("70", "700 · 0 · 1,000 · 300")
    desk.sandbox.dashboard.refund(intent_of(desk, due), 350)
    desk.hear()
    desk.shows("35", "350 · 0 · 1,000 · 650")
    desk.sandbox.dashboard.refund(intent_of(desk, due))
    desk.hear()
    desk.shows("0", "0 · 0 · 1,000 · 1,000")


def case_45_nothing_was_owed_any_more(desk: Desk) -> None:
    """A credit note of all of it pays the invoice: nobody gave a cent, so nothing is there to spend."""
    due = _owed(desk)
    desk.go("3 May 00:00")
    desk.v1.credit_notes.create({"invoice": due, "amount": 1_000})
    told = desk.news()
    assert "invoice.paid" in [event["type"] for event in told]
    desk.post(*told, *map(twin, reversed(told)))
    desk.shows("0", "0 · 0 · 1,000 · 1,000")


def case_45_a_credit_note_for_a_top_up(desk: Desk) -> None:
    """Its invoice is named, and not its session; told backwards, before anything else was heard: found all the same."""
    desk.billing.catalog = replace(CATALOG, checkout=CheckoutTerms(invoice=True))
    paid = desk.top_up()
    ways: Any = {"refund_amount": 100, "credit_amount": 300}
    desk.v1.credit_notes.create({"invoice": paid["invoice"], "amount": 400, **ways})
    told = desk.news()
    desk.post(*reversed(told))
    desk.try_again()
    desk.post(*map(twin, told))
    desk.shows("60", "600 · 0 · 0 · 400")
