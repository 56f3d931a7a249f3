"""Where the purse begins and ends: to the microsecond, to the credit, to the cent; and that it was the purse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from billing import (
    Billing,
    IdempotencyKeyReused,
    InsufficientCredits,
    Receipt,
    Refusal,
    Spend,
    UnknownUnit,
    WalletFrozen,
    WrongIsolation,
)
from billing.catalog.terms import Catalog, Policy, Unit
from billing.credits import purse as its
from billing.testing import TestBilling
from tests import purse

TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    """`c` has 100 paid credits that end in three days, and 50 that don't."""
    billing = make_billing()
    billing.customer("c")
    ends = billing.now + 3 * DAY
    billing.grant("c", 100, reason="-", key="a", expires_at=ends, paid_cents=301, currency="usd")
    billing.grant("c", 50, reason="-", key="b", paid_cents=77, currency="eur")
    return billing


@pytest.fixture
def hits() -> Iterator[purse.Hits]:
    with purse.counted() as counted:
        yield counted


def slices(receipt: Receipt) -> list[tuple[str, int]]:
    return [(bucket.rpartition("_")[2], credits) for bucket, credits in receipt.slices]


def test_up_to_the_last_credit_which_takes_the_last_cent(billing: TestBilling, hits: purse.Hits) -> None:
    assert slices(billing.spend("c", 99, key="1")) == [("1", 99)]
    hits.are(1)
    assert slices(billing.spend("c", 1, key="2")) == [("1", 1)]
    hits.are(1)
    assert [entry.cents for entry in billing.entries("c", kind="spend")] == [4, 297]
    assert slices(billing.spend("c", 1, key="3")) == [("2", 1)]
    assert slices(billing.spend("c", 1, key="4")) == [("2", 1)]
    hits.are(3)  # the spend that was decided has filled it from the second
    assert [entry.currency for entry in billing.entries("c", kind="spend")] == ["eur", "eur", "usd", "usd"]


def test_until_the_bucket_ends_and_not_after(billing: TestBilling, hits: purse.Hits) -> None:
    billing.clock.move(billing.now + 3 * DAY - TICK)
    assert slices(billing.spend("c", 5, key="1")) == [("1", 5)]
    hits.are(1)
    billing.clock.move(billing.now + TICK)
    assert slices(billing.spend("c", 5, key="2")) == [("2", 5)]
    hits.are(1)
    assert [entry.kind for entry in billing.entries("c")][:3] == ["spend", "expire", "spend"]


def test_a_clock_that_goes_back_spends_at_the_wallets_own_time(
    make_billing: Callable[..., TestBilling], billing: TestBilling, hits: purse.Hits
) -> None:
    billing.advance(by=DAY)
    late = billing.spend("c", 1, key="1").recorded_at
    behind = make_billing(start=billing.now - timedelta(hours=1))
    assert behind.spend("c", 1, key="2").recorded_at == late
    hits.are(2)


Verb = Callable[[TestBilling], object]
BETWEEN: dict[str, tuple[Verb, str]] = {
    "a bucket that pays first": (lambda b: b.grant("c", 9, reason="-", key="x", priority=1), "4"),
    "one that pays later": (lambda b: b.grant("c", 9, reason="-", key="x", priority=90), "1"),
    "one for images that pays first": (lambda b: b.grant("c", 9, reason="-", key="x", features=("image",)), "1"),
    "the first one voided": (lambda b: b.void("c", "bkt_1_1", reason="-", key="x"), "2"),
    "the first one extended": (lambda b: b.extend("c", "bkt_1_1", b.now + 9 * DAY, key="x"), "1"),
    "a hold on nearly all of it": (lambda b: b.hold("c", 95, key="x"), "1"),
    "a hold captured": (lambda b: b.hold("c", 95, key="x").capture(90), "1"),
    "an overdraft": (lambda b: b.set_wallet("c", overdraft="unlimited"), "1"),
    "thawed again": (lambda b: (b.set_wallet("c", frozen=True), b.set_wallet("c", frozen=False)), "1"),
    "its first spend reversed": (lambda b: b.reverse("c", "spend_1_3", key="x"), "1"),
    "the first one's end": (lambda b: b.advance(by=3 * DAY), "2"),
}


