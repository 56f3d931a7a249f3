"""Whenever a process dies, the books are whole: what was acknowledged stands, and a retry counts nothing twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest

from billing import Billing
from tests.stories.books import all_entries

from .crashes import DIED, START, VERBS, StandingStill, open_engine, prepare, send, storm, verb_until

QUICKLY = ["spend", "capture_more"]


def clean_children() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["billing", "tests.concurrency.crashes"])
    return context


def logged(logs: list[Path], word: str) -> set[str]:
    lines = [line.split() for log in logs for line in log.read_text().splitlines()]
    return {line[1] for line in lines if len(line) == 2 and line[0] == word}


def stands(billing: Billing) -> set[str]:
    """What the books know of the storm: keys of spends, and events that are done. Nothing twice."""
    keys = [e.key for e in all_entries(billing, "storm") if e.key and e.key.startswith("storm-")]
    assert len(keys) == len(set(keys))
    events = {event.id.removeprefix("evt_") for event in billing.stripe_events(status="done", limit=1000)}
    granted = [e for e in all_entries(billing, "storm") if e.kind == "grant" and e.cents == 1_000]
    assert len(granted) == len(events)
    return set(keys) | events


@pytest.mark.quick_on("postgresql")
def test_kill_in_a_storm(fresh_database_url: str, tmp_path: Path) -> None:
    """Three processes spend and take webhooks until kill -9; then everything is sent once more."""
    billing = open_engine(fresh_database_url)
    billing.customer("storm", stripe_customer_id="cus_storm")
    for lot in range(15):
        billing.grant("storm", 25 + lot, reason="lot", key=f"lot-{lot}", paid_cents=77, currency="usd")
    logs = [tmp_path / f"worker-{worker}" for worker in range(3)]
    context = clean_children()
    children = [
        context.Process(target=storm, args=(fresh_database_url, worker, log)) for worker, log in enumerate(logs)
    ]
    for child in children:
        child.start()
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not all(log.exists() and log.stat().st_size > 700 for log in logs):
        time.sleep(0.02)
    for child in children:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join(10)
        assert child.exitcode == -signal.SIGKILL
    billing.close()

    billing = open_engine(fresh_database_url)
    assert billing.audit() == []
    sent, done = logged(logs, "sent"), logged(logs, "done")
    assert len(done) > 20
    assert done <= stands(billing) <= sent
    for name in sorted(sent):
        send(billing, name)
    assert stands(billing) == sent
    assert billing.audit() == []
    billing.close()


def check_death_at_each_statement(url: str, verb: str) -> None:
    """The verb in a process that dies at its 1st, 2nd, 3rd … statement; then the same verb once more."""
    at = START + timedelta(days=11) if verb == "catch_up" else START
    before, after = Billing(url, clock=StandingStill(START)), Billing(url, clock=StandingStill(at))
    context = clean_children()
    untouched = f"{verb}_whole"
    VERBS[verb](after, untouched, prepare(before, untouched))
    whole = state(after, untouched)
    for statement in range(1, 60):
        customer = f"{verb}_{statement}"
        known = prepare(before, customer)
        child = context.Process(target=verb_until, args=(url, verb, customer, known, statement))
        child.start()
        child.join(90)
        assert child.exitcode in (0, DIED), child.exitcode
        assert before.audit() == []
        VERBS[verb](after, customer, known)
        assert state(after, customer) == whole, f"{verb}, ended at statement {statement}"
        assert after.audit() == []
        if child.exitcode == 0:
            assert statement > 3, "a verb that was never cut off shows nothing"
            break
    else:
        pytest.fail("the verb never got through")
    before.close()
    after.close()


def state(billing: Billing, customer: str) -> object:
    """All that a wallet and its books say, but for ids."""
    entries = all_entries(billing, customer)
    kinds = [(e.number, e.kind, e.credits, e.cents, e.key, e.available_after, e.owed_after) for e in entries]
    wallet = billing.wallet(customer)
    return kinds, wallet.available, wallet.held, wallet.owed, wallet.frozen


@pytest.mark.quick_on("sqlite")
@pytest.mark.parametrize("verb", QUICKLY)
def test_process_ended_at_each_statement(fresh_database_url: str, verb: str) -> None:
    check_death_at_each_statement(fresh_database_url, verb)


@pytest.mark.slow
@pytest.mark.parametrize("verb", sorted(set(VERBS) - set(QUICKLY)))
def test_process_ended_at_each_statement_of_the_rest(fresh_database_url: str, verb: str) -> None:
    check_death_at_each_statement(fresh_database_url, verb)
