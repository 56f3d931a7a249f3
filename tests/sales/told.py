"""A customer of whom Stripe tells, to write the worked examples down."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from billing.sales.back import payments, refunds
from billing.stripe.values import Refund
from billing.testing import TestBilling
from tests.sales import paid
from tests.sales.paid import seconds
from tests.stories.books import all_entries, books
from tests.stories.story import counted, moment


class Told:
    """A customer whose payments arrive as Stripe's events, each told twice: under its own id, and as its twin."""

    def __init__(self, billing: TestBilling) -> None:
        self.billing = billing
        billing.customer("team", stripe_customer_id="cus_1")

    def at(self, when: str) -> Told:
        self.billing.advance(to=moment(when))
        return self

    def paid(self, held: dict[str, Any]) -> Told:
        return self.told(paid.event(held))

    def told(self, event: dict[str, Any]) -> Told:
        for document in (event, event, {**event, "id": event["id"] + "_twin"}):
            answer = self.billing.take_stripe_event(paid.body(document))
            assert answer.status == "done", answer
        return self

    def subscription(self, kind: str = "customer.subscription.updated", **more: Any) -> Told:
        """What Stripe says of `sub_1` now."""
        now = seconds(self.billing.now)
        held = {
            "id": "sub_1", "object": "subscription", "customer": "cus_1", "metadata": {}, "status": "active",
            "created": seconds("1 Jan 00:00"), "items": {"object": "list", "data": []}, **more,
        }  # fmt: skip
        return self.told(paid.event(held, kind, at=datetime.fromtimestamp(now, self.billing.now.tzinfo)))

    def ended(self) -> Told:
        return self.subscription("customer.subscription.deleted", status="canceled", ended_at=seconds(self.billing.now))

    def refunded(self, invoice: str, cents: int, id: str = "re_1") -> Told:
        """A refund of an invoice's payment succeeded; both are told twice."""
        refund = Refund(id, None, f"pi_{invoice}", cents, "usd", "succeeded", self.billing.now, {})
        for _ in range(2):
            with self.billing.database.write() as tx:
                payments.note(tx, payments.Purchase(invoice=invoice), [(f"pi_{invoice}", None)])
                assert not refunds.apply(tx, self.billing.catalog, refund, {}).waits
        return self

    def spend(self, credits: int) -> Told:
        self.billing.spend("team", credits, key=f"s{self.billing.now.timestamp()}")
        return self

    def shows(self, credits: str, cents: str) -> Told:
        """available · held · owed, and deferred · earned · broken (· refunded · credited, 0 if not said)."""
        wallet, sums = self.billing.wallet("team"), books(all_entries(self.billing, "team"))
        assert (wallet.available, wallet.held, wallet.owed) == counted(credits)
        found = (sums.deferred, sums.earned, sums.broken, sums.refunded, sums.credited)
        expected = counted(cents)
        assert found == (*expected, *(0 for _ in found[len(expected) :]))
        return self

    def ends(self, **buckets: str) -> None:
        """By origin's price and start, when each bucket ends: the oldest first."""
        found = [one.expires_at for one in reversed(self.billing.buckets("team"))]
        assert found == [moment(when) for when in buckets.values()]