@pytest.mark.parametrize("what", BETWEEN)
def test_what_happens_between_two_spends_is_seen(billing: TestBilling, hits: purse.Hits, what: str) -> None:
    verb, pays = BETWEEN[what]
    before = billing.spend("c", 3, key="1")
    hits.are(1)
    verb(billing)
    wallet = billing.wallet("c")
    after = billing.spend("c", 3, key="2")
    assert slices(after)[0][0] == pays
    assert after.available == wallet.available - 3
    assert billing.spend("c", 3, key="1") == before
    assert billing.wallet("c").available == after.available


def test_a_bucket_extended_beyond_another_pays_after_it(billing: TestBilling) -> None:
    """What moves nothing may still change who pays."""
    billing.grant("c", 10, reason="-", key="d", expires_at=billing.now + 4 * DAY)
    billing.grant("c", 10, reason="-", key="e", effective_at=billing.now + DAY)  # what is due next stays the same
    assert slices(billing.spend("c", 1, key="1")) == [("1", 1)]
    billing.extend("c", "bkt_1_1", billing.now + 5 * DAY, key="x")
    assert slices(billing.spend("c", 1, key="2")) == [("3", 1)]


def test_refused_as_ever(billing: TestBilling, hits: purse.Hits) -> None:
    billing.spend("c", 3, key="1")
    with pytest.raises(IdempotencyKeyReused):
        billing.spend("c", 4, key="1")
    with pytest.raises(IdempotencyKeyReused):
        billing.spend("c", 3, key="1", member="kim")
    with pytest.raises(IdempotencyKeyReused):
        billing.spend("c", 3, key="a")  # a grant's key
    with pytest.raises(InsufficientCredits) as lacking:
        billing.spend("c", 148, key="2")
    assert (lacking.value.required, lacking.value.available) == (148, 147)
    billing.set_wallet("c", frozen=True)
    with pytest.raises(WalletFrozen):
        billing.spend("c", 1, key="3")
    assert billing.spend("c", 3, key="1").replayed
    hits.are(1)


def test_all_that_a_request_may_carry(billing: TestBilling, hits: purse.Hits) -> None:
    metadata = {"job": "1", "ünïcode": ["a", {"b": None}], "price": 1.5, "%s": "%(x)s"}
    more: dict[str, Any] = {"feature": "image", "member": "kim", "description": "", "metadata": metadata}
    receipt = billing.spend("c", 1, key="ключ", **more)
    hits.are(1)
    (entry,) = billing.entries("c", kind="spend")
    assert (entry.key, entry.feature, entry.member, entry.description) == ("ключ", "image", "kim", "")
    assert entry.details == metadata
    assert billing.spend("c", 1, key="ключ", **more) == receipt
    billing.spend("c", 1, key="k2", metadata={})
    assert billing.entries("c", kind="spend")[0].details is None


def test_as_much_as_there_may_be(make_billing: Callable[..., TestBilling], hits: purse.Hits) -> None:
    """Twelve digits of cents times sixteen of credits: exact, and the same in a batch."""
    billing = make_billing()
    for name in ("one", "many", "without"):
        billing.customer(name)
        billing.grant(name, 10**15, reason="-", key="g", paid_cents=10**12 - 7, currency="usd")
    amounts = [
        59_441_224_216_416,
        64_418_500_792_451,
        1,
        38_999_157_648_273,
        14_570_304_422_102,
        10**14,
    ]  # not in floats
    for number, credits in enumerate(amounts):
        billing.spend("one", credits, key=f"k{number}")
        billing.spend_many([Spend("many", credits, f"k{number}"), Spend("nobody", 1, "x")])
        with purse.taken_out():
            billing.spend("without", credits, key=f"k{number}")
    cents = {name: [entry.cents for entry in billing.entries(name)] for name in ("one", "many", "without")}
    assert cents["one"] == cents["many"] == cents["without"]
    hits.are(2 * len(amounts))


def test_another_catalog_fills_it_anew(make_billing: Callable[..., TestBilling], hits: purse.Hits) -> None:
    """Two processes whose catalogs differ: each spends by its own order."""
    first_in = make_billing(catalog=Catalog(policy=Policy(burn_down=("granted_at", "id"))))
    by_priority = make_billing(catalog=Catalog(policy=Policy(burn_down=("priority", "id"))))
    first_in.customer("c")
    first_in.grant("c", 10, reason="-", key="old")
    first_in.grant("c", 10, reason="-", key="new", priority=1)
    paid: list[str] = []
    for number in range(3):
        for billing in (first_in, first_in, by_priority, by_priority):
            paid.append(slices(billing.spend("c", 1, key=f"k{len(paid)}"))[0][0])
        assert paid[-4:] == ["1", "1", "2", "2"], number
    hits.are(7)  # of each pair the second; the first of all found what the grants had filled


