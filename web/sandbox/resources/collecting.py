"""The money of subscriptions: their invoices in time, the card that pays or does not, and what follows from it."""

from __future__ import annotations

from datetime import timedelta

from web.sandbox.errors import Refused
from web.sandbox.resources import cards, invoice_items, invoice_payments, invoices, payment_intents, payment_methods
from web.sandbox.resources import subscriptions as subs
from web.sandbox.resources.cards import Decline
from web.sandbox.store import Object
from web.sandbox.work import Work

HOUR, DAY = int(timedelta(hours=1).total_seconds()), int(timedelta(days=1).total_seconds())
TRY_AGAIN_AFTER = (3, 5, 7)
"""Days after each refused attempt; after the last one the subscription is cancelled."""
WAITS_FOR_FIRST_PAYMENT = 23 * HOUR


def begin(work: Work, subscription: Object, instrument: Object | None, *, charge: bool = True) -> Decline | None:
    """Bills the first period, at once. Declined it stays incomplete, for 23 hours."""
    invoice = _draft(work, subscription, "subscription_create")
    subscription["latest_invoice"] = invoice["id"]
    work.emit("invoice.created", invoice)
    invoices.finalize(work, invoice)
    decline = None  # the subscription is not kept yet: nobody has been told of it
    if charge or invoice["amount_due"] == 0:
        decline = attempt(work, invoice, instrument)
    if invoice["status"] == "paid":
        subscription["status"] = "active"
        work.rows.schedule(subs.period(subscription)[1], "renew", subscription["id"])
    else:
        work.rows.schedule(work.now + WAITS_FOR_FIRST_PAYMENT, "expire_incomplete", subscription["id"])
    work.keep(subscription)
    work.emit("customer.subscription.created", subscription)
    return decline


def renew(work: Work, subscription: Object) -> None:
    """A period is over: the next begins with a draft that is finalized and charged an hour later, or it ends here."""
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= work.now:
        subs.end(work, subscription, None)
        return
    start, end = subs.period(subscription)
    with work.changing(subscription, "customer.subscription.updated"):
        subs.begin_period(subscription, end)
        fields = {"period_start": start, "period_end": end, "auto_advance": True}
        fields["automatically_finalizes_at"] = work.now + HOUR
        invoice = _draft(work, subscription, "subscription_cycle", **fields)
        subscription["latest_invoice"] = invoice["id"]
        work.emit("invoice.created", invoice)
    work.rows.schedule(work.now + HOUR, "finalize", invoice["id"])
    work.rows.schedule(subs.period(subscription)[1], "renew", subscription["id"])


def advance(work: Work, invoice: Object) -> None:
    """What an invoice does by itself: a draft is finalized, then the customer's card is charged."""
    if invoice["status"] == "draft":
        subscription = _subscription(work, invoice)
        if subscription is not None:
            invoice["parent"]["subscription_details"]["metadata"] = subscription["metadata"]
        invoices.finalize(work, invoice)
    if invoice["status"] == "open":
        attempt(work, invoice, _instrument(work, invoice))


def attempt(work: Work, invoice: Object, instrument: Object | None) -> Decline | None:
    """Charges an open invoice once, and does what follows for its subscription."""
    intent = invoices.intent_of(work, invoice)
    decline: Decline | None = None
    if intent is None:
        invoices.settle(work, invoice, by_card=False)
    elif instrument is None:
        decline = Decline("payment_intent_payment_attempt_failed", "no_card", "The customer has no card to charge.")
    else:
        if cards.behind(instrument).decline is None:
            invoice_payments.note_paid(work, invoice)
        decline = payment_intents.charge(work, intent, instrument)
        if decline is None:
            invoices.settle(work, invoice, by_card=True)
    if decline is not None:
        _refused(work, invoice)
    elif (subscription := _subscription(work, invoice)) is not None:
        _recovered(work, subscription, invoice)
    return decline


