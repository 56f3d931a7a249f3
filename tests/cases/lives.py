"""Nasty cases of a subscription's life: unpaid, ended, paused, given up, its customer deleted."""

from __future__ import annotations

from typing import Any

from tests.cases.desk import CUSTOMER, Desk, twin
from tests.cases.odd_payments import intent_of

GOOD = "4242424242424242"


def _unpaid(desk: Desk, then: str = "past_due") -> tuple[dict[str, Any], str]:
    """A subscription whose second invoice could not be paid: the session, and that invoice."""
    desk.sandbox.dashboard.after_retries(then)
    paid = desk.subscribe()
    desk.hear()
    desk.sandbox.decline(paid["customer"], declines=True)
    desk.through("1 May 02:00")
    (due,) = desk.v1.invoices.list({"status": "open"}).data
    return paid, str(due.id)


def case_27_past_due_paid_late(desk: Desk) -> None:
    """No new grant while it is unpaid; the late payment grants its own period, and at least a week to use it."""
    _, due = _unpaid(desk)
    desk.shows("100")
    found = desk.billing.subscription(CUSTOMER)
    assert found is not None and found.status == "past_due"
    desk.through("20 May 00:00")
    desk.shows("0", "0 · 0 · 1,000")
    desk.sandbox.pay_invoice(due, GOOD)
    desk.hear()
    desk.shows("100", "1,000 · 0 · 1,000")
    desk.ends("2 May 00:00", "2 Jun 00:00")


def case_27_unpaid_paid_after_its_period(desk: Desk) -> None:
    """Paid when the period is over: usable for a week all the same."""
    _, due = _unpaid(desk, "unpaid")
    desk.through("10 Jun 00:00")
    desk.shows("0")
    assert [one.status for one in desk.v1.invoices.list({"limit": 100}).data if one.id != due] == ["draft", "paid"]
    desk.sandbox.pay_invoice(due, GOOD)
    desk.hear()
    desk.shows("100", "1,000 · 0 · 1,000")
    desk.ends("2 May 00:00", "17 Jun 00:00")
    desk.spend(10)
    desk.through("17 Jun 00:00")
    assert desk.billing.buckets(CUSTOMER)[-1].remaining == 0


def case_27_upgraded_while_unpaid(desk: Desk) -> None:
    """The difference was paid, and comes at once; the period it changes comes once that is paid."""
    paid, due = _unpaid(desk)
    desk.go("16 May 12:00")
    desk.sandbox.decline(paid["customer"], declines=False)
    item = desk.v1.subscriptions.retrieve(paid["subscription"]).items.data[0].id
    dearer: Any = {"items": [{"id": item, "price": desk.prices["pro"]}], "proration_behavior": "always_invoice"}
    desk.v1.subscriptions.update(paid["subscription"], dearer)
    desk.hear()
    desk.shows("75", "500 · 0 · 1,000")
    assert not desk.waiting
    desk.go("28 May 00:00")
    desk.sandbox.pay_invoice(due, GOOD)
    desk.hear()
    desk.shows("175", "1,500 · 0 · 1,000")


def case_28_cancelled_in_the_portal(desk: Desk) -> None:
    """It says `cancel_at` alone. Credits stay to the period's end; then nothing more is granted."""
    desk.subscribe()
    desk.hear()
    portal = desk.sandbox.portal
    desk.go("10 Apr 00:00")
    portal.act(portal.open(desk.stripe_customer()).rpartition("/")[2], "cancel")
    told = desk.news("customer.subscription.updated")
    held = told[-1]["data"]["object"]
    assert (held["cancel_at_period_end"], bool(held["cancel_at"])) == (False, True)
    desk.post(*told)
    found = desk.billing.subscription(CUSTOMER)
    assert found is not None and f"{found.cancel_at:%d %b %H:%M}" == "01 May 00:00"
    desk.through("1 May 12:00")
    desk.post(*map(twin, told))  # the old news once more: it stays ended
    found = desk.billing.subscription(CUSTOMER)
    assert found is None or found.status == "canceled"
    desk.shows("100")
    desk.through("1 Jul 00:00")
    desk.shows("0", "0 · 0 · 1,000")
    assert len(desk.billing.buckets(CUSTOMER)) == 1


def case_28_a_last_invoice_after_the_end(desk: Desk) -> None:
    """What was owed when it was ended is paid later: it grants still."""
    paid, due = _unpaid(desk)
    desk.go("5 May 00:00")
    desk.v1.subscriptions.cancel(paid["subscription"])
    desk.hear()
    desk.shows("0", "0 · 0 · 1,000")
    desk.go("6 May 00:00")
    desk.v1.invoices.pay(due, {"paid_out_of_band": True})
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("100", "1,000 · 0 · 1,000")


