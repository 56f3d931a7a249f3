"""Nasty cases of periods: years in months, trials, periods that cost nothing, plans without Stripe."""

from __future__ import annotations

from typing import Any

from tests.cases.desk import CUSTOMER, Desk, twin


def case_16_a_year_by_the_month(desk: Desk) -> None:
    """One invoice a year, twelve months of credits, from the 31st to the ends of the months."""
    desk.go("31 Jan 2026 00:00")
    desk.subscribe("basic", price="basic_yearly")
    desk.hear()
    desk.shows("100", "10,000")
    desk.go("28 Feb 2026 00:00")
    desk.shows("200", "10,000")
    desk.go("31 Mar 2026 12:00")
    desk.shows("200", "9,167 · 0 · 833")
    desk.ends("1 Mar 2026 00:00", "1 Apr 2026 00:00", "1 May 2026 00:00")
    assert "invoice.paid" not in [event["type"] for event in desk.news()]
    desk.go("31 Jan 2027 02:00")
    desk.hear()
    desk.shows("200", "10,837 · 0 · 9,163")
    desk.go("1 Feb 2027 00:00")
    desk.shows("100", "10,000 · 0 · 10,000")


def case_16_a_year_refunded_in_part(desk: Desk) -> None:
    """Half of it goes back: so do the last six months, which do not come; those before them do."""
    desk.subscribe("basic", price="basic_yearly")
    desk.hear()
    (payment,) = desk.v1.payment_intents.list({}).data
    desk.go("11 Apr 00:00")
    desk.sandbox.dashboard.refund(payment.id, 5_000)
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("100", "5,000 · 0 · 0 · 5,000")
    desk.go("1 Sep 00:00")
    desk.shows("200", "1,668 · 0 · 3,332 · 5,000")
    desk.go("2 Oct 00:00")
    desk.shows("0", "0 · 0 · 5,000 · 5,000")
    desk.go("2 Nov 00:00")
    desk.shows("0", "0 · 0 · 5,000 · 5,000")


def case_16_a_year_in_dispute(desk: Desk) -> None:
    """Months that come while it is disputed are held as they come; lost, all of them are gone and none follows."""
    desk.subscribe("basic", price="basic_yearly")
    desk.hear()
    (payment,) = desk.v1.payment_intents.list({}).data
    desk.go("10 Apr 00:00")
    desk.spend(30)
    dispute = desk.sandbox.dashboard.dispute(payment.id)
    desk.hear()
    desk.shows("0 · 70", "9,751 · 249")
    desk.go("1 May 00:00")
    desk.shows("0 · 170", "9,751 · 249")
    desk.go("10 May 00:00")
    desk.sandbox.dashboard.judge(dispute["id"], "lose")
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("0 · 0 · 30", "0 · 0 · 0 · 10,000")
    desk.go("1 Jun 00:00")
    desk.shows("0 · 0 · 30", "0 · 0 · 0 · 10,000")


def case_16_a_year_cancelled_at_its_end(desk: Desk) -> None:
    """That it will end stops nothing: all of its months come, and nothing after them."""
    desk.subscribe("basic", price="basic_yearly")
    desk.hear()
    desk.go("10 Jun 00:00")
    desk.v1.subscriptions.update(desk.subscription().id, {"cancel_at_period_end": True})
    desk.hear()
    desk.through("1 Mar 2026 00:00")
    desk.shows("200", "1,670 · 0 · 8,330")
    desk.through("2 Apr 2026 00:00")
    desk.shows("0", "0 · 0 · 10,000")


def case_17_a_trial(desk: Desk) -> None:
    """What costs nothing yet brings the plan's trial credits; the first invoice that is paid brings all of it."""
    desk.buys([{"price": desk.prices["try"]}], trial_period_days=14)
    told = desk.news()
    (first,) = [event["data"]["object"] for event in told if event["type"] == "invoice.paid"]
    assert (first["billing_reason"], first["amount_paid"]) == ("subscription_create", 0)
    desk.post(*told, *map(twin, told))
    desk.shows("30", "0")
    desk.go("10 Apr 10:00")
    desk.spend(12)
    desk.go("15 Apr 00:30")
    desk.hear()
    desk.spend(5)
    desk.shows("13", "0")
    desk.go("15 Apr 01:00")
    desk.hear()
    desk.shows("113", "1,000")
    desk.go("16 Apr 00:00")
    desk.shows("100", "1,000")
    desk.ends("16 Apr 00:00", "16 May 00:00")


