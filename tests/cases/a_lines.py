"""Nasty cases of an invoice's lines: none, too many, of something else, of prices that nobody knows."""

from __future__ import annotations

from billing.catalog.loading import parse
from billing.finance import allocations_review
from tests.cases.desk import CUSTOMER, Desk, Json, twin
from tests.cases.sold import WRITTEN
from tests.sales.paid import APRIL, MAY


def case_19_an_invoice_without_lines(desk: Desk) -> None:
    """Made by hand, empty and so paid with nothing: no crash, no grant, nothing that waits."""
    made = desk.v1.invoices.create({"customer": desk.stripe_customer(), "auto_advance": False})
    desk.v1.invoices.finalize_invoice(made.id)
    told = desk.news()
    (paid,) = [event["data"]["object"] for event in told if event["type"] == "invoice.paid"]
    assert (paid["lines"]["data"], paid["amount_paid"], paid["parent"]) == ([], 0, None)
    desk.post(*told, *map(twin, told))
    assert desk.billing.entries(CUSTOMER) == []


def case_21_several_items(desk: Desk) -> None:
    """Each item brings its own; an item that was typed in by hand is no plan, though it is on the first invoice."""
    customer = desk.stripe_customer()
    desk.v1.invoice_items.create({"customer": customer, "amount": 700, "currency": "usd", "description": "Set-up"})
    desk.buys([{"price": desk.prices["basic"]}, {"price": desk.prices["extra"], "quantity": 2}])
    told = desk.news()
    (paid,) = [event["data"]["object"] for event in told if event["type"] == "invoice.paid"]
    kinds = [line["parent"]["type"] for line in paid["lines"]["data"]]
    assert sorted(kinds) == ["invoice_item_details", "subscription_item_details", "subscription_item_details"]
    assert (paid["billing_reason"], paid["total"]) == ("subscription_create", 2_700)
    desk.post(*told, *map(twin, told))
    desk.shows("180", "2,000")
    desk.go("1 May 01:00")
    desk.hear()
    desk.shows("360", "4,000")


def case_21_an_item_that_comes_and_goes(desk: Desk) -> None:
    """Added in the middle it brings its part, by the second; removed with money back it leaves what it was for."""
    desk.subscribe()
    desk.hear()
    desk.go("11 Apr 00:00")
    subscription, bill = desk.subscription().id, {"proration_behavior": "always_invoice"}
    desk.v1.subscriptions.update(subscription, {"items": [{"price": desk.prices["extra"]}], **bill})
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("126", "1,333")  # ⌊40 × 20 ⁄ 30⌋
    desk.go("21 Apr 00:00")
    (added,) = [one.id for one in desk.subscription()["items"].data if one.price.id == desk.prices["extra"]]
    desk.v1.subscriptions.update(subscription, {"items": [{"id": added, "deleted": True}], **bill})
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("113", "1,166 · 0 · 0 · 0 · 167")
    desk.go("1 May 02:00")
    desk.hear()
    desk.shows("213", "2,166 · 0 · 0 · 0 · 167")


def case_21_an_item_that_brings_no_credits(desk: Desk) -> None:
    """What the catalog does not know brings nothing, and takes nothing from what it does know: that is granted."""
    desk.buys([{"price": desk.prices["support"]}, {"price": desk.prices["basic"]}])
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("100", "1,000")
    paid = [one for one in desk.billing.stripe_events(limit=100) if one.type == "invoice.paid"]
    reason = f"unmapped price {desk.prices['support']}: brings no credits"
    assert [(one.status, one.reason) for one in paid] == [("done", reason), ("done", reason)]
    with desk.billing.database.read() as tx:
        shown = allocations_review.month(tx, desk.billing.catalog, APRIL, MAY)
    (row,) = [one for one in shown if one.product is None]
    assert (row.status, row.paid_cents, row.reason) == ("unmapped", 300, reason)
    desk.sells(parse(WRITTEN + '[plans.support]\nname = "Support"\ncredits = 7\nprices = ["support"]\n'))
    assert [one.status for one in desk.billing.replay_failed_stripe_events()] == ["done", "done"]
    desk.shows("107", "1,300")


def case_22_more_lines_than_the_event_holds(desk: Desk) -> None:
    """The plan's line is not among the first ten: the others are fetched, and it is granted, once."""
    items: list[Json] = [{"price": desk.prices["extra"]}, {"price": desk.prices["basic"]}]
    customer = desk.stripe_customer()
    for number in range(12):
        item = {"customer": customer, "amount": 100 + number, "currency": "usd", "description": f"By hand {number}"}
        desk.v1.invoice_items.create(item)
    desk.buys(items)
    told = desk.news()
    (paid,) = [event["data"]["object"] for event in told if event["type"] == "invoice.paid"]
    assert {line["parent"]["type"] for line in paid["lines"]["data"]} == {"invoice_item_details"}
    assert (len(paid["lines"]["data"]), paid["lines"]["has_more"]) == (10, True)
    desk.post(*told, *map(twin, told))
    desk.shows("140", "1,500")


def case_24_a_price_that_nobody_knows(desk: Desk) -> None:
    """Kept, said which, 200; granted once when the catalog knows it, for the period that was paid."""
    desk.buys([{"price": desk.prices["support"]}])
    told = desk.news()
    desk.post(*told)
    ((kind, reason),) = desk.waiting
    assert kind == "invoice.paid" and desk.prices["support"] in reason
    desk.shows("0")
    desk.go("3 Apr 00:00")
    desk.sells(parse(WRITTEN + '[plans.support]\nname = "Support"\ncredits = 7\nprices = ["support"]\n'))
    assert desk.try_again() == ["done"]
    desk.post(*told, *map(twin, told))
    desk.shows("7", "300")
    desk.ends("2 May 00:00")
