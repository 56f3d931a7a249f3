"""What is measured, and against what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import pgbench
from tests.bench.clients import Clients


@dataclass
class Cell:
    """`clients` at once do `call`. `against` is the cell it is compared with, `goal` what the ratio should be.

    `each`: spends in one call. `growth`: the ratio says how much dearer it is, else how much faster.
    """

    name: str
    clients: int
    call: str
    arguments: tuple[str, ...] = ()
    against: str = ""
    goal: str = ""
    group: str = ""
    each: int = 1
    growth: bool = False
    costs: list[float] = field(default_factory=list)
    """Seconds per spend over all clients, one figure a round."""
    latencies: list[float] = field(default_factory=list)
    megabytes: float = 0

    @property
    def id(self) -> str:
        return f"{self.name}, {self.clients}"

    def forget(self) -> None:
        self.costs.clear()
        self.latencies.clear()


def measure(cell: Cell, clients: Clients, url: str, folder: Path, wallets: int, seconds: float) -> None:
    """One turn of one cell."""
    if cell.call.startswith("pgbench"):
        hot = cell.call.endswith("hot")
        cell.costs.append(pgbench.seconds_each(url, folder, cell.clients, wallets, seconds, hot=hot))
        return
    turns = clients.run(cell.clients, cell.call, cell.arguments, seconds)
    count = sum(len(turn.latencies) for turn in turns)
    if not count:
        return
    span = max(turn.ended for turn in turns) - min(turn.begun for turn in turns)
    cell.costs.append(span / count / cell.each)
    cell.latencies += [latency for turn in turns for latency in turn.latencies]
    cell.megabytes = max(cell.megabytes, *(turn.megabytes for turn in turns))


def cells(clients: tuple[int, ...], *, sqlite: bool) -> list[Cell]:
    """All that is compared on one database."""
    some: list[Cell] = []
    for n in clients:
        for place, many in (("many", "many wallets"), ("hot", "one wallet")):
            base = f"naive, {many}"
            goal = "0.7" if sqlite else "1.5"
            some.append(Cell(base, n, f"naive_{place}"))
            some.append(Cell(f"spend, {many}", n, f"spend_{place}", (), f"{base}, {n}", goal, "spend"))
            if not sqlite:
                some.append(Cell(f"pgbench, {many}", n, f"pgbench_{place}", (), f"{base}, {n}", "", ""))
            within = f"naive in a session, {many}"
            some.append(Cell(within, n, f"naive_within_{place}"))
            some.append(
                Cell(f"spend in a session, {many}", n, f"spend_within_{place}", (), f"{within}, {n}", "0.9", "session")
            )
        some.append(Cell("spend across two buckets", n, "cross", (), f"naive, many wallets, {n}", "0.5", "crossing"))
    some += [
        Cell("batch of 1,000, many wallets", 1, "batch_many", (), "naive, many wallets, 1", "10", each=1000),
        Cell("batch of 1,000, one wallet", 1, "batch_hot", (), "naive, one wallet, 1", "10", each=1000),
        Cell("spend, 5 buckets", 1, "spend_in", ("five",)),
        Cell("spend, 500 buckets", 1, "spend_in", ("many",), "spend, 5 buckets, 1", "1.15", growth=True),
        Cell("spend, few entries", 1, "spend_in", ("young",)),
        Cell("spend, many entries", 1, "spend_in", ("old",), "spend, few entries, 1", "1.15", growth=True),
        Cell("decided, 5 buckets", 1, "decide_in", ("five",)),
        Cell("decided, 500 buckets", 1, "decide_in", ("many",), "decided, 5 buckets, 1", "1.15", growth=True),
        Cell("decided, few entries", 1, "decide_in", ("young",)),
        Cell("decided, many entries", 1, "decide_in", ("old",), "decided, few entries, 1", "1.15", growth=True),
    ]
    return some


def chosen(some: list[Cell], only: str) -> list[Cell]:
    """Those whose name holds `only`, and those they are compared with."""
    wanted = [cell for cell in some if only in cell.name]
    against = {cell.against for cell in wanted}
    return [cell for cell in some if cell in wanted or cell.id in against]
