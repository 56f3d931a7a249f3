"""What had gone back of a change when the next one was paid is Stripe's to say, whenever we are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from billing.testing import TestBilling, open_billing
from tests.buying.shop import open_shop
from tests.buying.subscriber import Subscriber
from tests.buying.test_changing import CATALOG, START
from tests.sales.paid import Json, body
from tests.sandbox.serving import Watch
from tests.stories.books import all_entries, books

pytestmark = pytest.mark.slow


def upgraded(subscriber: Subscriber) -> str:
    """Basic from 1 April, Pro from the 11th; the payment of that change."""
    subscriber.subscribe("basic_monthly")
    subscriber.until("11 Apr 00:00")
    subscriber.change("pro_monthly")
    invoice = subscriber.v1.invoices.list({"limit": 1}).data[0]
    return str(subscriber.v1.invoice_payments.list({"invoice": invoice.id}).data[0].payment.payment_intent)


def lost_later(subscriber: Subscriber) -> None:
    """Disputed when Basic was bought again, and lost when that was over."""
    dispute = subscriber.shop.sandbox.dashboard.dispute(upgraded(subscriber))
    subscriber.until("16 Apr 00:00")
    subscriber.change("basic_monthly")
    subscriber.until("20 Apr 00:00")
    subscriber.shop.sandbox.dashboard.judge(dispute["id"], "lose")


def lost_and_reinstated(subscriber: Subscriber) -> None:
    """Lost when Basic was bought again, and reinstated when that was over."""
    dispute = subscriber.shop.sandbox.dashboard.dispute(upgraded(subscriber))
    subscriber.until("14 Apr 00:00")
    subscriber.shop.sandbox.dashboard.judge(dispute["id"], "lose")
    subscriber.until("16 Apr 00:00")
    subscriber.change("basic_monthly")
    subscriber.until("20 Apr 00:00")
    subscriber.shop.sandbox.dashboard.judge(dispute["id"], "reinstate")


def pending_then(fails: bool) -> Callable[[Subscriber], None]:
    """A refund was under way when Basic was bought again."""

    def refunded(subscriber: Subscriber) -> None:
        refund = subscriber.shop.sandbox.dashboard.refund(upgraded(subscriber), status="pending", fails=fails)
        assert refund["status"] == "pending"
        subscriber.until("11 Apr 06:00")  # of what is paid in one second the ids say which came first
        subscriber.change("basic_monthly")
        subscriber.until("20 Apr 00:00")
        assert subscriber.v1.refunds.retrieve(refund["id"]).status == ("failed" if fails else "succeeded")

    return refunded


STORIES = {
    "lost later": lost_later,
    "lost and reinstated": lost_and_reinstated,
    "pending then succeeded": pending_then(fails=False),
    "pending then failed": pending_then(fails=True),
}


ORDERS: dict[str, Callable[[Sequence[Json]], Sequence[Json]]] = {
    "as it happened": list,
    "the invoices first": lambda its: sorted(its, key=lambda one: one["type"] != "invoice.paid"),
    "the other way round": lambda its: its[::-1],
}


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.database("sqlite")
def test_it_ends_as_if_heard_in_time(
    make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch, story: str
) -> None:
    with open_shop(make_billing, tmp_path, watch, start=START, catalog=CATALOG) as shop:
        subscriber = Subscriber(shop)
        STORIES[story](subscriber)
        subscriber.hear()
        in_time, happened = ended(shop.billing), news(subscriber)
        assert shop.billing.audit() == []
        for number, (name, order) in enumerate(ORDERS.items()):
            url, stripe = f"sqlite:///{tmp_path}/{number}.sqlite3", shop.billing.gateway
            late = open_billing(url, catalog=CATALOG, start=shop.billing.now, gateway=stripe)
            late.customer("team", stripe_customer_id=subscriber.customer)
            for one in order(happened):
                late.take_stripe_event(body(one))
            for _ in range(2):  # they are tried again by their ids, which say nothing of what waits for what
                waits = [one for one in late.replay_failed_stripe_events() if one.status != "done"]
            assert waits == []
            assert ended(late) == in_time, name
            assert late.audit() == []
            late.close()


def ended(billing: TestBilling) -> Any:
    wallet = billing.wallet("team")
    return wallet.available, wallet.held, wallet.owed, books(all_entries(billing, "team"))


def news(subscriber: Subscriber) -> list[Json]:
    """All that happened, the oldest first."""
    listed = subscriber.v1.events.list({"limit": 100}).auto_paging_iter()
    found = [one.to_dict(for_json=True) for one in listed]
    return found[::-1]
