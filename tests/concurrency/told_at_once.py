"""Processes that are told, or spend, in rounds: what is of one round happens in all of them at the same instant."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from billing import Billing, Busy, Catalog, Gateway, InsufficientCredits
from tests.buying.shop import KEY
from tests.concurrency.crashes import StandingStill

TRIES = 50


@dataclass(frozen=True)
class Tell:
    body: bytes

    def run(self, billing: Billing) -> str:
        return billing.take_stripe_event(self.body).status


@dataclass(frozen=True)
class Spend:
    customer: str
    credits: int

    def run(self, billing: Billing) -> str:
        try:
            billing.spend(self.customer, self.credits, key="spend")
        except InsufficientCredits:
            return "refused"
        return "spent"


Act = Tell | Spend


@dataclass(frozen=True)
class Books:
    """`stripe`: where Stripe can be asked."""

    url: str
    catalog: Catalog
    at: datetime
    stripe: str | None = None

    def open(self) -> Billing:
        gateway = None if self.stripe is None else Gateway(KEY, self.stripe)
        return Billing(self.url, catalog=self.catalog, clock=StandingStill(self.at), gateway=gateway)


def at_once(books: Books, rounds: Sequence[Sequence[Act]]) -> list[list[str]]:
    """What became of each act, round by round. Whatever is not `Busy` is not forgiven."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["billing", "tests.concurrency.told_at_once"])
    workers = len(rounds[0])
    barrier, pipes, children = context.Barrier(workers), [], []
    for place in range(workers):
        ours, theirs = context.Pipe(duplex=False)
        its = [one[place] for one in rounds]
        children.append(context.Process(target=_play, args=(books, its, barrier, theirs)))
        children[-1].start()
        theirs.close()
        pipes.append(ours)
    answers: list[list[str]] = []
    for pipe, child in zip(pipes, children, strict=True):
        assert pipe.poll(600), "a process hangs"
        answers.append(pipe.recv())
        child.join(10)
    return [list(one) for one in zip(*answers, strict=True)]


def _play(books: Books, acts: Sequence[Act], barrier: Barrier, answers: Connection) -> None:
    billing = books.open()
    billing.customers(limit=1)
    answers.send([_once(billing, act, barrier) for act in acts])
    billing.close()


def _once(billing: Billing, act: Act, barrier: Barrier) -> str:
    barrier.wait(300)
    for _ in range(TRIES):
        try:
            return act.run(billing)
        except Busy:
            continue
        except Exception as error:  # noqa: BLE001 - the test judges it
            return f"{type(error).__name__}: {error}"
    return "always busy"
