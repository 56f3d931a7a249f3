"""Checkout sessions: a purchase that is offered, and what happens when it is paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from web.sandbox.errors import Refused
from web.sandbox.params import merged
from web.sandbox.resources import (
    bank_debits,
    checkout_payments,
    collecting,
    customers,
    invoice_items,
    payment_methods,
    session_items,
    subscription_items,
    subscriptions,
    taxes,
)
from web.sandbox.resources.cards import Decline, TestCard
from web.sandbox.store import Object
from web.sandbox.work import Work, id_of

DAY = 24 * 60 * 60
_NOTHING_YET: Object = {
    **dict.fromkeys(("after_expiration", "allow_promotion_codes", "billing_address_collection", "client_secret")),
    **dict.fromkeys(("consent", "consent_collection", "currency_conversion", "discounts", "invoice", "locale")),
    **dict.fromkeys(("customer_account", "origin_context", "payment_intent", "payment_link", "permissions")),
    **dict.fromkeys(("payment_method_configuration_details", "recovered_from", "setup_intent", "shipping_cost")),
    **dict.fromkeys(("saved_payment_method_options", "shipping_address_collection", "submit_type", "subscription")),
    **dict.fromkeys(("wallet_options", "excluded_payment_method_types")),
}


def make(work: Work, given: dict[str, Any]) -> Object:
    """Open for a day, or until `expires_at`. Nothing is charged or subscribed to before it is paid."""
    mode, customer = given["mode"], _customer(work, given)
    if given.get("customer_creation") and (customer or mode != "payment"):
        raise Refused("`customer_creation` can only be used in `payment` mode without a customer.")
    session = work.new(
        "checkout.session",
        **_NOTHING_YET,
        adaptive_pricing={"enabled": False},
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        branding_settings=None,
        cancel_url=given.get("cancel_url"),
        client_reference_id=given.get("client_reference_id"),
        collected_information={"business_name": None, "individual_name": None, "shipping_details": None},
        custom_fields=[],
        custom_text=dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        customer=id_of(customer),
        customer_creation=_creation(given, customer),
        customer_details=_details(given, customer),
        customer_email=given.get("customer_email"),
        expires_at=_expiry(work, given),
        invoice_creation=_invoice_creation(given),
        metadata=merged({}, given.get("metadata")),
        mode=mode,
        payment_method_collection=given.get("payment_method_collection")
        or ("if_required" if mode == "payment" else "always"),
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        payment_status="unpaid",
        phone_number_collection={"enabled": False},
        shipping_options=[],
        status="open",
        success_url=given["success_url"],
        ui_mode="hosted_page",
        _payment={name: given.get(name) or {} for name in ("payment_intent_data", "subscription_data")},
        _intent=None,
    )
    taxes.begin(session, given, customer)
    session["url"] = f"{work.page_url}/c/pay/{session['id']}"
    session_items.fill(work, session, given)
    later = [bank_debits.kind(session["currency"])] if mode == "payment" else []
    session["payment_method_types"] = given.get("allowed_payment_method_types") or ["card", *later]
    work.keep(session)
    work.rows.schedule(session["expires_at"], "expire_session", session["id"])
    return session


def expire(work: Work, session: Object) -> Object:
    if session["status"] != "open":
        words = f'Only Checkout Sessions with a status in ["open"] can be expired. This is {session["status"]}.'
        raise Refused(words)
    work.rows.unschedule("expire_session", session["id"])
    session |= {"status": "expired", "url": None}
    work.keep(session)
    work.emit("checkout.session.expired", session)
    return session


@dataclass(frozen=True)
class Form:
    """What a buyer writes on the page, beside the card."""

    email: str | None = None
    country: str | None = None
    tax_id: str | None = None


def pay(work: Work, session: Object, card: TestCard, form: Form) -> Decline | None:
    """What the buyer does on the page. Declined, the session stays open for another card."""
    customer, email = _begun(work, session, form)
    if session["mode"] == "subscription":
        decline = _subscribe(work, session, customer, card, email)
    else:
        decline = checkout_payments.buy(work, session, customer, card, email)
    if decline is not None:
        work.keep(session)
        return decline
    _complete(work, session, email, "paid" if session["amount_total"] else "no_payment_required")
    return None


def pay_later(work: Work, session: Object, form: Form) -> None:
    """The buyer has their bank pay: complete, and not paid yet."""
    if bank_debits.kind(session["currency"]) not in session["payment_method_types"] or not session["amount_total"]:
        raise Refused("This Checkout Session cannot be paid later.")
    customer, email = _begun(work, session, form)
    checkout_payments.begin(work, session, customer, email)
    _complete(work, session, email, "unpaid")


def _begun(work: Work, session: Object, form: Form) -> tuple[Object | None, str]:
    """Who buys, by which address; what is to be paid follows from where they are."""
    customer = work.find("customer", session["customer"])
    taxes.settle(work, session, customer, form.country, form.tax_id)
    return customer, form.email or session["customer_details"]["email"] or "buyer@example.com"


def _complete(work: Work, session: Object, email: str, payment_status: str) -> None:
    work.rows.unschedule("expire_session", session["id"])
    session |= {"status": "complete", "url": None, "payment_status": payment_status}
    session["customer_details"] = session["customer_details"] | {"email": email, "tax_exempt": "none"}
    work.keep(session)
    work.emit("checkout.session.completed", session)


def _subscribe(work: Work, session: Object, customer: Object | None, card: TestCard, email: str) -> Decline | None:
    """The customer, the card and the subscription come into being together, and only if the card pays."""
    if card.decline is not None and session["amount_total"]:
        return card.decline
    if customer is None:
        customer = customers.make(work, {"email": email})
        session["customer"] = customer["id"]
    method = payment_methods.attach(work, payment_methods.make(work, card, {"email": email}), customer)
    work.keep(method | {"_authenticated": True})
    given = session["_payment"]["subscription_data"]
    wanted = [
        subscription_items.Wanted(line["price"], line["quantity"]) for line in session["_items"]
        if line["price"]["recurring"] is not None
    ]  # fmt: skip
    for line in session["_items"]:
        if line["price"]["recurring"] is None:
            once = {"pricing": {"price": line["price"]["id"]}, "quantity": line["quantity"]}
            invoice_items.make(work, customer, once, None)
    subscription = subscriptions.make(
        work,
        customer,
        wanted,
        lambda id: session_items.redeem(work, session, session["customer"], subscription=id),
        default_payment_method=method["id"],
        description=given.get("description"),
        metadata=merged({}, given.get("metadata")),
        **subscriptions.begins(work, given),
    )
    decline = collecting.begin(work, subscription, method, present=True)
    assert decline is None, "the card was asked before"
    session |= {"subscription": subscription["id"], "invoice": subscription["latest_invoice"]}
    return None


def items(session: Object) -> list[Object]:
    """What is bought, as `line_items` shows it."""
    return list(session["_items"])


def _customer(work: Work, given: dict[str, Any]) -> Object | None:
    if not given.get("customer"):
        return None
    if given.get("customer_email"):
        words = "You may only specify one of these parameters: customer, customer_email."
        raise Refused(words, param="customer_email")
    return customers.living(work, given["customer"])


def _creation(given: dict[str, Any], customer: Object | None) -> str | None:
    if customer is not None:
        return None
    if given["mode"] == "subscription":
        return "always"
    # An invoice needs somebody it is for.
    default = "always" if (given.get("invoice_creation") or {}).get("enabled") else "if_required"
    return given.get("customer_creation") or default


def _details(given: dict[str, Any], customer: Object | None) -> Object:
    email = customer["email"] if customer is not None else given.get("customer_email")
    names = ("address", "business_name", "individual_name", "name", "phone", "tax_exempt", "tax_ids")
    return {"email": email, **dict.fromkeys(names)} | ({"name": customer["name"]} if customer else {})


def _expiry(work: Work, given: dict[str, Any]) -> int:
    at: int = given.get("expires_at") or work.now + DAY
    if not work.now + DAY // 48 - 60 <= at <= work.now + DAY + 60:
        words = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise Refused(words, param="expires_at")
    return at


def _invoice_creation(given: dict[str, Any]) -> Object | None:
    if given["mode"] != "payment":
        return None
    wanted = given.get("invoice_creation") or {"enabled": False}
    told = wanted.get("invoice_data") or {}
    return {
        "enabled": wanted["enabled"],
        "invoice_data": {
            **dict.fromkeys(("account_tax_ids", "custom_fields", "issuer", "rendering_options")),
            "description": told.get("description"),
            "footer": told.get("footer"),
            "metadata": merged({}, told.get("metadata")),
        },
    }
