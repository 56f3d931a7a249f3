"""Everything at once: twins, the same event, a session beside its invoice. And an end at any statement."""

from __future__ import annotations

import multiprocessing
import threading
from typing import Any

import pytest

from billing import Billing, Busy
from tests.concurrency.crashes import DIED, StandingStill, die_at
from tests.sales.paid import APRIL, CATALOG, Json, body, event, invoice, line, session
from tests.stories.books import all_entries

pytestmark = pytest.mark.quick_on("postgresql")

WORKERS = 8


def open_engine(url: str) -> Billing:
    return Billing(url, catalog=CATALOG, clock=StandingStill(APRIL))


def all_at_once(url: str, told: list[Json]) -> list[str]:
    """Each from a thread with connections of its own, begun together; what became of each."""
    barrier, found = threading.Barrier(len(told)), [""] * len(told)

    def send(place: int) -> None:
        billing = open_engine(url)
        billing.find_customer("team")
        barrier.wait(90)
        found[place] = billing.take_stripe_event(body(told[place])).status
        billing.close()

    threads = [threading.Thread(target=send, args=(place,)) for place in range(len(told))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
        assert not thread.is_alive()
    return found


@pytest.fixture
def engine(fresh_database_url: str, auditor: Any) -> Any:
    auditor.catalog = CATALOG
    billing = open_engine(fresh_database_url)
    billing.customer("team", stripe_customer_id="cus_1")
    yield billing
    while billing.handle_stripe_events():
        pass
    billing.close()


def brought(billing: Billing) -> list[int]:
    return sorted(bucket.granted for bucket in billing.buckets("team"))


def test_the_same_event(engine: Billing, fresh_database_url: str) -> None:
    told = event(invoice(line("price_basic", 1_000), line("price_small", 1_000, item=None)))
    assert set(all_at_once(fresh_database_url, [told] * WORKERS)) == {"done"}
    assert brought(engine) == [100, 100]
    assert len(engine.stripe_events()) == 1


def test_twins(engine: Billing, fresh_database_url: str) -> None:
    told = event(invoice(line("price_basic", 1_000), line("price_small", 1_000, item=None)))
    twins = [{**told, "id": f"evt_{number}"} for number in range(WORKERS)]
    assert set(all_at_once(fresh_database_url, twins)) == {"done"}
    assert brought(engine) == [100, 100]


def test_a_session_beside_its_invoice(engine: Billing, fresh_database_url: str) -> None:
    held = invoice(line("price_small", 1_000, item=None), id="in_1", parent=None)
    told = [event(one) for one in (session(invoice="in_1"), held) for _ in range(WORKERS // 2)]
    assert set(all_at_once(fresh_database_url, told)) == {"done"}
    assert brought(engine) == [100]


def test_two_invoices_for_one_period(engine: Billing, fresh_database_url: str) -> None:
    told = [event(invoice(line("price_basic", 1_000))) for _ in range(WORKERS)]
    assert sorted(all_at_once(fresh_database_url, told)) == ["done"] + ["waiting"] * (WORKERS - 1)
    assert brought(engine) == [100]


def test_invoices_beside_the_session_that_links_their_customer(engine: Billing, fresh_database_url: str) -> None:
    links = event(session(id="cs_9", mode="subscription", customer="cus_9"))
    invoices = [
        event(invoice(line("price_basic", 1_000, id=f"il_{n}", item=f"si_{n}"), customer="cus_9"), id=f"evt_n{n}")
        for n in range(WORKERS - 1)
    ]
    all_at_once(fresh_database_url, [links, *invoices])
    assert brought(engine) == [100] * (WORKERS - 1)
    assert {one.status for one in engine.stripe_events()} == {"done"}


def test_one_stripe_customer_for_two_of_ours(engine: Billing, fresh_database_url: str) -> None:
    engine.customer("other")
    told = [
        event(session(id=f"cs_{n}", customer="cus_9", client_reference_id=("team", "other")[n % 2]))
        for n in range(WORKERS)
    ]
    found = all_at_once(fresh_database_url, told)
    assert sorted(found) == ["done"] * (WORKERS // 2) + ["waiting"] * (WORKERS // 2)
    winner = "team" if engine.buckets("team") else "other"
    assert engine.find_customer(winner).stripe_customer_id == "cus_9"
    assert engine.wallet(winner).available == 100 * WORKERS // 2


def told_about(customer: str, kind: str) -> Json:
    """Something that grants, links and waits, all in names of the customer's own."""
    if kind == "session":
        its = {"client_reference_id": customer, "customer": f"cus_{customer}", "invoice": f"in_{customer}"}
        return event(session(id=f"cs_{customer}", **its), id=f"evt_{customer}")
    lines = (
        line("price_basic", 1_000, id=f"il_1_{customer}", item=f"si_{customer}"),
        line("price_pictures", 900, id=f"il_2_{customer}", item=f"si_2_{customer}"),
        line("price_small", 1_000, id=f"il_3_{customer}", item=None),
        line("price_?", 5, id=f"il_4_{customer}", item=None),
    )
    held = invoice(*lines, id=f"in_{customer}", customer=f"cus_{customer}", metadata={"billing_customer": customer})
    return event(held, id=f"evt_{customer}")


def take_until(url: str, told: bytes, statement: int) -> None:
    billing = open_engine(url)
    billing.customers()
    die_at(statement)
    billing.take_stripe_event(told)


def check_ends(engine: Billing, url: str, kind: str, every: int) -> None:
    """Whatever was cut off: the books are whole, and the next delivery, or the step, brings the same once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["billing", "tests.inbox.test_at_once"])
    engine.customer(f"{kind}-whole")
    engine.take_stripe_event(body(told_about(f"{kind}-whole", kind)))
    whole = state(engine, f"{kind}-whole")
    for statement in range(1, 80, every):
        customer = f"{kind}-{statement}"
        engine.customer(customer)
        told = body(told_about(customer, kind))
        child = context.Process(target=take_until, args=(url, told, statement))
        child.start()
        child.join(90)
        assert child.exitcode in (0, DIED), child.exitcode
        assert engine.audit() == []
        again(engine, told, by_step=statement % 2 == 0)
        assert state(engine, customer) == whole, f"ended at statement {statement}"
        if child.exitcode == 0:
            assert statement > 10
            return
    pytest.fail("it never got through")


@pytest.mark.database("postgresql")  # at any statement, it runs on both
@pytest.mark.parametrize("kind", ["session", "invoice"])
def test_an_end_at_some_statements(engine: Billing, fresh_database_url: str, kind: str) -> None:
    check_ends(engine, fresh_database_url, kind, every=15)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["session", "invoice"])
def test_an_end_at_any_statement(engine: Billing, fresh_database_url: str, kind: str) -> None:
    check_ends(engine, fresh_database_url, kind, every=1)


def again(engine: Billing, told: bytes, *, by_step: bool) -> None:
    for _ in range(20):
        try:
            if by_step:
                engine.handle_stripe_events()
            if not by_step or not _stored(engine, told):
                engine.take_stripe_event(told)
        except Busy:  # a dead process's locks, until the database has noticed
            continue
        return


def _stored(engine: Billing, told: bytes) -> bool:
    import json

    return any(one.id == json.loads(told)["id"] for one in engine.stripe_events())


def state(engine: Billing, customer: str) -> object:
    entries = [(e.kind, e.credits, e.cents, e.available_after) for e in all_entries(engine, customer)]
    (event,) = [one for one in engine.stripe_events() if one.id == f"evt_{customer}"]
    images = engine.wallet(customer, "images").available
    return entries, images, event.status, event.reason, engine.find_customer(customer).stripe_customer_id is not None
