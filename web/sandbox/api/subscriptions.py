"""/v1/subscriptions."""

from __future__ import annotations

from typing import Any

from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.errors import Refused
from web.sandbox.params import PAGE, SPAN, Fields, Labels, OneOf, Several, Text, Unset, Whole, Word, YesNo, merged
from web.sandbox.resources import (
    changing,
    collecting,
    customers,
    discounts,
    pausing,
    payment_methods,
    prices,
    subscription_items,
)
from web.sandbox.resources import subscriptions as subs
from web.sandbox.store import Object
from web.sandbox.work import Work, id_of, shown

_DETAILS = Fields({"comment": Text(), "feedback": Text()})
_ITEM = Fields({"price": Text(), "quantity": Whole(0, 999_999), "metadata": Labels()}, ["price"])
CHANGED_ITEM = Fields(
    {"id": Text(), "price": Text(), "quantity": Whole(0, 999_999), "metadata": Labels(), "deleted": YesNo()}
)
DISCOUNT = Fields({"coupon": Text(), "promotion_code": Text()})
PRORATION = OneOf("always_invoice", "create_prorations", "none")
PAYMENT = OneOf("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
MISSING_METHOD = OneOf("cancel", "create_invoice", "pause")
TRIAL_SETTINGS = Fields(
    {"end_behavior": Fields({"missing_payment_method": MISSING_METHOD}, ["missing_payment_method"])}, ["end_behavior"]
)
BILLING_MODE = Fields({"type": OneOf("classic", "flexible")}, ["type"])
_ANCHOR = Fields({"type": OneOf("now", "unchanged")}, ["type"])
_CREATE = takes(
    {
        "billing_cycle_anchor": Whole(0),
        "billing_mode": BILLING_MODE,
        "cancel_at": Whole(),
        "cancel_at_period_end": YesNo(),
        "customer": Text(),
        "default_payment_method": Text(),
        "description": Text(),
        "discounts": Several(DISCOUNT, 20),
        "items": Several(_ITEM, 20),
        "metadata": Labels(),
        "off_session": YesNo(),
        "payment_behavior": OneOf("allow_incomplete", "default_incomplete", "error_if_incomplete"),
        "proration_behavior": OneOf("create_prorations", "none"),
        "trial_end": Word(("now",), Whole(0)),
        "trial_period_days": Whole(0, 730),
        "trial_settings": TRIAL_SETTINGS,
    },
    "customer",
)
_PAUSE_COLLECTION = Fields(
    {"behavior": OneOf("keep_as_draft", "mark_uncollectible", "void"), "resumes_at": Whole()}, ["behavior"]
)
_UPDATE = takes(
    {
        "billing_cycle_anchor": _ANCHOR,
        "cancel_at": Unset(Word(("max_period_end", "min_period_end"), Whole())),
        "cancel_at_period_end": YesNo(),
        "cancellation_details": _DETAILS,
        "default_payment_method": Text(),
        "description": Text(),
        "discounts": Several(DISCOUNT, 20),
        "items": Several(CHANGED_ITEM, 20),
        "metadata": Labels(),
        "off_session": YesNo(),
        "pause_collection": Unset(_PAUSE_COLLECTION),
        "payment_behavior": PAYMENT,
        "proration_behavior": PRORATION,
        "proration_date": Whole(0),
        "trial_end": Word(("now",), Whole(0)),
        "trial_settings": TRIAL_SETTINGS,
    }
)
_PAUSE = takes(
    {
        "bill_for": Fields(
            {"unused_time_from": Fields({"type": OneOf("item_current_period_start", "none", "now")}, ["type"])}
        ),
        "invoicing_behavior": OneOf("invoice", "pending_invoice_item"),
        "type": OneOf("subscription"),
    }
)
_MIGRATE = takes({"billing_mode": Fields({"type": OneOf("flexible")}, ["type"])}, "billing_mode")
_RESUME = takes(
    {
        "billing_cycle_anchor": _ANCHOR,
        "payment_behavior": OneOf("resume_on_payment_attempt", "resume_on_payment_success"),
        "proration_behavior": PRORATION,
    }
)
_CANCEL = takes({"cancellation_details": _DETAILS, "invoice_now": YesNo(), "prorate": YesNo()})
_STATUSES = ("active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due", "paused")
_LIST = Fields(
    {
        **PAGE,
        "created": SPAN,
        "customer": Text(),
        "price": Text(),
        "status": OneOf(*_STATUSES, "trialing", "unpaid"),
    }
)


def _create(asked: Asked) -> Object:
    work, given = asked.work, asked.params
    customer = customers.living(work, given["customer"])
    if not given.get("items"):
        raise Refused("Missing required param: items.", code="parameter_missing", param="items")
    wanted = [_wanted(work, one, f"items[{number}]") for number, one in enumerate(given["items"])]
    method = _owned(work, customer, given.get("default_payment_method"))
    behavior = given.get("payment_behavior", "allow_incomplete")
    instrument = payment_methods.of(work, customer, id_of(method))
    fields = {"default_payment_method": id_of(method), "description": given.get("description")}
    fields |= subs.begins(work, given) | {"metadata": merged({}, given.get("metadata"))}
    costs = any(prices.total(one.price, one.quantity) for one in wanted) and fields.get("trial_end") is None
    if instrument is None and costs and behavior != "default_incomplete":
        words = "This customer has no attached payment source or default payment method. Please consider adding a"
        raise Refused(f"{words} default payment method.", code="resource_missing")
    had = {"customer": str(customer["id"]), "currency": str(wanted[0].price["currency"])}
    subscription = subs.make(
        work,
        customer,
        wanted,
        lambda id: discounts.give(work, given.get("discounts"), subscription=id, **had),
        **fields,
    )
    decline = collecting.begin(work, subscription, instrument, charge=behavior != "default_incomplete")
    if decline is not None and behavior == "error_if_incomplete":
        # Nothing of it is kept, as Stripe does; so the answer names no intent.
        raise Refused(decline.message, status=402, kind="card_error", code=decline.code)
    ends = {name: given[name] for name in ("cancel_at", "cancel_at_period_end") if given.get(name)}
    if ends:
        subs.change(work, subscription, ends)
    return shown(subscription)


def _retrieve(asked: Asked) -> Object:
    return shown(asked.work.addressed("subscription", asked.id))


def _update(asked: Asked) -> Object:
    """What costs nothing first, then the items and periods, then whether and when it ends."""
    work = asked.work
    subscription = work.addressed("subscription", asked.id)
    given: dict[str, Any] = dict(asked.params)
    if given.get("cancel_at") in ("max_period_end", "min_period_end"):
        given["cancel_at"] = subscription_items.period(subscription)[1]
    if given.get("cancel_at") is not None and given["cancel_at"] <= work.now:
        raise Refused("`cancel_at` must be in the future.", param="cancel_at")
    if given.get("default_payment_method"):
        customer = customers.living(work, subscription["customer"])
        method = _owned(work, customer, given["default_payment_method"])
        given["default_payment_method"] = id_of(method)
    if given.get("trial_settings"):
        given["trial_settings"] = subs.trial_settings(given)
    subs.change(work, subscription, given)
    wanted = changing.Change.of(work, given)
    if wanted.does_something:
        if subscription["status"] in subs.ENDED:
            raise Refused("A canceled subscription can only update its cancellation_details and metadata.")
        if given.get("trial_end") != "now" or subscription["status"] == "trialing" or wanted.items:
            changing.apply(work, subscription, wanted)
    return shown(subscription)


def _cancel(asked: Asked) -> Object:
    work, given = asked.work, asked.params
    subscription = work.addressed("subscription", asked.id)
    if subscription["status"] in subs.ENDED:
        raise Refused(f"No such subscription: '{asked.id}'", status=404, code="resource_missing", param="id")
    subscription["cancellation_details"] |= given.get("cancellation_details") or {}
    prorate, invoice_now = given.get("prorate", False), given.get("invoice_now", False)
    collecting.stop(work, subscription, "cancellation_requested", prorate=prorate, invoice_now=invoice_now)
    return shown(subscription)


def _migrate(asked: Asked) -> Object:
    """From classic to flexible; there is no way back."""
    subscription = asked.work.addressed("subscription", asked.id)
    if subscription["billing_mode"]["type"] == "flexible":
        raise Refused("This subscription is flexible already.", param="billing_mode")
    with asked.work.changing(subscription, "customer.subscription.updated"):
        subscription["billing_mode"] = subs.flexible(asked.work)
    return shown(subscription)


def _pause(asked: Asked) -> Object:
    subscription = asked.work.addressed("subscription", asked.id)
    credited_from = ((asked.params.get("bill_for") or {}).get("unused_time_from") or {}).get("type", "now")
    invoiced = asked.params.get("invoicing_behavior") == "invoice"
    pausing.pause(asked.work, subscription, credited_from=credited_from, invoiced=invoiced)
    return shown(subscription)


def _resume(asked: Asked) -> Object:
    given = asked.params
    subscription = asked.work.addressed("subscription", asked.id)
    pausing.resume(
        asked.work,
        subscription,
        anew=(given.get("billing_cycle_anchor") or {}).get("type") != "unchanged",
        prorates=given.get("proration_behavior", "create_prorations"),
        pays_first=given.get("payment_behavior") == "resume_on_payment_success",
    )
    return shown(subscription)


def _list(asked: Asked) -> Object:
    found = matching(asked, "subscription", "customer")
    status, price = asked.params.get("status"), asked.params.get("price")
    if status is None:
        found = [one for one in found if one["status"] not in subs.ENDED]
    elif status == "ended":
        found = [one for one in found if one["status"] in subs.ENDED]
    elif status != "all":
        found = [one for one in found if one["status"] == status]
    if price is not None:
        found = [one for one in found if any(item["price"]["id"] == price for item in one["items"]["data"])]
    return paged(asked, "/v1/subscriptions", found, "subscription")


def _wanted(work: Work, one: dict[str, Any], name: str) -> subscription_items.Wanted:
    price = prices.sold(work, one["price"], f"{name}[price]")
    return subscription_items.Wanted(price, one.get("quantity", 1), merged({}, one.get("metadata")))


def _owned(work: Work, customer: Object, id: str | None) -> Object | None:
    """The customer's own payment method; one of Stripe's test names is attached first."""
    if id is None:
        return None
    method = payment_methods.named(work, id, "default_payment_method")
    if id.startswith("pm_card_"):
        return payment_methods.attach(work, method, customer)
    if method["customer"] != customer["id"]:
        words = f"The customer does not have a payment method with the ID {id}. The payment method must be attached."
        raise Refused(words, code="resource_missing", param="default_payment_method")
    return method


OPERATIONS = (
    Operation("POST", "/v1/subscriptions", _create, _CREATE),
    Operation("GET", "/v1/subscriptions", _list, _LIST),
    Operation("GET", "/v1/subscriptions/{subscription_exposed_id}", _retrieve),
    Operation("POST", "/v1/subscriptions/{subscription_exposed_id}", _update, _UPDATE),
    Operation("DELETE", "/v1/subscriptions/{subscription_exposed_id}", _cancel, _CANCEL),
    Operation("POST", "/v1/subscriptions/{subscription}/migrate", _migrate, _MIGRATE),
    Operation("POST", "/v1/subscriptions/{subscription}/pause", _pause, _PAUSE),
    Operation("POST", "/v1/subscriptions/{subscription}/resume", _resume, _RESUME),
)
