"""The controls over payments, beside those of `controls`: what the Dashboard's hand does, for programs and forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from web.sandbox.dashboard import JUDGEMENTS
from web.sandbox.machine import Machine

Act = Callable[[Machine, dict[str, Any]], dict[str, Any]]


def _refund(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"payment": "ch_…" or "pi_…", "amount"?: 400, "status"?: "pending", "fails"?: true}`;
    `{"refund": "re_…", "how": "succeed" | "fail" | "cancel"}`.
    """
    _only(said, "payment", "amount", "status", "fails", "refund", "how")
    if "refund" in said:
        return machine.dashboard.settle_refund(str(said["refund"]), str(said.get("how", "succeed")))
    fails = None if "fails" not in said else yes(said["fails"])
    return machine.dashboard.refund(
        _needed(said, "payment"), _whole(said, "amount"), status=said.get("status"), fails=fails
    )


def _dispute(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"payment": "ch_…" or "pi_…", "kind"?: "inquiry" | "chargeback", "amount"?: 700, "reason"?: "fraudulent"}`;
    `{"dispute": "du_…", "how": "win", "amount"?: 700}`.
    """
    _only(said, "payment", "kind", "amount", "reason", "dispute", "how")
    amount = _whole(said, "amount")
    if "dispute" in said:
        if said.get("how") not in JUDGEMENTS:
            raise ValueError(f"Say how: {', '.join(JUDGEMENTS)}.")
        return machine.dashboard.judge(str(said["dispute"]), str(said["how"]), amount)
    kind = said.get("kind", "chargeback")
    if kind not in ("inquiry", "chargeback"):
        raise ValueError("kind is inquiry or chargeback.")
    reason = str(said.get("reason", "fraudulent"))
    return machine.dashboard.dispute(_needed(said, "payment"), inquiry=kind == "inquiry", amount=amount, reason=reason)


def _arrive(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"session": "cs_…", "fails"?: true}`: what the bank of somebody who pays later says; `{"intent": "pi_…"}` of a
    payment by debit without a session.
    """
    _only(said, "session", "intent", "fails")
    if "intent" in said:
        return machine.dashboard.arrive(str(said["intent"]), fails=yes(said.get("fails")))
    return machine.arrive(_needed(said, "session"), fails=yes(said.get("fails")))


def _account(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"customer": "cus_…", "currency"?: "eur"}`: a bank account that may be debited, their default from now on."""
    _only(said, "customer", "currency")
    return machine.dashboard.save_account(_needed(said, "customer"), str(said.get("currency", "usd")))


def _authenticate(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"intent": "pi_…", "fails"?: true}`: a buyer who was asked to has confirmed it is they, or could not."""
    _only(said, "intent", "fails")
    return machine.dashboard.authenticate(_needed(said, "intent"), fails=yes(said.get("fails")))


def _retries(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"then": "cancel" | "unpaid" | "past_due"}`: what becomes of a subscription whose card has failed for good."""
    _only(said, "then")
    if said:
        machine.dashboard.after_retries(str(said["then"]))
    return {"then": machine.dashboard.after_retries()}


def _parts(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"invoice": "in_…", "amounts": [700, 1300], "card"?: "4242…"}`: several payments on one invoice."""
    _only(said, "invoice", "amounts", "card")
    amounts = said.get("amounts")
    if not isinstance(amounts, list):
        raise ValueError("Say amounts: a list.")
    card = str(said.get("card") or machine.CARD)
    return machine.dashboard.pay_in_parts(_needed(said, "invoice"), [int(amount) for amount in amounts], card)


def _subscription(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"subscription": "sub_…", "how": "cancel" | "end" | "keep" | "pause" | "resume"}`: now, with its period …"""
    _only(said, "subscription", "how")
    return machine.dashboard.subscription(_needed(said, "subscription"), _needed(said, "how"))


def _credit(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"invoice": "in_…", "amount": 500, "to"?: "card" | "balance"}`: a credit note."""
    _only(said, "invoice", "amount", "to")
    amount = int(_needed(said, "amount"))
    return machine.dashboard.credit_note(_needed(said, "invoice"), amount, to=str(said.get("to", "card")))


def _delete(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"customer": "cus_…"}`: with all that they are subscribed to."""
    _only(said, "customer")
    return machine.dashboard.delete_customer(_needed(said, "customer"))


def _price(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"price": "price_…", "unit_amount": 2500}`: a new price in its place, the old one is archived."""
    _only(said, "price", "unit_amount")
    return machine.dashboard.change_price(_needed(said, "price"), int(_needed(said, "unit_amount")))


def _endpoint(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"endpoint": "we_…", "roll": true, "overlap"?: 3600}` answers its new secret; `{"endpoint": …, "shape":
    "acacia"}` has it told in that shape from now on.
    """
    _only(said, "endpoint", "roll", "overlap", "shape")
    endpoint = _needed(said, "endpoint")
    if yes(said.get("roll")):
        overlap = _whole(said, "overlap")
        secret = machine.dashboard.roll_secret(endpoint, overlap=24 * 60 * 60 if overlap is None else overlap)
        return {"endpoint": endpoint, "secret": secret}
    return machine.dashboard.reshape(endpoint, _needed(said, "shape"))


def _expire(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"session": "cs_…"}`: the offer ends before its time."""
    _only(said, "session")
    return machine.dashboard.expire(_needed(said, "session"))


def yes(value: Any) -> bool:
    return value in (True, "true", "1", "on", "yes")


def _only(said: dict[str, Any], *known: str) -> None:
    unknown = set(said) - set(known)
    if unknown:
        raise ValueError(f"There is no {', '.join(sorted(unknown))} here: say {', '.join(known)}.")


def _needed(said: dict[str, Any], name: str) -> str:
    if name not in said:
        raise ValueError(f"Say {name}.")
    return str(said[name])


def _whole(said: dict[str, Any], name: str) -> int | None:
    return int(said[name]) if name in said else None


ACTS: dict[str, Act] = {
    "/refund": _refund,
    "/dispute": _dispute,
    "/arrive": _arrive,
    "/account": _account,
    "/delete": _delete,
    "/expire": _expire,
    "/price": _price,
    "/endpoint": _endpoint,
    "/authenticate": _authenticate,
    "/parts": _parts,
    "/retries": _retries,
    "/subscription": _subscription,
    "/credit": _credit,
}
"""By path below /_sandbox."""
