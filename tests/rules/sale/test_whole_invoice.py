"""What holds for an invoice as a whole, and for any invoice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.periods import Span, add
from billing.rules.sale.allocation import decide
from billing.rules.sale.lines import Line
from billing.rules.sale.values import Allocation, PackSale, PlanChange, PlanTerms, Sold, Waiting
from tests.rules.sale.selling import (
    APRIL,
    BASIC,
    JUNE,
    MAY,
    SMALL,
    after,
    allocation,
    at,
    bought,
    history,
    kinds,
    line,
    waits,
)


class TestTheWholeInvoice:
    def test_an_unknown_price_waits_and_the_others_are_granted(self) -> None:
        lines: list[Sold] = [
            (line(500, "il_1", price="price_x", item="si_x"), None),
            (line(1000, "il_2"), BASIC),
            (line(700, "il_3", price="price_x", item="si_y"), None),
        ]
        found = decide(lines, APRIL)
        assert kinds(found) == [("unknown_price", ("il_1", "il_3")), ("Allocation", ("il_2",))]
        assert isinstance(found[0], Waiting)
        assert found[0].reason == "unknown price price_x"

    def test_no_price_that_we_know(self) -> None:
        lines: list[Sold] = [(line(5, "il_1", price="price_y"), None), (line(7, "il_2", price="price_x"), None)]
        assert waits(lines) == Waiting(("il_1", "il_2"), "unknown_price", "unknown price price_x, price_y")

    def test_lines_typed_by_hand_bring_nothing_and_wait_for_nothing(self) -> None:
        typed = line(500, "il_0", price=None, item=None)
        assert decide([(typed, None)], APRIL) == ()
        assert allocation([(typed, None), (line(1000), BASIC)]).lines == ("il_1",)
        assert decide([], APRIL) == ()

    def test_more_lines_than_we_know_of(self) -> None:
        found = waits([(line(1000), BASIC), (bought(1000, "il_2"), SMALL)], has_more=True)
        assert (found.why, found.lines) == ("more_lines", ("il_1", "il_2"))
        assert kinds(decide([], APRIL, has_more=True)) == [("more_lines", ())]

    def test_two_lines_of_one_id(self) -> None:
        assert waits([(line(1000), BASIC), (line(500, item="si_2"), BASIC)]).why == "malformed"

    def test_two_currencies(self) -> None:
        assert waits([(line(1, "il_1"), BASIC), (line(1, "il_2", currency="eur"), BASIC)]).why == "malformed"

    def test_what_was_claimed_is_not_named_again(self) -> None:
        lines: list[Sold] = [
            (line(1000, "il_1"), BASIC),
            (line(500, "il_2", price="price_x", item="si_2"), None),
            (bought(1000, "il_3"), SMALL),
            (line(9, "il_4", item=None), BASIC),
        ]
        every = {"il_1", "il_2", "il_3", "il_4"}
        assert decide(lines, APRIL, claimed=every) == ()
        assert decide([(lines[1][0], None)], APRIL, claimed=every) == ()
        assert kinds(decide(lines, APRIL, claimed={"il_1", "il_3", "il_4"})) == [("unknown_price", ("il_2",))]

    def test_a_grant_of_which_a_part_was_claimed(self) -> None:
        found = waits([(line(1000, "il_1"), BASIC), (line(500, "il_2"), BASIC)], claimed={"il_1"})
        assert (found.why, found.lines) == ("granted_before", ("il_2",))

    def test_mapped_later_only_the_new_line_brings_anything(self) -> None:
        lines: list[Sold] = [(line(1000, "il_1"), BASIC), (line(500, "il_2", item="si_2"), BASIC)]
        assert allocation(lines, claimed={"il_1"}, histories=[history(line(1000))]).lines == ("il_2",)


def test_of_two_periods_that_begin_together_the_second_waits() -> None:
    """They would have one name."""
    both = [(line(1000, "il_1", end=MAY), BASIC), (line(2000, "il_2", end=JUNE), BASIC)]
    found = decide(both, APRIL)
    assert [type(one) for one in found] == [Allocation, Waiting]
    assert found[1].lines == ("il_2",)


def some_lines() -> st.SearchStrategy[list[Sold]]:
    one = st.builds(
        line,
        st.sampled_from([-1000, -1, 0, 1, 999, 1000]),
        net=st.sampled_from([None, None, 0, -5, 400]),
        item=st.sampled_from(["si_1", "si_2", None]),
        price=st.sampled_from(["price_a", "price_b", None]),
        start=st.sampled_from([APRIL, at("11 Apr 10:00"), MAY]),
        end=st.sampled_from([APRIL, MAY, JUNE]),
        quantity=st.sampled_from([None, 0, 1, 3]),
        proration=st.booleans(),
    )
    owners = st.fixed_dictionaries(
        {"price_a": st.sampled_from([BASIC, SMALL, None]), "price_b": st.sampled_from([BASIC, SMALL, None])}
    )

    def owned(lines: list[Line], owner: dict[str, Any]) -> list[Sold]:
        numbered = [replace(one, id=f"il_{number}") for number, one in enumerate(lines)]
        return [(one, owner.get(str(one.price))) for one in numbered]

    return st.builds(owned, st.lists(one, max_size=5), owners)


MID = at("11 Apr 10:00")


@pytest.mark.parametrize(
    ("lines", "brings"),
    [
        # what gives back the period that the same invoice brings, whatever of no length begins there, too
        ([line(-1000, "il_1"), line(0, "il_2", end=APRIL), line(1, "il_3")], [("il_3",), ("il_1",)]),
        (
            [line(-1000, "il_1"), line(2000, "il_2", end=JUNE, price="price_b"), line(1, "il_3")],
            [("il_3",), ("il_2",), ("il_1",)],
        ),
        # what gives back a period, beside another that begins later and ends with it
        ([line(-1000, "il_1"), line(1, "il_2", start=MID)], [("il_2",)]),
        # a change of a period that is not here, and money back for no time at its end
        ([line(-1000, "il_1", start=MAY), line(-1000, "il_2", net=0)], [("il_2",)]),
        # what brings nothing at all ends a period once
        ([line(1, "il_1", end=JUNE), line(1, "il_2", net=0, start=MID, quantity=0)], [("il_1",), ()]),
    ],
)  # fmt: skip
def test_a_second_look_at_what_is_strange_finds_what_the_first_did(
    lines: list[Line], brings: list[tuple[str, ...]]
) -> None:
    sold: list[Sold] = [(one, BASIC) for one in lines]
    first = decide(sold, APRIL)
    sales = [one for one in first if not isinstance(one, Waiting)]
    assert [one.lines for one in sales] == brings
    claimed = {id for sale in sales for id in sale.lines}
    again = decide(sold, APRIL, claimed=claimed, histories=after([], sales))
    assert [one for one in again if not isinstance(one, Waiting)] == []


@given(some_lines(), st.sampled_from([APRIL, MAY, JUNE]))
def test_whatever_the_invoice(lines: list[Sold], paid_at: Any) -> None:
    found = decide(lines, paid_at)
    named = [id for one in found for id in one.lines]
    assert len(named) == len(set(named)), "no line is in two outcomes"
    assert set(named) <= {one.id for one, _ in lines if one.price is not None}
    sales = [one for one in found if isinstance(one, Allocation | PlanChange | PackSale)]
    assert len({one.origin for one in sales}) == len(sales)
    for sale in sales:
        if isinstance(sale, Allocation | PlanChange):
            assert all(month.credits > 0 and (month.expires_at or MAY) > APRIL for month in sale.months)
            continue
        assert sale.credits > 0
        assert sale.cents >= 0
        assert sale.expires_at is None or sale.expires_at > APRIL
    again = decide(
        lines,
        paid_at,
        claimed={id for sale in sales for id in sale.lines},
        histories=after([], sales),
    )
    assert [one for one in again if not isinstance(one, Waiting)] == [], "a second look grants nothing"


def test_the_calendar_holds_to_the_year_3000() -> None:
    late = line(1000, start=at("1 Dec 2999 00:00"), end=at("31 Dec 2999 00:00"))
    long = PlanTerms("basic", 100, "month", Span(months=1200), Span(months=1200))
    assert allocation([(late, long)]).months[0].expires_at == add(at("31 Dec 2999 00:00"), Span(months=1200))
