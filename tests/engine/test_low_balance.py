"""Running low: every rule of it as a row, through the public face, and who is told of what is set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from billing import Invalid
from billing.base.outbox import outbox
from billing.catalog.loading import parse
from billing.credits.tables import wallets
from billing.steps import STEPS
from billing.testing import TestBilling
from tests.low_told import hearing

pytestmark = pytest.mark.quick_on("sqlite")

DAY = timedelta(days=1)
CATALOG = """
[plans.free]
name = "Free"
credits = 1000

[plans.large]
name = "Large"
credits = 4000
low_balance = ["50%"]

[plans.strict]
name = "Strict"
credits = 1000
grace = "0 seconds"
"""
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


def grant(billing: TestBilling, credits: int, key: str = "g", **more: Any) -> str:
    return billing.grant("c", credits, reason="-", key=key, **more).id


def spend(billing: TestBilling, *amounts: int) -> None:
    for credits in amounts:
        billing.spend("c", credits, key=f"spend {len(billing.entries('c'))} of {credits}")


def low(billing: TestBilling, *thresholds: Any) -> None:
    billing.set_wallet("c", low_balance=list(thresholds))


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


def facts(billing: TestBilling, name: str) -> list[dict[str, Any]]:
    with billing.database.engine.connect() as connection:
        return list(connection.execute(sa.select(outbox.c.facts).where(outbox.c.type == name)).scalars())


def test_what_is_told(billing: TestBilling) -> None:
    billing.customer("c", plan="free")
    receipt = billing.spend("c", 850, key="s")
    (fact,) = facts(billing, "credits.low")
    assert fact == {
        "customer": "c", "unit": "credits", "available": 150, "owed": 0, "allocation": 1000,
        "thresholds": [{"setting": "20%", "credits": 200}], "effective_at": "2025-01-01T00:00:00Z",
        "cause": f"spend:{receipt.id.rpartition('_')[2]}",
    }  # fmt: skip


def test_told_late_it_is_dated_as_it_happened(billing: TestBilling) -> None:
    """Three days nobody wrote anything down; each crossing has its own instant, and is told of once."""
    low(billing, 1000, 500, 0)
    ends = [billing.now + days * DAY for days in (1, 2, 3)]
    for number, end in enumerate(ends):
        grant(billing, 500, f"g{number}", expires_at=end)
    billing.clock.move(billing.now + 9 * DAY)
    billing.spend_many([])
    with pytest.raises(Exception, match="credits"):
        billing.spend("c", 1, key="s")
    billing.advance(by=DAY)
    told = facts(billing, "credits.low") + facts(billing, "credits.exhausted")
    assert sorted(fact["effective_at"][:10] for fact in told) == [f"{end:%Y-%m-%d}" for end in ends]
    assert {fact["cause"] for fact in told} == {"end:1", "end:2", "end:3"}


def test_a_threshold_raised_in_the_catalog_is_told_of_by_the_sweep(make_billing: Make, heard: list[str]) -> None:
    before = make_billing(catalog=parse("policy.low_balance = [100]"))
    for number in range(7):
        before.customer(f"c{number}")
        before.grant(f"c{number}", 400 + number, reason="-", key="g")
    before.spend("c0", 350, key="told of 100")
    before.set_wallet("c1", low_balance=[1])
    before.spend("c2", 402, key="s")
    before.customer("empty")
    before.wallet("empty")
    del heard[:]
    after = make_billing(catalog=parse("policy.low_balance = [100, 404]"))
    calls = 1
    while after.warn_low(limit=2, window=3):
        calls += 1
    assert heard == ["low 404=404 at 403", "low 404=404 at 404"]  # c3 and c4
    assert calls > 2
    assert not STEPS["warn_low"](after)
    assert len(heard) == 2
    after.spend("c3", 303, key="s")
    assert heard[2:] == ["low 100=100 at 100"]
    assert [fact["cause"] for fact in facts(after, "credits.low") if fact["customer"] == "c4"] == ["settings"]


def test_between_the_catalog_and_the_sweep_the_next_spend_tells(make_billing: Make, heard: list[str]) -> None:
    before = make_billing(catalog=parse("policy.low_balance = [100]"))
    before.customer("c")
    grant(before, 400)
    spend(before, 1)
    after = make_billing(catalog=parse("policy.low_balance = [390]"))
    grant(after, 1, "still below")
    grant(after, 1, "still")
    assert heard == []
    spend(after, 50)
    assert heard == ["low 390=390 at 351"]


def test_settings_are_shown_and_checked(billing: TestBilling) -> None:
    assert billing.wallet("c").low_balance == ("20%", 0)
    billing.customer("c", plan="large")
    assert billing.wallet("c").low_balance == ("50%",)
    assert billing.set_wallet("c", low_balance=[10, "12.50%"]).low_balance == (10, "12.5%")
    assert billing.set_wallet("c", frozen=True).low_balance == (10, "12.5%")
    assert billing.set_wallet("c", frozen=False, low_balance=[]).low_balance == ()
    with pytest.raises(Invalid) as wrong:
        billing.set_wallet("c", low_balance=["120%"])
    assert "low_balance" in str(wrong.value.explain())
    assert billing.set_wallet("c", low_balance=None).low_balance == ("50%",)


def test_an_auto_topup_is_due_from_the_balance_that_calls_for_it(billing: TestBilling) -> None:
    """Exactly then, though a purse pays most spends; and no longer once there is more."""
    grant(billing, 1000)
    with billing.database.write() as tx:
        tx.connection.execute(sa.update(wallets).values(auto_topup={"threshold": 600}))
    low(billing, 0)  # whoever writes the wallet looks

    def due() -> Any:
        with billing.database.read() as tx:
            return tx.connection.execute(sa.select(wallets.c.topup_due_at)).scalar_one()

    spend(billing, 100, 299)
    assert due() is None
    billing.advance(by=DAY)
    spend(billing, 1)
    since = billing.now
    assert due() == since
    billing.advance(by=DAY)
    spend(billing, 1, 1)
    assert due() == since
    grant(billing, 3, "more")
    assert due() is None


def test_each_spend_is_told_where_the_catalog_says_so(make_billing: Make) -> None:
    billing = make_billing(catalog=parse("policy.spent_events = true"))
    billing.customer("c")
    grant(billing, 100)
    spend(billing, 1, 2)
    told = facts(billing, "credits.spent")
    assert sorted((fact["credits"], fact["available"]) for fact in told) == [(1, 99), (2, 97)]
    quiet = make_billing()
    spend(quiet, 3, 4)
    assert len(facts(quiet, "credits.spent")) == 2
    spend(billing, 5)  # what lay in a purse is not spent from unheard
    assert len(facts(billing, "credits.spent")) == 3


@pytest.mark.breaks_books
def test_a_wallet_whose_books_are_broken_stops_no_other(make_billing: Make, heard: list[str]) -> None:
    before = make_billing(catalog=parse("policy.low_balance = [1]"))
    for name in ("a", "broken", "z"):
        before.customer(name)
        before.grant(name, 100, reason="-", key="g")
    after = make_billing(catalog=parse("policy.low_balance = [200]"))
    with after.database.write() as tx:
        tx.connection.execute(sa.update(wallets).where(wallets.c.customer_id == "broken").values(overdraft="nonsense"))
    assert not after.warn_low()
    assert heard == ["low 200=200 at 100"] * 2
