"""`billing catalog apply --push`, `check --stripe`: the difference first, what was agreed to, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from web.sandbox import Sandbox

pytestmark = pytest.mark.database("sqlite")

SOLD = """
[units.tokens]
scale = 2

[plans.pro]
name = "Pro"
credits = 250
price = { usd = 2000 }

[topups.credits]
min = 500
max = 50000
price = { usd = 1 }
"""


@pytest.fixture
def file(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_catalog")
    monkeypatch.setenv("STRIPE_API_BASE", sandbox.url)
    path = tmp_path / "sold.toml"
    path.write_text(SOLD)
    return str(path)


def test_it_shows_the_difference_first_and_changes_nothing_unasked(run: Run, file: str) -> None:
    for _ in range(2):
        said = run("catalog", "apply", file, "--push").stdout
        assert "billing:plan:pro:month:usd" in said and "$20.00 per month" in said
        assert said.endswith("Nothing was changed. Say --yes to do it.\n")
    assert "is not what the catalog says" in run("catalog", "check", file, "--stripe", status=1).stderr
    assert "Done.\nVersion " in run("catalog", "apply", file, "--push", "--yes").stdout
    assert "nothing to do" in run("catalog", "apply", file, "--push", "--yes").stdout
    assert "Stripe sells the same." in run("catalog", "check", file, "--stripe").stdout
    Path(file).write_text(SOLD.replace("2000", "2500"))
    said = run("catalog", "apply", file, "--push", "--yes").stdout
    assert "replace" in said and "$20.00 per month → $25.00 per month" in said


def test_what_it_can_not_do_is_said(run: Run, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    later = ("--from", "2100-01-01T00:00:00Z")
    assert "when it comes into force" in run("catalog", "apply", file, "--push", *later, status=2).stderr
    Path(file).write_text(SOLD + 'stripe_product = "prod_nowhere"\n')
    said = run("catalog", "apply", file, "--push", "--yes", status=1)
    assert "There is no product prod_nowhere" in said.stdout and "can't mend" in said.stderr
    monkeypatch.delenv("STRIPE_SECRET_KEY")
    assert "set STRIPE_SECRET_KEY" in run("catalog", "apply", file, "--push", status=1).stderr
    assert "any number" in run("catalog", "check", file).stdout
