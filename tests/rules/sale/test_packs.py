from __future__ import annotations

from typing import Any

import pytest

from billing.rules.sale.allocation import decide
from billing.rules.sale.packs import pack_sale
from billing.rules.sale.values import Outcome, PackSale, PackTerms, Sold, Waiting
from tests.rules.sale.selling import APRIL, BASIC, SMALL, at, bought, line

PAID = at("3 Apr 10:00")


def sold(*lines: Any, **more: Any) -> list[tuple[int, int, tuple[str, ...]]]:
    """Credits, cents and lines of each sale; there is nothing but sales."""
    found = decide([(one, SMALL) for one in lines], PAID, **more)
    assert all(isinstance(one, PackSale) for one in found), found
    return [(one.credits, one.cents, one.lines) for one in found if isinstance(one, PackSale)]


def whys(*outcomes: Outcome) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.why if isinstance(one, Waiting) else "sold", one.lines) for one in outcomes]


def test_a_packs_price_on_a_manual_invoice() -> None:
    assert decide([(bought(1000), SMALL)], PAID) == (
        PackSale(
            origin="topup:il_1",
            pack="small",
            unit="credits",
            credits=1000,
            cents=1000,
            currency="usd",
            effective_at=PAID,
            expires_at=at("3 Apr 2026 10:00"),
            quantity=1,
            price="price_small",
            lines=("il_1",),
        ),
    )


def test_a_pack_without_validity_lives_for_ever_in_its_own_unit() -> None:
    (only,) = decide([(bought(1000), PackTerms("tokens", 5, unit="tokens"))], PAID)
    assert isinstance(only, PackSale)
    assert (only.expires_at, only.unit) == (None, "tokens")


@pytest.mark.parametrize(("quantity", "credits"), [(None, 1000), (1, 1000), (6, 6000)])
def test_credits_times_quantity(quantity: int | None, credits: int) -> None:
    assert sold(bought(1000, quantity=quantity)) == [(credits, 1000, ("il_1",))]


def test_on_any_line_even_a_subscriptions() -> None:
    lines: list[Sold] = [(line(1000), BASIC), (line(700, "il_2", price="price_small", item="si_2"), SMALL)]
    assert {type(one).__name__ for one in decide(lines, PAID)} == {"Allocation", "PackSale"}


def test_a_sale_for_each_positive_line() -> None:
    assert sold(bought(1000, "il_1"), bought(900, "il_2", quantity=2)) == [
        (1000, 1000, ("il_1",)),
        (2000, 900, ("il_2",)),
    ]


def test_a_coupon_of_100_percent_still_sells() -> None:
    assert sold(bought(1000, net=0)) == [(1000, 0, ("il_1",))]


@pytest.mark.parametrize(
    ("back", "first", "last"),
    [(200, 1000, 700), (900, 1000, 0), (1500, 400, 0), (1900, 0, 0)],
    ids=["from the last", "all of the last", "and from the first", "everything"],
)
def test_negative_lines_are_netted_in_cents_from_the_last(back: int, first: int, last: int) -> None:
    assert sold(bought(-back, "il_0"), bought(1000, "il_1"), bought(900, "il_2")) == [
        (1000, first, ("il_1",)),
        (1000, last, ("il_2", "il_0")),
    ]


def test_several_negative_lines_add_up() -> None:
    assert sold(bought(1000), bought(-100, "il_2"), bought(-200, "il_3")) == [(1000, 700, ("il_1", "il_2", "il_3"))]


def test_a_negative_line_takes_its_net() -> None:
    assert sold(bought(1000, net=500), bought(-1000, "il_2", net=-400)) == [(1000, 100, ("il_1", "il_2"))]


def test_a_discount_larger_than_one_line_is_taken_from_the_others() -> None:
    found = sold(bought(1000, "il_1"), bought(900, "il_2", net=-50))
    assert [cents for _, cents, _ in found] == [1000, 0]


def test_nets_below_zero_wait() -> None:
    lines: list[Sold] = [(bought(1000, "il_1"), SMALL), (bought(-1001, "il_2"), SMALL)]
    other: Sold = (bought(500, "il_3", price="price_big"), SMALL)
    assert whys(*decide([*lines, other], PAID)) == [("negative_net", ("il_1", "il_2")), ("sold", ("il_3",))]
    (found,) = decide(lines, PAID)
    assert isinstance(found, Waiting)
    assert found.reason == "the lines of price price_small give back more than they cost (-1 cents)"


def test_an_invoice_below_zero_has_all_its_packs_wait_and_no_plan() -> None:
    lines: list[Sold] = [
        (bought(500, "il_1"), SMALL),
        (bought(700, "il_2", price="price_big"), SMALL),
        (line(1000, "il_3"), BASIC),
        (line(-3000, "il_4", price=None, item=None), None),
    ]
    assert whys(*decide(lines, PAID)) == [
        ("negative_net", ("il_1",)),
        ("negative_net", ("il_2",)),
        ("sold", ("il_3",)),
    ]


def test_a_net_of_nothing_does_not_wait() -> None:
    assert sold(bought(1000), bought(-1000, "il_2")) == [(1000, 0, ("il_1", "il_2"))]


def test_given_back_and_not_bought() -> None:
    (found,) = decide([(bought(-1000, net=0), SMALL)], PAID)
    assert whys(found) == [("negative_net", ("il_1",))]


def test_a_pack_for_nothing_waits_and_the_others_are_sold() -> None:
    lines: list[Sold] = [(bought(0, "il_1"), SMALL), (bought(1000, "il_2"), SMALL)]
    assert whys(*decide(lines, PAID)) == [("free", ("il_1",)), ("sold", ("il_2",))]
    assert whys(*decide(lines, PAID, claimed={"il_1"})) == [("sold", ("il_2",))]


@pytest.mark.parametrize(("quantity", "why"), [(0, "no_credits"), (10**12 + 1, "too_much")])
def test_quantities_that_can_not_be_sold(quantity: int, why: str) -> None:
    found = decide([(bought(1000, quantity=quantity), SMALL), (bought(-1, "il_2"), SMALL)], PAID)
    assert whys(*found) == [(why, ("il_1", "il_2"))]


def test_what_was_claimed_is_left_out_and_nets_nothing_anew() -> None:
    lines = [bought(1000, "il_1"), bought(900, "il_2"), bought(-200, "il_3")]
    assert sold(*lines, claimed={"il_2", "il_3"}) == [(1000, 1000, ("il_1",))]
    assert sold(*lines, claimed={"il_1"}) == [(1000, 700, ("il_2", "il_3"))]
    assert sold(*lines, claimed={"il_3"}) == [(1000, 1000, ("il_1",)), (1000, 700, ("il_2",))]
    assert sold(*lines, claimed={"il_1", "il_2", "il_3"}) == []


def test_more_cents_than_the_books_hold() -> None:
    def sale(cents: int) -> object:
        return pack_sale(
            "topup:x", SMALL, price="p", quantity=1, cents=cents, currency="usd", paid_at=APRIL, lines=("x",)
        )

    assert isinstance(sale(10**12), PackSale)
    assert isinstance(sale(10**12 + 1), tuple)
