"""The bench's table: medians, spread, p50 and p99, and ratios."""

from __future__ import annotations

import statistics
from collections import defaultdict

from tests.bench.cells import Cell


def ratios(cell: Cell, base: Cell) -> list[float]:
    """Round by round, each with what was measured beside it."""
    pairs = zip(base.costs, cell.costs, strict=False)
    return [ours / theirs if cell.growth else theirs / ours for theirs, ours in pairs]


def print_table(measured: list[Cell]) -> None:
    by_id = {cell.id: cell for cell in measured}
    head = f"| {'':32} | clients | {'ms a spend':>10} | {'spread':>13} | {'p50':>6} | {'p99':>6} |"
    print(f"{head} {'ratio':>6} | {'spread':>13} | goal |")
    print(f"|{'-' * 34}|--------:|-----------:|--------------:|-------:|-------:|-------:|--------------:|-----:|")
    for cell in measured:
        if not cell.costs:
            continue
        costs = [1000 * cost for cost in cell.costs]
        line = f"| {cell.name:32} | {cell.clients:7} | {statistics.median(costs):10.3f} "
        line += f"| {min(costs):5.2f} – {max(costs):5.2f} |"
        for share in (0.50, 0.99):
            line += f" {1000 * quantile(cell.latencies, share) / cell.each:6.2f} |" if cell.latencies else f" {'':6} |"
        if cell.against:
            found = ratios(cell, by_id[cell.against])
            line += f" {statistics.median(found):6.2f} | {min(found):5.2f} – {max(found):5.2f} | {cell.goal:>4} |"
        else:
            line += f" {'':6} | {'':13} | {'':4} |"
        print(line)


def print_summary(measured: list[Cell]) -> None:
    """The medians of the cells of each group, and their worst."""
    by_id = {cell.id: cell for cell in measured}
    groups: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for cell in measured:
        if cell.group and cell.costs:
            groups[cell.group].append((statistics.median(ratios(cell, by_id[cell.against])), cell.id))
            limit = by_id.get(cell.id.replace("spend,", "pgbench,"))
            if cell.group == "spend" and limit is not None and limit.costs:
                groups["spend, to pgbench"].append((statistics.median(ratios(cell, limit)), cell.id))
    print()
    for group, found in groups.items():
        least, where = min(found)
        print(f"{group}: median of the cells {statistics.median(f for f, _ in found):.2f}, least {least:.2f} ({where})")
    print(f"largest client: {max(cell.megabytes for cell in measured):.0f} MB", flush=True)


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
