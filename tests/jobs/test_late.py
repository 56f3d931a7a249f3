"""A late job changes nothing but when things were written down.

Whole lives are lived several times: with the jobs run every few hours, with the jobs stopped for three days again and
again, for forty days, and for all of it. What is sold, spent, refused, shown and in the books is the same, to the cent
and the second, and so is what is said of the past.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count, zip_longest
from typing import Any

import pytest

from billing import Billing, InsufficientCredits, Refusal
from billing.catalog.loading import parse
from tests.conftest import Auditor
from tests.sales.paid import body, event, invoice, line, session
from tests.simulation.engine_side import SetClock
from tests.stories.books import all_entries, books

CATALOG = parse("""
[plans.free]
name = "Free"
credits = 100
at_period_end = { roll_over = { max = 60 } }

[plans.weekly]
name = "Weekly"
credits = 30
every = "week"

[plans.basic]
name = "Basic"
credits = 100
prices = ["price_basic"]
at_period_end = { roll_over = { max = 60, periods = 2 } }

[plans.yearly]
name = "Yearly"
credits = 120
prices = ["price_yearly"]

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000 }
valid_for = "1 month"
""")
START = datetime.fromisoformat("2025-01-31T09:30:00+00:00")
DAYS = 100
TICK = timedelta(hours=18)
KINDS = ("free", "weekly", "basic", "yearly")

_names = count(1)


@dataclass(frozen=True)
class Deed:
    """What somebody does or Stripe tells, at its time."""

    at: datetime
    verb: str
    amount: int = 0
    number: int = 0


def life(seed: int) -> list[Deed]:
    """Months of it, made at random: spends of more than there is, holds that lapse, packs, debts, renewals."""
    chance, kind = random.Random(seed), KINDS[seed % len(KINDS)]
    deeds = [Deed(START, "overdraft", chance.randint(0, 3)), Deed(START, kind)]
    if kind == "basic":
        deeds += [Deed(month_after(n) + timedelta(hours=chance.choice([0, 1, 30])), "renew", number=n)
                  for n in range(1, 5)]  # fmt: skip
    for number in range(45):
        at = START + timedelta(seconds=chance.randint(60, DAYS * 86_400))
        verb = chance.choice(["spend", "spend", "spend", "hold", "hold", "pack", "grant", "reverse", "capture"])
        deeds.append(Deed(at, verb, chance.randint(1, 70), number))
    return sorted(deeds, key=lambda deed: deed.at)


def month_after(months: int) -> datetime:
    return [START, *(datetime(2025, month, day, 9, 30, tzinfo=START.tzinfo)
                     for month, day in ((2, 28), (3, 31), (4, 30), (5, 31), (6, 30)))][months]  # fmt: skip


def stops(seed: int, how: str) -> list[tuple[datetime, datetime]]:
    """When no job runs."""
    chance = random.Random(f"{seed} {how}")
    end = START + timedelta(days=DAYS)
    if how == "never":
        return [(START, end)]
    if how == "40 days":
        begun = START + timedelta(days=chance.uniform(5, DAYS - 45))
        return [(begun, begun + timedelta(days=40))]
    threes = [START + timedelta(days=n + chance.uniform(-1, 1)) for n in (27, 58, 88, chance.randint(5, 90))]
    return [(begun, begun + timedelta(days=3)) for begun in threes] if how == "3 days" else []


class Lived:
    """One life on the engine, under a name of its own; `seen`: all that somebody heard or saw on the way."""

    def __init__(self, billing: Billing, clock: SetClock, deeds: list[Deed], quiet: list[tuple[datetime, datetime]]):
        self.billing, self.clock, self.name = billing, clock, f"life{next(_names)}x"
        self.quiet, self.held, self.spent, self.seen = quiet, list[str](), list[str](), list[Any]()
        clock.at = START
        billing.customer(self.name, stripe_customer_id=f"cus_{self.name}")
        for at, deed in self._moments(deeds):
            clock.at = at
            if deed is not None:
                self.seen.append((deed, self._listed(), self._outcome(deed), self._shown()))
            elif not any(begun <= at < ended for begun, ended in quiet):
                self._run_jobs()
        clock.at = START + timedelta(days=DAYS)
        self.seen.append((self._shown(), self._listed()))  # before what is due is written down
        self._run_jobs()

    def _moments(self, deeds: list[Deed]) -> Iterator[tuple[datetime, Deed | None]]:
        ticks = [(START + n * TICK, None) for n in range(1, round(timedelta(days=DAYS) / TICK))]
        yield from sorted([*ticks, *((deed.at, deed) for deed in deeds)], key=lambda one: one[0])

    def _run_jobs(self) -> None:
        while self.billing.handle_stripe_events():
            pass
        while self.billing.catch_up(3):
            pass

    def _outcome(self, deed: Deed) -> Any:
        try:
            return self._do(deed)
        except InsufficientCredits as refusal:
            return refusal.code, refusal.required, refusal.available
        except Refusal as refusal:
            return refusal.code

    def _do(self, deed: Deed) -> Any:
        billing, name, key = self.billing, self.name, f"{deed.verb}-{deed.number}"
        match deed.verb:
            case "overdraft":
                debt = ("repay", "carry", "forgive")[deed.amount % 3]
                billing.set_wallet(name, overdraft={"limit": 40, "debt": debt} if deed.amount else "none")
            case "free" | "weekly":
                billing.customer(name, plan=deed.verb)
            case "basic" | "renew":
                self._pays("price_basic", 1_000, month_after(deed.number), month_after(deed.number + 1), deed)
            case "yearly":
                self._pays("price_yearly", 12_000, START, START.replace(year=2026), deed)
            case "pack":
                named = {"id": f"cs_{name}_{deed.number}", "payment_intent": f"pi_{name}_{deed.number}"}
                named |= {"customer": f"cus_{name}", "client_reference_id": name}
                self._told(session(**named, created=int(deed.at.timestamp())))
            case "grant":
                ends = deed.at + timedelta(hours=deed.amount * 7)
                billing.grant(name, deed.amount, reason="gift", key=key, expires_at=ends)
            case "spend":
                receipt = billing.spend(name, deed.amount, key=key)
                self.spent.append(receipt.id)
                return [credits for _, credits in receipt.slices], receipt.overdraft_credits, receipt.available
            case "hold":
                self.held.append(billing.hold(name, deed.amount, key=key, expires_in=3_600 * (deed.number + 1)).id)
            case "capture" if self.held:
                receipt = billing.capture(name, self.held[-1], deed.amount)
                return [credits for _, credits in receipt.slices], receipt.overdraft_credits, receipt.available
            case "reverse" if self.spent:
                billing.reverse(name, self.spent[-1], key=key)
        return None

    def _pays(self, price: str, cents: int, begins: datetime, ends: datetime, deed: Deed) -> None:
        its = line(price, cents, begins, ends)
        self._told(invoice(its, paid=deed.at, id=f"in_{self.name}_{deed.number}", customer=f"cus_{self.name}",
                           total=cents))  # fmt: skip

    def _told(self, held: dict[str, Any]) -> None:
        told = self.billing.take_stripe_event(body(event(held)))
        assert told.status == "done", told

    def _shown(self, as_of: datetime | None = None) -> Any:
        wallet = self.billing.wallet(self.name, as_of=as_of)
        lots = [(lot.granted, lot.remaining, lot.held, lot.effective_at, lot.expires_at) for lot in wallet.buckets]
        return wallet.available, wallet.held, wallet.owed, wallet.next_expiry, lots

    def _listed(self) -> Any:
        """All buckets there ever were, in two pages: what is due is among them, under the name it will have."""
        page = self.billing.buckets(self.name, limit=2)
        page += self.billing.buckets(self.name, after=page[-1].id) if page else []
        return [(lot.id.rpartition("_")[2], lot.granted, lot.remaining, lot.held, lot.status) for lot in page]

    def past(self) -> Any:
        """What is said now of each day of it."""
        return [self._shown(as_of=START + timedelta(days=n, hours=3)) for n in range(0, DAYS, 5)]

    def in_the_books(self) -> Any:
        """All entries and buckets, but for when they were written down; names are the same for every life."""
        pages, after = list[Any](), None
        while page := self.billing.buckets(self.name, after=after, limit=100):
            pages += page
            after = page[-1].id
        names = {bucket.id: f"B{place}" for place, bucket in enumerate(reversed(pages))}

        def plain(text: str) -> str:
            kind, _, bucket = text.partition(":")
            return (f"{kind}:{names[bucket]}" if bucket in names else text).replace(self.name, "X")

        entries = [
            replace(entry, source=plain(entry.source), destination=plain(entry.destination), cause=plain(entry.cause),
                    description=plain(entry.description or ""), recorded_at=START)
            for entry in all_entries(self.billing, self.name)
        ]  # fmt: skip
        lots = [replace(one, id=names[one.id], customer="X", origin=plain(one.origin), metadata=None) for one in pages]
        return [*(plainly(one) for one in entries), *lots]

    def late_ones(self) -> int:
        """How much was written down more than a day after it was true; Stripe tells some of it late, too."""
        entries = all_entries(self.billing, self.name)
        return sum(entry.recorded_at - entry.effective_at > timedelta(days=1) for entry in entries)


def plainly(entry: Any) -> Any:
    """A cause or a key may hold the id of a spend or a hold, which names the wallet: the rest says as much."""
    cause, key = (text and text.rpartition("_")[2] for text in (entry.cause, entry.key))
    return replace(entry, cause=cause, key=key, details=None)


def same_however_late(url: str, auditor: Auditor, seed: int) -> None:
    auditor.catalog = CATALOG
    clock = SetClock(START)
    billing = Billing(url, catalog=CATALOG, clock=clock)
    try:
        compare(billing, clock, seed)
    finally:
        billing.close()


def compare(billing: Billing, clock: SetClock, seed: int) -> None:
    deeds, late_ones = life(seed), 0
    punctual = Lived(billing, clock, deeds, [])
    first, past = punctual.in_the_books(), punctual.past()
    sums = books(all_entries(billing, punctual.name))
    for how in ("3 days", "40 days", "never"):
        late = Lived(billing, clock, deeds, stops(seed, how))
        for ours, theirs in zip(late.seen, punctual.seen, strict=True):
            assert ours == theirs, f"{how}: {ours} and not {theirs}"
        for one, other in zip_longest(late.in_the_books(), first):
            assert one == other, f"{how}: {one} and not {other}"
        assert books(all_entries(billing, late.name)) == sums, how
        assert late.past() == past, how
        late_ones += late.late_ones()
    assert late_ones > 3 * punctual.late_ones(), "much was written down late"


@pytest.mark.quick_on("sqlite")
@pytest.mark.parametrize("seed", [0, 2])
def test_jobs_that_stop_for_days_change_nothing_but_when_it_was_written(
    database_url: str, auditor: Auditor, seed: int
) -> None:
    same_however_late(database_url, auditor, seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 3, 4, 5, 6, 7])
def test_in_many_lives(database_url: str, auditor: Auditor, seed: int) -> None:
    same_however_late(database_url, auditor, seed)