def _pauses(desk: Desk, behavior: str) -> str:
    paid = desk.subscribe()
    desk.hear()
    desk.go("10 Apr 00:00")
    desk.v1.subscriptions.update(paid["subscription"], {"pause_collection": {"behavior": behavior}})
    desk.through("15 Jun 00:00")
    desk.shows("0", "0 · 0 · 1,000")
    return str(paid["subscription"])


def case_29_collection_paused_and_void(desk: Desk) -> None:
    """Its invoices are void: nothing is granted until it is collected again."""
    subscription = _pauses(desk, "void")
    desk.v1.subscriptions.update(subscription, {"pause_collection": ""})
    desk.through("1 Jul 02:00")
    desk.shows("100", "1,000 · 0 · 1,000")


def case_29_several_drafts_paid_at_once(desk: Desk) -> None:
    """Kept as drafts and paid together later: each grants its own period, what is over for a week."""
    subscription = _pauses(desk, "keep_as_draft")
    drafts = desk.v1.invoices.list({"subscription": subscription, "status": "draft"}).data
    assert len(drafts) == 2
    for draft in drafts:
        desk.v1.invoices.pay(draft.id)
    told = desk.news()
    desk.post(*reversed(told))
    desk.try_again()
    desk.shows("200", "2,000 · 0 · 1,000")
    assert sorted(f"{one.expires_at:%d %b}" for one in desk.billing.buckets(CUSTOMER)) == ["02 Jul", "02 May", "22 Jun"]
    desk.spend(30)
    desk.through("22 Jun 00:00")
    desk.shows("100", "1,000 · 300 · 1,700")


def case_29_truly_paused(desk: Desk) -> None:
    """`status=paused`: no invoices at all; resumed, a new period begins."""
    paid = desk.subscribe()
    desk.hear()
    desk.go("16 Apr 00:00")
    desk.v1.subscriptions.pause(paid["subscription"])
    desk.hear()
    found = desk.billing.subscription(CUSTOMER)
    assert found is not None and found.status == "paused"
    desk.through("10 Jun 00:00")
    assert len(desk.billing.buckets(CUSTOMER)) == 1
    desk.v1.subscriptions.resume(paid["subscription"])
    told = desk.news()
    desk.post(*told, *map(twin, told))
    last = desk.v1.invoices.list({"limit": 1}).data[0]
    assert [line.amount for line in last.lines.data] == [-500, 1_000]
    desk.shows("100", "1,000 · 0 · 500 · 0 · 500")


def case_30_uncollectible_then_paid(desk: Desk) -> None:
    """Given up, and paid in the end: granted then."""
    _, due = _unpaid(desk)
    desk.v1.invoices.mark_uncollectible(due)
    desk.hear()
    desk.go("10 May 00:00")
    desk.v1.invoices.pay(due, {"paid_out_of_band": True})
    told = desk.news()
    desk.post(*told, *map(twin, told))
    desk.shows("100", "1,000 · 0 · 1,000")


def case_30_voided(desk: Desk) -> None:
    """Void for good: nothing, and the next period is paid as ever."""
    paid, due = _unpaid(desk)
    desk.v1.invoices.void_invoice(due)
    desk.sandbox.decline(paid["customer"], declines=False)
    desk.through("1 Jun 02:00")
    desk.shows("100", "1,000 · 0 · 1,000")
    assert len(desk.billing.buckets(CUSTOMER)) == 2


def case_39_a_customer_is_deleted(desk: Desk) -> None:
    """Their subscriptions end, the books stay, a late refund is found, and the next purchase makes a new customer."""
    paid = desk.subscribe()
    desk.hear()
    desk.spend(40)
    desk.sandbox.dashboard.delete_customer(paid["customer"])
    told = desk.news()
    assert {event["type"] for event in told} >= {"customer.subscription.deleted", "customer.deleted"}
    desk.post(*reversed(told), *map(twin, told))
    assert getattr(desk.v1.customers.retrieve(paid["customer"]), "deleted", False)
    desk.shows("60", "600 · 400 · 0")
    found = desk.billing.subscription(CUSTOMER)
    assert found is None or found.status == "canceled"
    desk.go("3 Apr 00:00")
    bought = desk.top_up()
    assert bought["customer"] not in (None, paid["customer"])
    desk.hear()
    desk.shows("160", "1,600 · 400 · 0")
    desk.sandbox.dashboard.refund(intent_of(desk, paid["invoice"]), 500)
    desk.hear()
    desk.shows("110", "1,100 · 400 · 0 · 500")
    desk.go("4 Apr 00:00")
    again = desk.subscribe()
    desk.hear()
    assert again["customer"] == bought["customer"]
    desk.shows("210", "2,100 · 400 · 0 · 500")
