from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing.rules.periods import Span
from billing.rules.sale.allocation import decide
from billing.rules.sale.values import Allocation, PlanTerms, Sold, Waiting
from tests.rules.sale.selling import APRIL, BASIC, JUNE, MAY, SMALL, allocation, at, kinds, line, plan, waits


def test_a_paid_line_is_its_plans_credits_for_its_period() -> None:
    assert decide([(line(1000), BASIC)], at("1 Apr 01:00")) == (
        Allocation(
            origin="allocation:si_1:price_basic:2025-04-01T00:00:00Z",
            plan="basic",
            unit="credits",
            credits=100,
            cents=1000,
            currency="usd",
            effective_at=APRIL,
            expires_at=at("2 May 00:00"),
            period_start=APRIL,
            period_end=MAY,
            quantity=1,
            subscription="sub_1",
            item="si_1",
            price="price_basic",
            lines=("il_1",),
            paid_at=at("1 Apr 01:00"),
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
        assert allocation(line(1000, start=MAY, end=JUNE), at(paid)).expires_at == at(ends)

    def test_late_grace_is_not_given_to_who_paid_within_grace(self) -> None:
        terms = PlanTerms("basic", 100, "day", Span(seconds=86_400), Span(seconds=30 * 86_400))
        short = line(100, end=at("2 Apr 00:00"))
        assert allocation([(short, terms)], at("2 Apr 00:00")).expires_at == at("3 Apr 00:00")
        assert allocation([(short, terms)], at("2 Apr 00:01")).expires_at == at("2 May 00:01")

    def test_keep_has_no_end_however_late(self) -> None:
        assert allocation([(line(1000), plan(at_period_end="keep"))], at("1 Sep 00:00")).expires_at is None

    def test_it_begins_with_its_line_not_with_the_payment(self) -> None:
        assert allocation(line(1000), at("20 Apr 00:00")).effective_at == APRIL


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
    def test_a_line_longer_than_the_plans_every_waits(self, start: str, end: str, longer: bool) -> None:
        (found,) = decide([(line(1000, start=at(start), end=at(end)), BASIC)], APRIL)
        assert (isinstance(found, Waiting) and found.why == "longer") is longer

    def test_a_yearly_plan_takes_a_yearly_line(self) -> None:
        yearly = line(10_000, end=at("1 Apr 2026 00:00"))
        assert allocation([(yearly, plan(1200, "year"))]).credits == 1200

    def test_a_whole_line_shorter_than_every_is_the_whole(self) -> None:
        assert allocation(line(1000, end=at("8 Apr 00:00"))).credits == 100

    def test_a_proration_stub_is_by_the_second_example_17(self) -> None:
        stub = line(342, proration=True, start=at("20 Apr 18:00"))
        found = allocation(stub, at("20 Apr 18:00"))
        assert (found.credits, found.cents, found.effective_at) == (34, 342, at("20 Apr 18:00"))
        assert (found.origin, found.expires_at) == (
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

    def test_a_stub_that_comes_to_no_credits(self) -> None:
        second: dict[str, Any] = {"proration": True, "start": MAY - timedelta(seconds=60)}
        assert waits(line(1, **second)).why == "no_credits"
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

    def test_a_change_that_the_renewal_carries_along(self) -> None:
        switch: list[Sold] = [
            (line(-667, "il_1", proration=True, start=at("11 Apr 00:00")), BASIC),
            (line(1333, "il_2", proration=True, price="price_pro", start=at("11 Apr 00:00")), BASIC),
            (line(2000, "il_3", price="price_pro", start=MAY, end=JUNE), BASIC),
            (line(1000, "il_4", item="si_2"), BASIC),
        ]
        assert kinds(decide(switch, APRIL)) == [
            ("change", ("il_1",)),
            ("change", ("il_2",)),
            ("Allocation", ("il_3",)),
            ("Allocation", ("il_4",)),
        ]

    def test_one_item_in_place_of_another(self) -> None:
        """The old item is deleted and a new one added: what is paid for the new one is a change, too."""
        switch: list[Sold] = [
            (line(-667, "il_1", proration=True, start=at("11 Apr 00:00")), BASIC),
            (line(1333, "il_2", item="si_new", proration=True, price="price_pro", start=at("11 Apr 00:00")), BASIC),
            (line(2000, "il_3", item="si_new", price="price_pro", start=at("11 Apr 00:00"), end=JUNE), BASIC),
        ]
        assert [why for why, _ in kinds(decide(switch, APRIL))] == ["change", "change", "change"]

    def test_a_line_is_negative_before_discount(self) -> None:
        """Example 28: a switch under a coupon of 100 %."""
        switch: list[Sold] = [
            (line(-667, "il_1", net=0, proration=True), BASIC),
            (line(1333, "il_2", net=0, proration=True, price="price_pro"), BASIC),
        ]
        assert [why for why, _ in kinds(decide(switch, APRIL))] == ["change", "change"]

    @pytest.mark.parametrize("owner", [None, SMALL])
    def test_a_change_away_from_a_price_that_is_no_plans(self, owner: Any) -> None:
        switch: list[Sold] = [
            (line(-667, "il_1", price="price_old", proration=True), owner),
            (line(1333, "il_2"), BASIC),
        ]
        assert ("change", ("il_2",)) in kinds(decide(switch, APRIL))

    def test_a_proration_that_ends_with_a_period_granted_before(self) -> None:
        more = line(333, proration=True, start=at("21 Apr 00:00"))
        assert waits(more, allocated={("si_1", MAY)}).why == "change"
        assert allocation(more, allocated={("si_1", JUNE), ("si_2", MAY)}).credits == 33

    def test_or_granted_on_the_same_invoice_whichever_stands_first(self) -> None:
        more, whole = line(333, "il_2", proration=True, start=at("21 Apr 00:00")), line(1000)
        for lines in ([(more, BASIC), (whole, BASIC)], [(whole, BASIC), (more, BASIC)]):
            assert set(kinds(decide(lines, APRIL))) == {("Allocation", ("il_1",)), ("change", ("il_2",))}

    def test_or_by_a_line_of_it_that_was_claimed(self) -> None:
        more = line(333, "il_2", proration=True, start=at("21 Apr 00:00"))
        assert waits([(line(1000), BASIC), (more, BASIC)], claimed={"il_1"}).why == "change"

    def test_of_two_stubs_that_end_together_the_later_one(self) -> None:
        early = line(600, "il_1", proration=True, start=at("10 Apr 00:00"))
        late = line(300, "il_2", proration=True, start=at("20 Apr 00:00"))
        assert kinds(decide([(late, BASIC), (early, BASIC)], APRIL)) == [
            ("change", ("il_2",)),
            ("Allocation", ("il_1",)),
        ]

    def test_a_period_billed_twice(self) -> None:
        assert waits(line(1000), allocated={("si_1", MAY)}).why == "granted_before"

    def test_a_plans_price_outside_a_subscription(self) -> None:
        found = waits(line(1000, item=None))
        assert found.why == "no_item"
        assert "basic" in found.reason

    def test_a_discount_larger_than_the_price(self) -> None:
        assert waits(line(1000, net=-1)).why == "negative_net"

    def test_money_for_no_credits(self) -> None:
        assert waits(line(1000, quantity=0)).why == "no_credits"

    def test_more_than_the_books_hold(self) -> None:
        most = line(1000, quantity=10**13)
        assert allocation(most).credits == 10**15
        assert waits(line(1000, quantity=10**13 + 1)).why == "too_much"
        two = [(line(10**12, "il_1"), BASIC), (line(1, "il_2"), BASIC)]
        assert waits([*two]).why == "too_much"
