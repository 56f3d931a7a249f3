"""`billing staff`: links are printed alone, no password is ever an argument."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from billing import Billing
from billing.access import staff
from tests.cli.conftest import Run

pytestmark = pytest.mark.quick_on("sqlite")


@pytest.mark.database("sqlite")
def test_staff(run: Run, billing: Billing) -> None:
    link = run("staff", "add", "Ann@example.com", "--role", "reviewer").stdout
    found = re.fullmatch(r"http://127\.0\.0\.1:8000/finance/welcome/([\w-]{43})\n", link)
    assert found is not None, link
    assert "ann@example.com  reviewer" in run("staff", "list").stdout
    assert "has no password yet" in run("staff", "list").stdout
    assert "there already" in run("staff", "add", "ann@example.com", "--role", "viewer", status=1).stderr
    assert "Invalid value for '--role'" in run("staff", "add", "bob@example.com", "--role", "boss", status=2).stderr
    assert "Nobody here is" in run("staff", "disable", "bob@example.com", status=1).stderr
    another = run("staff", "link", "ann@example.com").stdout
    assert another != link
    with billing.database.read() as tx:
        now = datetime.now(UTC)
        assert staff.of_link(tx, found[1], now) is None, "the new one takes its place"
        assert staff.of_link(tx, another.strip().rpartition("/")[2], now) is not None
    run("staff", "role", "ann@example.com", "--role", "viewer")
    assert "ann@example.com  viewer" in run("staff", "list").stdout
    run("staff", "disable", "ann@example.com")
    assert "disabled" in run("staff", "list").stdout
