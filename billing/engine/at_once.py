"""A spend by itself: nearly always without a transaction, on PostgreSQL without a lock before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from billing import signals
from billing.base.at_once import TakesTransaction
from billing.base.db import Database, Tx
from billing.catalog.terms import Catalog
from billing.credits import spending
from billing.credits.values import Receipt, Spend
from billing.rules.refusals import Refusal


class Engine(Protocol):
    """What of `Billing` it stands on."""

    database: Database

    @property
    def catalog(self) -> Catalog: ...

    def spend_many(self, spends: Sequence[Spend], /) -> list[Receipt | Refusal]: ...


def spend(self: Engine, customer: str, credits: int, *, key: str, unit: str = "credits", feature: str | None = None,
          member: str | None = None, description: str | None = None,
          metadata: Mapping[str, Any] | None = None) -> Receipt:  # fmt: skip
    """Takes `credits` from the customer's buckets in burn-down order, then from the overdraft; all or nothing.

    The same `key` with the same request gives the same receipt and takes nothing again.
    Raises InsufficientCredits(required, available), WalletFrozen, IdempotencyKeyReused, UnknownCustomer, Invalid.
    """
    request = Spend(customer, credits, key, unit, feature, member, description, metadata)
    catalog = self.catalog  # first: it may take a connection to look it up
    answer: Receipt | Refusal | None = None
    with suppress(TakesTransaction), self.database.at_once() as at_once:
        tx = Tx(at_once, at_once.now)
        answer = spending.spend_from_purse(tx, catalog, request)
        if answer is None and not self.database.races.likely((customer, unit)):
            answer = spending.decide_at_once(tx, catalog, request)
            if answer is None:
                self.database.races.lost((customer, unit))
    if answer is None:
        answer = self.spend_many([request])[0]
    elif tx.told:
        signals.send(self, tx.told)
    if isinstance(answer, Refusal):
        raise answer
    return answer
