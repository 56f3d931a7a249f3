"""Nasty cases of refunds: in parts, after all was spent, that fail, of payments that nobody can place."""

from __future__ import annotations

from tests.cases.desk import Desk, twin


def case_10_refunds_after_much_is_spent(desk: Desk) -> None:
    """Two partial refunds: a share of what was granted, all told once though `charge.refunded` adds them up."""
    payment = desk.top_up()["payment_intent"]
    desk.hear()
    desk.go("2 Apr 10:00")
    desk.spend(60)
    desk.shows("40", "400 · 600")
    desk.sandbox.dashboard.refund(payment, 305)
    first = desk.news()
    desk.post(*first, *map(twin, first))
    desk.shows("10", "95 · 600 · 0 · 305")
    desk.go("3 Apr 10:00")
    desk.sandbox.dashboard.refund(payment, 400)
    second = desk.news()
    (charge,) = [event["data"]["object"] for event in second if event["type"] == "charge.refunded"]
    assert charge["amount_refunded"] == 705
    desk.post(*second[::-1], *map(twin, second), *first)
    desk.shows("0 · 0 · 30", "0 · 295 · 0 · 705")
    desk.go("4 Apr 10:00")
    desk.top_up()
    desk.hear()
    desk.shows("70", "700 · 595 · 0 · 705")


def case_11_a_refund_that_fails(desk: Desk) -> None:
    """Pending: what it would take is held. Failed: it is given back, once."""
    payment = desk.top_up()["payment_intent"]
    desk.hear()
    desk.go("2 Apr 10:00")
    desk.spend(20)
    desk.sandbox.dashboard.refund(payment, 500, status="pending", fails=True)
    pending = desk.news()
    desk.post(*pending)
    desk.shows("30 · 50", "800 · 200")
    desk.go("4 Apr 00:00")
    failed = desk.news()
    assert "refund.failed" in [event["type"] for event in failed]
    desk.post(*failed, *map(twin, failed), *pending, *map(twin, pending))
    desk.shows("80", "800 · 200")


def case_11_a_refund_that_succeeds_and_fails_later(desk: Desk) -> None:
    """Taken when it succeeded, and given back with its cents when the bank sent it back; once, in whatever order."""
    payment = desk.top_up(card="4000000000005126")["payment_intent"]
    desk.hear()
    desk.go("2 Apr 10:00")
    desk.spend(80)
    desk.sandbox.dashboard.refund(payment, 500)
    taken = desk.news()
    desk.post(*taken)
    desk.shows("0 · 0 · 30", "0 · 500 · 0 · 500")
    desk.go("5 Apr 00:00")
    failed = desk.news()
    desk.post(*failed[::-1], *map(twin, failed), *taken)
    desk.shows("20", "200 · 800")


def case_12_a_refund_that_names_no_invoice(desk: Desk) -> None:
    """A charge does not say of which invoice it is: that is asked; `invoice.paid` was all that was heard."""
    desk.subscribe()
    desk.hear("invoice.paid")
    (payment,) = desk.v1.payment_intents.list({}).data
    desk.go("11 Apr 00:00")
    desk.sandbox.dashboard.refund(payment.id, 500)
    desk.hear()
    desk.shows("50", "500 · 0 · 0 · 500")


def case_12_a_refund_of_what_nobody_knows(desk: Desk) -> None:
    """A payment made by hand at Stripe brought nothing; its refund waits to be looked at, 200, and takes nothing."""
    desk.top_up()
    desk.hear()
    payment = desk.v1.payment_intents.create(
        {"amount": 1_000, "currency": "usd", "customer": desk.stripe_customer(), "payment_method": "pm_card_visa",
         "confirm": True, "off_session": True}
    )  # fmt: skip
    desk.hear()
    desk.sandbox.dashboard.refund(payment.id)
    desk.hear()
    assert desk.waiting and all(payment.id in reason for _, reason in desk.waiting), desk.waiting
    desk.left = ["charge.refunded", "refund.created"]
    desk.shows("100", "1,000")
