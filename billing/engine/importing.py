"""Bringing opening balances from a file: judged whole first, then brought batch by batch, each in a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from billing import signals
from billing.inbox import waking
from billing.rules.refusals import Invalid
from billing.sales import importing
from billing.sales.import_file import Balance, Wrong
from billing.sales.importing import Judged

if TYPE_CHECKING:
    from billing.engine.alone import Billing

BATCH = 500


@dataclass(frozen=True, slots=True)
class Brought:
    """What an import brought, or would bring. `links` and `begun`: Stripe customers that are linked now, and that have
    a beginning now, linked before or not. `wrong`: then it brings nothing at all. `paid_cents` by currency,
    `credits` by unit.
    """

    balances: int
    again: int
    customers: int
    links: int
    begun: int
    credits: dict[str, int]
    paid_cents: dict[str, int]
    wrong: tuple[Wrong, ...] = ()


def judge(billing: Billing, rows: Sequence[Balance], at: datetime) -> Brought:
    """What these rows would bring, valid from `at`; asked in one snapshot; nothing is written."""
    return _brought(rows, _judged(billing, rows, at))


def bring(billing: Billing, rows: Sequence[Balance], at: datetime) -> Brought:
    """Brings them, valid from `at`; where anything is wrong with any of them, nothing. Cut off, it may be run again."""
    if at > billing.clock.now():
        raise Invalid.field("at", "Balances are valid from a time that has come.")
    before = _judged(billing, rows, at)
    if before.wrong:
        return _brought(rows, before)
    judged = Judged(begins=before.begins)
    begun = {one.customer for one in rows if one.stripe_customer in before.begins}
    news = before.customers | {one.customer for one in before.new} | begun
    _begin(billing, before)
    for batch in importing.batches([one for one in rows if one.customer in news], BATCH):
        with billing.database.write() as tx:
            # What waits for these is due now, and not before this is committed: see `wake`.
            for stripe_id in sorted({one.stripe_customer for one in batch if one.stripe_customer is not None}):
                waking.wake(tx, stripe_customer=stripe_id)
            brought = importing.bring(tx, billing.catalog, batch, at)
            for customer in sorted(brought.customers):
                waking.wake(tx, customer=customer)
        signals.send(billing, tx.told)
        judged.add(brought)
    return _brought(rows, judged)


def _begin(billing: Billing, judged: Judged) -> None:
    """For those who are linked already, committed before anything is brought: an event that is handled meanwhile sees
    the beginning, or has granted before the balance is judged under its wallet's lock, and is seen.
    """
    if judged.begins.keys() - judged.links.keys():
        with billing.database.write() as tx:
            importing.begin(tx, judged)


def _judged(billing: Billing, rows: Sequence[Balance], at: datetime) -> Judged:
    judged = Judged()
    with billing.database.read() as tx:
        for batch in importing.batches(rows, BATCH):
            judged.add(importing.judge(tx, batch, at))
    return judged


def _brought(rows: Sequence[Balance], judged: Judged) -> Brought:
    credits: dict[str, int] = {}
    paid_cents: dict[str, int] = {}
    for one in judged.new:
        credits[one.unit] = credits.get(one.unit, 0) + one.credits
        if one.paid_cents and one.currency is not None:
            paid_cents[one.currency] = paid_cents.get(one.currency, 0) + one.paid_cents
    again = sum(one.credits > 0 for one in rows) - len(judged.new)
    return Brought(len(judged.new), again, len(judged.customers), len(judged.links),
                   len(judged.begins), credits, paid_cents,
                   tuple(sorted(judged.wrong, key=lambda one: one.line)))  # fmt: skip
