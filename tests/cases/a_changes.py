"""Nasty cases of plans that change: up, down, in circles, to another interval, by seats."""

from __future__ import annotations

from tests.cases.desk import CUSTOMER, Desk, changed, twin
from tests.stories.books import all_entries, books


def case_13_up_down_and_up_again(desk: Desk) -> None:
    """Each change moves the difference by the time that is left: nothing is lost and nothing minted on the way."""
    desk.subscribe()
    desk.hear()
    for when, price, credits, cents in (
        ("11 Apr 00:00", "pro", "200", "1,666"),
        ("12 Apr 00:00", "basic", "105", "1,033 · 0 · 0 · 0 · 633"),
        ("13 Apr 00:00", "pro", "195", "1,633 · 0 · 0 · 0 · 633"),
    ):
        desk.go(when)
        desk.change(price)
        told = desk.news()
        desk.post(*told, *map(twin, told))
        desk.shows(credits, cents)
    desk.ends("2 May 00:00", "2 May 00:00", "2 May 00:00")
    desk.go("1 May 02:00")
    desk.hear()
    desk.shows("445", "3,633 · 0 · 0 · 0 · 633")


def case_13_round_and_round(desk: Desk) -> None:
    """Up and down again and again, spending in between: what is spent of what went is owed."""
    desk.subscribe()
    desk.hear()
    desk.go("11 Apr 00:00")
    desk.spend(100)
    desk.shows("0", "0 · 1,000")
    for turns in range(2):
        desk.change("pro")
        desk.hear()
        desk.shows("100", f"666 · 1,000 · 0 · 0 · {666 * turns}")
        desk.change("basic")
        desk.hear()
        desk.shows("0", f"0 · 1,000 · 0 · 0 · {666 * turns + 666}")
    desk.change("pro")
    desk.hear()
    desk.spend(60)
    desk.change("basic")
    desk.hear()
    desk.shows("0 · 0 · 60", "0 · 1,000 · 0 · 0 · 1,998")


def case_13_billed_with_the_renewal(desk: Desk) -> None:
    """What Stripe does unless asked: the change's two lines wait for the renewal's invoice, each judged by itself."""
    desk.subscribe()
    desk.hear()
    desk.go("11 Apr 00:00")
    desk.change("pro", proration_behavior="create_prorations")
    desk.hear()
    desk.shows("100", "1,000")
    desk.go("1 May 02:00")
    desk.hear()
    desk.shows("450", "3,666")
    desk.ends("2 May 00:00", "8 May 01:00", "2 Jun 00:00")


def case_14_another_interval(desk: Desk) -> None:
    """Monthly to yearly, all of it billed as proration: a period of its own by price and line, whatever the flag."""
    desk.subscribe()
    desk.hear()
    desk.go("5 Apr 10:00")
    desk.spend(20)
    desk.go("11 Apr 00:00")
    desk.change("basic_yearly")
    told = desk.news()
    (paid,) = [event["data"]["object"] for event in told if event["type"] == "invoice.paid"]
    details = [line["parent"]["subscription_item_details"] for line in paid["lines"]["data"]]
    assert [one["proration"] for one in details] == [True, True]
    desk.post(*told, *map(twin, told))
    desk.shows("100", "9,726 · 200 · 133 · 0 · 667")  # 10,000 × 355 ⁄ 365, to 1 Apr
    desk.ends("11 Apr 00:00", "12 May 00:00")
    desk.go("1 Apr 2026 02:00")
    desk.hear()
    desk.shows("167", "10,563 · 200 · 9,296 · 0 · 667")
    desk.go("2 Apr 2026 00:00")
    desk.shows("100", "10,000 · 200 · 9,859 · 0 · 667")


def case_14_at_a_price_that_is_known_later(desk: Desk) -> None:
    """The switch is paid before its price was heard of: Stripe is asked; until it answers nothing is done by half."""
    desk.subscribe()
    desk.hear()
    desk.go("5 Apr 10:00")
    desk.spend(20)
    dearer = desk.sandbox.dashboard.change_price(desk.prices["basic_yearly"], 12_000)
    desk.prices["dearer"] = dearer["id"]
    desk.go("11 Apr 00:00")
    desk.change("dearer")
    told = desk.news()
    first = [event for event in told if event["type"] == "invoice.paid"]
    stripe, desk.billing.gateway = desk.billing.gateway, None
    assert desk.post(*first) == ["waiting"]
    desk.shows("80", "800 · 200")
    desk.billing.gateway = stripe
    assert desk.try_again() == ["done"]
    desk.post(*told, *map(twin, told))
    desk.shows("100", "11,671 · 200 · 133 · 0 · 667")
    desk.ends("11 Apr 00:00", "12 May 00:00")