def case_17_a_trial_of_a_plan_without_trial_credits(desk: Desk) -> None:
    """It brings nothing, nor a bucket; ended early it is paid for, and brings all."""
    desk.buys([{"price": desk.prices["basic"]}], trial_period_days=14)
    desk.hear()
    desk.shows("0", "0")
    desk.ends()
    desk.go("5 Apr 00:00")
    desk.v1.subscriptions.update(desk.subscription().id, {"trial_end": "now"})
    desk.hear()
    desk.shows("100", "1,000")
    desk.ends("6 May 00:00")


def case_18_all_of_it_off(desk: Desk) -> None:
    """A coupon of 100 %: nothing is paid, it is no trial, and grants as usual, free; a change up brings more."""
    coupon = desk.v1.coupons.create({"percent_off": 100, "duration": "forever"})
    desk.buys([{"price": desk.prices["try"]}], discounts=[{"coupon": coupon.id}])
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("100", "0")
    desk.go("5 Apr 10:00")
    desk.spend(30)
    desk.go("11 Apr 00:00")
    desk.change("pro")
    desk.hear()
    desk.shows("170", "0")
    desk.go("1 May 02:00")
    desk.hear()
    desk.shows("420", "0")


def case_18_a_seat_more_in_a_month_that_was_free(desk: Desk) -> None:
    """The line that gives back the seat that cost nothing has no sign: it is not taken for a seat that is bought."""
    coupon = desk.v1.coupons.create({"percent_off": 100, "duration": "once"})
    desk.buys([{"price": desk.prices["basic"]}], discounts=[{"coupon": coupon.id}])
    desk.hear()
    desk.shows("100", "0")
    desk.go("11 Apr 00:00")
    desk.change(quantity=2)
    (paid,) = desk.news("invoice.paid")
    assert [line["amount"] for line in paid["data"]["object"]["lines"]["data"]] == [0, 1_333]
    desk.post(paid, twin(paid))
    desk.shows("166", "1,333")


def case_18_paid_from_the_balance(desk: Desk) -> None:
    """Nothing is charged, for what the customer had there paid it: it was paid all the same."""
    desk.v1.customers.update(desk.stripe_customer(), {"balance": -1_500})
    desk.buys([{"price": desk.prices["basic"]}])
    (paid,) = desk.news("invoice.paid")
    assert (paid["data"]["object"]["amount_paid"], paid["data"]["object"]["total"]) == (0, 1_000)
    desk.post(paid, twin(paid))
    desk.shows("100", "1,000")
    desk.go("1 May 02:00")
    desk.hear()
    desk.shows("200", "2,000")


def case_18_too_little_to_charge(desk: Desk) -> None:
    """Below the least that can be charged: nothing is paid yet, and granted with the cents of its line."""
    coupon: Any = desk.v1.coupons.create({"percent_off": 97, "duration": "once"})
    desk.buys([{"price": desk.prices["basic"]}], discounts=[{"coupon": coupon.id}])
    (paid,) = desk.news("invoice.paid")
    assert (paid["data"]["object"]["amount_paid"], paid["data"]["object"]["total"]) == (0, 30)
    desk.post(paid, twin(paid))
    desk.shows("100", "30")


def case_20_a_plan_without_stripe(desk: Desk) -> None:
    """A free plan comes by the calendar and makes no invoice; while another is paid for it stands still."""
    desk.billing.customer(CUSTOMER, plan="free")
    desk.shows("10", "0")
    desk.go("1 May 00:00")
    desk.shows("20", "0")
    desk.go("2 May 00:00")
    desk.shows("10", "0")
    assert desk.news() == []
    desk.go("10 May 00:00")
    desk.subscribe()
    desk.hear()
    desk.shows("110", "1,000")
    desk.go("2 Jun 00:00")
    desk.shows("100", "1,000")
    desk.go("5 Jun 00:00")
    desk.v1.subscriptions.cancel(desk.subscription().id)
    desk.hear()
    desk.shows("108", "1,000")  # ⌊10 × 26 ⁄ 30⌋ for what is left of June
