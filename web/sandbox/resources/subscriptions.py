"""Subscriptions: what is sold by the period. Their invoices and money stand in `collecting`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from web.sandbox import periods
from web.sandbox.errors import Refused
from web.sandbox.params import merged
from web.sandbox.resources import discounts
from web.sandbox.resources.subscription_items import Wanted, check, first, interval, period
from web.sandbox.store import Object
from web.sandbox.work import Work

ENDED = ("canceled", "incomplete_expired")
DAY = int(timedelta(days=1).total_seconds())
TOLD_BEFORE = 3 * DAY
_DUE = ("renew", "cancel", "expire_incomplete", "expire_update", "tell_of_trial_end", "collect_again")


def make(
    work: Work,
    customer: Object,
    wanted: list[Wanted],
    gives: Callable[[str], list[str]] | None = None,
    **fields: Any,
) -> Object:
    """Not paid yet, and not kept. The caller collects its first invoice. `gives` gives it discounts, by its id."""
    check([one.price for one in wanted])
    subscription = _plain(work, customer["id"], wanted[0].price["currency"])
    subscription |= fields
    if subscription["trial_end"] is not None:
        subscription |= {"trial_start": work.now, "billing_cycle_anchor": subscription["trial_end"]}
    elif subscription["billing_cycle_anchor"] > periods.next_end(work.now, *interval(wanted[0].price), work.now):
        words = "`billing_cycle_anchor` cannot be later than next natural billing date for plan."
        raise Refused(words, param="billing_cycle_anchor")
    subscription["items"] = first(work, subscription, wanted, subscription["trial_end"])
    subscription["discounts"] = gives(subscription["id"]) if gives is not None else []
    return subscription


def _plain(work: Work, customer: str, currency: str) -> Object:
    """One that says nothing in particular."""
    return work.new(
        "subscription",
        application=None,
        application_fee_percent=None,
        automatic_tax={"disabled_reason": None, "enabled": False, "liability": None},
        billing_cycle_anchor=work.now,
        billing_cycle_anchor_config=None,
        billing_mode=flexible(work),
        billing_schedules=[],
        billing_thresholds=None,
        cancel_at=None,
        cancel_at_period_end=False,
        canceled_at=None,
        cancellation_details={"comment": None, "feedback": None, "reason": None},
        collection_method="charge_automatically",
        currency=currency,
        customer=customer,
        customer_account=None,
        days_until_due=None,
        default_payment_method=None,
        default_source=None,
        default_tax_rates=[],
        description=None,
        discounts=[],
        ended_at=None,
        invoice_settings={"account_tax_ids": None, "issuer": {"type": "self"}},
        latest_invoice=None,
        metadata={},
        next_pending_invoice_item_invoice=None,
        on_behalf_of=None,
        pause_collection=None,
        payment_settings={
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        pending_invoice_item_interval=None,
        pending_setup_intent=None,
        pending_update=None,
        schedule=None,
        start_date=work.now,
        status="incomplete",
        test_clock=None,
        transfer_data=None,
        trial_end=None,
        trial_settings={"end_behavior": {"missing_payment_method": "create_invoice"}},
        trial_start=None,
        _billed={},
        _pending=None,
    )


def flexible(work: Work) -> Object:
    """How its prorations are reckoned, since when."""
    return {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": work.now}


def begin_trial(work: Work, subscription: Object, end: int) -> None:
    """Tried for nothing until then, from when on its periods are counted."""
    subscription |= {"status": "trialing", "trial_start": work.now, "trial_end": end, "billing_cycle_anchor": end}
    announce_end(work, subscription)


def announce_end(work: Work, subscription: Object) -> None:
    """Three days before a trial ends it is told; at once where it is shorter."""
    at = max(subscription["trial_end"] - TOLD_BEFORE, work.now)
    work.rows.schedule(at, "tell_of_trial_end", subscription["id"])


def end_trial(work: Work, subscription: Object) -> None:
    """Over before its time."""
    if subscription["status"] == "trialing":
        work.rows.unschedule("tell_of_trial_end", subscription["id"])
        subscription |= {"status": "active", "trial_end": work.now}
        work.emit("customer.subscription.trial_will_end", subscription)


def end(work: Work, subscription: Object, reason: str | None, status: str = "canceled") -> None:
    """Over now. What was to become due no longer does."""
    for what in _DUE:
        work.rows.unschedule(what, subscription["id"])
    with work.changing(subscription):
        subscription |= {"status": status, "ended_at": work.now}
        subscription["canceled_at"] = subscription["canceled_at"] or work.now
        if reason is not None:
            subscription["cancellation_details"]["reason"] = reason
    if status == "canceled":
        work.emit("customer.subscription.deleted", subscription)
    else:
        work.emit("customer.subscription.updated", subscription, {"ended_at": None, "status": "incomplete"})


def change(work: Work, subscription: Object, given: dict[str, Any]) -> None:
    """Metadata, card, and whether and when it ends."""
    if subscription["status"] in ENDED and set(given) - {"metadata", "cancellation_details"}:
        raise Refused("A canceled subscription can only update its cancellation_details and metadata.")
    with work.changing(subscription, "customer.subscription.updated"):
        subscription["metadata"] = merged(subscription["metadata"], given.get("metadata"))
        for name in ("description", "default_payment_method"):
            if name in given:
                subscription[name] = given[name]
        if "pause_collection" in given:
            _pause_collection(work, subscription, given["pause_collection"])
        if "discounts" in given:
            discounts.take_away(work, subscription["discounts"])
            had = {"customer": subscription["customer"], "currency": subscription["currency"]}
            subscription["discounts"] = discounts.give(work, given["discounts"], subscription=subscription["id"], **had)
        if "trial_settings" in given:
            subscription["trial_settings"] = given["trial_settings"]
        subscription["cancellation_details"] |= given.get("cancellation_details") or {}
        if "cancel_at_period_end" in given:
            at_end = given["cancel_at_period_end"]
            cancel_at(work, subscription, period(subscription)[1] if at_end else None, at_end=at_end)
        elif "cancel_at" in given:
            cancel_at(work, subscription, given["cancel_at"], at_end=False)


def begins(work: Work, given: dict[str, Any]) -> Object:
    """How a new subscription begins: tried first, or at an anchor ahead; and how its prorations are reckoned."""
    fields: Object = {}
    if given.get("trial_period_days") and given.get("trial_end"):
        words = "You may only specify one of these parameters: trial_end, trial_period_days."
        raise Refused(words, param="trial_period_days")
    trial_end = given.get("trial_end")
    if given.get("trial_period_days"):
        trial_end = work.now + given["trial_period_days"] * DAY
    if trial_end not in (None, "now"):
        if trial_end <= work.now:
            raise Refused("The trial's end must be in the future.", param="trial_end")
        fields["trial_end"] = trial_end
    if given.get("trial_settings"):
        fields["trial_settings"] = trial_settings(given)
    if given.get("billing_cycle_anchor") is not None:
        if given["billing_cycle_anchor"] < work.now:
            raise Refused("`billing_cycle_anchor` must be in the future.", param="billing_cycle_anchor")
        fields["billing_cycle_anchor"] = given["billing_cycle_anchor"]
        fields["_begins_free"] = given.get("proration_behavior") == "none"
    if (given.get("billing_mode") or {}).get("type") == "classic":
        fields["billing_mode"] = {"flexible": None, "type": "classic"}
    return fields


def trial_settings(given: dict[str, Any]) -> Object:
    """As they are shown."""
    end = (given.get("trial_settings") or {}).get("end_behavior") or {}
    return {"end_behavior": {"missing_payment_method": end.get("missing_payment_method") or "create_invoice"}}


def _pause_collection(work: Work, subscription: Object, given: dict[str, Any] | None) -> None:
    work.rows.unschedule("collect_again", subscription["id"])
    if given is None:
        subscription["pause_collection"] = None
        return
    resumes_at = given.get("resumes_at")
    subscription["pause_collection"] = {"behavior": given["behavior"], "resumes_at": resumes_at}
    if resumes_at is not None:
        work.rows.schedule(resumes_at, "collect_again", subscription["id"])


def cancel_at(work: Work, subscription: Object, at: int | None, *, at_end: bool) -> None:
    """Ends then, or no longer does."""
    subscription |= {"cancel_at": at, "cancel_at_period_end": at_end, "canceled_at": None if at is None else work.now}
    subscription["cancellation_details"]["reason"] = None if at is None else "cancellation_requested"
    if at is None:
        work.rows.unschedule("cancel", subscription["id"])
    else:
        work.rows.schedule(at, "cancel", subscription["id"])
