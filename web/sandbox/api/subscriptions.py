"""/v1/subscriptions."""

from __future__ import annotations

from typing import Any

from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.errors import Refused
from web.sandbox.params import PAGE, SPAN, Fields, Labels, OneOf, Several, Text, Whole, YesNo, merged
from web.sandbox.resources import collecting, customers, payment_methods, prices
from web.sandbox.resources import subscriptions as subs
from web.sandbox.store import Object
from web.sandbox.work import Work, id_of, shown

_DETAILS = Fields({"comment": Text(), "feedback": Text()})
_ITEM = Fields({"price": Text(), "quantity": Whole(1, 999_999), "metadata": Labels()}, ["price"])
_CREATE = takes(
    {
        "cancel_at_period_end": YesNo(),
        "customer": Text(),
        "default_payment_method": Text(),
        "description": Text(),
        "items": Several(_ITEM, 20),
        "metadata": Labels(),
        "off_session": YesNo(),
        "payment_behavior": OneOf("allow_incomplete", "default_incomplete", "error_if_incomplete"),
    },
    "customer",
)
_UPDATE = takes(
    {
        "cancel_at": Whole(),
        "cancel_at_period_end": YesNo(),
        "cancellation_details": _DETAILS,
        "default_payment_method": Text(),
        "description": Text(),
        "metadata": Labels(),
    }
)
_STATUSES = ("active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due")


def _create(asked: Asked) -> Object:
    work, given = asked.work, asked.params
    customer = customers.living(work, given["customer"])
    if not given.get("items"):
        raise Refused("Missing required param: items.", code="parameter_missing", param="items")
    wanted = [_wanted(work, one, f"items[{number}]") for number, one in enumerate(given["items"])]
    method = _owned(work, customer, given.get("default_payment_method"))
    behavior = given.get("payment_behavior", "allow_incomplete")
    instrument = payment_methods.of(work, customer, id_of(method))
    costs = any(prices.total(one.price, one.quantity) for one in wanted)
    if instrument is None and costs and behavior != "default_incomplete":
        words = "This customer has no attached payment source or default payment method. Please consider adding a"
        raise Refused(f"{words} default payment method.", code="resource_missing")
    fields = {"default_payment_method": id_of(method), "description": given.get("description")}
    fields["metadata"] = merged({}, given.get("metadata"))
    subscription = subs.make(work, customer, wanted, **fields)
    decline = collecting.begin(work, subscription, instrument, charge=behavior != "default_incomplete")
    if decline is not None and behavior == "error_if_incomplete":
        # Nothing of it is kept, as Stripe does; so the answer names no intent.
        raise Refused(decline.message, status=402, kind="card_error", code=decline.code)
    if given.get("cancel_at_period_end"):
        subs.change(work, subscription, {"cancel_at_period_end": True})
    return shown(subscription)


def _retrieve(asked: Asked) -> Object:
    return shown(asked.work.addressed("subscription", asked.id))


def _update(asked: Asked) -> Object:
    work = asked.work
    subscription = work.addressed("subscription", asked.id)
    given: dict[str, Any] = dict(asked.params)
    if given.get("cancel_at") is not None and given["cancel_at"] <= work.now:
        raise Refused("`cancel_at` must be in the future.", param="cancel_at")
    if given.get("default_payment_method"):
        customer = customers.living(work, subscription["customer"])
        method = _owned(work, customer, given["default_payment_method"])
        given["default_payment_method"] = id_of(method)
    subs.change(work, subscription, given)
    return shown(subscription)


def _cancel(asked: Asked) -> Object:
    work = asked.work
    subscription = work.addressed("subscription", asked.id)
    if subscription["status"] in subs.ENDED:
        raise Refused(f"No such subscription: '{asked.id}'", status=404, code="resource_missing", param="id")
    subscription["cancellation_details"] |= asked.params.get("cancellation_details") or {}
    collecting.stop(work, subscription, "cancellation_requested")
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


def _wanted(work: Work, one: dict[str, Any], name: str) -> subs.Wanted:
    price = prices.sold(work, one["price"], f"{name}[price]")
    return subs.Wanted(price, one.get("quantity", 1), merged({}, one.get("metadata")))


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
    Operation(
        "GET",
        "/v1/subscriptions",
        _list,
        Fields({**PAGE, "created": SPAN, "customer": Text(), "price": Text(), "status": OneOf(*_STATUSES)}),
    ),
    Operation("GET", "/v1/subscriptions/{subscription_exposed_id}", _retrieve),
    Operation("POST", "/v1/subscriptions/{subscription_exposed_id}", _update, _UPDATE),
    Operation(
        "DELETE", "/v1/subscriptions/{subscription_exposed_id}", _cancel, takes({"cancellation_details": _DETAILS})
    ),
)
