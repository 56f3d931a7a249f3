from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing.rules.periods import Span
from billing.rules.sale.allocation import decide
from billing.rules.sale.months import Month
from billing.rules.sale.values import Allocation, PlanTerms, Sold
from tests.rules.sale.selling import APRIL, BASIC, JUNE, MAY, allocation, at, history, kinds, line, plan, waits


def test_a_paid_line_is_its_plans_credits_for_its_period() -> None:
    assert decide([(line(1000), BASIC)], at("1 Apr 01:00")) == (
        Allocation(
            origin="allocation:si_1:price_basic:2025-04-01T00:00:00Z",
            plan="basic",
            unit="credits",
            credits=100,
            cents=1000,
            currency="usd",
            period_start=APRIL,
            period_end=MAY,
            quantity=1,
            subscription="sub_1",
            item="si_1",
            price="price_basic",
            lines=("il_1",),
            months=(Month(APRIL, MAY, 100, 1000, at("2 May 00:00")),),
            level=100,
            every="month",
        ),
    )


@pytest.mark.parametrize(
    ("quantity", "credits", "counted"), [(None, 100, 1), (1, 100, 1), (3, 300, 3)], ids=["null", "one", "three"]
)
def test_quantity_times_the_plans_credits(quantity: int | None, credits: int, counted: int) -> None:
    found = allocation(line(3000, quantity=quantity))
    assert (found.credits, found.quantity, found.cents) == (credits, counted, 3000)


def test_the_unit_is_the_plans() -> None:
    assert allocation([(line(1000), plan(unit="tokens"))]).unit == "tokens"


def test_lines_of_one_item_price_and_period_are_one_grant() -> None:
    tiers: list[Sold] = [
        (line(1000, "il_1", quantity=10, net=905), plan(share="1/2")),
        (line(0, "il_2", quantity=5), plan(share="1/2")),
        (line(300, "il_3", quantity=None, net=301), plan(share="1/2")),
    ]
    found = allocation(tiers)
    assert (found.credits, found.cents, found.quantity) == (1600, 452 + 150, 16)
    assert found.lines == ("il_1", "il_2", "il_3")


@pytest.mark.parametrize(
    "other",
    [
        {"item": "si_2"},
        {"price": "price_other"},
        {"start": MAY, "end": JUNE},
    ],
    ids=["item", "price", "period"],
)
def test_another_item_price_or_period_is_another_grant(other: dict[str, Any]) -> None:
    if "price" in other:  # an item has one price for one period
        other = {**other, "item": "si_2"}
    found = decide([(line(1000), BASIC), (line(1000, "il_2", **other), BASIC)], APRIL)
    assert kinds(found) == [("Allocation", ("il_1",)), ("Allocation", ("il_2",))]
    assert len({one.origin for one in found if isinstance(one, Allocation)}) == 2


@pytest.mark.parametrize(("share", "net", "cents"), [("1", 999, 999), ("4/5", 999, 799), ("0", 999, 0), ("1/3", 2, 0)])
def test_the_credit_part_is_rounded_toward_zero(share: str, net: int, cents: int) -> None:
    assert allocation([(line(1000, net=net), plan(share=share))]).cents == cents


def test_a_coupon_of_100_percent_still_grants() -> None:
    found = allocation(line(1000, net=0))
    assert (found.credits, found.cents) == (100, 0)


class TestItsEnd:
    @pytest.mark.parametrize(
        ("paid", "ends"),
        [
            ("25 Apr 00:00", "2 Jun 00:00"),
            ("1 May 01:00", "2 Jun 00:00"),
            ("2 May 00:00", "2 Jun 00:00"),
            ("20 May 00:00", "2 Jun 00:00"),
            ("26 May 00:00", "2 Jun 00:00"),
            ("28 May 12:00", "4 Jun 12:00"),
            ("20 Jun 00:00", "27 Jun 00:00"),
        ],
        ids=["before it", "at once", "just in grace", "late", "late, the same", "example 14", "when it is over"],
    )
    def test_period_end_and_grace_or_late_grace_from_payment(self, paid: str, ends: str) -> None:
        assert allocation(line(1000, start=MAY, end=JUNE), at(paid)).months[0].expires_at == at(ends)

    def test_late_grace_is_not_given_to_who_paid_within_grace(self) -> None:
        terms = PlanTerms("basic", 100, "day", Span(seconds=86_400), Span(seconds=30 * 86_400))
        short = line(100, end=at("2 Apr 00:00"))
        assert allocation([(short, terms)], at("2 Apr 00:00")).months[0].expires_at == at("3 Apr 00:00")
        assert allocation([(short, terms)], at("2 Apr 00:01")).months[0].expires_at == at("2 May 00:01")

    def test_keep_has_no_end_however_late(self) -> None:
        assert allocation([(line(1000), plan(at_period_end="keep"))], at("1 Sep 00:00")).months[0].expires_at is None

    def test_it_begins_with_its_line_not_with_the_payment(self) -> None:
        assert allocation(line(1000), at("20 Apr 00:00")).months[0].starts_at == APRIL


