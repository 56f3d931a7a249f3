"""A race: many processes spend from the same wallets, each key tried by two of them, and what must hold after it."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from billing import Billing, Busy, InsufficientCredits, Receipt
from billing.base import races
from billing.credits import spending
from tests import purse
from tests.stories.books import all_entries

from .unlocked import take_the_lock_out

if TYPE_CHECKING:
    from billing import Entry

FLOOR = 3
"""Credits of overdraft: as far below zero as a wallet may go."""

PATIENCE = 100
"""How often `Busy` is tried again before a worker gives up."""


@dataclass(frozen=True)
class Race:
    url: str
    wallets: int
    workers: int
    spends: int
    locked: bool = True
    refills: bool = False
    """Each worker grants a small bucket now and then, which pays first: the purses are filled anew in mid-race."""
    decided: bool = False
    """A bucket for a feature is first, so that no purse pays: each spend is decided, and without a lock at first."""

    @property
    def customers(self) -> list[str]:
        return [f"race_{number}" for number in range(self.wallets)]

    def keys(self, worker: int) -> list[int]:
        """Two neighbours have the same keys, in different orders; a part of them is tried twice by each."""
        pair = worker // 2
        own = list(range(pair * self.spends, (pair + 1) * self.spends))
        again = own[::5]
        random.Random(worker).shuffle(own)
        return own + again

    def customer_of(self, key: int) -> str:
        return f"race_{key % self.wallets}"

    def credits_of(self, key: int) -> int:
        return 1 + key % 3


@dataclass
class Seen:
    """What a worker was told: the receipt's id for each key, and what went wrong; how many spends a purse paid."""

    receipts: dict[int, str]
    refused: set[int]
    complaints: list[str]
    from_purse: int = 0
    at_once: int = 0
    """How many were decided and written without a lock."""


