"""What a change of plan would come to: in money by Stripe's preview, in credits by our own rules, which are followed in
a transaction that is undone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from billing.base.db import Database, Tx
from billing.catalog.terms import Catalog
from billing.credits import customers, wallets
from billing.rules.refusals import Refusal
from billing.rules.sale.unchanged import SubscriptionEnded
from billing.sales import needs
from billing.sales.asking import offers, switching, wanted_changes
from billing.sales.asking.wanted_changes import Wanted
from billing.sales.plans import allocations
from billing.sales.values import ENDED, Applied, ChangePreview
from billing.stripe.gateway import Gateway
from billing.stripe.questions import Known
from billing.stripe.values import Invoice


class _Undone(Exception):
    """Ends a transaction of which nothing shall stay. `credits`: what it would have brought."""

    def __init__(self, credits: int | None) -> None:
        self.credits = credits


def preview(
    db: Database, gateway: Gateway | None, catalog: Catalog, wanted: Wanted, start: datetime | None
) -> ChangePreview:
    """Raises as the change itself does, but for what only the card's bank can say."""
    wanted.checked()
    unit = switching.unit_of(catalog, wanted)
    with db.read() as tx:
        known = customers.find(tx, wanted.customer)
        if isinstance(known, Refusal):
            raise known
        id = switching.which(tx, catalog, wanted, unit)
    talking = offers.asked(gateway)
    told = talking.subscribed.now(id)
    if told is None or told.status in ENDED:
        raise SubscriptionEnded(id)
    prices = wanted_changes.prices(talking, catalog, wanted, told)
    with db.read() as tx:
        stands = wanted_changes.standing(tx, catalog, told, unit)
        asked = wanted_changes.decide(stands, catalog, wanted, prices)
    will = asked.will
    assert will is not None, "a change says what shall be"
    plan = catalog.plans.get(will.plan or "")
    found = ChangePreview(
        subscription=id,
        plan=will.plan,
        price=will.price,
        quantity=will.quantity,
        unit=plan.unit if plan is not None else "credits",
        takes_effect_at=stands.item.period_end if asked.how == "next_period" else None,
        currency=stands.item.currency,
        due_cents=0,
        credits=0,
        next_at=stands.item.period_end,
        next_cents=None if will.cents is None else will.cents * will.quantity,
        next_credits=will.credits * will.quantity,
    )
    if asked.how not in ("at_once", "anew"):
        return found
    details = {name: value for name, value in asked.params["update"].items() if name != "payment_behavior"}
    bill, due = talking.subscribed.preview(id, details)
    credits = _credits(db, talking, catalog, wanted.customer, found.unit, bill, start)
    if asked.how == "anew":
        found = replace(found, next_at=max(line.end for line in bill.lines))
    return replace(found, due_cents=due or min(bill.total_cents or 0, 0), credits=credits)


def _credits(
    db: Database, gateway: Gateway, catalog: Catalog, customer: str, unit: str, bill: Invoice, start: datetime | None
) -> int | None:
    """What the wallet would have more, once that invoice is paid; None where the rules can't say it now."""

    def pay(tx: Tx, known: Known) -> Applied:
        before = _worth(tx, catalog, customer, unit)
        paid = replace(bill, status="paid", paid_at=tx.now)
        answer = allocations.apply(tx, catalog, paid, tx.now, known)
        if needs.unanswered(answer, known):
            return answer
        raise _Undone(None if answer.waits else _worth(tx, catalog, customer, unit) - before)

    try:
        needs.settled(db, gateway, start, pay)
    except _Undone as undone:
        return undone.credits
    raise AssertionError("a preview is never kept")


def _worth(tx: Tx, catalog: Catalog, customer: str, unit: str) -> int:
    wallet = wallets.wallet(tx, catalog, customer, unit)
    if isinstance(wallet, Refusal):
        raise wallet
    return wallet.available - wallet.owed
