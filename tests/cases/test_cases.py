"""The nasty cases, by number: what Stripe and its customers do to a billing engine, and what must come of it."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.cases import a_changes, a_delivery, a_lines, a_money_back, a_periods
from tests.cases.desk import Case, Desk


def number(case: Case) -> int:
    return int(case.__name__.split("_")[1])


def cases(*modules: ModuleType) -> list[Case]:
    """All of theirs, by number."""
    found = [made for module in modules for name, made in vars(module).items() if name.startswith("case_")]
    return sorted(found, key=number)


CASES = cases(a_delivery, a_money_back, a_changes, a_periods, a_lines)
QUICK = [
    a_delivery.case_01_webhook_and_page_race,
    a_delivery.case_02_the_same_event_twice,
    a_delivery.case_04_both_paid_events,
    a_delivery.case_06_paid_before_anybody_is_known,
    a_money_back.case_10_refunds_after_much_is_spent,
    a_periods.case_17_a_trial,
    a_periods.case_18_a_seat_more_in_a_month_that_was_free,
    a_lines.case_24_a_price_that_nobody_knows,
]


def title(case: Case) -> str:
    return case.__name__.removeprefix("case_")


def play(case: Case, desk: Desk) -> None:
    case(desk)
    assert sorted(kind for kind, _ in desk.waiting) == sorted(desk.left), desk.waiting


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("case", QUICK, ids=title)
def test_quickly(desk: Desk, case: Case) -> None:
    play(case, desk)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=title)
def test_case(desk: Desk, case: Case) -> None:
    play(case, desk)


def test_none_is_missing() -> None:
    assert {number(case) for case in CASES} == set(range(1, 25))
