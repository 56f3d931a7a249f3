"""Nasty cases of shape: one life, told as each version of Stripe's interface tells it, ends in the same books."""

from __future__ import annotations

from typing import Any

from billing.inbox.handlers import HANDLERS
from tests.cases.desk import CUSTOMER, Desk
from tests.cases.ear import Ear
from tests.cases.odd_payments import intent_of


def _live(desk: Desk, shape: str, *, backwards: bool = False) -> None:
    """Subscribes, spends, upgrades, tops up, gets money back, loses a dispute, renews and leaves. `backwards`: each
    chapter is told from its end, and all of it again by twins.
    """
    ear, dashboard = Ear(desk, shape), desk.sandbox.dashboard

    def hear() -> None:
        events = desk.news(*HANDLERS)
        ear.send(*(reversed(events) if backwards else events))
        if backwards:
            desk.try_again()
            ear.send(*events, twin=True)
        assert desk.waiting == [], shape

    paid = desk.subscribe()
    hear()
    desk.spend(30)
    desk.shows("70", "700 · 300 · 0")
    desk.go("16 Apr 00:00")
    item = desk.v1.subscriptions.retrieve(paid["subscription"]).items.data[0].id
    dearer: Any = {"items": [{"id": item, "price": desk.prices["pro"]}], "proration_behavior": "always_invoice"}
    desk.v1.subscriptions.update(paid["subscription"], dearer)
    hear()
    desk.shows("145", "1,200 · 300 · 0")
    bought = desk.top_up()
    hear()
    dashboard.refund(bought["payment_intent"], 300)
    hear()
    desk.shows("215", "1,900 · 300 · 0 · 300")
    dispute = dashboard.dispute(intent_of(desk, paid["invoice"]), amount=500)
    hear()
    desk.shows("165 · 50")
    dashboard.judge(dispute["id"], "lose")
    hear()
    desk.shows("165", "1,400 · 300 · 0 · 800")
    desk.v1.subscriptions.update(paid["subscription"], {"cancel_at_period_end": True})
    hear()
    found = desk.billing.subscription(CUSTOMER)
    assert found is not None and f"{found.cancel_at:%d %b}" == "01 May" and found.plan == "pro"
    desk.v1.subscriptions.update(paid["subscription"], {"cancel_at_period_end": False})
    desk.go("1 May 02:00")
    hear()
    desk.shows("415", "3,400 · 300 · 0 · 800")
    desk.go("3 May 00:00")
    desk.shows("320", "2,700 · 300 · 700 · 800")
    desk.v1.subscriptions.cancel(paid["subscription"])
    hear()
    found = desk.billing.subscription(CUSTOMER)
    assert found is not None and found.status == "canceled"
    desk.shows("320", "2,700 · 300 · 700 · 800")


def case_37_before_basil(desk: Desk) -> None:
    """An endpoint made under acacia: `invoice.subscription`, `line.price`, `charge.invoice`, `current_period_end`."""
    _live(desk, "acacia")


def case_37_before_basil_and_backwards(desk: Desk) -> None:
    """The same, each chapter told from its end."""
    _live(desk, "acacia", backwards=True)


def case_38_old_and_new_together(desk: Desk) -> None:
    """Real payloads of the spring of 2025 carried both: one result."""
    _live(desk, "hybrid")


def case_38_of_today(desk: Desk) -> None:
    """What all the others are measured by."""
    _live(desk, "endive")


def case_40_thin(desk: Desk) -> None:
    """Thin events say only what they are about: asked for, they do the same."""
    _live(desk, "thin")


def case_37_an_endpoint_changes_its_version(desk: Desk) -> None:
    """One fact in each shape, under an id of its own: granted once."""
    desk.subscribe()
    desk.top_up()
    events = desk.news(*HANDLERS)
    for number, shape in enumerate(("acacia", "endive", "hybrid", "thin")):
        ear = Ear(desk, shape)
        ear.send(*events, twin=number == 1)
        assert desk.waiting == []
        desk.shows("200", "2,000")
