"""The webhook endpoint at Stripe: made once, checked, mended; and the commands that look after what arrives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import stripe
from click.testing import CliRunner, Result

from billing import Invalid
from billing.inbox.handlers import HANDLERS
from tests.buying.shop import KEY, Shop
from tests.listening.hearing import happened, subscribe, tell, thin
from web.cli import cli

pytestmark = pytest.mark.quick_on("sqlite")

URL = "https://billing.example.com/webhooks/stripe"

Command = Callable[..., Result]


@pytest.fixture
def command(shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """`billing …` on the shop's database and its Stripe."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("STRIPE_SECRET_KEY", KEY)
    monkeypatch.setenv("STRIPE_API_BASE", shop.sandbox.url)

    def run(*words: str, status: int = 0) -> Result:
        done = CliRunner().invoke(cli, words, prog_name="billing")
        assert done.exit_code == status, done.output
        return done

    return run


@pytest.mark.database("sqlite")
def test_it_is_made_for_exactly_what_is_handled(shop: Shop) -> None:
    made = shop.billing.stripe_webhook(URL)
    assert made.made and not made.differences
    assert made.endpoint.events == frozenset(HANDLERS)
    assert made.endpoint.secret is not None and made.endpoint.secret.startswith("whsec_")
    told = shop.stripe.v1.webhook_endpoints.retrieve(made.endpoint.id)
    assert (told.url, told.api_version) == (URL, stripe.api_version)
    again = shop.billing.stripe_webhook(URL + "/")
    assert (again.made, again.differences, again.endpoint.secret) == (False, [], None)
    assert "invoice.payment_succeeded" not in made.endpoint.events


@pytest.mark.slow
@pytest.mark.database("sqlite")
def test_what_differs_is_said_and_mended(shop: Shop) -> None:
    other = shop.stripe.v1.webhook_endpoints.create({
        "url": URL, "enabled_events": ["invoice.paid", "invoice.payment_succeeded"], "api_version": "2025-03-31.basil",
    })  # fmt: skip
    shop.stripe.v1.webhook_endpoints.update(other.id, {"disabled": True})
    said = " ".join(shop.billing.stripe_webhook(URL).differences)
    for words in ("disabled", "checkout.session.completed", "invoice.payment_succeeded, of which nothing",
                  "2025-03-31.basil"):  # fmt: skip
        assert words in said
    mended = shop.billing.stripe_webhook(URL, change=True)
    assert mended.changed and mended.endpoint.enabled and mended.endpoint.events == frozenset(HANDLERS)
    assert len(mended.differences) == 1  # the version can't be changed
    shop.stripe.v1.webhook_endpoints.create({"url": URL, "enabled_events": ["*"]})
    assert "comes twice" in " ".join(shop.billing.stripe_webhook(URL).differences)


@pytest.mark.slow
@pytest.mark.parametrize("url", ["", "billing.example.com", "ftp://x.example", "https://x.example/a b"])
def test_what_is_no_address(shop: Shop, url: str) -> None:
    with pytest.raises(Invalid, match="url"):
        shop.billing.stripe_webhook(url)


@pytest.mark.slow
@pytest.mark.database("sqlite")
def test_the_commands(shop: Shop, command: Command) -> None:
    made = command("stripe", "webhook", URL)
    assert made.stdout.startswith("whsec_") and "whsec" not in made.stderr
    assert "STRIPE_WEBHOOK_SECRETS is not set" not in made.stderr
    again = command("stripe", "webhook", URL).stderr
    assert "as it should be" in again and "STRIPE_WEBHOOK_SECRETS is not set" in again
    shop.stripe.v1.webhook_endpoints.create({"url": URL + "/other", "enabled_events": ["invoice.paid"]})
    assert "does not listen" in command("stripe", "webhook", URL + "/other", status=1).stderr
    assert "changed" in command("stripe", "webhook", URL + "/other", "--change").stderr

    subscribe(shop)
    synced = command("stripe", "sync", status=1).output  # this command's catalog sells nothing: the price is unknown
    assert "invoice.paid of in_" in synced and "unknown price" in synced
    assert "0 had never arrived" in command("stripe", "sync", "--since", "2024-01-01T00:00:00Z").output


@pytest.mark.slow
@pytest.mark.database("sqlite")
def test_all_that_failed_is_replayed(shop: Shop, command: Command) -> None:
    subscribe(shop)
    gateway, shop.billing.gateway = shop.billing.gateway, None
    for number in range(3):
        waits = tell(shop, thin(happened(shop, "invoice.paid"), id=f"evt_{number}"))
        assert waits.status == "waiting"
    shop.billing.gateway = gateway
    told = list(shop.billing.replay_failed_stripe_events())
    assert [one.status for one in told] == ["done"] * 3
    assert shop.available() == 250
    broken = {"object": "invoice", "id": "in_7"}
    tell(shop, {**happened(shop, "invoice.paid"), "id": "evt_broken", "data": {"object": broken}})
    shop.billing.advance(by=timedelta(days=30))
    said = command("events", "replay", "--failed", status=1).output
    assert said.count("\n") == 1 and "evt_broken: invoice.paid failed" in said
    assert "Say which" in command("events", "replay", status=2).output
