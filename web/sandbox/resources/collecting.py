"""The money of subscriptions: their invoices in time, the card that pays or does not, and what follows from it."""

from __future__ import annotations

from datetime import timedelta

from web.sandbox.errors import Refused
from web.sandbox.resources import (
    cards,
    endings,
    invoice_payments,
    invoices,
    pauses,
    payment_intents,
    payment_methods,
    pending_updates,
    subscription_invoices,
)
from web.sandbox.resources import subscription_items as items
from web.sandbox.resources import subscriptions as subs
from web.sandbox.resources.cards import Decline
from web.sandbox.store import Object
from web.sandbox.work import Work

HOUR, DAY = int(timedelta(hours=1).total_seconds()), int(timedelta(days=1).total_seconds())
TRY_AGAIN_AFTER = (3, 5, 7)
"""Days after each refused attempt; after the last one the subscription is cancelled."""
WAITS_FOR_FIRST_PAYMENT = 23 * HOUR
_ACTION = Decline(
    "invoice_payment_intent_requires_action",
    "authentication_required",
    "Payment for this invoice requires additional user action before it can be completed successfully.",
)
AFTER_RETRIES = "collecting.after_retries"
"""The name of a setting, and what it can be."""
THEN = ("cancel", "unpaid", "past_due")


def begin(
    work: Work, subscription: Object, instrument: Object | None, *, charge: bool = True, present: bool = False
) -> Decline | None:
    """Bills the first period, or a trial of it, at once. Declined it stays incomplete, for 23 hours."""
    invoice = subscription_invoices.draft(work, subscription, "subscription_create")
    if not invoice["_lines"]:  # nothing is billed before the anchor
        work.rows.remove(invoice["id"])
        _start(work, subscription)
        work.keep(subscription)
        work.emit("customer.subscription.created", subscription)
        return None
    subscription["latest_invoice"] = invoice["id"]
    work.emit("invoice.created", invoice)
    invoices.finalize(work, invoice)
    decline = None  # the subscription is not kept yet: nobody has been told of it
    if charge or invoice["amount_due"] == 0:
        decline = attempt(work, invoice, instrument, present=present)
    if invoice["status"] == "paid":
        _start(work, subscription)
    else:
        work.rows.schedule(work.now + WAITS_FOR_FIRST_PAYMENT, "expire_incomplete", subscription["id"])
    work.keep(subscription)
    work.emit("customer.subscription.created", subscription)
    return decline


def renew(work: Work, subscription: Object) -> None:
    """A period is over: the next begins with a draft that is finalized and charged an hour later, or it ends here."""
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= work.now:
        endings.finish(work, subscription)
        return
    if subscription["status"] == "trialing" and _stays_unpaid(work, subscription):
        return
    start, end = items.period(subscription)
    with work.changing(subscription, "customer.subscription.updated"):
        if subscription["status"] == "trialing":
            subscription["status"] = "active"
        items.begin_period(subscription, end)
        fields: Object = {"period_start": start, "period_end": end, "auto_advance": True}
        fields["automatically_finalizes_at"] = work.now + HOUR
        if subscription["status"] == "unpaid" or pauses.keeps_drafts(subscription):
            fields = fields | {"auto_advance": False, "automatically_finalizes_at": None}
        invoice = subscription_invoices.draft(work, subscription, "subscription_cycle", **fields)
        subscription["latest_invoice"] = invoice["id"]
        work.emit("invoice.created", invoice)
    work.rows.schedule(items.period(subscription)[1], "renew", subscription["id"])
    if invoice["auto_advance"] and not pauses.disposes_of(work, subscription, invoice):
        work.rows.schedule(work.now + HOUR, "finalize", invoice["id"])


def _start(work: Work, subscription: Object) -> None:
    """Paid for, or nothing to pay: it runs."""
    subscription["status"] = "active"
    if subscription["trial_end"] is not None:
        subscription["status"] = "trialing"
        subs.announce_end(work, subscription)
    work.rows.schedule(items.period(subscription)[1], "renew", subscription["id"])


def _stays_unpaid(work: Work, subscription: Object) -> bool:
    """A trial ends and there is no card: as was chosen, it is billed all the same, or ends, or pauses."""
    customer = work.find("customer", subscription["customer"])
    assert customer is not None
    if payment_methods.of(work, customer, subscription["default_payment_method"]) is not None:
        return False
    chosen = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if chosen == "cancel":
        subs.end(work, subscription, None)
    elif chosen == "pause":
        pauses.stop(work, subscription, "trial_end_without_payment_method")
    return bool(chosen in ("cancel", "pause"))


def advance(work: Work, invoice: Object) -> None:
    """What an invoice does by itself: a draft is finalized, then the customer's card is charged."""
    if invoice["status"] == "draft":
        subscription = _subscription(work, invoice)
        if subscription is not None:
            invoice["parent"]["subscription_details"]["metadata"] = subscription["metadata"]
        invoices.finalize(work, invoice)
        if invoice["collection_method"] == "send_invoice" and invoice["amount_due"] > 0:
            work.emit("invoice.sent", invoice)
    if invoice["collection_method"] == "send_invoice" and invoice["amount_due"] > 0:
        return
    if invoice["status"] == "open":
        attempt(work, invoice, instrument(work, invoice))


