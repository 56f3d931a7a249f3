"""`make bench`: what a spend costs, as a ratio to the naive tutorial version, side by side in one run.

    make bench                                  both databases, five rounds, 10,000 wallets, about ten minutes
    make bench ARGS="--rounds 3 --postgresql"
    make bench ARGS=--quick                     whether it runs, in seconds; its figures say nothing

It starts a PostgreSQL of its own with durable commits. Machines are noisy: compare ratios, never times.
"""

from __future__ import annotations

import argparse
import platform
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests import postgres
from tests.bench import naive, world
from tests.bench.cells import cells, chosen, measure
from tests.bench.clients import Clients
from tests.bench.table import print_summary, print_table


@dataclass(frozen=True)
class Size:
    """How much is measured: `seconds` for each cell in each round, with so many clients."""

    rounds: int
    seconds: float
    wallets: int
    history: int
    clients: tuple[int, ...]


FULL = Size(rounds=5, seconds=1.0, wallets=10_000, history=500_000, clients=(1, 4, 16))
QUICK = Size(rounds=1, seconds=0.05, wallets=50, history=500, clients=(1, 2))


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", default="", help="cells whose name holds this, and what they are compared with")
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    parser.add_argument("--postgresql", action="store_true", help="only PostgreSQL")
    parser.add_argument("--sqlite", action="store_true", help="only SQLite")
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    if given.rounds is not None:
        size = Size(given.rounds, size.seconds, size.wallets, size.history, size.clients)
    print(f"Python {platform.python_version()}, {platform.machine()}")
    with tempfile.TemporaryDirectory(prefix="billing-bench-") as name:
        folder = Path(name)
        if not given.sqlite:
            server = postgres.start(durable=True)
            try:
                compare("PostgreSQL, durable commits", server.url, size, folder, given.only)
            finally:
                server.stop()
        if not given.postgresql:
            compare("SQLite, WAL, synchronous FULL", f"sqlite:///{folder}/bench.sqlite3", size, folder, given.only)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nlargest process: {peak:.0f} MB")


if __name__ == "__main__":
    main()
