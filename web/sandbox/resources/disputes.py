"""Disputes: a buyer's bank asks about a charge (an inquiry), or takes its money back (a chargeback)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from web.sandbox.errors import Refused
from web.sandbox.params import merged
from web.sandbox.resources import balance
from web.sandbox.store import Object
from web.sandbox.work import Work

DAY = 24 * 60 * 60
FEE = 1_500
REASONS = (
    *("credit_not_processed", "duplicate", "fraudulent", "general", "product_not_received", "product_unacceptable"),
    *("subscription_canceled", "unrecognized"),
)
OPEN = ("warning_needs_response", "warning_under_review", "needs_response", "under_review")
INQUIRY, CHARGEBACK = OPEN[:2], OPEN[2:]
_TEXTS = (
    *("access_activity_log", "billing_address", "cancellation_policy_disclosure", "cancellation_rebuttal"),
    *("customer_email_address", "customer_name", "customer_purchase_ip", "duplicate_charge_explanation"),
    *("duplicate_charge_id", "product_description", "refund_policy_disclosure", "refund_refusal_explanation"),
    *("service_date", "shipping_address", "shipping_carrier", "shipping_date", "shipping_tracking_number"),
    "uncategorized_text",
)
_FILES = (
    *("cancellation_policy", "customer_communication", "customer_signature", "duplicate_charge_documentation"),
    *("receipt", "refund_policy", "service_documentation", "shipping_documentation", "uncategorized_file"),
)
EVIDENCE = _TEXTS
"""What the merchant may say: texts, no files."""


def make(
    work: Work, charge: Object, *, inquiry: bool = False, amount: int | None = None, reason: str = "fraudulent"
) -> Object:
    """Over the whole charge or a part of it. A chargeback takes the money with it, an inquiry takes nothing."""
    asked = charge["amount"] if amount is None else amount
    if not charge["paid"] or charge["payment_method_details"]["type"] != "card":
        raise Refused("Only a charge that a card has paid can be disputed.", param="charge")
    if not 0 < asked <= charge["amount"]:
        raise Refused("The amount of a dispute is a part of the charge's, or all of it.", param="amount")
    if any(one["status"] in OPEN for one in of(work, charge)):
        raise Refused("This charge is disputed already.", param="charge")
    if reason not in REASONS:
        raise Refused(f"reason is one of {', '.join(REASONS)}", param="reason")
    brand = charge["payment_method_details"]["card"]["brand"]
    dispute = work.new(
        "dispute",
        amount=asked,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence={**dict.fromkeys((*_TEXTS, *_FILES)), "enhanced_evidence": {}},
        evidence_details={
            "due_by": work.now + 9 * DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        is_charge_refundable=inquiry,
        metadata={},
        network_reason_code="10.4",
        payment_intent=charge["payment_intent"],
        payment_method_details={
            "card": {
                "brand": brand,
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": brand,
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        reason=reason,
        status="warning_needs_response" if inquiry else "needs_response",
    )
    charge["disputed"] = True
    work.keep(charge)
    if not inquiry:
        _withdraw(work, dispute)
    work.keep(dispute)
    work.emit("charge.dispute.created", dispute)
    if not inquiry:
        work.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def escalate(work: Work, dispute: Object, amount: int | None = None) -> Object:
    """An inquiry becomes a chargeback: now the money is taken."""
    _must_be(dispute, (*INQUIRY, "warning_closed"), "escalated")
    with work.changing(dispute, "charge.dispute.updated"):
        dispute |= {"status": "needs_response", "is_charge_refundable": False, "amount": amount or dispute["amount"]}
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
        dispute["evidence_details"]["due_by"] = work.now + 9 * DAY
        _withdraw(work, dispute)
    work.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def respond(work: Work, dispute: Object, evidence: Object, *, submit: bool) -> Object:
    """The merchant's words; submitted, the bank looks at them."""
    _must_be(dispute, OPEN, "answered")
    with work.changing(dispute, "charge.dispute.updated"):
        dispute["evidence"] |= evidence
        details = dispute["evidence_details"]
        details["has_evidence"] = any(dispute["evidence"][name] for name in _TEXTS)
        if submit:
            details["submission_count"] += 1
            details["submission_method"] = "manual"
            dispute["status"] = "warning_under_review" if dispute["status"] in INQUIRY else "under_review"
    return dispute


def change(work: Work, dispute: Object, given: dict[str, Any]) -> Object:
    """`POST /v1/disputes/{id}`: labels and evidence, which is submitted unless that is put off."""
    if "metadata" in given:
        with work.changing(dispute, "charge.dispute.updated"):
            dispute["metadata"] = merged(dispute["metadata"], given["metadata"])
    if "evidence" in given or given.get("submit"):
        respond(work, dispute, given.get("evidence") or {}, submit=given.get("submit", True))
    return dispute


def win(work: Work, dispute: Object, amount: int | None = None) -> Object:
    """The money comes back, or a part of it."""
    _must_be(dispute, CHARGEBACK, "won")
    return _close(work, dispute, "won", amount or dispute["amount"])


def lose(work: Work, dispute: Object) -> Object:
    """What was taken stays taken."""
    _must_be(dispute, CHARGEBACK, "lost")
    return _close(work, dispute, "lost", 0)


def close(work: Work, dispute: Object) -> Object:
    """`POST /v1/disputes/{id}/close`: the merchant gives in. An inquiry is closed with nothing taken."""
    if dispute["status"] in INQUIRY:
        return _close(work, dispute, "warning_closed", 0)
    if dispute["status"] not in CHARGEBACK:
        raise Refused("This dispute is already closed", code="dispute_already_closed", param="dispute")
    return lose(work, dispute)


def reinstate(work: Work, dispute: Object, amount: int | None = None) -> Object:
    """After a loss the bank gives the money back all the same."""
    _must_be(dispute, ("lost",), "reinstated")
    return _close(work, dispute, "won", amount or dispute["amount"])


def of(work: Work, charge: Object) -> list[Object]:
    """Newest first."""
    return work.rows.select("dispute", charge=charge["id"])


def _close(work: Work, dispute: Object, status: str, gives_back: int) -> Object:
    with work.changing(dispute):
        dispute |= {"status": status, "is_charge_refundable": status != "lost"}
        if gives_back:
            _give_back(work, dispute, gives_back)
    work.emit("charge.dispute.closed", dispute)
    if gives_back:
        work.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def _withdraw(work: Work, dispute: Object) -> None:
    words = f"Chargeback withdrawal for {dispute['charge']}"
    _add_row(work, dispute, "dispute", -int(dispute["amount"]), words, FEE)


def _give_back(work: Work, dispute: Object, amount: int) -> None:
    words = f"Chargeback reversal for {dispute['charge']}"
    _add_row(work, dispute, "dispute_reversal", amount, words, 0)


def _add_row(work: Work, dispute: Object, category: str, amount: int, words: str, fee: int) -> None:
    source, currency = dispute["id"], dispute["currency"]
    made = balance.row(work, "adjustment", category, amount, currency, source, words=words, fee=fee)
    dispute["balance_transactions"] = [*dispute["balance_transactions"], made]


def _must_be(dispute: Object, statuses: Sequence[str], what: str) -> None:
    if dispute["status"] not in statuses:
        raise Refused(f"This dispute is {dispute['status']}: it cannot be {what}.")
