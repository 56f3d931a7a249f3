from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.periods import (
    EVERY,
    Every,
    Span,
    add,
    anchor_day,
    is_longer,
    month_start_after,
    parse,
    span_of,
    whole_period,
)

MONTH = Span(months=1)
times = st.integers(946_684_800, 4_102_444_800).map(lambda second: datetime.fromtimestamp(second, UTC))
spans = st.one_of(
    st.integers(1, 36).map(lambda n: Span(months=n)), st.integers(1, 10**8).map(lambda n: Span(seconds=n))
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("12 months", Span(months=12)),
        ("1 month", MONTH),
        ("1 year", Span(months=12)),
        ("2 years", Span(months=24)),
        ("7 days", Span(seconds=604_800)),
        ("24 hours", Span(seconds=86_400)),
        ("2 weeks", Span(seconds=1_209_600)),
        ("30 minutes", Span(seconds=1_800)),
        ("1 second", Span(seconds=1)),
        ("0 hours", Span()),
        (" 3  days ", Span(seconds=259_200)),
        ("100 years", Span(months=1_200)),
    ],
)
def test_a_span_is_a_number_and_a_unit(text: str, span: Span) -> None:
    assert parse(text) == span


@pytest.mark.parametrize(
    "text",
    [
        "",
        "days",
        "7",
        "7days",
        "-1 days",
        "1.5 days",
        "7 Days",
        "1 month 2 days",
        "1 fortnight",
        "٣ days",
        "7 dayss",
        7,
        None,
    ],
)
def test_anything_else_is_refused_and_says_what_may_be_written(text: object) -> None:
    with pytest.raises(ValueError, match='such as "30 minutes"'):
        parse(text)


@pytest.mark.parametrize("text", ["101 years", "1201 months", "36501 days", "999999999999999999 seconds"])
def test_a_span_past_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="longer than 100 years"):
        parse(text)


def test_a_span_is_months_or_seconds() -> None:
    with pytest.raises(AssertionError):
        Span(months=1, seconds=1)
    with pytest.raises(AssertionError):
        Span(months=-1)
    assert not Span()
    assert MONTH


@pytest.mark.parametrize(
    ("start", "span", "n", "end"),
    [
        ("2026-01-31T10:00", MONTH, 1, "2026-02-28T10:00"),
        ("2028-01-31T10:00", MONTH, 1, "2028-02-29T10:00"),
        ("2026-01-31T10:00", MONTH, 2, "2026-03-31T10:00"),
        ("2026-01-31T10:00", MONTH, 3, "2026-04-30T10:00"),
        ("2026-12-15T00:00:00.000001", MONTH, 1, "2027-01-15T00:00:00.000001"),
        ("2028-02-29T00:00", Span(months=12), 1, "2029-02-28T00:00"),
        ("2028-02-29T00:00", Span(months=12), 4, "2032-02-29T00:00"),
        ("2026-01-31T10:00", MONTH, 0, "2026-01-31T10:00"),
        ("2026-10-25T00:30", Span(seconds=86_400), 2, "2026-10-27T00:30"),
    ],
)
def test_months_are_counted_from_the_start(start: str, span: Span, n: int, end: str) -> None:
    assert add(at(start), span, n) == at(end)


@pytest.mark.parametrize(
    ("start", "end", "day"),
    [
        ("2031-02-28T08:00", "2032-02-29T08:00", 29),
        ("2027-02-28T08:00", "2027-05-31T08:00", 31),
        ("2027-04-30T08:00", "2027-10-31T08:00", 31),
        ("2028-02-29T08:00", "2029-02-28T08:00", 29),
        ("2027-01-31T08:00", "2027-02-28T08:00", 31),
        ("2028-02-28T08:00", "2028-03-31T08:00", 28),
        ("2027-02-28T08:00", "2027-05-31T08:01", 28),
        ("2027-03-15T08:00", "2027-06-20T08:00", 15),
    ],
)
def test_the_day_that_both_ends_show(start: str, end: str, day: int) -> None:
    assert anchor_day(at(start), at(end)) == day


