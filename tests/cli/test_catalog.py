"""`billing catalog apply` and `history`: what would change, from when it holds, and what forbids it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from billing import Billing
from tests.sales.paid import body, event, invoice, line

from .conftest import CATALOG, Run


def test_apply_shows_what_changes_and_history_what_holds(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    file.write_text(CATALOG.replace("credits = 100\nprices = [", "credits = 150\nprices = ["))
    assert "None was applied yet" in run("catalog", "history").output
    assert run("catalog", "apply", str(file), "--dry-run").output == "changed plan basic: credits\n"
    assert run("catalog", "history").output.startswith("None")
    later = ("--from", "2100-01-01T00:00:00Z")
    assert "first apply the file that is sold by today" in run("catalog", "apply", str(file), *later, status=1).output
    run("catalog", "apply", environment["BILLING_CATALOG"])
    assert "holds from 2100-01-01T00:00:00+00:00." in run("catalog", "apply", str(file), *later).output
    rows = [row.rstrip() for row in run("catalog", "history").output.splitlines()]
    assert len(rows) == 3 and rows[1].endswith("in force") and not rows[2].endswith("in force")
    run("catalog", "apply", str(file))
    assert run("catalog", "apply", str(file)).output == "Nothing changes.\n"
    run("catalog", "apply", str(file), "--from", "tomorrow", status=2)


def test_apply_says_how_to_keep_what_somebody_has(run: Run, billing: Billing, tmp_path: Path) -> None:
    now = billing.clock.now()
    billing.take_stripe_event(body(event(invoice(line("price_basic", 1_000, now, now + timedelta(days=30)), paid=now))))
    file = tmp_path / "less.toml"
    file.write_text("[units.tokens]\nscale = 2\n")
    refused = run("catalog", "apply", str(file), status=1).output
    assert "keep [plans.basic] and write retired = true" in refused