def prepare(race: Race) -> None:
    """Less is granted than is asked for, in several buckets, so that spends cross them and the last are refused.

    One of them is large enough for a purse in every wallet.
    """
    wanted = Counter[str]()
    for key in {key for worker in range(race.workers) for key in race.keys(worker)}:
        wanted[race.customer_of(key)] += race.credits_of(key)
    billing = Billing(race.url)
    for customer in race.customers:
        billing.customer(customer)
        billing.set_wallet(customer, overdraft={"limit": FLOOR, "debt": "repay"})
        if race.decided:
            billing.grant(customer, 9, reason="race", key="scoped", priority=0, features=["images"])
        for lot in range(5):
            credits = max(1, wanted[customer] * (1 if lot else 6) // 20)
            billing.grant(customer, credits, reason="race", key=f"lot-{lot}", paid_cents=credits * 7, currency="usd")
    billing.close()


def work(race: Race, worker: int) -> Seen:
    """One process: its spends, one by one."""
    billing = Billing(race.url)
    if not race.locked:
        take_the_lock_out()
    seen = Seen({}, set(), [])
    with purse.counted() as hits, decided_at_once(seen, again=race.decided):
        for place, key in enumerate(race.keys(worker)):
            try:
                if race.refills and place % 12 == 0:
                    refill(billing, race, key, f"refill-{worker}-{place}")
                try_key(billing, race, key, seen)
            except Exception as error:  # noqa: BLE001 - a worker reports whatever went wrong, the test judges it
                seen.complaints.append(f"worker {worker}, key {key}: {type(error).__name__}: {error}"[:300])
    seen.from_purse = hits.count
    billing.close()
    return seen


@contextmanager
def decided_at_once(seen: Seen, *, again: bool) -> Iterator[None]:
    """Counts them. `again`: it is tried where it has just failed, too, to be in each other's way as often as can be."""
    decide = spending.decide_at_once

    def counted(*given: Any) -> Any:
        answer = decide(*given)
        seen.at_once += isinstance(answer, Receipt)
        return answer

    remembered = patch.object(races, "_FOR", 0.0) if again else nullcontext()
    with patch.object(spending, "decide_at_once", counted), remembered:
        yield


def refill(billing: Billing, race: Race, key: int, name: str) -> None:
    for _ in range(PATIENCE):
        with suppress(Busy):
            billing.grant(race.customer_of(key), 2 + key % 3, reason="more", key=name, priority=key % 50,
                          paid_cents=7, currency="usd")  # fmt: skip
            return
    raise TimeoutError(name)


def try_key(billing: Billing, race: Race, key: int, seen: Seen) -> None:
    for _ in range(PATIENCE):
        try:
            receipt = billing.spend(race.customer_of(key), race.credits_of(key), key=f"spend-{key}")
        except Busy:
            continue
        except InsufficientCredits:
            seen.refused.add(key)
            return
        if seen.receipts.setdefault(key, receipt.id) != receipt.id:
            seen.complaints.append(f"key {key} gave two receipts")
        if receipt.owed > FLOOR:
            seen.complaints.append(f"key {key} saw {receipt.owed} owed")
        return
    seen.complaints.append(f"key {key} was always busy")


def processes(workers: int) -> ProcessPoolExecutor:
    """Workers are forked from a clean server that has imported us, so that sixteen of them cost little."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["billing", "tests.concurrency.race"])
    return ProcessPoolExecutor(workers, mp_context=context)


def run(race: Race, seconds: float) -> list[str]:
    """Prepare, race, and what is wrong afterwards: nothing, if the lock is worth its name."""
    prepare(race)
    with processes(race.workers) as pool:
        futures = [pool.submit(work, race, worker) for worker in range(race.workers)]
        seen = [future.result(timeout=seconds) for future in futures]
    return judge(race, seen)


def judge(race: Race, seen: list[Seen]) -> list[str]:
    complaints = [complaint for one in seen for complaint in one.complaints]
    billing = Billing(race.url)
    charged: dict[str, str] = {}
    for customer in race.customers:
        complaints += judge_wallet(customer, all_entries(billing, customer), charged, race)
        wallet = billing.wallet(customer)
        if wallet.owed > FLOOR or wallet.available < 0:
            complaints.append(f"{customer} is below the floor: {wallet.available}, {wallet.owed}")
    for one in seen:
        for key, receipt in one.receipts.items():
            stands = charged.get(f"spend-{key}")
            if stands is None or stands.rpartition(":")[2] != receipt.rpartition("_")[2]:
                complaints.append(f"key {key}: {receipt} was acknowledged, {stands} stands")
    if purse.WANTED and not race.decided and not any(one.from_purse for one in seen):
        complaints.append("no spend came from a purse: it was not tried")
    if race.decided and not sum(one.at_once for one in seen) > race.workers:
        complaints.append("next to no spend was decided without a lock: it was not tried")
    if not any(one.refused for one in seen):
        complaints.append("nobody was refused: the floor was never tried")
    complaints += [str(breach) for breach in billing.audit()]
    billing.close()
    return complaints


def judge_wallet(customer: str, entries: list[Entry], charged: dict[str, str], race: Race) -> list[str]:
    """Numbers without a gap; each key stands on one entry, and its spend took what was asked for."""
    complaints = []
    if [entry.number for entry in entries] != list(range(1, len(entries) + 1)):
        complaints.append(f"{customer}: numbers have gaps")
    took: Counter[str] = Counter()
    for entry in entries:
        if entry.kind in ("spend", "overdraw"):
            took[entry.cause] += entry.credits
    for entry in entries:
        if entry.key and entry.key.startswith("spend-"):
            if entry.key in charged:
                complaints.append(f"{customer}: {entry.key} stands twice")
            charged[entry.key] = entry.cause
            if took[entry.cause] != race.credits_of(int(entry.key.removeprefix("spend-"))):
                complaints.append(f"{customer}: {entry.key} took {took[entry.cause]}")
    return complaints