@given(times, st.integers(1, 31), st.integers(1, 24), st.integers(0, 24))
def test_periods_between_two_of_an_anchors_days_end_on_the_second(
    anchor: datetime, day: int, count: int, first: int
) -> None:
    """Whatever the anchor: what began on one of its days ends on another, without a rest."""
    anchor = anchor.replace(month=1, day=day)
    start, end = add(anchor, MONTH, first), add(anchor, MONTH, first + count)
    assert add(start, MONTH, count, day=anchor_day(start, end)) == end
    assert add(start, MONTH, 0, day=anchor_day(start, end)) == start


@given(times, spans, st.integers(0, 30), st.integers(1, 10))
def test_adding_grows_with_the_times(start: datetime, span: Span, n: int, more: int) -> None:
    assert add(start, span, n) < add(start, span, n + more)


@given(times, st.integers(0, 60))
def test_months_keep_the_anchor_day_or_the_months_last(start: datetime, n: int) -> None:
    end = add(start, MONTH, n)
    assert end.timetz() == start.timetz()
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == n
    assert end.day == start.day or (end.day < start.day and (end + timedelta(days=1)).day == 1)


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-04-01T00:00", "2026-05-01T00:00"),
        ("2026-04-30T23:59:59.999999", "2026-05-01T00:00"),
        ("2026-12-31T12:00", "2027-01-01T00:00"),
    ],
)
def test_the_next_month_starts_strictly_after(now: str, start: str) -> None:
    assert month_start_after(at(now)) == at(start)


def test_each_every_has_its_span() -> None:
    assert [span_of(every) for every in EVERY] == [
        Span(seconds=86_400),
        Span(seconds=604_800),
        MONTH,
        Span(months=12),
    ]


@pytest.mark.parametrize(
    ("start", "end", "every", "longer"),
    [
        ("2026-02-28", "2026-03-31", "month", False),
        ("2026-02-28", "2026-04-01", "month", True),
        ("2026-01-31", "2026-02-28", "month", False),
        ("2026-01-15", "2027-01-15", "month", True),
        ("2026-01-15", "2026-01-20", "month", False),
        ("2026-01-15", "2027-01-15", "year", False),
        ("2027-02-28", "2028-02-29", "year", False),
        ("2027-02-28", "2028-03-01", "year", True),
        ("2026-01-01", "2026-01-08", "week", False),
        ("2026-01-01", "2026-01-09", "week", True),
        ("2026-01-01", "2026-01-02", "day", False),
        ("2026-01-01", "2026-02-01", "day", True),
    ],
)
def test_longer_than_one_period(start: str, end: str, every: Every, longer: bool) -> None:
    assert is_longer(at(start), at(end), every) is longer


@given(times, st.sampled_from(EVERY), st.integers(0, 40))
def test_no_period_of_a_series_is_longer_than_one_and_two_are(anchor: datetime, every: Every, n: int) -> None:
    first, second, third = (add(anchor, span_of(every), n + i) for i in range(3))
    assert not is_longer(first, second, every)
    assert is_longer(first, third, every)


@pytest.mark.parametrize(
    ("end", "every", "start"),
    [
        ("2026-03-31", "month", "2026-02-28"),
        ("2026-02-28", "month", "2026-01-28"),
        ("2026-01-15", "month", "2025-12-15"),
        ("2028-02-29", "year", "2027-02-28"),
        ("2026-01-15", "week", "2026-01-08"),
        ("2026-03-01", "day", "2026-02-28"),
    ],
)
def test_a_whole_period_is_known_by_its_end(end: str, every: Every, start: str) -> None:
    assert whole_period(at(end), every) == at(start)


@given(times, st.sampled_from(EVERY))
def test_a_whole_period_undoes_adding_but_for_the_months_ends(start: datetime, every: Every) -> None:
    found = whole_period(add(start, span_of(every)), every)
    assert found == start or (start.day > 28 and timedelta(0) < start - found <= timedelta(days=3))


def test_naive_and_local_times_are_bugs() -> None:
    with pytest.raises(AssertionError):
        add(datetime(2026, 1, 1), MONTH)  # noqa: DTZ001
    with pytest.raises(AssertionError):
        month_start_after(datetime.fromisoformat("2026-01-01T00:00+02:00"))


def test_off_the_calendar() -> None:
    with pytest.raises(OverflowError):
        add(at("9999-12-01"), MONTH)
    with pytest.raises(OverflowError):
        add(at("9999-12-01"), Span(seconds=10**8))
