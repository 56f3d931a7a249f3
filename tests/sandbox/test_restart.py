"""What the sandbox knows survives its end, however it ends; no request is half done."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import stripe

from tests.sandbox.serving import KEY, Listener, Watch, client, served
from tests.sandbox.shop import Shop, at, shown
from web.sandbox import Sandbox
from web.sandbox.store import Rows


def test_stopped_and_started_it_goes_on(tmp_path: Path, watch: Watch) -> None:
    file = tmp_path / "sandbox.sqlite3"
    with served(file, watch) as sandbox:
        sandbox.start_at(at("2027-01-31 00:00"))
        sandbox.listen("http://app.test/webhooks", "whsec_x", deliver=lambda body, signature: 500)
        shop = Shop(sandbox, client(sandbox))
        subscription = shop.subscribe()
        created = [event.id for event in shop.v1.events.list({"limit": 100}).data]
        now = sandbox.clock.now()
    listener = Listener(secret="whsec_x", url="http://app.test/webhooks")
    with served(file, watch) as sandbox:
        assert abs((sandbox.clock.now() - now).total_seconds()) < 60
        shop = Shop(sandbox, client(sandbox))
        assert [event.id for event in shop.v1.events.list({"limit": 100}).data] == created
        sandbox.delivery.near[listener.url] = listener  # what was refused before is told now
        sandbox.advance(at("2027-04-01 00:00"))
        starts = [shown(one.lines.data[0].period.start)[:10] for one in shop.invoices(subscription)]
        assert starts == ["2027-01-31", "2027-02-28", "2027-03-31"]
        assert sandbox.listen(listener.url, listener.secret) == shop.v1.webhook_endpoints.list().data[0].id
        assert "invoice.paid" in listener.types
    assert watch.wrong == []


def test_a_request_cut_off_anywhere_leaves_nothing(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended at its first statement, its second, its third …: nothing of it is there, and it can be done again."""

    class Ended(BaseException):
        pass

    file = tmp_path / "sandbox.sqlite3"
    with served(file, watch) as sandbox:
        shop = Shop(sandbox, client(sandbox))
        session = shop.session(shop.plan(), customer=shop.customer().id)
        events = len(shop.v1.events.list({"limit": 100}).data)
    sandbox = Sandbox(file)  # nothing runs beside
    real, left = Rows.run, [0]

    def run(rows: Rows, sql: str, *values: object) -> object:
        left[0] -= 1
        if left[0] == 0:
            raise Ended
        return real(rows, sql, *values)

    monkeypatch.setattr(Rows, "run", run)
    cut = 0
    for statement in range(1, 200):
        left[0] = statement
        try:
            sandbox.pay(session.id)
        except Ended:
            cut += 1
        else:
            break
        left[0] = 0
        with sandbox.store.transaction() as rows:
            if rows.select("checkout.session")[0]["status"] == "complete":
                break  # it was done, and was cut off when it looked for who is to be told
            assert rows.select("charge") == rows.select("subscription") == rows.select("invoice") == []
            assert rows.run("SELECT count(*) AS n FROM events")[0]["n"] == events
    assert cut > 20
    left[0] = 0
    with sandbox.store.transaction() as rows:
        assert len(rows.select("subscription")) == len(rows.select("charge")) == 1
    sandbox.close()


