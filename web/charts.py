"""Charts as figures for SVG: no script, no styles inside, so they print and pass a strict content policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Point:
    """A value on a day."""

    day: date
    value: int


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
class Chart:
    """One drawing: a line over a filled area, in a box of its own size; `summary` says it in words."""

    width: int
    height: int
    left: int
    right: int
    bottom: float
    line: str
    area: str
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
    width: int = 660,
    height: int = 232,
    columns: int = 5,
) -> Chart | None:
    """The balance at the end of each day. None with fewer than two days: there is no line to draw yet."""
    if len(points) < 2:
        return None
    values = [max(point.value, 0) for point in points]
    steps = nice_steps(max(values))
    top, bottom, right = 12.0, height - 26.0, width - 6
    left = 14 + 7 * max(len(text(step)) for step in steps)
    across, down = (right - left) / (len(points) - 1), (bottom - top) / steps[-1]
    places = [(round(left + across * i, 1), round(bottom - value * down, 1)) for i, value in enumerate(values)]
    line = " ".join(f"{x},{y}" for x, y in places)
    every = max(1, -(-len(points) // columns))
    marks = [i for i in range(len(points)) if i % every == every // 2]
    return Chart(
        width=width,
        height=height,
        left=left,
        right=right,
        bottom=bottom,
        line=line,
        area=f"{places[0][0]},{bottom} {line} {places[-1][0]},{bottom}",
        rows=tuple(Tick(round(bottom - step * down, 1), text(step)) for step in steps),
        columns=tuple(Tick(places[i][0], day_text(points[i].day)) for i in marks),
        spots=tuple(
            Spot(round(x - across / 2, 1), round(across, 1), x, y, f"{day_text(p.day)}: {text(p.value)}")
            for (x, y), p in zip(places, points, strict=True)
        ),
        summary=_summary(points, text, day_text),
    )


def _summary(points: Sequence[Point], text: Callable[[int], str], day_text: Callable[[date], str]) -> str:
    highest, lowest = max(points, key=lambda p: p.value), min(points, key=lambda p: p.value)
    first, last = points[0], points[-1]
    return (
        f"From {text(first.value)} on {day_text(first.day)} to {text(last.value)} on {day_text(last.day)}. "
        f"Highest: {text(highest.value)} on {day_text(highest.day)}. "
        f"Lowest: {text(lowest.value)} on {day_text(lowest.day)}."
    )
