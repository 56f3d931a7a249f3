"""Refunds: money of a charge that goes back, at once or after a while, and sometimes does not arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from web.sandbox import ids
from web.sandbox.errors import Refused
from web.sandbox.money import money, odd
from web.sandbox.params import merged
from web.sandbox.resources import cards
from web.sandbox.store import Object
from web.sandbox.work import Work

DAY = 24 * 60 * 60
SETTLES_AFTER = DAY
"""Seconds until a refund that is pending has arrived or failed, and until a card's has a reference."""

STATUSES = ("succeeded", "pending", "requires_action")
GONE = ("failed", "canceled")
FAILURES = ("lost_or_stolen_card", "expired_or_canceled_card", "charge_for_pending_refund_disputed", "unknown")


def make(
    work: Work,
    charge: Object,
    amount: int | None = None,
    *,
    reason: str | None = None,
    metadata: dict[str, str] | None = None,
    status: str | None = None,
    fails: bool | None = None,
) -> Object:
    """The whole rest of the charge, or a part of it. `status` and `fails` are the card's own unless they are said."""
    left = charge["amount"] - charge["amount_refunded"]
    asked = _allowed(work, charge, left if amount is None else amount)
    behaves = cards.refunds_of(charge)
    first = status or ("pending" if behaves == "pending" else "succeeded")
    refund = work.new(
        "refund",
        amount=asked,
        balance_transaction=ids.new("balance_transaction"),
        charge=charge["id"],
        currency=charge["currency"],
        destination_details=_destination(charge, "pending"),
        metadata=metadata or {},
        payment_intent=charge["payment_intent"],
        reason=reason,
        receipt_number=None,
        source_transfer_reversal=None,
        status=first,
        transfer_reversal=None,
        _fails=behaves == "fails" if fails is None else fails,
    )
    del refund["livemode"]
    if first == "pending":
        refund["pending_reason"] = "processing"
    if first == "requires_action":
        refund |= {"balance_transaction": None, "instructions_email": "buyer@example.com"}
        refund["next_action"] = {"type": "display_details", "display_details": _mailed(work)}
    work.keep(refund)
    work.emit("refund.created", refund)
    if first != "requires_action":
        _on_charge(work, charge, asked, "charge.refunded")
        work.rows.schedule(work.now + SETTLES_AFTER, "refund", refund["id"])
    return refund


def settle(work: Work, refund: Object) -> None:
    """What becomes of it in time: it fails, or it has arrived and the bank says by which reference."""
    if refund["status"] in GONE:
        return
    if refund["_fails"]:
        fail(work, refund)
    elif refund["status"] == "pending":
        succeed(work, refund)
    elif refund["status"] == "succeeded":
        charge = _charge(work, refund)
        with _told(work, refund):
            refund["destination_details"] = _destination(charge, "available")


def succeed(work: Work, refund: Object) -> Object:
    """Pending, or waiting for its receiver, → succeeded."""
    _must_be(refund, ("pending", "requires_action"), "succeed")
    charge = _charge(work, refund)
    if refund["status"] == "requires_action":
        _on_charge(work, charge, refund["amount"], "charge.refunded")
        refund["balance_transaction"] = ids.new("balance_transaction")
    with _told(work, refund):
        refund |= {"status": "succeeded", "destination_details": _destination(charge, "available")}
        _no_longer_waits(refund)
    work.rows.unschedule("refund", refund["id"])
    return refund


def fail(work: Work, refund: Object, reason: str = "lost_or_stolen_card") -> Object:
    """The money did not arrive, even if it had seemed so: it is the merchant's again."""
    _must_be(refund, STATUSES, "fail")
    _take_back(work, refund)
    with _told(work, refund):
        refund |= {"status": "failed", "failure_reason": reason}
        refund["failure_balance_transaction"] = ids.new("balance_transaction")
        _no_longer_waits(refund)
    work.emit("refund.failed", refund)
    return refund


def cancel(work: Work, refund: Object) -> Object:
    """One that waits for its receiver is taken back; the money never left."""
    _must_be(refund, ("requires_action",), "cancel")
    _take_back(work, refund)
    with _told(work, refund):
        refund |= {"status": "canceled", "failure_reason": "merchant_request"}
        _no_longer_waits(refund)
    return refund