@contextmanager
def process(file: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`billing sandbox`, and where it listens."""
    command = [sys.executable, "-m", "billing", "sandbox", "--file", str(file)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(3)]
        assert lines[2] == f"STRIPE_SECRET_KEY={KEY}\n", lines
        yield running, lines[1].strip().removeprefix("STRIPE_API_BASE=")
    finally:
        running.kill()
        running.wait(10)
        assert running.stdout is not None
        running.stdout.close()


@pytest.mark.slow
def test_killed_between_requests_it_knows_all(tmp_path: Path) -> None:
    file, made = tmp_path / "sandbox.sqlite3", []
    for _ in range(2):
        with process(file) as (running, url):
            shop = stripe.StripeClient(KEY, base_addresses={"api": url}, max_network_retries=2)
            made += [shop.v1.customers.create({"email": "a@example.com"}).id for _ in range(5)]
            assert [one.id for one in shop.v1.customers.list({"limit": 100}).data] == made[::-1]
            requests.post(f"{url}/_sandbox/clock", json={"by": {"days": 1}}, timeout=10)
            running.send_signal(signal.SIGKILL)
    with process(file) as (running, url):
        shop = stripe.StripeClient(KEY, base_addresses={"api": url})
        assert len(shop.v1.customers.list({"limit": 100}).data) == 10
        assert requests.get(f"{url}/_sandbox/clock", timeout=10).json()["offset_seconds"] == pytest.approx(
            2 * 86_400, abs=60
        )
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0


@pytest.mark.slow
def test_killed_in_the_middle_of_a_move_it_goes_on_from_there(tmp_path: Path) -> None:
    """Wherever it stops, what has happened is whole, and moving on brings the rest once."""
    file = tmp_path / "sandbox.sqlite3"
    with process(file) as (_, url):
        shop = stripe.StripeClient(KEY, base_addresses={"api": url}, max_network_retries=2)
        price = shop.v1.prices.create(
            {"currency": "usd", "unit_amount": 5, "product_data": {"name": "x"}, "recurring": {"interval": "day"}}
        )
        session = shop.v1.checkout.sessions.create(
            {"mode": "subscription", "line_items": [{"price": price.id, "quantity": 1}], "success_url": "http://x/"}
        )
        assert requests.post(f"{url}/_sandbox/pay", json={"session": session.id}, timeout=10).status_code == 200
        begun = requests.get(f"{url}/_sandbox/clock", timeout=10).json()["offset_seconds"]
    rounds = 0
    while True:
        with process(file) as (running, url):
            left = 200 * 86_400 + begun - requests.get(f"{url}/_sandbox/clock", timeout=10).json()["offset_seconds"]
            if left <= 1:
                break
            rounds += 1
            if rounds > 2:
                answer = requests.post(f"{url}/_sandbox/clock", json={"by": {"seconds": int(left)}}, timeout=60)
                assert answer.status_code == 200
                continue
            try:
                requests.post(f"{url}/_sandbox/clock", json={"by": {"seconds": int(left)}}, timeout=0.05 * rounds)
            except requests.Timeout:
                running.send_signal(signal.SIGKILL)
    with process(file) as (_, url):
        shop = stripe.StripeClient(KEY, base_addresses={"api": url})
        invoices = list(shop.v1.invoices.list({"limit": 100}).auto_paging_iter())[::-1]
        periods = [invoice.lines.data[0].period for invoice in invoices]
        assert len(invoices) == 201
        assert [period.end for period in periods[:-1]] == [period.start for period in periods[1:]]
        paid = [invoice.id for invoice in invoices if invoice.status == "paid"]
        told = list(shop.v1.events.list({"type": "invoice.paid", "limit": 10}).auto_paging_iter())[::-1]
        assert len(told) >= 29  # of the last thirty days, each once
        assert [event.data.object["id"] for event in told] == paid[-len(told) :]


def test_it_can_go_on_where_it_was_left(tmp_path: Path) -> None:
    """As if no time had passed: for whoever is in the middle of telling it what happened when."""
    file, left = tmp_path / "sandbox.sqlite3", datetime(2026, 3, 1, 12, tzinfo=UTC)
    first = Sandbox(file, now=lambda: datetime(2027, 1, 1, tzinfo=UTC))
    first.start_at(left)
    first.close()
    later = Sandbox(file, now=lambda: datetime(2027, 1, 9, tzinfo=UTC))
    assert later.clock.now() == left + timedelta(days=8)
    later.resume()
    assert later.clock.now() == left
    later.close()
