from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from billing import Billing
from tests.conftest import Auditor

CATALOG = """
[units.tokens]
scale = 2

[plans.basic]
name = "Basic"
credits = 100
prices = ["price_basic"]

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000 }
stripe_prices = ["price_small"]
"""

Run = Callable[..., Result]


@pytest.fixture
def environment(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of an installation on the test's database."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(CATALOG)
    settings = {"DATABASE_URL": database_url, "BILLING_CATALOG": str(catalog), "SECRET_KEYS": "s" * 32}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture
def billing(environment: dict[str, str], auditor: Auditor) -> Iterator[Billing]:
    """The engine behind the command, with the customer `team`, who is Stripe's `cus_1`."""
    engine = Billing.from_env()
    auditor.catalog = engine.catalog
    engine.customer("team", name="Team", stripe_customer_id="cus_1")
    yield engine
    engine.close()


@pytest.fixture
def run(billing: Billing) -> Run:
    """Runs the command: `run("customers", "show", "team", status=0)`; its output must be without a secret."""
    from web.cli import cli

    def call(*words: str, status: int = 0) -> Result:
        result = CliRunner().invoke(cli, list(words))
        assert result.exit_code == status, (result.output, result.exception)
        assert "ssss" not in result.output
        return result

    return call