def change(work: Work, refund: Object, given: dict[str, Any]) -> Object:
    with _told(work, refund):
        refund["metadata"] = merged(refund["metadata"], given.get("metadata"))
    return refund


def of(work: Work, charge: Object) -> list[Object]:
    """Newest first."""
    return work.rows.select("refund", charge=charge["id"])


def charge_of(work: Work, *, charge: str | None, intent: str | None) -> Object:
    """What a refund or a dispute is about, named by its charge, or by its payment intent's newest one."""
    if charge is None and intent is None:
        words = "One of the following params should be provided for this request: payment_intent or charge."
        raise Refused(words)
    named = work.named("charge", charge, "charge") if charge else None
    if intent is None:
        assert named is not None
        return named
    paid = work.named("payment_intent", intent, "payment_intent")
    latest = work.find("charge", paid["latest_charge"])
    if named is not None:
        if named["payment_intent"] != intent:
            raise Refused("The charge does not belong to the payment intent.", param="payment_intent")
        return named
    if latest is None or not latest["paid"]:
        words = f"This PaymentIntent ({intent}) does not have a successful charge to refund."
        raise Refused(words, param="payment_intent")
    return latest


def _allowed(work: Work, charge: Object, amount: int) -> int:
    """What may be refunded of it, in Stripe's words where it may not."""
    left = charge["amount"] - charge["amount_refunded"]
    if not charge["paid"]:
        raise Refused(f"Charge {charge['id']} has failed: there is nothing to refund.", param="charge")
    if charge["status"] == "pending":
        raise Refused(f"Charge {charge['id']} is still pending and cannot be refunded.", param="charge")
    if charge["refunded"]:
        words = f"Charge {charge['id']} has already been refunded."
        raise Refused(words, code="charge_already_refunded")
    if any(not one["is_charge_refundable"] for one in work.rows.select("dispute", charge=charge["id"])):
        words = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise Refused(words, code="charge_disputed")
    if amount > left:
        asked, rest = (money(cents, charge["currency"]) for cents in (amount, left))
        raise Refused(f"Refund amount ({asked}) is greater than unrefunded amount on charge ({rest})", param="amount")
    if odd(amount, charge["currency"]):
        words = f"Amounts in {charge['currency']} must be divisible by 10: {amount} is not."
        raise Refused(words, code="parameter_invalid_integer", param="amount")
    return amount


def _on_charge(work: Work, charge: Object, amount: int, event: str | None = None) -> None:
    with work.changing(charge, event):
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]


def _take_back(work: Work, refund: Object) -> None:
    """The charge can be refunded by this much again."""
    if refund["status"] != "requires_action":
        _on_charge(work, _charge(work, refund), -refund["amount"])
    work.rows.unschedule("refund", refund["id"])


def _charge(work: Work, refund: Object) -> Object:
    return work.addressed("charge", refund["charge"])


def _must_be(refund: Object, statuses: Sequence[str], act: str) -> None:
    if refund["status"] not in statuses:
        raise Refused(f"This refund is {refund['status']}: it cannot {act} any more.")


def _no_longer_waits(refund: Object) -> None:
    for name in ("pending_reason", "next_action", "instructions_email"):
        refund.pop(name, None)


@contextmanager
def _told(work: Work, refund: Object) -> Iterator[None]:
    """Keeps a change, and tells of it twice, as Stripe does: of the refund, and of the charge's refund."""
    before = len(work.events)
    with work.changing(refund, "refund.updated"):
        yield
    if len(work.events) > before:
        work.emit("charge.refund.updated", refund)


def _destination(charge: Object, reference: str) -> Object:
    kind = charge["payment_method_details"]["type"]
    if kind != "card":
        way = "us_bank_transfer" if kind == "us_bank_account" else "eu_bank_transfer"
        return {way: {"reference": None, "reference_status": reference}, "type": way}
    card = {"reference_status": reference, "reference_type": "acquirer_reference_number", "type": "refund"}
    if reference == "available":
        card["reference"] = "74532" + charge["id"][-6:]
    return {"card": card, "type": "card"}


def _mailed(work: Work) -> Object:
    sent = {"email_sent_at": work.now, "email_sent_to": "buyer@example.com"}
    return {"email_sent": sent, "expires_at": work.now + 45 * DAY}
