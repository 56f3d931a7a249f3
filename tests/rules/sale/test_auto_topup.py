"""Topping up by itself, as a table: what follows a decline, what is bought, which cap stands in the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from billing.rules.sale.auto_topup import Setting, Steps, after_decline, dearer, loops, month_of, over_cap, wanted

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("failures", "codes", "reason", "hours", "paused"),
    [
        (1, ("card_declined", "insufficient_funds", "try_again_later"), "declined", 1, False),
        (2, ("card_declined", "generic_decline", None), "declined", 6, False),
        (3, ("card_declined", "generic_decline", None), "declined", 24, True),
        (9, ("card_declined", "generic_decline", None), "declined", 24, True),
        (1, ("card_declined", "do_not_honor", "do_not_try_again"), "card_refused", 24, True),
        (1, ("card_declined", "do_not_honor", "try_again_later"), "declined", 1, False),
        (1, ("card_declined", "stolen_card", None), "card_refused", 24, True),
        (1, ("expired_card", "expired_card", "do_not_try_again"), "no_card", 24, True),
        (1, ("authentication_required", "authentication_required", None), "authentication_required", 24, False),
        (3, ("authentication_required", None, None), "authentication_required", 24, True),
        (1, (None, None, None), "declined", 1, False),
    ],
)
def test_what_follows_a_decline(
    failures: int, codes: tuple[str | None, str | None, str | None], reason: str, hours: int, paused: bool
) -> None:
    follows = after_decline(failures, *codes)
    assert (follows.reason, follows.delay, follows.paused) == (reason, hours * HOUR, paused)


@pytest.mark.parametrize(
    ("available", "owed", "buys"),
    [(21, 0, 900), (20, 0, 950), (0, 0, 950), (0, 30, 1000), (0, 500, 1000), (960, 0, 50), (1000, 0, 50)],
)
def test_how_much_is_bought_towards_a_target(available: int, owed: int, buys: int) -> None:
    setting = Setting(20, None, 970, 10_000, 3, "usd")
    assert wanted(setting, available, owed, Steps(50, 1000, 50)) == buys


@pytest.mark.parametrize(
    ("count", "cents", "cap"), [(0, 0, None), (2, 0, None), (3, 0, "count"), (0, 4_000, None), (0, 4_001, "cap")]
)
def test_which_cap_stands_in_the_way(count: int, cents: int, cap: str | None) -> None:
    assert over_cap(Setting(20, "small", None, 5_000, 3, "usd"), count, cents, 1_000) == cap


@pytest.mark.parametrize(
    ("threshold", "target", "brings", "field"),
    [
        (99, None, 100, None), (100, None, 100, "threshold"), (100, 100, 1000, "target"), (100, 149, 1000, "target"),
        (100, 150, 1000, None), (1000, 2000, 1000, "threshold"),
    ],
)  # fmt: skip
def test_what_would_call_for_the_next_at_once(threshold: int, target: int | None, brings: int, field: str) -> None:
    setting = Setting(threshold, "small" if target is None else None, target, 1, 1, "usd")
    found = loops(setting, brings, None if target is None else Steps(50, 1000, 50))
    assert (found and found[0]) == field


def test_a_month_is_one_of_utc() -> None:
    begins, ends = datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    for at in (begins, datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)):
        assert month_of(at) == (begins, ends)
    assert month_of(datetime(2024, 12, 31, tzinfo=UTC))[1] == datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("credits", "cents", "is_dearer"),
    [(100, 1000, False), (100, 1001, True), (99, 1000, True), (101, 1000, False), (100, 999, False), (50, 500, False),
     (49, 500, True), (200, 2000, True)],
)  # fmt: skip
def test_what_is_dearer_than_when_it_was_set(credits: int, cents: int, is_dearer: bool) -> None:
    setting = Setting(20, "small", None, 5000, 3, "usd", credits=100, cents=1000)
    assert dearer(setting, credits, cents) is is_dearer
    assert Setting.of(setting.document()) == setting
    assert not dearer(Setting(20, "small", None, 5000, 3, "usd"), credits, cents)
