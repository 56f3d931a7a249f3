"""Spends. Each verb: open, recall, decide, refuse; from there on it cannot fail; write."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from billing import signals
from billing.base.at_once import TakesTransaction
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import purse, recall
from billing.credits.opening import OpenWallet, WalletName, look_at, open_wallets
from billing.credits.values import Receipt, Spend
from billing.credits.writing import write
from billing.rules import asking
from billing.rules.refusals import IdempotencyKeyReused, Refusal
from billing.rules.wallet import spending
from billing.rules.wallet.values import Cause


def decide_at_once(tx: Tx, catalog: Catalog, request: Spend) -> Receipt | Refusal | None:
    """What the purse did not pay, decided on what is, and written if that is still so then. None: it was not. Raises
    TakesTransaction, for a wallet that is not there, too.
    """
    if request.unit not in catalog.units:
        raise TakesTransaction
    found = look_at(tx, catalog, (request.customer, request.unit), request.key, recall.FIRST)
    if found is None:
        raise TakesTransaction
    wallet, first = found
    known = {} if first is None else {(wallet.id, request.key): recall.First(*first)}
    answer = _judge(tx, wallet, request, known, {}, 0, ())
    return answer if write(tx, [wallet]) else None


def spend(tx: Tx, catalog: Catalog, request: Spend) -> Receipt | Refusal:
    """One request: from the purse where it pays, else as one of `spend_many`."""
    return spend_from_purse(tx, catalog, request) or spend_many(tx, catalog, [request])[0]


def spend_from_purse(tx: Tx, catalog: Catalog, request: Spend) -> Receipt | Refusal | None:
    """One request, in one statement; None where the wallet's purse does not pay it."""
    wrong = _malformed(request)
    if wrong is not None or request.unit not in catalog.units or catalog.policy.spent_events:
        return wrong
    receipt = purse.spend(tx.cursor, tx.now, purse.policy_of(catalog), request, _fingerprint(request))
    if receipt is not None and signals.credits_spent.receivers:
        tx.told.append(purse.fact(receipt))
    return receipt


def spend_many(tx: Tx, catalog: Catalog, requests: Sequence[Spend]) -> list[Receipt | Refusal]:
    """Each request judged alone, in order, in one transaction: its receipt, or why not."""
    with _undisturbed(len(requests)):
        return _spend_many(tx, catalog, requests)


@contextmanager
def _undisturbed(requests: int) -> Iterator[None]:
    """A batch makes thousands of values and no cycles: searching them for some took a third of its time."""
    pause = requests > 20 and gc.isenabled()
    if pause:
        gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()


def _spend_many(tx: Tx, catalog: Catalog, requests: Sequence[Spend]) -> list[Receipt | Refusal]:
    answers: list[Receipt | Refusal | None] = [_malformed(request) for request in requests]
    _from_purses(tx, catalog, requests, answers)
    wanted = [(r.customer, r.unit) for r, answer in zip(requests, answers, strict=True) if answer is None]
    if not wanted:
        return [answer for answer in answers if answer is not None]
    opened = open_wallets(tx, catalog, wanted)
    keyed = []
    for index, request in enumerate(requests):
        if answers[index] is None:
            wallet = opened[(request.customer, request.unit)]
            if isinstance(wallet, Refusal):
                answers[index] = wallet
            else:
                keyed.append((wallet.id, request.key))
    known = recall.known(tx, keyed)
    fresh: dict[tuple[int, str], tuple[str, int]] = {}
    for index, request in enumerate(requests):
        if answers[index] is None:
            wallet = opened[(request.customer, request.unit)]
            assert isinstance(wallet, OpenWallet)
            answers[index] = _judge(tx, wallet, request, known, fresh, index, answers)
    write(tx, [wallet for wallet in opened.values() if isinstance(wallet, OpenWallet)])
    return [answer for answer in answers if answer is not None]


def _from_purses(tx: Tx, catalog: Catalog, requests: Sequence[Spend], answers: list[Receipt | Refusal | None]) -> None:
    """Answers those that are the only ones of their wallet in this batch, where its purse pays."""
    asked: dict[WalletName, list[int]] = {}
    for place, request in enumerate(requests):
        if answers[place] is None and request.unit in catalog.units:
            asked.setdefault((request.customer, request.unit), []).append(place)
    if len(asked) < 2:  # of one wallet: `spend` has tried it
        return
    alone = {places[0]: requests[places[0]] for places in asked.values() if len(places) == 1}
    others = [requests[places[0]] for places in asked.values() if len(places) > 1]
    fresh = {place: (request, _fingerprint(request)) for place, request in alone.items()}
    receipts = purse.spend_each(tx.cursor, tx.now, purse.policy_of(catalog), fresh, others)
    for place, receipt in receipts.items():
        answers[place] = receipt
    if signals.heard():
        tx.told.extend(purse.fact(receipts[place]) for place in sorted(receipts))


def _judge(
    tx: Tx,
    wallet: OpenWallet,
    request: Spend,
    known: recall.Known,
    fresh: dict[tuple[int, str], tuple[str, int]],
    index: int,
    answers: Sequence[Receipt | Refusal | None],
) -> Receipt | Refusal:
    name = (wallet.id, request.key)
    asked = _fingerprint(request)
    if name in known:
        return _replay(tx, wallet, known[name], request.key, asked)
    if name in fresh:  # the same key twice in one batch
        before, at = fresh[name]
        answer = answers[at]
        if before != asked:
            return IdempotencyKeyReused(request.key)
        assert isinstance(answer, Receipt)
        return replace(answer, replayed=True)
    position = wallet.position
    begun = len(position.movements)
    refused = spending.spend(position, request.credits, _cause(position.next_number, request, asked))
    if refused is not None:
        return refused
    position.end_act()
    fresh[name] = (asked, index)
    return recall.receipt(wallet.id, wallet.customer, wallet.unit, "spend", position.movements[begun:], wallet.at)


def spend_under(tx: Tx, wallet: OpenWallet, request: Spend) -> Receipt | Refusal:
    """One spend in a wallet that is open already, under a key that may be one of ours. Writes nothing itself."""
    return _judge(tx, wallet, request, recall.known(tx, [(wallet.id, request.key)]), {}, 0, ())


def _replay(tx: Tx, wallet: OpenWallet, first: recall.First, key: str, asked: str) -> Receipt | Refusal:
    reused = recall.same(first, key, asked)
    if reused is not None:
        return reused
    parts = recall.of_cause(tx, wallet.id, first.cause, first.number)
    answer = recall.receipt(wallet.id, wallet.customer, wallet.unit, "spend", parts, first.recorded_at)
    return replace(answer, replayed=True)


def _malformed(request: Spend) -> Refusal | None:
    return asking.refuse(
        customer=asking.name(request.customer),
        credits=asking.credits(request.credits),
        key=asking.key(request.key),
        unit=asking.text(request.unit),
        feature=asking.maybe(asking.text, request.feature),
        member=asking.maybe(asking.text, request.member),
        description=asking.maybe(asking.description, request.description),
        metadata=asking.maybe(asking.metadata, request.metadata),
    )


def _fingerprint(request: Spend) -> str:
    details = dict(request.metadata) if request.metadata else None
    what = (request.credits, request.feature, request.member, request.description)
    return recall.fingerprint("spend", *what, details)


def _cause(number: int, request: Spend, asked: str) -> Cause:
    return Cause(
        f"spend:{number}",
        key=request.key,
        request=asked,
        member=request.member,
        feature=request.feature,
        description=request.description,
        details=dict(request.metadata) if request.metadata else None,
    )
