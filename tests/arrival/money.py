"""What of the money at Stripe is for credits: read from its objects alone, with nothing of the engine's.

Paid invoices count by their lines, net of discounts and before tax; sessions without an invoice by their subtotal. A
negative net takes from what the same item and period brought, the latest first. What went back for good, by refund or
by a dispute, takes the same share of every part of its invoice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from .told import World

LONGEST_MONTH = 31 * 24 * 60 * 60 + 1

Shares = Mapping[str, Fraction]
"""By lookup key: what of a price is for credits, where it is not all of it."""


class Money(NamedTuple):
    """In cents. `totals` are those of what is paid, with tax; what of them was not `paid` is on the customer's
    `balance`, where below zero is what Stripe owes them.
    """

    brought: int
    back: int
    totals: int
    paid: int
    balance: int


@dataclass
class Part:
    """What one invoice brought for one item and period, or one session."""

    key: tuple[str, int]
    cents: int
    share: Fraction
    """How much of the payment went back."""
    long: bool = False
    """Its period is longer than a month: what takes from it does so month by month, so that what went back is there in
    the months before, as long as there is that much in all.
    """
    credited: int = 0

    @property
    def back(self) -> int:
        wanted = int(self.cents * self.share)
        return wanted if self.long else max(0, min(wanted, self.cents - self.credited))


def money(world: World, shares: Shares) -> Money:
    """All of the world's one customer."""
    customer = world.names["customer"]
    invoices = [one for one in _all(world.v1.invoices, customer=customer) if one.status == "paid"]
    invoices.sort(key=lambda one: one.status_transitions.paid_at)
    sessions = [
        one
        for one in _all(world.v1.checkout.sessions, customer=customer)
        if one.mode == "payment" and one.payment_status == "paid" and one.invoice is None
    ]
    gone = _gone(world)
    prices = {one.id: one.lookup_key for one in _all(world.v1.prices)}
    parts: list[Part] = []
    for one in invoices:
        payments = _all(world.v1.invoice_payments, invoice=one.id)
        back = sum(gone[str(each.payment.payment_intent)] for each in payments)
        for key, (cents, long) in _by_period(one, shares, prices).items():
            _bring(parts, Part(key, cents, _share(back, one.total), long))
    for one in sessions:
        net = one.amount_subtotal - one.total_details.amount_discount
        parts.append(Part((one.id, 0), net, _share(gone[str(one.payment_intent)], one.amount_total)))
    balance = world.v1.customers.retrieve(customer).balance or 0
    paid = sum(one.amount_paid for one in invoices) + sum(one.amount_total for one in sessions)
    totals = sum(one.total for one in invoices) + sum(one.amount_total for one in sessions)
    brought, back = sum(part.cents - part.credited for part in parts), sum(part.back for part in parts)
    assert 0 <= back <= brought, "more went back than there is: which part of it counts is not said here"
    return Money(brought, back, totals, paid, balance)


def _all(resource: Any, **of: Any) -> list[Any]:
    return list(resource.list({**of, "limit": 100}).auto_paging_iter())


def _by_period(invoice: Any, shares: Shares, prices: dict[str, str]) -> dict[tuple[str, int], tuple[int, bool]]:
    """The cents for credits of an invoice, by its lines' items and the ends of their periods; are these long?"""
    found: dict[tuple[str, int], tuple[int, bool]] = {}
    for line in invoice.lines.auto_paging_iter():
        parent = line.parent.subscription_item_details or line.parent.invoice_item_details
        within = sum(tax.amount for tax in line.taxes or () if tax.tax_behavior == "inclusive")
        net = line.amount - sum(one.amount for one in line.discount_amounts or ()) - within
        share = shares.get(prices[str(line.pricing.price_details.price)], Fraction(1))
        key = str(getattr(parent, "subscription_item", None)), line.period.end
        before, long = found.get(key, (0, False))
        found[key] = before + int(net * share), long or line.period.end - line.period.start > LONGEST_MONTH
    return found


def _bring(parts: list[Part], part: Part) -> None:
    """One more; if it is less than nothing, it takes from those of its item and period, the latest first."""
    parts.append(part)
    left, before = -part.cents, [one for one in parts[:-1] if one.key == part.key and one.cents > 0]
    if left <= 0:
        return
    part.cents, part.share = 0, Fraction(0)
    for one in reversed(before):
        taken = min(left, one.cents - one.credited)
        one.credited += taken
        left -= taken
    (before[0] if before else part).credited += left


def _gone(world: World) -> dict[str, int]:
    """By payment intent, the cents that went back for good."""
    gone: dict[str, int] = defaultdict(int)
    for refund in _all(world.v1.refunds):
        gone[str(refund.payment_intent)] += refund.amount if refund.status == "succeeded" else 0
    for dispute in _all(world.v1.disputes):
        if dispute.status in ("lost", "won"):
            gone[str(dispute.payment_intent)] -= sum(one.amount for one in dispute.balance_transactions)
    return gone


def _share(back: int, total: int) -> Fraction:
    return Fraction(min(back, total), total) if total > 0 else Fraction(0)
