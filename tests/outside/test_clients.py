"""The sandbox as clients of Stripe see it that know nothing of it, and the engine behind its webhook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from billing import Billing, Gateway
from tests.outside.conftest import HERE
from tests.sandbox.serving import KEY, Watch
from web.cli.sandbox import next_free
from web.sandbox import Sandbox

pytestmark = pytest.mark.e2e

ROOT = HERE.parents[1]
SECRET = "whsec_outside"
REFUNDED = ["charge.refunded", "refund.created"]


def run(folder: Path, *command: str | Path, home: Path, **settings: str) -> str:
    """What it prints; fails with it, too."""
    path = f"{folder / 'node_modules/.bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "HOME": str(home), "PATH": path, **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def served(settings: dict[str, str]) -> Iterator[str]:
    """`billing serve`, once it answers: its address."""
    url = f"http://127.0.0.1:{(port := next_free())}"
    environment = {**os.environ, **settings, "PORT": str(port), "STRIPE_WEBHOOK_SECRETS": SECRET}
    process = subprocess.Popen([sys.executable, "-m", "billing", "serve"], cwd=ROOT, env=environment)
    try:
        until = time.monotonic() + 30
        while True:
            try:
                assert requests.get(f"{url}/healthz", timeout=5).ok
                break
            except requests.ConnectionError:
                assert time.monotonic() < until and process.poll() is None, "it does not serve"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def trigger(folder: Path, sandbox: Sandbox, happening: str, home: Path) -> None:
    assert "Trigger succeeded" in run(folder, "stripe", "trigger", happening, *at(sandbox), home=home)


def at(sandbox: Sandbox) -> tuple[str, ...]:
    """Where the Stripe CLI asks, and with what key."""
    return "--api-base", sandbox.url, "--api-key", f"{KEY}_0123456789"


def test_the_npm_package_subscribes(node_folder: Path, sandbox: Sandbox, tmp_path: Path, watch: Watch) -> None:
    script = node_folder / "subscribe.mjs"
    script.write_text(HERE.joinpath("subscribe.mjs").read_text())
    said = json.loads(run(node_folder, "node", script, sandbox.url, KEY, home=tmp_path))
    assert said["redirected"] == [303, f"{sandbox.url}/_sandbox/?paid={said['session']}"]
    assert (said["status"], said["subscription"], said["invoice"]) == ("complete", "active", "paid")
    assert said["price"] == said["wanted"]
    assert said["events"] == ["checkout.session.completed", "invoice.paid"]


@pytest.mark.parametrize(
    "happening",
    [
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.refund.updated",
        "charge.refunded",
        "credit_note.created",
        "credit_note.voided",
        "customer.created",
        "customer.deleted",
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.updated",
        "checkout.session.expired",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_failed",
        "price.created",
        "product.created",
    ],
)
def test_the_stripe_cli_triggers(
    node_folder: Path, sandbox: Sandbox, watch: Watch, tmp_path: Path, happening: str
) -> None:
    watch.lets_bad_requests_through = True  # the CLI speaks for many versions
    trigger(node_folder, sandbox, happening, tmp_path)
    with sandbox.store.transaction() as rows:
        assert rows.run("SELECT 1 FROM events WHERE type = ?", happening)


@pytest.mark.database("sqlite")
def test_what_the_stripe_cli_triggers_is_kept_and_granted_once_it_is_known(
    node_folder: Path, sandbox: Sandbox, watch: Watch, database_url: str, tmp_path: Path
) -> None:
    watch.lets_bad_requests_through = True
    catalog = tmp_path / "catalog.toml"
    catalog.write_text('[packs.small]\nname = "Small"\ncredits = 100\nprices = { usd = 2000 }\n')
    settings = {"DATABASE_URL": database_url, "BILLING_CATALOG": str(catalog), "SECRET_KEYS": "s" * 32}
    with served(settings) as url:
        sandbox.listen(f"{url}/webhooks/stripe", SECRET, ["invoice.paid"])
        trigger(node_folder, sandbox, "invoice.paid", tmp_path)
        assert sandbox.drain(20), "the webhook was not taken"
        billing = (sys.executable, "-m", "billing")
        listed = run(ROOT, *billing, "events", "list", home=tmp_path, **settings)
        assert "invoice.paid" in listed and "waiting" in listed, listed
        with sandbox.store.transaction() as rows:
            (invoice,) = rows.select("invoice")
        price = invoice["lines"]["data"][0]["pricing"]["price_details"]["price"]
        # What it waits for: somebody who knows the price and the customer.
        catalog.write_text(f'{catalog.read_text()}stripe_prices = ["{price}"]\n')
        engine = Billing(database_url, catalog=str(catalog))
        try:
            engine.customer("team_42", stripe_customer_id=invoice["customer"])
            (event,) = engine.stripe_events()
            replayed = run(ROOT, *billing, "events", "replay", event.id, home=tmp_path, **settings)
            assert "invoice.paid done" in replayed
            assert engine.wallet("team_42").available == 100
            run(ROOT, *billing, "events", "replay", event.id, home=tmp_path, **settings)
            assert engine.wallet("team_42").available == 100
        finally:
            engine.close()


PLAN = """
[plans.pro]
name = "Pro"
credits = 100
prices = ["{price}"]
"""
WAITS = {
    "customer.subscription.created": "unknown customer",
    "invoice.paid": "unknown customer",
    "refund.created": "has brought nothing yet that could be taken back",
    "charge.refunded": "its refunds have said so",
}
"""What is shown of each while nobody knows whose it is."""


@pytest.mark.database("sqlite")
def test_a_subscription_that_the_stripe_cli_triggers_and_refunds_is_applied_once_it_is_mapped(
    node_folder: Path, sandbox: Sandbox, watch: Watch, database_url: str, tmp_path: Path
) -> None:
    watch.lets_bad_requests_through = True
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(PLAN.format(price="price_of_something_else"))
    settings = {
        "DATABASE_URL": database_url, "BILLING_CATALOG": str(catalog), "SECRET_KEYS": "s" * 32,
        "STRIPE_SECRET_KEY": KEY, "STRIPE_API_BASE": sandbox.url,
    }  # fmt: skip
    billing = (sys.executable, "-m", "billing")
    with served(settings) as url:
        sandbox.listen(f"{url}/webhooks/stripe", SECRET, ["customer.subscription.created", "invoice.paid", *REFUNDED])
        trigger(node_folder, sandbox, "customer.subscription.created", tmp_path)
        with sandbox.store.transaction() as known:
            [subscription], [charge] = known.select("subscription"), known.select("charge")
        half = ("-d", f"charge={charge['id']}", "-d", f"amount={charge['amount'] // 2}")
        run(node_folder, "stripe", "post", "/v1/refunds", *half, *at(sandbox), home=tmp_path)
        assert sandbox.drain(20), "the webhook was not taken"
        listed = run(ROOT, *billing, "events", "list", home=tmp_path, **settings)
        rows = {kind: [line for line in listed.splitlines() if f" {kind} " in line] for kind in WAITS}
        assert all(len(found) == 1 and WAITS[kind] in found[0] for kind, found in rows.items()), listed
    catalog.write_text(PLAN.format(price=subscription["items"]["data"][0]["price"]["id"]))
    engine = Billing(database_url, catalog=str(catalog), gateway=Gateway(KEY, sandbox.url))
    try:
        engine.customer("team_42", stripe_customer_id=subscription["customer"])
        run(ROOT, *billing, "events", "replay", "--failed", home=tmp_path, **settings)
        run(
            ROOT, *billing, "events", "replay", "--failed", home=tmp_path, **settings
        )  # what waited for another of them
        assert {event.status for event in engine.stripe_events()} == {"done"}
        mirrored = engine.subscription("team_42")
        assert mirrored is not None and (mirrored.plan, mirrored.status) == ("pro", "active")
        for event in engine.stripe_events():
            engine.replay_stripe_event(event.id)
        assert engine.wallet("team_42").available == 50
        assert engine.audit() == []
    finally:
        engine.close()


@pytest.mark.database("sqlite")
def test_a_refund_that_the_stripe_cli_triggers_is_kept_until_it_is_known_whose_it_is(
    node_folder: Path, sandbox: Sandbox, watch: Watch, database_url: str, tmp_path: Path
) -> None:
    """Of a payment that sold nothing of ours: it stays to be seen, asked about with a key or not."""
    watch.lets_bad_requests_through = True
    settings = {"DATABASE_URL": database_url, "SECRET_KEYS": "s" * 32}
    billing = (sys.executable, "-m", "billing")
    with served(settings) as url:
        sandbox.listen(f"{url}/webhooks/stripe", SECRET, REFUNDED)
        trigger(node_folder, sandbox, "charge.refunded", tmp_path)
        assert sandbox.drain(20), "the webhook was not taken"
    listed = run(ROOT, *billing, "events", "list", home=tmp_path, **settings)
    rows = [line for line in listed.splitlines() if "charge.refunded" in line]
    assert len(rows) == 1 and "waiting" in rows[0], listed
    knowing = {**settings, "STRIPE_SECRET_KEY": KEY, "STRIPE_API_BASE": sandbox.url}
    said = run(ROOT, *billing, "events", "replay", "--failed", home=tmp_path, **knowing)
    assert said.count("waiting: no invoice or session is known that pi_") == 2, said
