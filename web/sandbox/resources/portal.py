"""The customer portal: how it is set up, and what a customer does there."""

from __future__ import annotations

from typing import Any

from web.sandbox.errors import Refused
from web.sandbox.params import merged
from web.sandbox.resources import cards, changing, collecting, customers, payment_methods, prices
from web.sandbox.resources import subscription_items as items
from web.sandbox.resources import subscriptions as subs
from web.sandbox.store import Object
from web.sandbox.work import Work

_DEFAULT: dict[str, Any] = {
    "subscription_cancel": {"enabled": True},
    "subscription_update": {
        "enabled": True,
        "default_allowed_updates": ["price", "quantity"],
        "proration_behavior": "always_invoice",
    },
    "payment_method_update": {"enabled": True},
    "invoice_history": {"enabled": True},
}
"""Where nobody has set it up: everything can be done."""


def configure(work: Work, given: dict[str, Any], *, default: bool = False) -> Object:
    return work.keep(
        work.new(
            "billing_portal.configuration",
            active=True,
            application=None,
            business_profile={"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
            default_return_url=given.get("default_return_url"),
            features=_features(given["features"]),
            is_default=default,
            login_page={"enabled": False, "url": None},
            metadata=merged({}, given.get("metadata")),
            name=given.get("name"),
            updated=work.now,
        )
    )


def reconfigure(work: Work, configuration: Object, given: dict[str, Any]) -> Object:
    configuration["active"] = given.get("active", configuration["active"])
    if "default_return_url" in given:
        configuration["default_return_url"] = given["default_return_url"]
    configuration["metadata"] = merged(configuration["metadata"], given.get("metadata"))
    new = _features(given.get("features") or {})
    configuration["features"] |= {name: new[name] for name in given.get("features") or {}}
    configuration["updated"] = work.now
    return work.keep(configuration)


def open_for(work: Work, given: dict[str, Any]) -> Object:
    """A session: the address that opens it."""
    customer = customers.living(work, given["customer"])
    if given.get("configuration"):
        setup = work.named("billing_portal.configuration", given["configuration"], "configuration")
    else:
        setup = _default(work)
    session = work.new(
        "billing_portal.session",
        configuration=setup["id"],
        customer=customer["id"],
        customer_account=None,
        flow=None,
        locale=None,
        on_behalf_of=None,
        return_url=given.get("return_url") or setup["default_return_url"],
    )
    session["url"] = f"{work.page_url}/p/session/{session['id']}"
    work.keep(session)
    work.emit("billing_portal.session.created", session)
    return session


def features(work: Work, session: Object) -> Object:
    setup = work.find("billing_portal.configuration", session["configuration"])
    assert setup is not None
    found: Object = setup["features"]
    return found


def running(work: Work, session: Object) -> list[Object]:
    """What the customer subscribes to."""
    own = work.rows.select("subscription", customer=session["customer"])
    return [one for one in own if one["status"] not in subs.ENDED]


def choices(work: Work, session: Object, subscription: Object) -> list[Object]:
    """The prices it can be switched to: those that are set up, or where none are, all of its currency."""
    setup = features(work, session)["subscription_update"]
    if not setup["enabled"] or "price" not in setup["default_allowed_updates"]:
        return []
    if len(subscription["items"]["data"]) > 1:  # as Stripe's, it switches only what is one thing
        return []
    sold = work.rows.select("price", active=True, type="recurring")
    if setup["products"]:
        named = {price for product in setup["products"] for price in product["prices"]}
        sold = [price for price in sold if price["id"] in named]
    return [price for price in reversed(sold) if price["currency"] == subscription["currency"]]


def cancel(work: Work, session: Object, subscription: Object) -> None:
    """At the period's end, by `cancel_at` alone; or at once, as it is set up."""
    setup = features(work, session)["subscription_cancel"]
    if not setup["enabled"]:
        raise Refused("Subscriptions can't be cancelled here.")
    if setup["mode"] == "immediately":
        prorate = setup["proration_behavior"] != "none"
        now = setup["proration_behavior"] == "always_invoice"
        collecting.stop(work, subscription, "cancellation_requested", prorate=prorate, invoice_now=now)
        return
    with work.changing(subscription, "customer.subscription.updated"):
        subs.cancel_at(work, subscription, items.period(subscription)[1], at_end=False)


def keep(work: Work, subscription: Object) -> None:
    """It goes on after all."""
    with work.changing(subscription, "customer.subscription.updated"):
        subs.cancel_at(work, subscription, None, at_end=False)


def switch(work: Work, session: Object, subscription: Object, price: str | None, quantity: int | None) -> None:
    """Another price, or how many. Declined, it stays as it was."""
    setup = features(work, session)["subscription_update"]
    item = subscription["items"]["data"][0]
    allowed = {one["id"] for one in choices(work, session, subscription)}
    if price not in (None, *allowed):
        raise Refused("This plan is not offered here.")
    if quantity not in (None, item["quantity"]) and "quantity" not in setup["default_allowed_updates"]:
        raise Refused("The quantity can't be changed here.")
    one: dict[str, Any] = {"id": item["id"]}
    if price is not None:
        one["price"] = prices.sold(work, price, "price")["id"]
    if quantity is not None:
        one["quantity"] = quantity
    ends_trial = subscription["status"] == "trialing" and setup["trial_update_behavior"] == "end_trial"
    change = changing.Change(
        items=[one],
        proration=setup["proration_behavior"],
        anchor_now=setup["billing_cycle_anchor"] == "now",
        trial_end=work.now if ends_trial else None,
        payment="error_if_incomplete",
    )
    changing.apply(work, subscription, change)


def use_card(work: Work, session: Object, number: str) -> None:
    """A new card, for everything from now on."""
    known = cards.numbered(number)
    if known is None:
        raise Refused("Your card was declined. Your request was in test mode, but used a non test card.", status=402)
    customer = customers.living(work, session["customer"])
    method = payment_methods.attach(work, payment_methods.make(work, known), customer)
    work.keep(method | {"_authenticated": True})
    customers.change(work, customer, {"invoice_settings": {"default_payment_method": method["id"]}})
    for subscription in running(work, session):
        subs.change(work, subscription, {"default_payment_method": method["id"]})


def _default(work: Work) -> Object:
    found = work.rows.select("billing_portal.configuration", is_default=True)
    return found[0] if found else configure(work, {"features": _DEFAULT}, default=True)


def _features(given: dict[str, Any]) -> Object:
    cancels, updates = given.get("subscription_cancel") or {}, given.get("subscription_update") or {}
    return {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": (given.get("invoice_history") or {}).get("enabled", False)},
        "payment_method_update": {
            "enabled": (given.get("payment_method_update") or {}).get("enabled", False),
            "payment_method_configuration": None,
        },
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "feedback_options": None, "options": []},
            "enabled": cancels.get("enabled", False),
            "mode": cancels.get("mode", "at_period_end"),
            "proration_behavior": cancels.get("proration_behavior", "none"),
        },
        "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
        "subscription_update": {
            "billing_cycle_anchor": updates.get("billing_cycle_anchor"),
            "default_allowed_updates": updates.get("default_allowed_updates") or [],
            "enabled": updates.get("enabled", False),
            "products": [
                {
                    "adjustable_quantity": {"enabled": False, "maximum": None, "minimum": 1},
                    "prices": one["prices"],
                    "product": one["product"],
                }
                for one in updates.get("products") or []
            ],
            "proration_behavior": updates.get("proration_behavior", "none"),
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": updates.get("trial_update_behavior", "continue_trial"),
        },
    }
