"""`make bench`: what a spend costs, as a ratio to the naive tutorial version, side by side in one run.

    make bench                                  both databases, five rounds, 10,000 wallets, about ten minutes
    make bench ARGS="--rounds 3 --postgresql"
    make bench ARGS=--watching                  one part alone: --inbox, --jobs, --watching
    make bench ARGS=--quick                     whether it runs, in seconds; its figures say nothing

It starts a PostgreSQL of its own with durable commits. Machines are noisy: compare ratios, never times.
"""

from __future__ import annotations

import argparse
import platform
import resource
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from uuid import uuid4

from tests import postgres
from tests.bench import jobs, naive, watching, world
from tests.bench.cells import cells, chosen, measure
from tests.bench.clients import Clients
from tests.bench.inbox import Handled, Inbox, another, handle, handle_at_once, print_rates
from tests.bench.table import print_summary, print_table


@dataclass(frozen=True)
class Size:
    """How much is measured: `seconds` for each cell in each round, with so many clients."""

    rounds: int
    seconds: float
    wallets: int
    history: int
    clients: tuple[int, ...]
    events: int
    lying: int
    scale: float


FULL = Size(
    rounds=5, seconds=1.0, wallets=10_000, history=500_000, clients=(1, 4, 16), events=10_000, lying=100_000, scale=1.0
)
QUICK = Size(rounds=1, seconds=0.05, wallets=50, history=500, clients=(1, 2), events=40, lying=400, scale=0.0005)

PARTS = ("inbox", "jobs", "watching")
"""Besides the spends; each can be asked for alone."""


def compare(name: str, url: str, size: Size, folder: Path, only: str) -> None:
    """Prints the table of one database, or of its cells whose name holds `only`."""
    world.prepare(url, size.wallets, size.history)
    naive.prepare(url, size.wallets)
    sqlite = url.startswith("sqlite")
    measured = chosen(cells((1,) if sqlite else size.clients, sqlite=sqlite), only)
    with Clients(url, 1 if sqlite else max(size.clients), size.wallets) as clients:
        for cell in measured:  # once to warm up: pools, plans, caches
            measure(cell, clients, url, folder, size.wallets, min(size.seconds, 0.3))
            cell.forget()
        for number in range(size.rounds):
            for cell in measured if number % 2 == 0 else list(reversed(measured)):
                measure(cell, clients, url, folder, size.wallets, size.seconds)
    print(f"\n{name}: {size.rounds} rounds of {size.seconds} s a cell, {size.wallets:,} wallets of five buckets\n")
    print_table(measured)
    print_summary(measured)
    breaches = world.audit(url)
    assert not breaches, breaches
    print("The audit found nothing.", flush=True)


def compare_inboxes(name: str, new: Callable[[], str], size: Size, *, sqlite: bool) -> None:
    """Prints how fast the step handles what is queued, each on a new database."""
    few, lying = max(size.events // 10, 20), size.lying
    queues = [
        (f"{size.events:,} events", Inbox("", size.events), 1),
        (f"{few:,}", Inbox("", few), 1),
        (f"{few:,} beside {lying:,} that are done", Inbox("", few, lying=lying), 1),
        (f"{few:,} before {lying:,} that are due, too", Inbox("", few, waiting=lying), 1),
    ]
    if not sqlite:
        queues.append((f"{size.events:,}, four processes", Inbox("", size.events), 4))

    def measured() -> Iterator[tuple[str, Handled]]:
        for what, queue, workers in queues:
            filled = replace(queue, url=new())
            filled.prepare()
            yield what, handle(filled) if workers == 1 else handle_at_once(filled, workers)

    print_rates(name, measured())


def measure_parts(
    name: str, url: str, new: Callable[[], str], size: Size, folder: Path, parts: Sequence[str], only: str
) -> None:
    """On one kind of database: `url` is the first one's, `new` makes another."""
    if "spends" in parts:
        compare(name, url, size, folder, only)
    if "inbox" in parts:
        compare_inboxes(name, new, size, sqlite=url.startswith("sqlite"))
    if "jobs" in parts:
        jobs.print_rates(name, new, size.scale)
    if "watching" in parts:
        watching.print_steps(name, new(), size.scale)


def _file(folder: Path) -> str:
    return f"sqlite:///{folder}/{uuid4().hex}.sqlite3"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", default="", help="cells whose name holds this, and what they are compared with")
    parser.add_argument("--inbox", action="store_true", help="only what Stripe told us")
    parser.add_argument("--jobs", action="store_true", help="only what time does, in bulk")
    parser.add_argument("--watching", action="store_true", help="only what is noticed by time and pace")
    parser.add_argument("--scale", type=float, help="how much of it, where 1 is all")
    parser.add_argument("--events", type=int, help="how many of them")
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    parser.add_argument("--postgresql", action="store_true", help="only PostgreSQL")
    parser.add_argument("--sqlite", action="store_true", help="only SQLite")
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    if given.rounds is not None:
        size = replace(size, rounds=given.rounds)
    if given.events is not None:
        size = replace(size, events=given.events)
    if given.scale is not None:
        size = replace(size, scale=given.scale)
    print(f"Python {platform.python_version()}, {platform.machine()}")
    parts = [part for part in PARTS if getattr(given, part)] or (["spends"] if given.only else ["spends", *PARTS])
    with tempfile.TemporaryDirectory(prefix="billing-bench-") as name:
        folder = Path(name)
        if not given.sqlite:
            server = postgres.start(durable=True)
            try:
                database = partial(another, server.url)
                measure_parts("PostgreSQL, durable commits", server.url, database, size, folder, parts, given.only)
            finally:
                server.stop()
        if not given.postgresql:
            new, first = partial(_file, folder), f"sqlite:///{folder}/bench.sqlite3"
            measure_parts("SQLite, WAL, synchronous FULL", first, new, size, folder, parts, given.only)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nlargest process: {peak:.0f} MB")


if __name__ == "__main__":
    main()
