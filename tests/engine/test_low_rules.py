"""Running low: every rule of it as a row, through the public face."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from billing.base.outbox import outbox
from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.low_told import CATALOG, grant, hearing, low, spend

pytestmark = pytest.mark.quick_on("sqlite")

DAY = timedelta(days=1)
Make = Callable[..., TestBilling]


@pytest.fixture
def billing(make_billing: Make) -> TestBilling:
    billing = make_billing(catalog=parse(CATALOG))
    billing.customer("c")
    return billing


@pytest.fixture
def heard() -> Iterator[list[str]]:
    with hearing() as told:
        yield told


def landing_exactly(b: TestBilling) -> None:
    low(b, 500, 0)
    grant(b, 1000)
    spend(b, 499, 1, 499, 1)


def one_notice_carries_all(b: TestBilling) -> None:
    low(b, 500, 900, 0)
    grant(b, 1000)
    grant(b, 10, "behind it")
    spend(b, 600)


def none_are_told(b: TestBilling) -> None:
    low(b)
    grant(b, 1000)
    spend(b, 1000)


def a_share_of_the_allocation(b: TestBilling) -> None:
    b.customer("c", plan="free")
    spend(b, 799, 1, 199, 1)


def more_credits_are_no_allocation(b: TestBilling) -> None:
    b.customer("c", plan="free")
    grant(b, 9000)
    spend(b, 9799, 1)


def no_share_without_an_allocation(b: TestBilling) -> None:
    grant(b, 1000)
    spend(b, 999, 1)


def a_plan_has_its_own(b: TestBilling) -> None:
    b.customer("c", plan="large")
    spend(b, 1999, 1, 2000)


def a_wallets_own_come_first(b: TestBilling) -> None:
    b.customer("c", plan="large")
    low(b, "10%")
    spend(b, 3599, 1, 400)


def a_plans_again(b: TestBilling) -> None:
    b.customer("c", plan="large")
    low(b, "10%")
    b.set_wallet("c", low_balance=None)
    spend(b, 2000)


def armed_by_a_grant(b: TestBilling) -> None:
    low(b, 500)
    grant(b, 1000)
    spend(b, 600)
    grant(b, 100, "makes it 500: not above")
    spend(b, 1)
    grant(b, 2, "makes it 501")
    spend(b, 1)


def armed_by_the_next_period(b: TestBilling) -> None:
    b.customer("c", plan="strict")
    spend(b, 900)
    b.advance(by=31 * DAY)
    spend(b, 900)


def the_end_of_a_period_is_no_crossing(b: TestBilling) -> None:
    """At one instant the old credits end and the new ones come: nobody was without any."""
    b.customer("c", plan="strict")
    spend(b, 1)
    b.advance(by=100 * DAY)


def not_armed_by_a_hold(b: TestBilling) -> None:
    low(b, 500)
    grant(b, 1000)
    for number in range(3):
        b.hold("c", 600, key=f"h{number}").release()


def not_armed_by_a_capture_of_less(b: TestBilling) -> None:
    low(b, 500)
    grant(b, 1000)
    for number in range(3):
        b.hold("c", 600, key=f"h{number}").capture(1)


def not_armed_by_a_hold_that_lapses(b: TestBilling) -> None:
    low(b, 500)
    grant(b, 1000)
    for number in range(3):
        b.hold("c", 600, key=f"h{number}", expires_in=60)
        b.advance(by=DAY)


def not_armed_by_a_reversal(b: TestBilling) -> None:
    low(b, 500)
    grant(b, 1000)
    for number in range(3):
        receipt = b.spend("c", 600, key=f"s{number}")
        b.reverse("c", receipt.id, key=f"r{number}")


def a_lower_one_is_still_told(b: TestBilling) -> None:
    low(b, 500, 100)
    grant(b, 1000)
    b.hold("c", 600, key="h").release()
    spend(b, 900)


def by_what_ends(b: TestBilling) -> None:
    grant(b, 1000, expires_at=b.now + DAY)
    b.advance(by=9 * DAY)


def by_a_void(b: TestBilling) -> None:
    low(b, 500)
    b.void("c", grant(b, 1000), reason="-", key="v")


def by_a_hold(b: TestBilling) -> None:
    low(b, 500)
    grant(b, 1000)
    b.hold("c", 500, key="h").capture()


def by_part_of_a_batch(b: TestBilling) -> None:
    from billing import Spend

    low(b, 900, 800, 700)
    grant(b, 1000)
    b.spend_many([Spend("c", 100, "1"), Spend("c", 200, "2"), Spend("c", 2000, "3"), Spend("c", 5, "4")])


def armed_by_credits_that_begin(b: TestBilling) -> None:
    low(b, 500)
    grant(b, 600)
    spend(b, 600)
    grant(b, 600, "later", effective_at=b.now + DAY)
    b.advance(by=DAY)
    spend(b, 100)


def overdraft_is_below_all(b: TestBilling) -> None:
    b.set_wallet("c", overdraft="unlimited")
    grant(b, 100)
    spend(b, 150, 50)
    grant(b, 250, "repays first")
    spend(b, 150)


def scoped_credits_do_not_count(b: TestBilling) -> None:
    grant(b, 100)
    grant(b, 100, "for images", features=("image",))
    b.spend("c", 50, key="i", feature="image")
    spend(b, 100)


def who_never_had_any_is_not_told(b: TestBilling) -> None:
    low(b, 500, 0)
    grant(b, 100, features=("image",))
    b.spend("c", 100, key="i", feature="image")


def who_had_less_is_not_told(b: TestBilling) -> None:
    low(b, 500, 50)
    grant(b, 100)
    spend(b, 1, 49)


def below_at_once(b: TestBilling) -> None:
    """What is set above the balance is told of with it, but not to somebody who was told before."""
    grant(b, 1000)
    low(b, 1500)
    low(b, 1200)
    low(b, 2000)
    spend(b, 500)


RULES: dict[Callable[[TestBilling], None], list[str]] = {
    landing_exactly: ["low 500=500 at 500", "exhausted 0=0 at 0"],
    one_notice_carries_all: ["low 900=900 500=500 at 410"],
    none_are_told: [],
    a_share_of_the_allocation: ["low 20%=200 at 200", "exhausted 0=0 at 0"],
    more_credits_are_no_allocation: ["low 20%=200 at 200"],
    no_share_without_an_allocation: ["exhausted 0=0 at 0"],
    a_plan_has_its_own: ["low 50%=2000 at 2000"],
    a_wallets_own_come_first: ["low 10%=400 at 400"],
    a_plans_again: ["low 50%=2000 at 2000"],
    armed_by_a_grant: ["low 500=500 at 400", "low 500=500 at 500"],
    armed_by_the_next_period: ["low 20%=200 at 100", "low 20%=200 at 100"],
    the_end_of_a_period_is_no_crossing: [],
    not_armed_by_a_hold: ["low 500=500 at 400"],
    not_armed_by_a_capture_of_less: ["low 500=500 at 400"],
    not_armed_by_a_hold_that_lapses: ["low 500=500 at 400"],
    not_armed_by_a_reversal: ["low 500=500 at 400"],
    a_lower_one_is_still_told: ["low 500=500 at 400", "low 100=100 at 100"],
    by_what_ends: ["exhausted 0=0 at 0"],
    by_a_void: ["low 500=500 at 0"],
    by_a_hold: ["low 500=500 at 500"],
    by_part_of_a_batch: ["low 900=900 at 900", "low 800=800 700=700 at 700"],
    armed_by_credits_that_begin: ["low 500=500 at 0", "low 500=500 at 500"],
    overdraft_is_below_all: ["exhausted 0=0 at 0", "exhausted 0=0 at 0"],
    scoped_credits_do_not_count: ["exhausted 0=0 at 0"],
    who_never_had_any_is_not_told: [],
    who_had_less_is_not_told: ["low 50=50 at 50"],
    below_at_once: ["low 1500=1500 at 1000"],
}


@pytest.mark.parametrize("what", RULES, ids=lambda what: what.__name__)
def test_who_is_told(billing: TestBilling, heard: list[str], what: Callable[[TestBilling], None]) -> None:
    what(billing)
    assert heard == RULES[what]
    with billing.database.engine.connect() as connection:
        query = sa.select(outbox.c.type).where(outbox.c.type.in_(("credits.low", "credits.exhausted")))
        assert len(connection.execute(query).all()) == len(heard)
    billing.advance(by=DAY / 24)
    while billing.warn_low():  # the sweep finds nobody who was not told
        pass
    assert heard == RULES[what]
