"""Customers."""

from __future__ import annotations

from typing import Any

from web.sandbox import ids
from web.sandbox.errors import Refused, missing
from web.sandbox.params import merged
from web.sandbox.resources import cards, payment_methods
from web.sandbox.store import Object
from web.sandbox.work import Work

PLAIN = ("email", "name", "description", "phone", "business_name", "individual_name")


def make(work: Work, given: dict[str, Any]) -> Object:
    """A customer; a card given with it is attached, a `source` becomes the default."""
    customer = work.new(
        "customer",
        address=given.get("address"),
        balance=given.get("balance", 0),
        currency=None,
        customer_account=None,
        default_source=None,
        delinquent=False,
        discount=None,
        invoice_prefix=ids.letters(8).upper(),
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        metadata=merged({}, given.get("metadata")),
        next_invoice_sequence=1,
        preferred_locales=given.get("preferred_locales", []),
        shipping=None,
        tax_exempt=given.get("tax_exempt") or "none",
        test_clock=None,
        **{name: given.get(name) for name in PLAIN if name in given or name in PLAIN[:4]},
    )
    work.keep(customer)
    if given.get("source"):
        _add_source(work, customer, given["source"])
    attached = None
    if given.get("payment_method"):
        attached = payment_methods.named(work, given["payment_method"], "payment_method")
    _set_default(work, customer, given, attached)
    work.keep(customer)
    work.emit("customer.created", customer)
    if attached is not None:
        payment_methods.attach(work, attached, customer)
    return customer


def change(work: Work, customer: Object, given: dict[str, Any]) -> Object:
    with work.changing(customer, "customer.updated"):
        for name in (*PLAIN, "address", "balance", "preferred_locales", "tax_exempt"):
            if name in given:
                customer[name] = given[name]
        customer["metadata"] = merged(customer["metadata"], given.get("metadata"))
        if given.get("source"):
            _add_source(work, customer, given["source"])
        _set_default(work, customer, given, None)
    return customer


def remove(work: Work, customer: Object) -> Object:
    """Gone but for its name: asked for again it says that it is deleted."""
    gone = {"id": customer["id"], "object": "customer", "deleted": True}
    work.emit("customer.deleted", customer)
    work.keep(gone)
    return gone


def living(work: Work, id: str, param: str = "customer") -> Object:
    """The customer a parameter names, who has not been deleted."""
    found = work.find("customer", id)
    if found is None or found.get("deleted"):
        raise missing("customer", id, param)
    return found


def note_currency(work: Work, customer: Object, currency: str) -> None:
    """The first invoice settles the customer's currency."""
    if customer["currency"] is None:
        with work.changing(customer, "customer.updated"):
            customer["currency"] = currency


def next_invoice_number(work: Work, customer: Object) -> str:
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    work.keep(customer)
    return number


def _add_source(work: Work, customer: Object, token: str) -> None:
    card = cards.named(token) if token.startswith("tok_") else None
    if card is None:
        raise Refused(f"No such token: '{token}'", code="resource_missing", param="source")
    customer["default_source"] = cards.source(work, card, customer["id"])["id"]


def _set_default(work: Work, customer: Object, given: dict[str, Any], attached: Object | None) -> None:
    """`invoice_settings[default_payment_method]`, which must be the customer's own."""
    settings = given.get("invoice_settings") or {}
    if "default_payment_method" not in settings:
        return
    id, param = settings["default_payment_method"], "invoice_settings[default_payment_method]"
    if id is None:
        customer["invoice_settings"]["default_payment_method"] = None
        return
    if attached is not None and id in (attached["id"], given["payment_method"]):
        customer["invoice_settings"]["default_payment_method"] = attached["id"]
        return
    method = payment_methods.named(work, id, param)
    if method["customer"] != customer["id"]:
        words = f"The customer does not have a payment method with the ID {id}. The payment method must be attached."
        raise Refused(words, code="resource_missing", param=param)
    customer["invoice_settings"]["default_payment_method"] = method["id"]