class TestLongerAndShorter:
    @pytest.mark.parametrize(
        ("start", "end", "longer"),
        [
            ("1 Apr 00:00", "1 May 00:00", False),
            ("28 Feb 00:00", "31 Mar 00:00", False),
            ("1 Apr 00:00", "1 Jun 00:00", True),
            ("1 Apr 00:00", "1 Apr 2026 00:00", True),
        ],
    )
    def test_a_line_longer_than_the_plans_every_has_several_months(self, start: str, end: str, longer: bool) -> None:
        found = allocation(line(1000, start=at(start), end=at(end)))
        assert (len(found.months) > 1) is longer

    def test_a_yearly_plan_takes_a_yearly_line(self) -> None:
        yearly = line(10_000, end=at("1 Apr 2026 00:00"))
        assert allocation([(yearly, plan(1200, "year"))]).credits == 1200

    def test_a_whole_line_shorter_than_every_is_the_whole(self) -> None:
        assert allocation(line(1000, end=at("8 Apr 00:00"))).credits == 100

    def test_a_proration_stub_is_by_the_second_example_17(self) -> None:
        stub = line(342, proration=True, start=at("20 Apr 18:00"))
        found = allocation(stub, at("20 Apr 18:00"))
        assert (found.credits, found.cents, found.months[0].starts_at) == (34, 342, at("20 Apr 18:00"))
        assert (found.origin, found.months[0].expires_at) == (
            "allocation:si_1:price_basic:2025-04-20T18:00:00Z",
            at("2 May 00:00"),
        )

    @pytest.mark.parametrize(
        ("seconds", "credits"), [(30 * 86_400, 300), (30 * 86_400 - 1, 299), (8_640, 1), (17_279, 1), (17_280, 2)]
    )
    def test_seats_are_multiplied_before_it_is_rounded_down(self, seconds: int, credits: int) -> None:
        stub = line(500, proration=True, start=MAY - timedelta(seconds=seconds), quantity=3)
        assert allocation(stub).credits == credits

    def test_a_proration_of_a_whole_period_is_the_whole(self) -> None:
        assert allocation(line(1000, proration=True)).credits == 100
        assert allocation(line(1, proration=True, start=at("28 Feb 00:00"), end=at("31 Mar 00:00"))).credits == 100

    def test_a_proration_never_brings_more_than_the_whole(self) -> None:
        anchored = line(1000, proration=True, start=at("27 Feb 00:00"), end=at("30 Mar 00:00"))
        assert allocation(anchored).credits == 100

    def test_a_stub_that_comes_to_no_credits_is_money_only(self) -> None:
        second: dict[str, Any] = {"proration": True, "start": MAY - timedelta(seconds=60)}
        found = allocation(line(1, **second))
        assert (found.credits, found.cents, found.months) == (0, 1, ())
        assert decide([(line(1, net=0, **second), BASIC)], APRIL) == ()

    def test_a_line_for_no_time_waits(self) -> None:
        assert waits(line(1000, end=APRIL)).why == "no_period"
        assert waits(line(1000, end=APRIL - timedelta(1))).why == "no_period"


class TestWhatWaits:
    def test_a_trial_or_a_price_of_nothing(self) -> None:
        found = waits(line(0))
        assert (found.lines, found.why) == (("il_1",), "free")
        assert "price_basic" in found.reason
        assert "trial" in found.reason

    def test_other_lines_of_the_invoice_are_granted(self) -> None:
        found = decide([(line(0), BASIC), (line(1000, "il_2", item="si_2"), BASIC)], APRIL)
        assert kinds(found) == [("free", ("il_1",)), ("Allocation", ("il_2",))]

    def test_a_period_billed_twice(self) -> None:
        assert waits(line(1000), histories=[history(line(1000))]).why == "granted_before"

    def test_a_plans_price_outside_a_subscription(self) -> None:
        found = waits(line(1000, item=None))
        assert found.why == "no_item"
        assert "basic" in found.reason

    def test_a_discount_larger_than_the_price(self) -> None:
        assert waits(line(1000, net=-1)).why == "negative_net"

    def test_more_than_the_books_hold(self) -> None:
        most = line(1000, quantity=10**13)
        assert allocation(most).credits == 10**15
        assert waits(line(1000, quantity=10**13 + 1)).why == "too_much"
        two = [(line(10**12, "il_1"), BASIC), (line(1, "il_2"), BASIC)]
        assert waits([*two]).why == "too_much"
