"""Payments, and what becomes of them: refunds, disputes, banks that take days. One page of plain forms."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from web.sandbox.machine import Machine
from web.sandbox.pages.common import page
from web.sandbox.resources.disputes import CHARGEBACK, INQUIRY
from web.sandbox.store import Object, Rows

_MOST = 25


def make_payments(machine: Machine) -> Blueprint:
    pages = Blueprint("payments", __name__)

    @pages.get("/_sandbox/payments")
    def show() -> Response:
        with machine.store.transaction() as rows:
            known = _known(rows)
        return page(machine, "payments.html", **known)

    return pages


def _known(rows: Rows) -> dict[str, Any]:
    customers = {one["id"]: one.get("name") or one.get("email") or one["id"] for one in rows.select("customer")}
    sessions = rows.select("checkout.session")
    waiting = {one["payment_intent"]: one for one in sessions if _waits(rows, one)}
    charges = rows.select("charge")[:_MOST]
    return {
        "payments": [_payment(rows, charge, customers) for charge in charges],
        "refunds": [one for one in rows.select("refund") if one["status"] in ("pending", "requires_action")][:_MOST],
        "asked": rows.select("payment_intent", status="requires_action")[:_MOST],
        "waiting": list(waiting.values())[:_MOST],
        "open_sessions": [one for one in sessions if one["status"] == "open"][:_MOST],
    }


def _payment(rows: Rows, charge: Object, customers: dict[str, str]) -> Object:
    """A charge with who paid it, what can be refunded, and its disputes with what their bank may do next."""
    disputes = rows.select("dispute", charge=charge["id"])
    open_ones = [one for one in disputes if one["status"] in (*INQUIRY, *CHARGEBACK)]
    left = charge["amount"] - charge["amount_refunded"]
    refundable = charge["paid"] and left and all(one["is_charge_refundable"] for one in disputes)
    return {
        **{name: charge[name] for name in ("id", "amount", "amount_refunded", "currency", "created", "status")},
        "payer": customers.get(charge["customer"] or "") or charge["billing_details"]["email"] or "somebody",
        "left": left if refundable else 0,
        "can_be_disputed": charge["paid"] and not open_ones and charge["payment_method_details"]["type"] == "card",
        "disputes": [{**one, "next": _next(one)} for one in disputes],
    }


def _next(dispute: Object) -> list[tuple[str, str]]:
    """What may be done to it, and in words."""
    if dispute["status"] in INQUIRY:
        return [("close", "Close the inquiry"), ("escalate", "It becomes a chargeback")]
    if dispute["status"] in CHARGEBACK:
        answer = [("respond", "Send evidence")] if dispute["status"] == "needs_response" else []
        return [*answer, ("win", "Win it"), ("lose", "Lose it")]
    return [("reinstate", "Reinstate it")] if dispute["status"] == "lost" else []


def _waits(rows: Rows, session: Object) -> bool:
    intent = rows.find(session["payment_intent"]) if session["payment_intent"] else None
    return intent is not None and intent["status"] == "processing"