def test_a_unit_that_is_sold_no_more(make_billing: Callable[..., TestBilling], hits: purse.Hits) -> None:
    with_it = make_billing(catalog=Catalog(units={"credits": Unit("credits"), "tokens": Unit("tokens")}))
    with_it.customer("c")
    with_it.grant("c", 10, reason="-", key="g", unit="tokens")
    without = make_billing(catalog=Catalog())
    with pytest.raises(UnknownUnit):
        without.spend("c", 1, key="1", unit="tokens")
    assert isinstance(without.spend_many([Spend("c", 1, "2", "tokens"), Spend("c", 1, "3")])[0], UnknownUnit)
    assert with_it.spend("c", 1, key="4", unit="tokens").available == 9
    hits.are(1)


def test_in_transactions_of_ours_and_of_a_host(billing: TestBilling, hits: purse.Hits) -> None:
    with billing.transaction() as tx:
        assert tx.spend("c", 2, key="1").available == 148
        tx.grant("c", 10, reason="-", key="g", priority=1)
        assert slices(tx.spend("c", 2, key="2")) == [("4", 2)]
        assert tx.spend("c", 2, key="2").replayed
    with Session(billing.database.engine) as session:
        within = billing.within(session)
        assert slices(within.spend("c", 2, key="3")) == [("4", 2)]
        assert within.wallet("c").available == 154
        session.rollback()
        assert within.spend("c", 1, key="3").available == 155
        savepoint = session.begin_nested()
        within.spend("c", 1, key="4")
        savepoint.rollback()
        session.commit()
    assert billing.wallet("c").available == 155
    hits.are(5)


@pytest.mark.database("postgresql")
def test_a_host_at_another_isolation_is_refused(billing: TestBilling, hits: purse.Hits) -> None:
    engine = billing.database.engine.execution_options(isolation_level="REPEATABLE READ")
    with Session(engine) as session, pytest.raises(WrongIsolation):
        billing.within(session)
    with Session(billing.database.engine) as session:
        within = billing.within(session)
        within.spend("c", 1, key="1")
        session.commit()
        session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
        with pytest.raises(WrongIsolation):
            within.spend("c", 1, key="2")
    hits.are(1)


def test_a_batch_is_judged_as_one_by_one(billing: TestBilling, hits: purse.Hits) -> None:
    for name in ("d", "e"):
        billing.customer(name)
        billing.grant(name, 10, reason="-", key="g")
    given = billing.spend("e", 1, key="known")
    batch = [
        Spend("c", 4, "1"), Spend("d", 9, "1"), Spend("nobody", 1, "1"), Spend("e", 1, "known"), Spend("c", 4, "1"),
        Spend("c", 0, "2"), Spend("c", 200, "3"),
    ]  # fmt: skip
    hits.count = 0
    answers = billing.spend_many(batch)
    hits.are(1)  # d's: c has several requests, e's was made before
    codes = [answer.code if isinstance(answer, Refusal) else answer.available for answer in answers]
    assert codes == [146, 1, "unknown_customer", 9, 146, "invalid", "insufficient_credits"]
    assert answers[3] == given
    again = billing.spend_many(batch)
    assert [a for a in again if isinstance(a, Receipt)] == [a for a in answers if isinstance(a, Receipt)]
    hits.are(1)


@pytest.mark.database("postgresql")
def test_a_wallet_that_it_does_not_pay_is_not_locked_by_it(billing: TestBilling, database_url: str) -> None:
    """What is not written needs no commit to be waited for."""
    other = Billing(database_url, clock=billing.clock)
    with other.database.at_once() as at_once:
        assert at_once is not None
        with at_once.cursor.connection.transaction():
            asked = (billing.now, its.policy_of(billing.catalog), Spend("c", 100, "1"), "x")
            assert its.spend(at_once.cursor, *asked) is None
            written = at_once.cursor.execute("SELECT pg_current_xact_id_if_assigned()").fetchone()
    other.close()
    assert written == (None,)
