"""Nasty cases of delivery: what arrives twice, early, late, or from nowhere else."""

from __future__ import annotations

from tests.cases.desk import CUSTOMER, Desk, at_once, changed, twin

COMPLETED = "checkout.session.completed"


def case_01_webhook_and_page_race(desk: Desk) -> None:
    """The webhook and the success page settle one session at once: granted once, the second is told so."""
    session = desk.top_up()
    (event,) = desk.news(COMPLETED)
    settle = desk.billing.settle
    at_once(lambda: settle(session["id"]), lambda: desk.post(event), lambda: settle(session["id"]))
    again = settle(session["id"])
    assert again.granted == () and again.waits is None
    desk.shows("100", "1,000")


def case_02_the_same_event_twice(desk: Desk) -> None:
    """One id, three times at once and once again: 200 each time, and one effect."""
    desk.top_up()
    (event,) = desk.news(COMPLETED)
    at_once(*[lambda: desk.post(event)] * 3)
    assert desk.post(event) == ["done"]
    assert [one.type for one in desk.billing.stripe_events()].count(COMPLETED) == 1
    desk.shows("100", "1,000")


def case_03_a_twin_with_an_id_of_its_own(desk: Desk) -> None:
    """Two Event objects for each fact: the claim is the fact's, not the event's."""
    desk.subscribe()
    desk.top_up()
    events = desk.news()
    desk.post(*events, *map(twin, events))
    desk.shows("200", "2,000")
    desk.ends("2 May 00:00", "-")


def case_03_twins_at_once(desk: Desk) -> None:
    """The two of one fact arrive in the same moment: one grant."""
    desk.subscribe()
    (event,) = desk.news("invoice.paid")
    at_once(lambda: desk.post(event), lambda: desk.post(twin(event)))
    desk.shows("100", "1,000")


def case_04_both_paid_events(desk: Desk) -> None:
    """`invoice.paid` and `invoice.payment_succeeded`, the second first, and each twice: one grant."""
    desk.subscribe()
    events = desk.news()
    succeeded = [event for event in events if event["type"] == "invoice.payment_succeeded"]
    assert desk.post(*succeeded) == ["ignored"]
    desk.shows("0")
    desk.post(*events, *map(twin, succeeded))
    desk.shows("100", "1,000")


def case_05_paid_out_of_band(desk: Desk) -> None:
    """The renewal is paid outside Stripe: `invoice.paid` comes alone, and grants."""
    desk.subscribe()
    desk.hear()
    desk.sandbox.decline(desk.stripe_customer(), declines=True)
    desk.go("1 May 12:00")
    desk.hear()
    desk.shows("100", "1,000")
    (due,) = desk.v1.invoices.list({"status": "open"}).data
    desk.v1.invoices.pay(due.id, {"paid_out_of_band": True})
    told = desk.news()
    kinds = [event["type"] for event in told]
    assert "invoice.paid" in kinds and "invoice.payment_succeeded" not in kinds
    desk.post(*told)
    desk.shows("200", "2,000")
    desk.ends("2 May 00:00", "2 Jun 00:00")


def case_06_paid_before_anybody_is_known(desk: Desk) -> None:
    """`invoice.paid` is the first that is heard, and Stripe can't be asked: the invoice's own metadata say whose."""
    desk.subscribe()
    events = desk.news()
    desk.silent()
    (first,) = [event for event in events if event["type"] == "invoice.paid"]
    assert desk.post(first) == ["done"]
    desk.shows("100", "1,000")
    desk.post(*events)
    desk.shows("100", "1,000")


def case_06_paid_by_somebody_unknown(desk: Desk) -> None:
    """Nobody knows the payer: it waits, 200; granted once when they are linked, and not again."""
    customer = desk.v1.customers.create(
        {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    )
    desk.v1.subscriptions.create({"customer": customer.id, "items": [{"price": desk.prices["basic"]}]})
    events = desk.news()
    desk.post(*events, *map(twin, events))
    waiting = [kind for kind, _ in desk.waiting]
    assert waiting.count("invoice.paid") == 2
    assert all(customer.id in reason for kind, reason in desk.waiting if kind == "invoice.paid")
    desk.shows("0")
    desk.go("2 Apr 09:00")
    desk.billing.customer(CUSTOMER, stripe_customer_id=customer.id)
    while desk.billing.handle_stripe_events():
        pass
    desk.shows("100", "1,000")
    desk.ends("2 May 00:00")


def case_07_a_late_snapshot(desk: Desk) -> None:
    """`updated`, active, arrives after `deleted`: what has ended stays so, and no month of it comes."""
    desk.subscribe("basic", price="basic_yearly")
    desk.hear()
    desk.go("10 Apr 00:00")
    subscription = desk.subscription()
    desk.v1.subscriptions.update(subscription.id, {"metadata": {"colour": "blue"}})
    (late,) = desk.news("customer.subscription.updated")
    assert late["data"]["object"]["status"] == "active"
    desk.go("11 Apr 00:00")
    desk.v1.subscriptions.cancel(subscription.id)
    desk.hear()
    desk.post(late, twin(late), changed(late, "evt_later_still", metadata={"colour": "red"}))
    found = desk.billing.subscription(CUSTOMER)
    assert found is not None and (found.id, found.status) == (subscription.id, "canceled")
    desk.shows("100", "833 · 0 · 9,167")
    desk.go("1 May 00:00")
    desk.shows("100", "833 · 0 · 9,167")
    desk.go("2 May 00:00")
    desk.shows("0", "0 · 0 · 10,000")


def case_08_completed_and_unpaid(desk: Desk) -> None:
    """No credits when the session completes, but when the money arrives; where it fails there is nothing to undo."""
    session = desk.open_top_up()
    desk.sandbox.pay_later(session)
    (completed,) = desk.news(COMPLETED)
    assert completed["data"]["object"]["payment_status"] == "unpaid"
    desk.post(completed)
    desk.shows("0", "0")
    assert desk.billing.topups(CUSTOMER)[0].status == "pending"
    desk.go("4 Apr 00:00")
    desk.sandbox.arrive(session)
    arrived = desk.news()
    desk.post(*arrived, *map(twin, arrived), completed)
    desk.shows("100", "1,000")
    failing = desk.open_top_up()
    desk.sandbox.pay_later(failing)
    desk.hear()
    desk.go("8 Apr 00:00")
    desk.sandbox.arrive(failing, fails=True)
    desk.hear()
    desk.shows("100", "1,000")
    assert [one.status for one in desk.billing.topups(CUSTOMER)] == ["failed", "paid"]


def case_09_the_buyer_never_returns(desk: Desk) -> None:
    """The success page is never opened: the webhook alone grants, a pack as a plan."""
    desk.top_up()
    desk.subscribe("pro")
    desk.hear()
    desk.shows("350", "3,000")
    desk.ends("-", "2 May 00:00")
