"""Telling: what others may hear of what was decided on a wallet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from billing.base.outbox import Fact
from billing.credits.opening import OpenWallet
from billing.rules.wallet import endterms
from billing.rules.wallet.values import BucketState, Movement

_EVENTS = {
    "grant": "credits.granted",
    "spend": "credits.spent",
    "capture": "credits.spent",
    "overdraw": "credits.spent",
    "reverse": "credits.reversed",
    "expire": "credits.expired",
    "roll_over": "credits.rolled_over",
    "clawback": "credits.clawed_back",
    "owe": "credits.clawed_back",
    "restore": "credits.restored",
    "void": "credits.adjusted",
    "repay": "debt.repaid",
    "forgive": "debt.forgiven",
}


def _named(wallet: OpenWallet, movement: Movement) -> list[str]:
    """What is told of a movement; of credits that could have gone on into the next period, that they did not, too."""
    name = _EVENTS.get(movement.kind)
    if movement.kind not in ("expire", "roll_over"):
        return [name] if name else []
    source, target = (_bucket_at(wallet, place) for place in (movement.source, movement.destination))
    if movement.kind == "roll_over":
        return ["credits.rolled_over"] if source and target and target.rolled_from == source.number else []
    forfeited = source is not None and endterms.terms_of(source) is not None
    return ["credits.expired", *(["credits.rollover_forfeited"] if forfeited else [])]


def _bucket_at(wallet: OpenWallet, place: str) -> BucketState | None:
    kind, _, number = place.partition(":")
    return wallet.position.buckets.get(int(number)) if kind == "bucket" else None


def facts(wallet: OpenWallet) -> list[Fact]:
    """One fact per event name and cause: what moved, and how the wallet stands after it."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    owed = wallet.row["owed"]
    for movement in wallet.position.movements:
        names = _named(wallet, movement)
        if not owed and movement.owed_after:
            names.append("debt.opened")
        owed = movement.owed_after
        for name in names:
            fact = found.setdefault(
                (name, movement.cause.name),
                {
                    "customer": wallet.customer,
                    "unit": wallet.unit,
                    "cause": movement.cause.name,
                    "credits": 0,
                },
            )
            fact["credits"] += movement.owed_after if name == "debt.opened" else movement.credits
            fact["available"], fact["owed"] = movement.available_after, movement.owed_after
            fact["effective_at"] = movement.effective_at
    return [(name, fact) for (name, _), fact in found.items()]


def lasting(facts: Iterable[Fact], *, spends: bool) -> list[Fact]:
    """Those that are told beyond this process, too. A spend is so by choice only: there are thousands a second, and its
    receipt says so.
    """
    return [fact for fact in facts if spends or fact[0] != "credits.spent"]