def case_14_another_interval_that_starts_now(desk: Desk) -> None:
    """The same with its anchor set anew: the year begins at the switch."""
    desk.subscribe()
    desk.hear()
    desk.go("5 Apr 10:00")
    desk.spend(20)
    desk.go("11 Apr 00:00")
    desk.change("basic_yearly", billing_cycle_anchor={"type": "now"})
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("100", "10,000 · 200 · 133 · 0 · 667")
    desk.ends("11 Apr 00:00", "12 May 00:00")
    desk.go("11 May 00:00")
    desk.shows("200", "10,000 · 200 · 133 · 0 · 667")


def case_15_down_with_money_back(desk: Desk) -> None:
    """The money that goes back takes its cents and what they stood for; the next period brings the smaller plan."""
    desk.subscribe("pro")
    desk.hear()
    desk.go("11 Apr 00:00")
    desk.change("basic")
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("150", "1,334 · 0 · 0 · 0 · 666")
    desk.go("1 May 02:00")
    desk.hear()
    desk.shows("250", "2,334 · 0 · 0 · 0 · 666")
    desk.ends("2 May 00:00", "2 Jun 00:00")


def case_15_down_without_money_back(desk: Desk) -> None:
    """Nothing goes back, so nothing is taken; the next period brings the smaller plan."""
    desk.subscribe("pro")
    desk.hear()
    desk.go("11 Apr 00:00")
    desk.change("basic", proration_behavior="none")
    desk.hear()
    desk.shows("250", "2,000")
    desk.go("1 May 02:00")
    desk.hear()
    desk.shows("350", "3,000")
    desk.go("2 May 00:00")
    desk.shows("100", "1,000 · 0 · 2,000")


def case_23_seats(desk: Desk) -> None:
    """So many times the plan's credits; a seat more or less moves its part of what is left of the period."""
    desk.buys([{"price": desk.prices["basic"], "quantity": 2}])
    desk.hear()
    desk.shows("200", "2,000")
    desk.go("11 Apr 00:00")
    desk.change(quantity=3)
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("266", "2,667")
    desk.go("1 May 01:00")
    desk.hear()
    desk.shows("566", "5,667")
    desk.go("2 May 00:00")
    desk.shows("300", "3,000 · 0 · 2,667")
    desk.go("21 May 16:00")
    desk.change(quantity=2)
    desk.hear()
    desk.shows("266", "2,667 · 0 · 2,667 · 0 · 333")


def case_23_a_quantity_that_is_not_said(desk: Desk) -> None:
    """`quantity` may be null, `quantity_decimal` says it then."""
    desk.buys([{"price": desk.prices["basic"], "quantity": 3}])
    (event,) = desk.news("invoice.paid")
    line = "lines__data__0"
    told = changed(event, "evt_null", **{f"{line}__quantity": None, f"{line}__quantity_decimal": "3"})
    desk.silent()
    assert desk.post(told) == ["done"]
    desk.shows("300", "3,000")


def case_23_seats_of_a_year(desk: Desk) -> None:
    """Months to come change whole, the running one by time; down again it takes what the change brought."""
    desk.subscribe("basic", price="basic_yearly")
    desk.hear()
    desk.go("16 Apr 00:00")
    desk.change(quantity=2)
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("150", "19,589")
    desk.go("1 May 00:00")
    desk.shows("350", "19,589")
    desk.go("16 May 00:00")
    desk.shows("200")
    desk.change(quantity=1)
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("148")  # ⌊200 − 100 × 16 ⁄ 31⌋
    credited = books(all_entries(desk.billing, CUSTOMER)).credited
    assert credited == 8_767
    desk.go("1 Jun 00:00")
    desk.shows("248")
    desk.go("2 Jun 00:00")
    desk.shows("100")
    desk.through("2 Apr 2026 00:00")
    desk.shows("100", "10,000 · 0 · 10,822 · 0 · 8,767")
