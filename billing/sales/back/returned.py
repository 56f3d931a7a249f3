"""Returned: brings a purchase's sales to what the refunds and disputes of it say, whichever was learnt first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, func, select

from billing.base import outbox
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import lineage
from billing.credits.opening import OpenWallet, open_wallets
from billing.credits.tables import bucket_ends, wallets
from billing.credits.wallets import position_now
from billing.credits.writing import write
from billing.rules.refusals import Refusal
from billing.rules.sale.returns import Share, refund_stands, share, targets
from billing.rules.wallet import billed, disputed, rollover, walk
from billing.rules.wallet.values import Cause, MonthState
from billing.sales import auto_state
from billing.sales.back import payments, shares
from billing.sales.back.payments import Purchase
from billing.sales.back.shares import Went
from billing.sales.tables import change_takings, topups

_TOPUP = "topup:"
_KEPT = ("won", "warning_closed", "prevented")
"""Statuses of a dispute that is over, and has cost nothing."""


def settle(tx: Tx, catalog: Catalog, purchase: Purchase) -> tuple[str, ...] | None:
    """Takes, holds or gives back by all that is known. Origins of the sales that moved; None: there is no sale yet."""
    opened: dict[int, OpenWallet] = {}
    while True:  # looked at again under the locks: more of the purchase may have been sold while they were waited for
        sold = payments.sales_of(tx, purchase)
        unopened = {row.wallet_id for row in sold} - opened.keys()
        if not unopened:
            break
        opened |= _open(tx, catalog, unopened)
    if not sold:
        return None
    moved = settle_in(tx, purchase, opened, sold)
    write(tx, opened.values())
    return moved


def settle_all(tx: Tx, catalog: Catalog, purchases: Iterable[Purchase]) -> tuple[str, ...] | None:
    """The same for all that one payment paid."""
    answers = [settle(tx, catalog, purchase) for purchase in purchases]
    moved = [one for one in answers if one is not None]
    return tuple(origin for one in moved for origin in one) if moved else None


def _open(tx: Tx, catalog: Catalog, ids: Collection[int]) -> dict[int, OpenWallet]:
    names = select(wallets.c.id, wallets.c.customer_id, wallets.c.unit).where(wallets.c.id.in_(ids))
    by_id = {row.id: (row.customer_id, row.unit) for row in tx.connection.execute(names)}
    opened: dict[int, OpenWallet] = {}
    for answer in open_wallets(tx, catalog, list(by_id.values())).values():
        if isinstance(answer, Refusal):
            raise answer
        opened[answer.id] = answer
    return opened


def catch_up(tx: Tx, catalog: Catalog, purchase: Purchase) -> None:
    """What has just been sold may have been refunded or disputed before we learnt of it."""
    if in_question(tx, purchase):
        settle(tx, catalog, purchase)


def in_question(tx: Tx, purchase: Purchase) -> bool:
    """Is any refund or dispute of it known?"""
    return bool(shares.refunds_of(tx, purchase) or shares.disputes_of(tx, purchase))


def settle_in(
    tx: Tx, purchase: Purchase, opened: Mapping[int, OpenWallet], sold: Sequence[Row[Any]]
) -> tuple[str, ...]:
    """The same in wallets that are open already, by their ids; the caller writes. To be asked under their locks. Where
    ends are reopened it takes and gives back, and has to be asked again after they are closed: then it holds.
    """
    part, won = known(tx, purchase, sold)
    moved = []
    for row in sold:
        wallet = opened[row.wallet_id]
        before = wallet.position.next_number, len(wallet.position.changed_months)
        first = lineage.read(tx, wallet, row.origin)
        if first is not None:
            _settle_one(tx, wallet, row, first, part, won)
        elif row.cents > 0:
            _settle_earned(tx, wallet, row, part)
        if (wallet.position.next_number, len(wallet.position.changed_months)) != before:
            moved.append(row.origin)
    _tell_topups(tx, [row for row in sold if row.origin.startswith(_TOPUP)], part, _going(tx, purchase))
    return tuple(moved)


def known(tx: Tx, purchase: Purchase, sold: Sequence[Row[Any]]) -> tuple[Share, list[Went]]:
    """The share of the purchase that went back, and the disputes that were won, once it is known when."""
    total = total_cents(sold)
    paid_in = currency_of(sold)
    refunds = [row for row in shares.refunds_of(tx, purchase) if paid_in in (None, row.currency)]
    back = [(row.cents, refund_stands(row.status)) for row in refunds if row.payment is not None]
    noted = sum(row.cents for row in refunds if row.payment is None and refund_stands(row.status) == "gone")
    questioned = shares.disputes_of(tx, purchase)
    lost = [shares.disputed(row, total, paid_in) for row in questioned]
    won = [row for row in questioned if row.status == "won" and row.closed_at is not None]
    beyond = shares.paid_beyond(tx, purchase, total) if (back or lost) and is_known(sold) else 0
    return share(total, [*back, *lost], beyond_cents=beyond, noted_cents=noted), won


def is_known(sold: Sequence[Row[Any]]) -> bool:
    """Is it known what was to be paid for these sales, with tax?"""
    return any(row.total_cents is not None for row in sold)


def total_cents(sold: Sequence[Row[Any]]) -> int:
    """All that was to be paid for these sales of one purchase; what they cost themselves, where that is not known."""
    totals = [row.total_cents for row in sold if row.total_cents is not None]
    return max(totals) if totals else sum(row.cents for row in sold)


def currency_of(sold: Sequence[Row[Any]]) -> str | None:
    """What these sales of one purchase were paid in; None where they cost nothing."""
    return next((row.currency for row in sold if row.currency is not None), None)


def unused(tx: Tx, catalog: Catalog, sale: Row[Any]) -> tuple[int, int]:
    """Credits of a sale that nobody has used and that have not ended, and what was paid for them."""
    row = dict(tx.connection.execute(select(wallets).where(wallets.c.id == sale.wallet_id)).one()._mapping)
    position = position_now(tx, catalog, row)
    lineage.read_into(tx, sale.wallet_id, position, sale.origin)
    credits = cents = 0
    for month in position.months.values():
        if month.sale == sale.origin and month.cancelled_at is None:
            credits, cents = credits + month.remaining, cents + month.left_cents
    for bucket in position.buckets.values():
        if bucket.sale == sale.origin and not bucket.ended(position.at):
            credits, cents = credits + bucket.free + bucket.disputed, cents + bucket.cents
    return credits, cents


def _settle_one(tx: Tx, wallet: OpenWallet, row: Row[Any], first: MonthState, part: Share, won: Iterable[Went]) -> None:
    position = wallet.position
    cause = Cause(f"returns:{row.origin}")
    for dispute in won:
        _move_ends(tx, wallet, row.origin, dispute, cause)
    so_far = lineage.taken(tx, wallet, first)
    wanted = targets(
        row.credits, row.cents, part, changed_credits=so_far.changed_credits, credited_cents=so_far.credited_cents
    )
    fewer, less = max(0, so_far.credits - wanted.credits), max(0, so_far.cents - wanted.cents)
    more, dearer = max(0, wanted.credits - so_far.credits), max(0, wanted.cents - so_far.cents)
    moves = fewer or less or more or dearer
    reopened = rollover.reopen(position, row.origin) if moves else []
    if fewer or less:
        walk.give_back(position, first, so_far.past, fewer, less, cause)
        rollover.call_back(position)
    if more or dearer:
        walk.take(position, first, more, dearer, cause)
    rollover.close(position, reopened)
    if not position.reopened:  # what goes on into the next period is held there
        walk.hold(position, first, wanted.held_credits, cause)
    position.settle_debt(cause)


def _settle_earned(tx: Tx, wallet: OpenWallet, row: Row[Any], part: Share) -> None:
    """Of a sale that brought no credits, and was earned at once: what went back is earned no longer."""
    cause = Cause(f"returns:{row.origin}")
    its = (change_takings.c.wallet_id == wallet.id) & (change_takings.c.sale == row.origin)
    credited = int(
        tx.connection.execute(select(func.coalesce(func.sum(change_takings.c.cents), 0)).where(its)).scalar_one()
    )
    wanted = targets(0, row.cents, part, credited_cents=credited).cents
    more = wanted - lineage.taken_of_earned(tx, wallet, cause.name)
    if more > 0:
        billed.take_back(wallet.position, more, row.currency, cause)
    elif more < 0:
        billed.restore(wallet.position, -more, row.currency, cause)


def _move_ends(tx: Tx, wallet: OpenWallet, sale: str, dispute: Went, cause: Cause) -> None:
    """A dispute that was won has kept the customer from using what it was about: the ends move by as long, once."""
    closed_at = dispute.closed_at
    assert closed_at is not None, dispute
    by = closed_at - dispute.created_at
    position = wallet.position
    its = [bucket for bucket in position.buckets.values() if bucket.sale == sale and bucket.effective_at < closed_at]
    ending = {f"dispute:{dispute.id}:{bucket.number}": bucket for bucket in its if bucket.expires_at is not None}
    done = _moved(tx, wallet.id, ending) | {row["key"] for row in wallet.moved_ends}
    last = select(func.coalesce(func.max(bucket_ends.c.number), 0)).where(bucket_ends.c.wallet_id == wallet.id)
    number = int(tx.connection.execute(last).scalar_one()) + len(wallet.moved_ends)
    for key, bucket in ending.items():
        if key in done or bucket.voided_at is not None or by.total_seconds() <= 0:
            continue
        number += 1
        was = bucket.expires_at
        assert was is not None
        disputed.later_end(position, bucket, was + by, cause)
        wallet.moved_ends.append(
            {
                "wallet_id": wallet.id, "number": number, "bucket": bucket.number, "was": was, "becomes": was + by,
                "free": bucket.free, "held": bucket.held, "key": key, "request": _REQUEST,
                "effective_at": wallet.at, "recorded_at": wallet.at,
            }
        )  # fmt: skip


_REQUEST = "0" * 32
"""Nobody asked for it."""


def _moved(tx: Tx, wallet: int, keys: Collection[str]) -> set[str]:
    its = select(bucket_ends.c.key).where(bucket_ends.c.wallet_id == wallet, bucket_ends.c.key.in_(list(keys)))
    return set(tx.connection.execute(its).scalars()) if keys else set()


def _going(tx: Tx, purchase: Purchase) -> list[tuple[str, str]]:
    """What has taken, or may take, money of it back, a bank's inquiry too: why, and the refund or dispute."""
    back = [("refunded", row) for row in shares.refunds_of(tx, purchase) if refund_stands(row.status) != "stays"]
    back += [("disputed", row) for row in shares.disputes_of(tx, purchase) if row.status not in _KEPT]
    return [(why, row.id) for why, row in back]


def _tell_topups(tx: Tx, sold: Sequence[Row[Any]], part: Share, going: Iterable[tuple[str, str]]) -> None:
    """A top-up all of whose money went back is refunded; one whose refund failed is paid again."""
    status, before = ("refunded", "paid") if part.gone == 1 else ("paid", "refunded")
    for row in sold:
        id = row.origin.removeprefix(_TOPUP)
        for why, going_back in going:
            auto_state.money_goes_back(tx, id, why, going_back)
        its = (topups.c.id == id) & (topups.c.status == before)
        done = tx.connection.execute(sa.update(topups).where(its).values(status=status)).rowcount
        if status == "refunded" and done:
            fact = {"customer": row.customer_id, "topup": id, "pack": row.product, "credits": row.credits,
                    "cents": row.cents, "currency": row.currency}  # fmt: skip
            outbox.tell(tx, ("topup.refunded", fact))
