"""The nasty cases 25 to 46, each through the signed endpoint and with Stripe's own package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing.testing import TestBilling
from tests.cases import healing, lives, odd_payments, parts, safety, shapes
from tests.cases.desk import Case, Desk, open_desk
from tests.cases.shelf import CATALOG, stock
from tests.cases.test_cases import cases, number, play, title
from tests.sandbox.serving import Watch

CASES_B: tuple[Case, ...] = (*cases(odd_payments, parts, lives, safety, shapes, healing),)
"""Each says its number."""

QUICK = [
    case
    for case in CASES_B
    if title(case)
    in (
        "25_dinars",
        "26_an_inquiry",
        "44_a_free_order",
        "31_a_captured_request",
        "34_a_connected_account",
        "38_old_and_new_together",
        "45_nothing_was_owed_any_more",
        "46_tiers",
    )
]


@pytest.fixture
def desk(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Desk]:
    with open_desk(make_billing, tmp_path, watch, catalog=CATALOG) as desk:
        stock(desk)
        yield desk
        assert desk.billing.audit() == []


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("case", QUICK, ids=title)
def test_quickly(desk: Desk, case: Case) -> None:
    play(case, desk)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES_B, ids=title)
def test_case(desk: Desk, case: Case) -> None:
    play(case, desk)


def test_none_is_missing() -> None:
    assert {number(case) for case in CASES_B} == set(range(25, 47))
