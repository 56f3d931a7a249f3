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


CASES_A = cases(a_delivery, a_money_back, a_changes, a_periods, a_lines)

CASES = [*CASES_A]
QUICK = [case for case in CASES if number(case) in (1, 3, 13)]


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
