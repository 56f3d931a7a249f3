"""`billing customers change-plan`, `cancel`, `resume`: looked at first, and done."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.cli.conftest import Run
from web.sandbox import Sandbox

pytestmark = [pytest.mark.database("sqlite"), pytest.mark.slow]

SOLD = """
[plans.basic]
name = "Basic"
credits = 100
prices = ["basic"]

[plans.pro]
name = "Pro"
credits = 250
prices = ["pro"]
"""


def test_a_plan_is_changed_cancelled_and_resumed(
    sandbox: Sandbox, stripe_client: stripe.StripeClient, environment: dict[str, str], run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_switching")
    monkeypatch.setenv("STRIPE_API_BASE", sandbox.url)
    Path(environment["BILLING_CATALOG"]).write_text(SOLD)
    v1 = stripe_client.v1
    product = v1.products.create({"name": "All of it"}).id
    prices: dict[str, str] = {}
    for key, cents in (("basic", 1_000), ("pro", 2_000)):
        wanted: Any = {"product": product, "currency": "usd", "unit_amount": cents, "lookup_key": key,
                       "recurring": {"interval": "month"}}  # fmt: skip
        prices[key] = v1.prices.create(wanted).id
    customer = v1.customers.create({"metadata": {"billing_customer": "team"}}).id
    method = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    bought: Any = {"customer": customer, "items": [{"price": prices["basic"]}], "default_payment_method": method}
    assert "no plan" in run("customers", "change-plan", "team", "pro", status=1).stderr
    subscription = v1.subscriptions.create(bought).id
    run("stripe", "sync")
    looked = run("customers", "change-plan", "team", "pro", "--dry-run").stdout
    assert "takes effect: at once" in looked and "charged now: $10.00" in looked
    assert re.search("credits now: 1(50|4.)$", looked, re.MULTILINE), "some seconds have passed"
    assert f"{subscription}: pro, 1, from now on" in run("customers", "change-plan", "team", "pro").stdout
    assert f"{subscription}: ends, from 20" in run("customers", "cancel", "team").stdout
    assert f"{subscription}: pro, 1, from now on" in run("customers", "resume", "team").stdout
    assert "nothing to undo" in run("customers", "resume", "team", status=1).stderr
    assert f"{subscription}: ends, from now on" in run("customers", "cancel", "team", "--now").stdout
    assert v1.subscriptions.retrieve(subscription).status == "canceled"
