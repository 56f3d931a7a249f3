"""The same steps with the purse and without: every answer, entry, cent, figure and fact is the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import Billing, signals
from billing.base.outbox import outbox
from billing.credits.tables import bucket_ends, buckets, entries, holds, wallet_terms, wallets
from billing.testing import open_billing
from tests import purse
from tests.stories.engine_player import EnginePlayer
from tests.stories.examples import EXAMPLES
from tests.stories.story import Story, moment

from .engine_side import EngineSide, SetClock
from .outcomes import Outcome
from .steps import DRAWS, LIVES, START, Call, Drawn, features, lives
from .test_time import absolute

FEW = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
MANY = settings(FEW, max_examples=80 * LIVES)
_customers = count(1)

LARGE: dict[str, st.SearchStrategy[dict[str, object]]] = {
    **DRAWS,
    "grant": DRAWS["grant"].flatmap(
        lambda drawn: st.one_of(
            st.just(drawn),
            st.just({**drawn, "credits": 10**14, "cents": 10**12 - 7 if drawn["cents"] else 0}),
        )
    ),
    "spend": st.one_of(
        DRAWS["spend"],
        st.fixed_dictionaries({"credits": st.integers(1, 4), "feature": features}),
        st.fixed_dictionaries({"credits": st.just(10**13 + 3), "feature": features}),
    ),
}
"""Lives with little in them, of which little is spent, and with as much as there may be."""

BEGUN = Drawn(
    "grant", {"credits": 97, "begins": None, "ends": timedelta(days=9), "priority": 50, "features": (), "cents": 301}
)
steps = lives(LARGE, ["grant", *["spend"] * 12], most=30, least=15).map(lambda drawn: [BEGUN, *drawn])


def rows(billing: Billing, customer: str) -> dict[str, list[dict[str, Any]]]:
    """All that the database says of a customer's wallets, but for whose they are, and the purse as it stands."""
    found: dict[str, list[dict[str, Any]]] = {}
    with billing.database.engine.connect() as connection:
        its = sa.select(wallets).where(wallets.c.customer_id == customer).order_by(wallets.c.id)
        its_wallets = [dict(row._mapping) for row in connection.execute(its)]
        ids = [wallet["id"] for wallet in its_wallets]
        for table in (entries, buckets, holds, bucket_ends, wallet_terms):
            query = sa.select(table).where(table.c.wallet_id.in_(ids)).order_by(table.c.wallet_id, table.c.number)
            found[table.name] = [dict(row._mapping) for row in connection.execute(query)]
        its_facts = sa.select(outbox.c.type, outbox.c.facts).where(outbox.c.customer_id == customer)
        told = [{"type": row.type, **row.facts, "customer": ""} for row in connection.execute(its_facts)]
    for wallet in its_wallets:
        for bucket in found[buckets.name]:
            if (bucket["wallet_id"], bucket["number"]) == (wallet["id"], wallet["purse_bucket"]):
                bucket["free"] += wallet["purse_credits"]
                bucket["cents"] += wallet["purse_cents"]
    found[wallets.name] = its_wallets
    own = {str(id): f"wallet {place}" for place, id in enumerate(ids)}
    rows = {table: [_told(row, own) for row in of_table] for table, of_table in found.items()}
    return rows | {outbox.name: sorted(told, key=repr)}


def _told(row: dict[str, Any], own: dict[str, str]) -> dict[str, Any]:
    told = {name: value for name, value in row.items() if not name.startswith("purse_")}
    for name in ("wallet_id", "id", "customer_id", "created_at"):
        told.pop(name, None)
    if told.get("key"):
        told["key"] = _named(told["key"], own)
    if told.get("details"):
        told["details"] = {name: _named(value, own) for name, value in told["details"].items()}
        if set(told["details"]) & {"spend", "hold"}:
            told["request"] = "of that spend or hold"
    return told


def _named(text: str, own: dict[str, str]) -> str:
    """Ids of spends and holds begin with the wallet's."""
    return re.sub(r"(?<=_)([0-9]+)(?=_)", lambda wallet: own.get(wallet[1], wallet[1]), text)


@contextmanager
def heard() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What is told, but for whom it is about."""
    facts: list[tuple[str, dict[str, Any]]] = []

    def listener(name: str) -> Callable[..., None]:
        return lambda _sender, **fact: facts.append((name, {**fact, "customer": ""}))

    names = ("credits.spent", "credits.granted", "credits.expired", "credits.low", "credits.exhausted")
    listeners = {name: listener(name) for name in names}
    for name, listen in listeners.items():
        signals._namespace.signal(name).connect(listen)
    try:
        yield facts
    finally:
        for name, listen in listeners.items():
            signals._namespace.signal(name).disconnect(listen)


def play(billing: Billing, clock: SetClock, calls: list[Call]) -> tuple[list[object], dict[str, Any], list[Any]]:
    """Each answer twice (once as a replay), what is shown after it, all rows at the end, all facts."""
    seen: list[object] = []
    with heard() as facts:
        side = EngineSide(billing, clock, f"purse_{next(_customers)}", START)
        warn(billing, side.customer)
        for call in calls:
            outcome: Outcome | None = None
            if call.verb == "clock":
                side.clock(call.arguments["to"])  # type: ignore[arg-type]
            else:
                outcome = side.call(call.verb, call.arguments)
                side.again()
            seen.append(outcome)
            if call.verb == "clock" or call is calls[-1]:
                seen.append(side.shown())
    return seen, rows(billing, side.customer), facts


LOWS = [3, 10**14 - 11, 60, 88, 0, 25]
"""Many thresholds: some among the few credits of most lives, one that the large spends of the others pass."""


def warn(billing: Billing, customer: str) -> None:
    """Many are to be told of this wallet's credits, and an auto top-up waits for it."""
    billing.set_wallet(customer, low_balance=LOWS)
    with billing.database.write() as tx:
        its = sa.update(wallets).where(wallets.c.customer_id == customer)
        tx.connection.execute(its.values(auto_topup={"threshold": 41}))


def compare(url: str, with_settings: settings, hits_at_least: int) -> None:
    clock = SetClock(START)
    with closing(Billing(url, clock=clock)) as billing:
        with purse.counted() as hits:

            @with_settings
            @given(steps)
            def two_lives(drawn: list[Drawn]) -> None:
                calls, _ = absolute(drawn)
                seen, stand, told = play(billing, clock, calls)
                with purse.taken_out():
                    assert play(billing, clock, calls) == (seen, stand, told)

            two_lives()
        if purse.WANTED:
            assert hits.count >= hits_at_least, "nothing was compared"
        clock.at = START.replace(year=2100)
        assert billing.audit() == []


@pytest.mark.database("postgresql")  # the long one runs on both
def test_a_life_is_the_same_without_the_purse(database_url: str) -> None:
    compare(database_url, FEW, 3)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_life_is_the_same_without_the_purse_for_long(database_url: str) -> None:
    compare(database_url, MANY, 100 * LIVES)


@pytest.mark.slow
def test_every_worked_example_is_the_same_without_the_purse(database_url: str) -> None:
    for example in EXAMPLES:
        stands = told(database_url, example, "with")
        with purse.taken_out():
            assert told(database_url, example, "without") == stands, example.__name__


def told(url: str, example: Callable[[Story], None], how: str) -> dict[str, list[dict[str, Any]]]:
    engine = open_billing(url, start=moment("1 Jan 2025 00:00"), migrate=False)
    customer = f"{example.__name__}_{how}"
    example(Story(EnginePlayer(engine, customer)))
    stands = rows(engine, customer)
    engine.close()
    return stands
