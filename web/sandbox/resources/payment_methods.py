"""Payment methods: cards, attached to customers or used once."""

from __future__ import annotations

from web.sandbox.errors import Refused, missing
from web.sandbox.resources import cards
from web.sandbox.resources.cards import TestCard
from web.sandbox.store import Object
from web.sandbox.work import Work


def make(work: Work, card: TestCard, billing: Object | None = None, metadata: Object | None = None) -> Object:
    given = billing or {}
    return work.keep(
        work.new(
            "payment_method",
            allow_redisplay="unspecified",
            billing_details={
                "address": cards.no_address() | (given.get("address") or {}),
                "email": given.get("email"),
                "name": given.get("name"),
                "phone": given.get("phone"),
                "tax_id": None,
            },
            card={
                "brand": card.brand,
                "checks": cards.checks(),
                "country": "US",
                "display_brand": card.brand,
                "exp_month": 12,
                "exp_year": 2040,
                "fingerprint": card.last4 * 4,
                "funding": card.funding,
                "generated_from": None,
                "last4": card.last4,
                "networks": {"available": [card.brand], "preferred": None},
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            customer=None,
            customer_account=None,
            metadata=metadata or {},
            type="card",
            _number=card.number,
        )
    )


def named(work: Work, id: str, param: str) -> Object:
    """The payment method with this id; for one of Stripe's test names, a new one of that card."""
    card = cards.named(id) if id.startswith("pm_card_") else None
    if card is not None:
        return make(work, card)
    found = work.find("payment_method", id)
    if found is None:
        raise missing("PaymentMethod", id, param)
    return found


def attach(work: Work, method: Object, customer: Object) -> Object:
    """Ties it to the customer. Cards that decline are refused here, but for the one that declines later."""
    if method["customer"] == customer["id"]:
        return method
    if method["customer"] is not None:
        raise Refused("This payment method is already attached to another customer.", param="customer")
    card = cards.behind(method)
    if card.decline is not None and not card.attaches:
        raise Refused(
            card.decline.message,
            status=402,
            kind="card_error",
            code=card.decline.code,
            decline_code=card.decline.decline_code,
        )
    method["customer"] = customer["id"]
    work.keep(method)
    work.emit("payment_method.attached", method)
    return method


def of(work: Work, customer: Object, preferred: str | None = None) -> Object | None:
    """What a customer's invoices are charged to: the subscription's own, the customer's default, or a source."""
    settings = customer["invoice_settings"]
    for id in (preferred, settings["default_payment_method"], customer["default_source"]):
        found = work.rows.find(id) if id else None
        if found is not None:
            return found
    return None
