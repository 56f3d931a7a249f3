"""What pages are made of: figures, words and vendored files. No database."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.charts import Point, balance_chart, nice_steps
from web.portal.words import how_soon, signed

STATIC = Path(__file__).parents[2] / "web" / "static"


def test_vendored_files_are_what_the_manifest_says() -> None:
    folder = STATIC / "vendor"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {row["file"] for row in manifest} == {file.name for file in folder.iterdir()} - {"manifest.json"}
    for row in manifest:
        assert row["name"] and row["version"] and row["licence"]
        assert hashlib.sha256((folder / row["file"]).read_bytes()).hexdigest() == row["sha256"], row["file"]


def test_our_own_files_reach_for_nothing_elsewhere() -> None:
    for file in STATIC.iterdir():
        if file.is_file():
            text = file.read_text().replace("http://www.w3.org/2000/svg", "")
            assert "//" not in text.replace("*/", "").replace("/*", ""), file.name


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (datetime(2026, 11, 20, 23, tzinfo=UTC), "today"),
        (datetime(2026, 11, 21, 0, tzinfo=UTC), "tomorrow"),
        (datetime(2026, 11, 27, 1, tzinfo=UTC), "in 7 days"),
        (datetime(2027, 1, 19, tzinfo=UTC), "in 60 days"),
        (datetime(2027, 1, 20, tzinfo=UTC), None),
    ],
)
def test_how_far_off_a_date_is(end: datetime, text: str | None) -> None:
    assert how_soon(end, datetime(2026, 11, 20, 12, tzinfo=UTC)) == text


def test_signs() -> None:
    assert (signed("5", negative=False), signed("5", negative=True)) == ("+5", "−5")


@given(st.integers(0, 10**15))
def test_the_scale_of_a_chart_holds_what_it_shows(highest: int) -> None:
    steps = nice_steps(highest)
    assert steps[0] == 0
    assert steps[-1] >= highest
    assert 2 <= len(steps) <= 5
    assert len({above - below for below, above in pairwise(steps)}) == 1


AMOUNTS = st.integers(0, 10**15)


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=2, max_size=60), st.booleans())
def test_a_chart_stays_in_its_box(values: list[tuple[int, int]], split: bool) -> None:
    points = [
        Point(date(2026, 1, 1) + timedelta(days=n), low + high, {"low": low, "high": high} if split else {})
        for n, (low, high) in enumerate(values)
    ]
    chart = balance_chart(points, str, date.isoformat, plain="all")
    assert chart is not None
    for band in chart.bands:
        for place in (band.area + " " + band.line).split():
            x, y = map(float, place.split(","))
            assert chart.left <= x <= chart.right
            assert 12 <= y <= chart.bottom
    assert {band.name for band in chart.bands} <= ({"low", "high"} if split else {"all"})
    assert len(chart.spots) == len(points)
    assert f"to {sum(values[-1])} on" in chart.summary


def test_a_part_that_comes_again_begins_anew() -> None:
    values = [(5, 0), (5, 0), (5, 3), (5, 0), (5, 0), (5, 2)]
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(len(values))]
    points = [Point(day, low + high, {"low": low, "high": high}) for day, (low, high) in zip(days, values, strict=True)]
    chart = balance_chart(points, str, date.isoformat, plain="all")
    assert chart is not None
    assert [(band.name, len(band.line.split())) for band in chart.bands] == [("low", 6), ("high", 3), ("high", 2)]


def test_a_chart_needs_two_days() -> None:
    assert balance_chart([Point(date(2026, 1, 1), 5)], str, date.isoformat, plain="all") is None
