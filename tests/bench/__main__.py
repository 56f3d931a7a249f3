"""`make bench`: what a spend costs, as a ratio to the naive tutorial version, side by side in one run.

    make bench                         both databases, five rounds
    make bench ARGS="--rounds 1 --postgresql"

It starts a PostgreSQL of its own with durable commits. Machines are noisy: compare ratios, never times.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests import postgres
from tests.bench import naive
from tests.bench.world import World


@dataclass
class Cell:
    """One thing that is measured: `count` spends a round by `run`, compared with the cell `against`."""

    name: str
    count: int
    run: Callable[[int], None]
    against: str
    wanted: str
    higher: bool = True
    costs: list[float] = field(default_factory=list)
    """Seconds per spend, one figure a round."""

    def measure(self, round_number: int) -> None:
        begun = time.perf_counter()
        self.run(round_number)
        self.costs.append((time.perf_counter() - begun) / self.count)


def cells(world: World, baseline: naive.Naive) -> list[Cell]:
    """What is compared. Ratios above 1 are faster than what they are compared with, but where cost grows."""
    few = max(world.wallets // 4, 100)
    return [
        Cell("naive, many wallets", few, lambda n: baseline.spend_each(few), "", ""),
        Cell("naive, one wallet", few, lambda n: baseline.spend_hot(few), "", ""),
        Cell("spend, many wallets", few, lambda n: world.spend_each(few, n), "naive, many wallets", "a first figure"),
        Cell("spend, one wallet", few, lambda n: world.spend_hot(few, n), "naive, one wallet", "a first figure"),
        Cell("spend_many of 1,000, many wallets", 2000, lambda n: world.spend_batches(n), "naive, many wallets", "10"),
        Cell("spend_many of 1,000, one wallet", 2000, lambda n: world.spend_hot_batches(n), "naive, one wallet", "10"),
        Cell("spend, 5 buckets", few, lambda n: world.spend_in("five", few, n), "", "", False),
        Cell("spend, 500 buckets", few, lambda n: world.spend_in("many", few, n), "spend, 5 buckets", "1.15", False),
        Cell("spend, few entries", few, lambda n: world.spend_in("young", few, n), "", "", False),
        Cell("spend, 500,000 entries", few, lambda n: world.spend_in("old", few, n), "spend, few entries", "1.15",
             False),
    ]  # fmt: skip


def compare(name: str, url: str, rounds: int, wallets: int) -> None:
    """Prints the table of one database."""
    world, baseline = World(url, wallets), naive.Naive(url, wallets)
    measured = cells(world, baseline)
    for cell in measured:  # once to warm up: pools, plans, caches
        cell.run(-1)
    for number in range(rounds):
        for cell in measured if number % 2 == 0 else list(reversed(measured)):
            cell.measure(number)
    by_name = {cell.name: cell for cell in measured}
    print(f"\n{name}, {rounds} rounds interleaved, {wallets:,} wallets of five buckets\n")
    print(f"| {'':36} | {'ms a spend':>10} | {'spread':>13} | {'ratio':>6} | {'spread':>13} | goal   |")
    print(f"|{'-' * 38}|{'-' * 12}|{'-' * 15}|{'-' * 8}|{'-' * 15}|--------|")
    for cell in measured:
        costs = [1000 * cost for cost in cell.costs]
        line = f"| {cell.name:36} | {statistics.median(costs):10.3f} | {min(costs):5.2f} – {max(costs):5.2f} |"
        if cell.against:
            base = by_name[cell.against].costs
            pairs = zip(base, cell.costs, strict=True)
            ratios = [theirs / ours if cell.higher else ours / theirs for theirs, ours in pairs]
            line += f" {statistics.median(ratios):6.2f} | {min(ratios):5.2f} – {max(ratios):5.2f} | {cell.wanted} |"
        else:
            line += f" {'':6} | {'':13} | |"
        print(line, flush=True)
    breaches = world.billing.audit() if world.audited else []
    assert not breaches, breaches
    world.close()
    baseline.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wallets", type=int, default=1000)
    parser.add_argument("--postgresql", action="store_true", help="only PostgreSQL")
    parser.add_argument("--sqlite", action="store_true", help="only SQLite")
    chosen = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}")
    if not chosen.sqlite:
        server = postgres.start(durable=True)
        try:
            compare("PostgreSQL, durable commits", server.url, chosen.rounds, chosen.wallets)
        finally:
            server.stop()
    if not chosen.postgresql:
        with tempfile.TemporaryDirectory(prefix="billing-bench-") as folder:
            compare("SQLite, WAL, synchronous FULL", f"sqlite:///{folder}/bench.sqlite3", chosen.rounds, chosen.wallets)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory of this process: {peak:.0f} MB")


if __name__ == "__main__":
    main()
