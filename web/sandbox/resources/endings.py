"""Subscriptions that end, and the last invoice of one."""

from __future__ import annotations

from datetime import timedelta

from web.sandbox.resources import prorations, subscription_invoices
from web.sandbox.resources import subscriptions as subs
from web.sandbox.store import Object
from web.sandbox.work import Work

_HOUR = int(timedelta(hours=1).total_seconds())


def drop(work: Work, subscription: Object, reason: str | None) -> None:
    """Over now. Its unpaid invoice is left as it is and no longer collected."""
    invoice = work.find("invoice", subscription["latest_invoice"])
    if invoice is not None and invoice["status"] in ("draft", "open"):
        for what in ("finalize", "retry"):
            work.rows.unschedule(what, invoice["id"])
        with work.changing(invoice, "invoice.updated"):
            invoice |= {"auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None}
    subs.end(work, subscription, reason)


def finish(work: Work, subscription: Object) -> None:
    """Over at its time. What still waits for an invoice is billed by a last one."""
    if subscription_invoices.waiting_for(work, subscription):
        last = last_invoice(work, subscription, "subscription_cycle")
        with work.changing(last):
            last |= {"auto_advance": True, "automatically_finalizes_at": work.now + _HOUR}
        work.rows.schedule(work.now + _HOUR, "finalize", last["id"])
    subs.end(work, subscription, None)


def credit_all(work: Work, subscription: Object) -> None:
    """What of the running period is not used; nothing while it is tried."""
    if subscription["status"] != "trialing":
        for item in subscription["items"]["data"]:
            prorations.credit(work, subscription, item, work.now)


def last_invoice(work: Work, subscription: Object, reason: str) -> Object:
    """A draft of what still waits for one."""
    last = subscription_invoices.draft(work, subscription, reason, bills_period=False)
    subscription["latest_invoice"] = last["id"]
    work.emit("invoice.created", last)
    return last


def cancellation(work: Work, subscription: Object) -> Object:
    """The last invoice there would be if it were cancelled now, with what is not used credited."""
    credit_all(work, subscription)
    return last_invoice(work, subscription, "subscription_update")
