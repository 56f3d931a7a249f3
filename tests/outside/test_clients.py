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

from billing import Billing
from tests.outside.conftest import HERE
from tests.sandbox.serving import KEY, Watch
from web.cli.sandbox import next_free
from web.sandbox import Sandbox

pytestmark = pytest.mark.e2e

ROOT = HERE.parents[1]
SECRET = "whsec_outside"


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
    words = ("--api-base", sandbox.url, "--api-key", f"{KEY}_0123456789")
    assert "Trigger succeeded" in run(folder, "stripe", "trigger", happening, *words, home=home)


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