def pay(work: Work, invoice: Object, instrument: Object | None, *, out_of_band: bool) -> Object:
    """`POST /v1/invoices/{id}/pay`: finalizes a draft, then pays, or refuses with the card's answer."""
    if invoice["status"] == "draft":
        invoices.finalize(work, invoice)
    if invoice["status"] == "paid":
        raise Refused("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] != "open":
        raise Refused(f"Invoice is {invoice['status']} and can't be paid.", code="invoice_not_open")
    if out_of_band:
        _settle_out_of_band(work, invoice)
        return invoice
    chosen = instrument or _instrument(work, invoice)
    if invoice["amount_due"] > 0 and chosen is None:
        words = "This customer has no attached payment source or default payment method."
        raise Refused(f"{words} Please consider adding a default payment method.", code="resource_missing")
    decline = attempt(work, invoice, chosen)
    if decline is not None:
        intent = invoices.intent_of(work, invoice)
        assert intent is not None
        raise payment_intents.declined(decline, intent)
    return invoice


def use_card(work: Work, invoice: Object, method: Object) -> None:
    """The invoice's subscription is charged to this card from now on."""
    subscription = _subscription(work, invoice)
    if subscription is not None and subscription["status"] not in subs.ENDED:
        subs.change(work, subscription, {"default_payment_method": method["id"]})


def stop(work: Work, subscription: Object, reason: str | None) -> None:
    """Cancelled now. Its unpaid invoice is left as it is and no longer collected."""
    invoice = work.find("invoice", subscription["latest_invoice"])
    if invoice is not None and invoice["status"] in ("draft", "open"):
        for what in ("finalize", "retry"):
            work.rows.unschedule(what, invoice["id"])
        with work.changing(invoice, "invoice.updated"):
            invoice |= {"auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None}
    subs.end(work, subscription, reason)


def _draft(work: Work, subscription: Object, reason: str, **fields: object) -> Object:
    customer = work.find("customer", subscription["customer"])
    assert customer is not None
    parent = {
        "quote_details": None,
        "subscription_details": {"metadata": subscription["metadata"], "subscription": subscription["id"]},
        "type": "subscription_details",
    }
    invoice = invoices.draft(work, customer, subscription["currency"], reason, parent=parent, **fields)
    for waiting in invoice_items.pending(work, customer, subscription["currency"]):
        invoices.add_item(work, invoice, waiting)
    start, end = subs.period(subscription)
    for item in subscription["items"]["data"]:
        invoices.add_period(work, invoice, subscription, item, start, end)
    return work.keep(invoice)


def _settle_out_of_band(work: Work, invoice: Object) -> None:
    intent = invoices.intent_of(work, invoice)
    invoices.settle(work, invoice, by_card=False)
    if intent is not None:
        invoice_payments.note_canceled(work, invoice)
        payment_intents.cancel(work, intent)
    if (subscription := _subscription(work, invoice)) is not None:
        _recovered(work, subscription, invoice)


def _refused(work: Work, invoice: Object) -> None:
    """Tried again in some days as long as there are attempts left; its subscription is past due meanwhile."""
    subscription = _subscription(work, invoice)
    tried = invoice["attempt_count"] + 1
    collected = subscription is not None and subscription["status"] in ("active", "past_due")
    again = TRY_AGAIN_AFTER[tried - 1] if collected and tried <= len(TRY_AGAIN_AFTER) else None
    with work.changing(invoice, "invoice.updated"):
        invoice |= {"attempted": True, "attempt_count": tried}
        invoice["next_payment_attempt"] = None if again is None else work.now + again * DAY
    if again is None:
        work.rows.unschedule("retry", invoice["id"])
    else:
        work.rows.schedule(work.now + again * DAY, "retry", invoice["id"])
    work.emit("invoice.payment_failed", invoice)
    if subscription is None or not collected:
        return
    if subscription["status"] == "active":
        with work.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = "past_due"
    if again is None:
        stop(work, subscription, "payment_failed")


def _recovered(work: Work, subscription: Object, invoice: Object) -> None:
    """Its newest invoice is paid: an incomplete or late subscription is active."""
    if subscription["latest_invoice"] != invoice["id"] or subscription["status"] not in ("incomplete", "past_due"):
        return
    if invoice["billing_reason"] == "subscription_create":
        work.rows.unschedule("expire_incomplete", subscription["id"])
        work.rows.schedule(subs.period(subscription)[1], "renew", subscription["id"])
    with work.changing(subscription, "customer.subscription.updated"):
        subscription["status"] = "active"


def _subscription(work: Work, invoice: Object) -> Object | None:
    """Its subscription, once that has been told of."""
    parent = invoice["parent"]
    return work.find("subscription", parent["subscription_details"]["subscription"]) if parent else None


def _instrument(work: Work, invoice: Object) -> Object | None:
    customer = work.find("customer", invoice["customer"])
    assert customer is not None
    subscription = _subscription(work, invoice)
    preferred: str | None = invoice["default_payment_method"]
    if preferred is None and subscription is not None:
        preferred = subscription["default_payment_method"]
    return payment_methods.of(work, customer, preferred)