def attempt(work: Work, invoice: Object, card: Object | None, *, present: bool = False) -> Decline | None:
    """Charges an open invoice once, and does what follows for its subscription. Unless the buyer is `present`, a bank
    that wants to hear from them is asked to wait.
    """
    intent = invoices.intent_of(work, invoice)
    decline: Decline | None = None
    if intent is None:
        invoices.settle(work, invoice, by_card=False)
    elif card is None:
        decline = Decline("payment_intent_payment_attempt_failed", "no_card", "The customer has no card to charge.")
    elif _asks(card, present=present):
        payment_intents.ask_the_buyer(work, intent, card)
        decline = _ACTION
    else:
        if cards.behind(card).decline is None:
            invoice_payments.note_paid(work, invoice)
        decline = payment_intents.charge(work, intent, card)
        if decline is None:
            invoices.settle(work, invoice, by_card=True)
    if decline is not None:
        first = invoice["billing_reason"] == "subscription_create"
        _refused(work, invoice, counts=not (first and decline is _ACTION))
    else:
        note_paid(work, invoice)
    if decline is _ACTION:
        work.emit("invoice.payment_action_required", invoice)
    return decline


def _asks(card: Object, *, present: bool) -> bool:
    return not present and cards.behind(card).decline is None and cards.asks_the_buyer(card, off_session=True)


def pay(work: Work, invoice: Object, card: Object | None, *, out_of_band: bool) -> Object:
    """`POST /v1/invoices/{id}/pay`: finalizes a draft, then pays, or refuses with the card's answer."""
    if invoice["status"] == "draft":
        invoices.finalize(work, invoice)
    if invoice["status"] == "paid":
        raise Refused("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise Refused(f"Invoice is {invoice['status']} and can't be paid.", code="invoice_not_open")
    if out_of_band:
        _settle_out_of_band(work, invoice)
        return invoice
    chosen = card or instrument(work, invoice)
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


def stop(
    work: Work, subscription: Object, reason: str | None, *, prorate: bool = False, invoice_now: bool = False
) -> None:
    """Cancelled now. With `prorate` what is not used is credited; with `invoice_now` what waits for an invoice is
    billed at once.
    """
    if prorate:
        endings.credit_all(work, subscription)
    if invoice_now and subscription_invoices.waiting_for(work, subscription):
        last = endings.last_invoice(work, subscription, "subscription_update")
        invoices.finalize(work, last)
        attempt(work, last, instrument(work, last))
    endings.drop(work, subscription, reason)


def authenticate(work: Work, intent: Object, *, fails: bool) -> None:
    """The buyer whose action was needed has told their bank that it is they, or could not."""
    invoice = work.find("invoice", intent["payment_details"]["order_reference"])
    if invoice is None or invoice.get("_intent") != intent["id"]:
        payment_intents.authenticate(work, intent, fails=fails)
        return
    if not fails:
        invoice_payments.note_paid(work, invoice)
    payment_intents.authenticate(work, intent, fails=fails)
    if intent["status"] != "succeeded":
        _refused(work, invoice)
        return
    invoices.settle(work, invoice, by_card=True)
    note_paid(work, invoice)


def _settle_out_of_band(work: Work, invoice: Object) -> None:
    intent = invoices.intent_of(work, invoice)
    invoices.settle(work, invoice, by_card=False)
    if intent is not None:
        invoice_payments.note_canceled(work, invoice)
        payment_intents.cancel(work, intent)
    note_paid(work, invoice)


def _refused(work: Work, invoice: Object, *, counts: bool = True) -> None:
    """Tried again in some days as long as there are attempts left; its subscription is past due meanwhile."""
    subscription = _subscription(work, invoice)
    tried = invoice["attempt_count"] + (1 if counts else 0)
    waits = subscription is not None and (subscription["_pending"] or {}).get("invoice") == invoice["id"]
    collected = subscription is not None and subscription["status"] in ("active", "past_due") and not waits
    again = TRY_AGAIN_AFTER[tried - 1] if collected and 0 < tried <= len(TRY_AGAIN_AFTER) else None
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
        _give_up(work, subscription)


def _give_up(work: Work, subscription: Object) -> None:
    """No attempt is left: it ends, or goes on unpaid or late, as the account has it set."""
    chosen = work.rows.setting(AFTER_RETRIES) or THEN[0]
    if chosen == "cancel":
        endings.drop(work, subscription, "payment_failed")
    elif chosen == "unpaid":
        with work.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = "unpaid"


def note_paid(work: Work, invoice: Object) -> None:
    """Its subscription's newest one is paid: if incomplete or late that is active; what waited for this, happens."""
    subscription = _subscription(work, invoice)
    if subscription is None:
        return
    if (subscription["_pending"] or {}).get("invoice") == invoice["id"]:
        pending_updates.land(work, subscription)
        return
    if subscription["latest_invoice"] != invoice["id"]:
        return
    if subscription["status"] == "paused" and subscription.get("_resumes_with") == invoice["id"]:
        pauses.go_on(work, subscription)
    if subscription["status"] not in ("incomplete", "past_due", "unpaid"):
        return
    with work.changing(subscription, "customer.subscription.updated"):
        if subscription["status"] == "incomplete":
            work.rows.unschedule("expire_incomplete", subscription["id"])
            _start(work, subscription)
        subscription["status"] = "trialing" if subscription["status"] == "trialing" else "active"


def _subscription(work: Work, invoice: Object) -> Object | None:
    """Its subscription, once that has been told of."""
    parent = invoice["parent"]
    return work.find("subscription", parent["subscription_details"]["subscription"]) if parent else None


def instrument(work: Work, invoice: Object) -> Object | None:
    customer = work.find("customer", invoice["customer"])
    assert customer is not None
    subscription = _subscription(work, invoice)
    preferred: str | None = invoice["default_payment_method"]
    if preferred is None and subscription is not None:
        preferred = subscription["default_payment_method"]
    return payment_methods.of(work, customer, preferred)
