"""Which invoice a subscription gets: for a period, for a trial, for a change."""

from __future__ import annotations

from web.sandbox.resources import discounts, invoice_items, invoice_lines, invoices, prices, prorations
from web.sandbox.resources.subscription_items import around, period
from web.sandbox.store import Object
from web.sandbox.work import Work


def draft(work: Work, subscription: Object, reason: str, *, bills_period: bool = True, **fields: object) -> Object:
    """All that waits for it, and the running period of every item unless that has been billed."""
    invoice = empty(work, subscription, reason, **fields)
    take_waiting(work, subscription, invoice)
    if bills_period:
        add_period(work, subscription, invoice, subscription["items"]["data"])
    return settle_draft(work, subscription, invoice)


def empty(work: Work, subscription: Object, reason: str, **fields: object) -> Object:
    customer = work.find("customer", subscription["customer"])
    assert customer is not None
    fields = {"parent": parent(subscription), **fields}
    invoice = invoices.draft(work, customer, subscription["currency"], reason, **fields)
    invoices.give(work, invoice, subscription["discounts"])
    return invoice


def parent(subscription: Object) -> Object:
    """How an invoice says whose it is."""
    return {
        "quote_details": None,
        "subscription_details": {"metadata": subscription["metadata"], "subscription": subscription["id"]},
        "type": "subscription_details",
    }


def take_waiting(work: Work, subscription: Object, invoice: Object) -> None:
    for waiting in waiting_for(work, subscription):
        invoices.add_item(work, invoice, waiting)


def waiting_for(work: Work, subscription: Object) -> list[Object]:
    customer = work.find("customer", subscription["customer"])
    assert customer is not None
    return invoice_items.pending(work, customer, subscription["currency"], subscription["id"])


def add_period(work: Work, subscription: Object, invoice: Object, items: list[Object]) -> None:
    """The running period of these items; of nothing while they are tried, a part of it before the anchor."""
    start, end = period(subscription)
    trial = subscription["trial_end"] is not None and subscription["trial_end"] == end
    for item in items:
        whole_start, whole_end = around(subscription, item["price"], start)
        if trial:
            invoices.put(invoice, invoice_lines.of_trial(work, invoice, subscription, item, start, end))
        elif start == whole_start:
            invoices.put(invoice, *invoice_lines.of_period(work, invoice, subscription, item, start, end))
        elif not subscription.get("_begins_free"):
            amount = prices.total(item["price"], item["quantity"])
            part = prorations.share(amount, end - start, whole_end - whole_start)
            invoices.put(invoice, invoice_lines.of_stub(work, invoice, subscription, item, start, end, part))


def settle_draft(work: Work, subscription: Object, invoice: Object) -> Object:
    """Kept; the subscription knows what it has been billed for, and which of its discounts are used up."""
    work.keep(invoice)
    discounts.use_up(work, subscription, invoice)
    prorations.note_billed(subscription, invoice)
    return invoice
