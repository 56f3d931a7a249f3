"""`billing report reconciliation`."""

from __future__ import annotations

import json

import pytest

from billing import Billing
from tests.cli.conftest import Run
from tests.sales.paid import body, event, invoice, line

pytestmark = pytest.mark.quick_on("sqlite")


def test_reconciliation(run: Run, billing: Billing) -> None:
    billing.take_stripe_event(body(event(invoice(line("price_basic", 1_000), id="in_1"), id="evt_1")))
    assert "Nothing differs." in run("report", "reconciliation", "--month", "2025-04").stdout
    billing.take_stripe_event(body(event(invoice(line("price_?", 700), id="in_2"), id="evt_2")))
    said = run("report", "reconciliation", "--month", "2025-04", "--offline", status=1).stdout
    assert "unknown price price_?" in said
    found = json.loads(run("report", "reconciliation", "--month", "2025-04", "--json", status=1).stdout)
    assert (found["month"], found["asked"]) == ("2025-04", False)
    assert [(one["kind"], one["since"]) for one in found["differences"]] == [("waiting", "2025-04-01T00:00:00Z")]
    assert found["ties"][0]["paid_cents"] == 1_000
