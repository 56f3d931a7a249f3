"""Clients: processes that spend at the same time, each with connections of its own, as the workers of a service do."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType

from sqlalchemy.orm import Session

from billing import Billing, Receipt, Spend
from tests.bench.naive import Naive
from tests.bench.world import CROSSINGS


@dataclass
class Turn:
    """What one client did in its time: how long each of its spends took, when it began and ended, its memory."""

    latencies: list[float]
    begun: float
    ended: float
    megabytes: float


class Client:
    """One of them. Each of its methods is one spend, but for those of batches."""

    def __init__(self, url: str, place: int, wallets: int) -> None:
        self.naive, self.billing, self.wallets = Naive(url), Billing(url), wallets
        self.chance = random.Random(place)
        self.keys = (f"{place}-{n}" for n in itertools.count())
        step = os.environ.get("BENCH_CLIENTS_MOST", "16")
        own = range(1 + place, wallets + 1, int(step))
        self.crossings = iter([n for n in own for _ in range(CROSSINGS)])

    def any(self) -> int:
        return self.chance.randint(1, self.wallets)

    def naive_many(self) -> None:
        self.naive.spend(self.any())

    def naive_hot(self) -> None:
        self.naive.spend(0)

    def naive_within_many(self) -> None:
        self.naive.spend_within(self.any())

    def naive_within_hot(self) -> None:
        self.naive.spend_within(0)

    def spend_many(self) -> None:
        self.billing.spend(f"plain_{self.any()}", 1, key=next(self.keys))

    def spend_hot(self) -> None:
        self.spend_in("hot")

    def spend_within_many(self) -> None:
        self.within(f"plain_{self.any()}")

    def spend_within_hot(self) -> None:
        self.within("hot")

    def within(self, name: str) -> None:
        with Session(self.billing.database.engine) as session, session.begin():
            self.billing.within(session).spend(name, 1, key=next(self.keys))

    def cross(self) -> None:
        receipt = self.billing.spend(f"crossed_{next(self.crossings)}", 10, key=next(self.keys))
        assert len(receipt.slices) == 2

    def spend_in(self, name: str) -> None:
        self.billing.spend(name, 1, key=next(self.keys))

    def decide_in(self, name: str) -> None:
        """Past the purse: opened, decided, written."""
        self.batch([name])

    def batch_many(self) -> None:
        self.batch([f"plain_{1 + n % self.wallets}" for n in range(1000)])

    def batch_hot(self) -> None:
        self.batch(["hot"] * 1000)

    def batch(self, names: list[str]) -> None:
        answers = self.billing.spend_many([Spend(name, 1, next(self.keys)) for name in names])
        assert all(isinstance(answer, Receipt) for answer in answers)

    def turn(self, call: Callable[..., None], arguments: tuple[str, ...], begin: float, seconds: float) -> Turn:
        latencies = []
        while time.monotonic() < begin:
            time.sleep(0.0005)
        before = begun = time.monotonic()
        while before < begun + seconds:
            try:
                call(*arguments)
            except StopIteration:  # no wallet is left to be crossed
                break
            after = time.monotonic()
            latencies.append(after - before)
            before = after
        return Turn(latencies, begun, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _serve(pipe: Connection, url: str, place: int, wallets: int) -> None:
    client = Client(url, place, wallets)
    while (order := pipe.recv()) is not None:
        call, arguments, begin, seconds = order
        pipe.send(client.turn(getattr(client, call), arguments, begin, seconds))
    client.naive.close()
    client.billing.close()


class Clients:
    """As many of them as are asked for at most; `run` takes the first few."""

    def __init__(self, url: str, most: int, wallets: int) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.bench.clients"])
        self.pipes: list[Connection] = []
        self.processes = []
        for place in range(most):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, url, place, wallets), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def run(self, clients: int, call: str, arguments: tuple[str, ...], seconds: float) -> list[Turn]:
        begin = time.monotonic() + 0.05
        for pipe in self.pipes[:clients]:
            pipe.send((call, arguments, begin, seconds))
        turns = []
        for pipe in self.pipes[:clients]:
            if not pipe.poll(seconds + 120):
                raise TimeoutError(call)
            turns.append(pipe.recv())
        return turns

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        for pipe in self.pipes:
            pipe.send(None)
        for process in self.processes:
            process.join(10)
