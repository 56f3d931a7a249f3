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
    """`{"session": "cs_…", "fails"?: true}`: what the bank of somebody who pays later says."""
    _only(said, "session", "fails")
    return machine.arrive(_needed(said, "session"), fails=yes(said.get("fails")))


def _authenticate(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"intent": "pi_…", "fails"?: true}`: a buyer who was asked to has confirmed it is they, or could not."""
    _only(said, "intent", "fails")
    return machine.dashboard.authenticate(_needed(said, "intent"), fails=yes(said.get("fails")))


def _parts(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"invoice": "in_…", "amounts": [700, 1300], "card"?: "4242…"}`: several payments on one invoice."""
    _only(said, "invoice", "amounts", "card")
    amounts = said.get("amounts")
    if not isinstance(amounts, list):
        raise ValueError("Say amounts: a list.")
    card = str(said.get("card") or machine.CARD)
    return machine.dashboard.pay_in_parts(_needed(said, "invoice"), [int(amount) for amount in amounts], card)


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
    "/authenticate": _authenticate,
    "/parts": _parts,
}
"""By path below /_sandbox."""
