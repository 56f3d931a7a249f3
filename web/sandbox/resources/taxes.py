"""Tax, pretended: the same rate everywhere, on top of a price or within it; and what an invoice says of it."""

from __future__ import annotations

from typing import Any

from web.sandbox.errors import Refused
from web.sandbox.resources import checkout_lines, customers
from web.sandbox.store import Object
from web.sandbox.work import Work

_RATE = "txr_1SandboxPretendedRate20"
HOME: Object = {"city": None, "country": "US", "line1": None, "line2": None, "postal_code": "94107", "state": None}
"""Where a buyer is who says nothing of it."""
_KINDS = {"US": "us_ein", "GB": "gb_vat"}


def begin(session: Object, given: dict[str, Any], customer: Object | None) -> None:
    """What a new session is told of tax. It is reckoned once it is known where the buyer is."""
    wanted = (given.get("automatic_tax") or {}).get("enabled", False)
    update = given.get("customer_update") or {}
    collects = given.get("tax_id_collection") or {}
    if update and customer is None:
        raise Refused("`customer_update` can only be used with `customer`.", param="customer_update")
    if wanted and session["mode"] != "payment":
        raise Refused("The sandbox reckons automatic tax in `payment` mode only.", param="automatic_tax")
    if collects.get("enabled"):
        if customer is not None and update.get("name") != "auto":
            words = "Tax ID collection requires updating business name on the customer. To enable tax ID collection for"
            words = f"{words} an existing customer, please set `customer_update[name]` to `auto`."
            raise Refused(words, param="tax_id_collection")
        session["tax_id_collection"] = {"enabled": True, "required": collects.get("required", "never")}
    session["_update"] = update
    if not wanted:
        return
    known = _is_somewhere(customer) and update.get("address") != "auto"
    if customer is not None and not known and update.get("address") != "auto":
        words = "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to"
        words = f"{words} the Customer or set either `customer_update[address]` to 'auto' or"
        words = (
            f"{words} `customer_update[shipping]` to 'auto' to save the address entered in Checkout to the Customer."
        )
        raise Refused(words, code="customer_tax_location_invalid", param="automatic_tax")
    session["automatic_tax"] = {
        "enabled": True,
        "liability": {"type": "self"},
        "provider": "stripe",
        "status": "complete" if known else "requires_location_inputs",
    }
    session["_exempt"] = customer is not None and customer["tax_exempt"] in ("exempt", "reverse")


def settle(work: Work, session: Object, customer: Object | None, country: str | None, tax_id: str | None) -> None:
    """The buyer has said where they are, and by what number they pay tax: the figures follow."""
    details = session["customer_details"]
    if session["automatic_tax"]["enabled"] or country:
        address = customer["address"] if _is_somewhere(customer) and country is None and customer else None
        details["address"] = address or {**HOME, "country": country or "US"}
    if session["automatic_tax"]["enabled"]:
        session["automatic_tax"]["status"] = "complete"
        checkout_lines.total_up(session)
    collects = (session.get("tax_id_collection") or {}).get("enabled")
    details["tax_ids"] = []
    if tax_id and collects:
        place = (details["address"] or HOME)["country"] or "US"
        details["tax_ids"] = [{"type": _KINDS.get(place, "eu_vat"), "value": tax_id}]
    update = session.get("_update") or {}
    if customer is not None and update.get("address") == "auto" and details["address"]:
        customers.change(work, customer, {"address": details["address"]})


def as_in_session(invoice: Object, session: Object) -> None:
    """An invoice whose lines stand for the session's says the same of what is taken off and of tax."""
    if session["automatic_tax"]["enabled"]:
        invoice["automatic_tax"] |= {"enabled": True, "liability": {"type": "self"}, "status": "complete"}
        invoice["automatic_tax"]["provider"] = "stripe"
    invoice["customer_tax_ids"] = session["customer_details"]["tax_ids"] or []
    for line, sold in zip(invoice["_lines"], session["_items"], strict=True):
        if sold["amount_tax"]:
            line["taxes"] = [_tax(sold)]
    tax = session["total_details"]["amount_tax"]
    behaviors = {sold["price"]["tax_behavior"] == "inclusive" for sold in session["_items"] if sold["amount_tax"]}
    invoice["total_taxes"] = [_summed(session["_items"], inclusive=inclusive) for inclusive in sorted(behaviors)]
    within = sum(one["amount"] for one in invoice["total_taxes"] if one["tax_behavior"] == "inclusive")
    invoice |= dict.fromkeys(("total", "amount_due", "amount_remaining"), session["amount_total"])
    invoice |= {"subtotal": session["amount_subtotal"], "subtotal_excluding_tax": session["amount_subtotal"] - within}
    invoice["total_excluding_tax"] = session["amount_total"] - tax


def _tax(sold: Object) -> Object:
    inclusive = sold["price"]["tax_behavior"] == "inclusive"
    return _said(sold["amount_tax"], sold["amount_total"] - sold["amount_tax"], inclusive=inclusive)


def _summed(items: list[Object], *, inclusive: bool) -> Object:
    own = [_tax(sold) for sold in items if (sold["price"]["tax_behavior"] == "inclusive") == inclusive]
    total, taxable = (sum(one[name] for one in own) for name in ("amount", "taxable_amount"))
    return _said(total, taxable, inclusive=inclusive)


def _said(amount: int, taxable: int, *, inclusive: bool) -> Object:
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if inclusive else "exclusive",
        "tax_rate_details": {"tax_rate": _RATE},
        "taxability_reason": "standard_rated",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


def _is_somewhere(customer: Object | None) -> bool:
    return customer is not None and bool((customer["address"] or {}).get("country"))
