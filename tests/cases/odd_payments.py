"""Nasty cases of money: other currencies, disputes, invoices beside sessions, nothing to pay, parts, tiers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from billing.catalog.terms import CheckoutTerms
from tests.cases.desk import BACK, CUSTOMER, Desk, Event, changed, twin
from tests.cases.shelf import CATALOG

COMPLETED = "checkout.session.completed"


def intent_of(desk: Desk, invoice: str) -> str:
    """The payment intent that paid an invoice."""
    return str(desk.v1.invoice_payments.list({"invoice": invoice, "status": "paid"}).data[0].payment.payment_intent)


def case_25_yen(desk: Desk) -> None:
    """A currency without decimals: credits by the price, and its smallest unit is what we call cents."""
    opened = desk.billing.subscribe(CUSTOMER, "basic", price="basic_jpy", key="s", success_url=BACK)
    desk.sandbox.pay(str(opened.session))
    desk.top_up(currency="jpy")
    desk.hear()
    desk.shows("200")
    found = sorted((one.granted, one.paid_cents, one.currency) for one in desk.billing.buckets(CUSTOMER))
    assert found == [(100, 1_500, "jpy"), (100, 1_500, "jpy")]
    desk.spend(33)
    desk.shows("167", "2,505 · 495 · 0")
    desk.go("1 May 02:00")
    desk.hear()
    assert sorted(one.paid_cents for one in desk.billing.buckets(CUSTOMER)) == [1_500] * 3


def case_25_dinars(desk: Desk) -> None:
    """A currency with three decimals: 3.070 are 3070, and a refund of 1.000 takes its share."""
    paid = desk.top_up(currency="kwd")
    desk.hear()
    (bucket,) = desk.billing.buckets(CUSTOMER)
    assert (bucket.granted, bucket.paid_cents, bucket.currency) == (100, 3_070, "kwd")
    desk.sandbox.dashboard.refund(paid["payment_intent"], 1_000)
    desk.hear()
    desk.shows("68", "2,070 · 0 · 0 · 1,000")


def case_25_shown_in_another_currency(desk: Desk) -> None:
    """Adaptive pricing: what the buyer saw is not what we are paid."""
    desk.top_up()
    (event,) = desk.news(COMPLETED)
    shown = {"presentment_amount": 925, "presentment_currency": "eur"}
    assert desk.post(changed(event, "evt_shown", presentment_details=shown), event) == ["done", "done"]
    (bucket,) = desk.billing.buckets(CUSTOMER)
    assert (bucket.granted, bucket.paid_cents, bucket.currency) == (100, 1_000, "usd")


def case_26_an_inquiry(desk: Desk) -> None:
    """Nothing is withdrawn, and nothing moves; escalated, it holds."""
    paid = desk.top_up()
    dashboard = desk.sandbox.dashboard
    dispute = dashboard.dispute(paid["payment_intent"], inquiry=True)
    desk.hear()
    desk.shows("100")
    dashboard.judge(dispute["id"], "escalate")
    desk.hear()
    desk.shows("0 · 100")
    dashboard.judge(dispute["id"], "win")
    desk.hear()
    desk.shows("100", "1,000 · 0 · 0")


def case_26_closed_as_an_inquiry(desk: Desk) -> None:
    """`warning_closed`: as if it had never been."""
    paid = desk.top_up()
    dispute = desk.sandbox.dashboard.dispute(paid["payment_intent"], inquiry=True)
    desk.hear()
    desk.sandbox.dashboard.judge(dispute["id"], "close")
    desk.hear()
    desk.shows("100")


def case_26_one_dispute_told_often(desk: Desk) -> None:
    """`created` and `funds_withdrawn`, each twice: one hold. Lost: the unspent is taken, the spent is owed."""
    paid = desk.top_up()
    desk.hear()
    desk.spend(40)
    dispute = desk.sandbox.dashboard.dispute(paid["payment_intent"])
    told = desk.news()
    assert {"charge.dispute.created", "charge.dispute.funds_withdrawn"} <= {event["type"] for event in told}
    desk.post(*told, *map(twin, reversed(told)))
    desk.shows("0 · 60")
    desk.sandbox.dashboard.judge(dispute["id"], "lose")
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("0 · 0 · 40", "0 · 0 · 0 · 1,000")
    desk.sandbox.dashboard.judge(dispute["id"], "reinstate")
    desk.hear()
    desk.shows("60", "600 · 400 · 0")


def case_26_won_late(desk: Desk) -> None:
    """Won after the plan's period ended: the bucket lives on for as long as the dispute took."""
    paid = desk.subscribe()
    desk.hear()
    desk.go("21 Apr 00:00")
    dispute = desk.sandbox.dashboard.dispute(intent_of(desk, paid["invoice"]))
    desk.hear()
    desk.shows("0 · 100")
    desk.v1.subscriptions.update(paid["subscription"], {"cancel_at_period_end": True})
    desk.go("11 May 00:00")
    desk.hear()
    desk.shows("0 · 100")
    desk.sandbox.dashboard.judge(dispute["id"], "win")
    desk.hear()
    desk.shows("100")
    desk.go("21 May 23:59")
    desk.shows("100")
    desk.go("22 May 00:00")
    desk.shows("0", "0 · 0 · 1,000")


