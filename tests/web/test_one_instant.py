"""One instant, shown on every surface: the interface, the pages, the files and the command say what the engine says.

In UTC, wherever the machine stands and wherever the customer lives.
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from billing.access.tokens import PortalLink, sign_portal_link
from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.insight.noticed import warned
from tests.sales.paid import invoice, line, tell
from tests.stories.story import moment
from tests.web.service import service_on, settings
from tests.web.staff import entered, get, quick

__all__ = ["quick"]

pytestmark = pytest.mark.quick_on("sqlite")

CATALOG = '[plans.basic]\nname = "Basic"\ncredits = 100\nprices = ["price_basic"]\nexpiring = ["3 days"]\n'
STARTS, ENDS = moment("31 Jan 2096 23:30"), moment("29 Feb 2096 23:30")


@pytest.fixture(autouse=True)
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Pacific/Auckland")
        time.tzset()
        yield
    time.tzset()


def test_an_allocation_from_the_31st(
    make_billing: Callable[..., TestBilling], database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    billing = make_billing(catalog=parse(CATALOG), start=STARTS)
    billing.customer("team", stripe_customer_id="cus_1", timezone="America/New_York")
    tell(billing, invoice(line("price_basic", 1_000, STARTS, ENDS), paid=STARTS))
    service = service_on(billing)

    (bucket,) = billing.wallet("team").buckets
    assert (bucket.effective_at, bucket.expires_at) == (STARTS, moment("1 Mar 2096 23:30"))  # with its day of grace
    wallet = service.ask("GET", "/v1/customers/team/wallet").get_json()
    assert wallet["next_expiry"] == wallet["buckets"][0]["expires_at"] == "2096-03-01T23:30:00Z"
    assert wallet["buckets"][0]["effective_at"] == "2096-01-31T23:30:00Z"
    (entry,) = service.ask("GET", "/v1/customers/team/entries").get_json()["data"]
    assert entry["effective_at"] == "2096-01-31T23:30:00Z"

    link = sign_portal_link(settings().secret_keys, PortalLink("team", "wallet", moment("1 Mar 2096 00:00")))
    page = service.app.test_client().get(f"/portal/{link}").text
    assert '<time datetime="2096-03-01T23:30:00+00:00">1 Mar 2096</time>' in page
    assert '<time datetime="2096-01-31T23:30:00+00:00">31 Jan 2096, 23:30</time>' in page
    assert "Basic plan, 31 Jan 2096 – 29 Feb 2096" in page
    assert "1 Feb 2096" not in page.replace("31 Jan 2096", "") and "2 Mar 2096" not in page

    desk = entered(service)
    page = get(desk, "/finance/customers/team").text
    assert "31 Jan 2096 – 1 Mar 2096" in page
    assert '<time datetime="2096-01-31T23:30:00+00:00">31 Jan 2096, 23:30</time>' in page
    page = get(desk, "/finance/allocations").text
    assert "31 Jan 2096 – 29 Feb 2096" in page
    (row,) = csv.DictReader(io.StringIO(get(desk, "/finance/allocations.csv").text))
    assert {"2096-01-31T23:30:00Z", "2096-02-29T23:30:00Z"} <= set(row.values())

    file = tmp_path / "catalog.toml"
    file.write_text(CATALOG)
    for name, value in {"DATABASE_URL": database_url, "BILLING_CATALOG": str(file), "SECRET_KEYS": "s" * 32}.items():
        monkeypatch.setenv(name, value)
    from web.cli import cli

    said = CliRunner().invoke(cli, ["customers", "show", "team"]).output
    assert "2096-03-01 23:30:00" in said
    why = CliRunner().invoke(cli, ["customers", "why", "team"]).output
    assert "31 Jan 2096, 23:30" in why or "2096-01-31 23:30:00" in why

    billing.advance(to=moment("27 Feb 2096 23:30"))
    (told,) = warned(billing)
    assert told["ends_at"] == "2096-03-01T23:30:00Z"
    assert os.environ["TZ"] == "Pacific/Auckland"
