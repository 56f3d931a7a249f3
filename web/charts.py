"""Charts as figures for SVG: no script, no styles inside, so they print and pass a strict content policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Point:
    """A value on a day; `parts`, where they are known, add up to it. All points of a chart name the same parts."""

    day: date
    value: int
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Spot:
    """The strip of one day, to point at, with what it says."""

    x: float
    width: float
    cx: float
    cy: float
    text: str


@dataclass(frozen=True, slots=True)
class Band:
    """Days in a row on which one part was there: its area, and the line along its top. `name` is the part's."""

    name: str
    area: str
    line: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing: bands upon each other, in a box of its own size; `summary` says it in words."""

    width: int
    height: int
    left: int
    right: int
    bottom: float
    bands: tuple[Band, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    spots: tuple[Spot, ...]
    summary: str


def nice_steps(highest: int, wanted: int = 4) -> list[int]:
    """0 and round steps past the highest value: at most `wanted` + 1 of them, whole numbers."""
    if highest <= 0:
        return [0, 1]
    magnitude = 1
    while True:
        for factor in (1, 2, 5):
            step = factor * magnitude
            count = -(-highest // step)
            if count <= wanted:
                return [step * index for index in range(count + 1)]
        magnitude *= 10


def balance_chart(
    points: Sequence[Point],
    text: Callable[[int], str],
    day_text: Callable[[date], str],
    *,
    plain: str,
    width: int = 660,
    height: int = 232,
    columns: int = 5,
) -> Chart | None:
    """The balance at the end of each day. None with fewer than two days: there is no line to draw yet.

    `plain` is the name of the band where no parts are known.
    """
    if len(points) < 2:
        return None
    values = [max(point.value, 0) for point in points]
    steps = nice_steps(max(values))
    top, bottom, right = 12.0, height - 26.0, width - 6
    left = 14 + 7 * max(len(text(step)) for step in steps)
    across, down = (right - left) / (len(points) - 1), (bottom - top) / steps[-1]
    places = [(round(left + across * i, 1), round(bottom - value * down, 1)) for i, value in enumerate(values)]
    stacks = [point.parts or {plain: value} for point, value in zip(points, values, strict=True)]
    every = max(1, -(-len(points) // columns))
    marks = [i for i in range(len(points)) if i % every == every // 2]
    return Chart(
        width=width,
        height=height,
        left=left,
        right=right,
        bottom=bottom,
        bands=tuple(_bands(stacks, lambda i, value: f"{places[i][0]},{round(bottom - value * down, 1)}")),
        rows=tuple(Tick(round(bottom - step * down, 1), text(step)) for step in steps),
        columns=tuple(Tick(places[i][0], day_text(points[i].day)) for i in marks),
        spots=tuple(
            Spot(round(x - across / 2, 1), round(across, 1), x, y, f"{day_text(p.day)}: {text(p.value)}")
            for (x, y), p in zip(places, points, strict=True)
        ),
        summary=_summary(points, text, day_text),
    )


def _bands(stacks: Sequence[Mapping[str, int]], place: Callable[[int, int], str]) -> Iterator[Band]:
    """From the lowest part to the highest; a part that is gone for some days begins anew after them."""
    floor = [0] * len(stacks)
    for name in stacks[0]:
        ceiling = [below + stack[name] for below, stack in zip(floor, stacks, strict=True)]
        for first, last in _runs([stack[name] for stack in stacks]):
            top = [place(i, ceiling[i]) for i in range(first, last + 1)]
            under = [place(i, floor[i]) for i in range(last, first - 1, -1)]
            yield Band(name, " ".join([*top, *under]), " ".join(top))
        floor = ceiling


def _runs(values: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where something is there, with the days on which it comes and goes: (first, last) of each stretch."""
    begun: int | None = None
    for i, value in enumerate(values):
        if value and begun is None:
            begun = max(i - 1, 0)
        if begun is not None and not value:
            yield begun, i
            begun = None
    if begun is not None:
        yield begun, len(values) - 1


def _summary(points: Sequence[Point], text: Callable[[int], str], day_text: Callable[[date], str]) -> str:
    highest, lowest = max(points, key=lambda p: p.value), min(points, key=lambda p: p.value)
    first, last = points[0], points[-1]
    return (
        f"From {text(first.value)} on {day_text(first.day)} to {text(last.value)} on {day_text(last.day)}. "
        f"Highest: {text(highest.value)} on {day_text(highest.day)}. "
        f"Lowest: {text(lowest.value)} on {day_text(lowest.day)}."
    )
