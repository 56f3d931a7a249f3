"""Running low: what is told, who is found by the sweep, what is set, and when an auto top-up is due."""

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