def case_26_refund_and_dispute(desk: Desk) -> None:
    """Both on one charge: together no more than was paid."""
    paid = desk.top_up()
    desk.hear()
    dashboard = desk.sandbox.dashboard
    dashboard.refund(paid["payment_intent"], 300)
    dispute = dashboard.dispute(paid["payment_intent"], amount=700)
    desk.hear()
    desk.shows("0 · 70")
    dashboard.judge(dispute["id"], "lose")
    told = desk.news("charge.dispute.closed")
    desk.post(*told)
    desk.shows("0", "0 · 0 · 0 · 1,000")
    whole = changed(told[0], "evt_whole", amount=1_000)  # Stripe says the charge's whole amount sometimes
    desk.post(whole)
    desk.shows("0", "0 · 0 · 0 · 1,000")


def _invoiced(desk: Desk, pack: str, session_first: bool) -> dict[str, Any]:
    paid = desk.top_up(pack)
    told = desk.news()
    types = [event["type"] for event in told]
    assert COMPLETED in types and "invoice.paid" in types
    desk.post(*sorted(told, key=lambda event: (event["type"] == COMPLETED) != session_first))
    desk.post(*map(twin, told))
    return paid


def case_43_a_top_up_that_makes_an_invoice(desk: Desk) -> None:
    """Session and invoice, in either order, with the pack's price or a made one: one grant, and one refund."""
    desk.billing.catalog = replace(CATALOG, checkout=CheckoutTerms(invoice=True))
    expected = 0
    for day, (pack, credits) in enumerate([("small", 100), ("listed", 40)]):
        for session_first in (True, False):
            desk.go(f"{2 * day + (not session_first) + 1} Apr 12:00")
            paid = _invoiced(desk, pack, session_first)
            expected += credits
            desk.shows(str(expected))
    desk.sandbox.dashboard.refund(paid["payment_intent"], 325)
    desk.hear()
    desk.shows(str(expected - 20), "2,975 · 0 · 0 · 325")
    assert desk.waiting == []


def _free(desk: Desk, invoice: bool) -> list[Event]:
    desk.billing.catalog = replace(CATALOG, checkout=CheckoutTerms(promotion_codes=True, invoice=invoice))
    coupon = desk.v1.coupons.create({"percent_off": 100, "duration": "once"})
    code = desk.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}})
    session = desk.open_top_up()
    desk.sandbox.enter_code(session, code.code)
    paid = desk.sandbox.pay(session)
    assert (paid["payment_status"], paid["payment_intent"]) == ("no_payment_required", None)
    return desk.news()


def case_44_a_free_order(desk: Desk) -> None:
    """A code of 100 %: nothing to pay, granted at 0 cents."""
    desk.post(*_free(desk, invoice=False))
    desk.shows("100")
    (bucket,) = desk.billing.buckets(CUSTOMER)
    assert bucket.paid_cents == 0
    desk.spend(60)
    desk.shows("40", "0 · 0 · 0")


def case_44_a_free_order_with_an_invoice(desk: Desk) -> None:
    """The same, and an invoice of 0 cents beside it: still once."""
    told = _free(desk, invoice=True)
    desk.post(*reversed(told), *map(twin, told))
    desk.shows("100")


def case_44_a_free_month(desk: Desk) -> None:
    """A subscription with a coupon of 100 %: a paid period all the same, and the next one is paid."""
    desk.billing.catalog = replace(CATALOG, checkout=CheckoutTerms(promotion_codes=True))
    coupon = desk.v1.coupons.create({"percent_off": 100, "duration": "once"})
    code = desk.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}})
    opened = desk.billing.subscribe(CUSTOMER, "basic", key="s", success_url=BACK)
    desk.sandbox.enter_code(str(opened.session), code.code)
    desk.sandbox.pay(str(opened.session))
    desk.hear()
    desk.shows("100")
    desk.go("1 May 02:00")
    desk.hear()
    assert sorted((one.granted, one.paid_cents) for one in desk.billing.buckets(CUSTOMER)) == [(100, 0), (100, 1_000)]
