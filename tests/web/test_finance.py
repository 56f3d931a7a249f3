"""Finance's pages: the door, the month's review, the inbox, a customer."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from billing.testing import TestBilling
from tests.sales.paid import APRIL, JULY, JUNE, MAY, invoice, line, session, tell
from tests.web import staff as shared
from tests.web.service import Service, service_on
from tests.web.staff import INLINE, entered, get, post

pytestmark = pytest.mark.quick_on("sqlite")

quick = shared.quick
service = shared.service


@pytest.mark.database("sqlite")
def test_pages_are_strict_and_for_staff_alone(service: Service) -> None:
    paths = ("/finance/allocations", "/finance/allocations.csv", "/finance/inbox", "/finance/customers",
             "/finance/customers/team", "/finance/reconciliation", "/finance/jobs",
             "/finance/jobs?job=deliver")  # fmt: skip
    for path in paths:
        assert get(service.app.test_client(), path).status_code == 303, path
    client = entered(service, "viewer")
    for path in (*paths, "/finance/sign-in", "/finance/customers/nobody"):
        answer = get(client, path)
        assert answer.status_code == {"/finance/sign-in": 303, "/finance/customers/nobody": 404}.get(path, 200), path
        assert not INLINE.search(answer.text), path
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"


def bought(service: Service) -> None:
    """A spring's invoices: one granted, one of a stranger, one of an unknown price, a free month, one that failed."""
    billing = service.billing
    tell(billing, invoice(line("price_basic", 1_000, id="il_1"), id="in_1"))
    tell(billing, invoice(line("price_pro", 2_500, MAY, JUNE, item="si_2"), paid=MAY, id="in_2", customer="cus_9"))
    tell(billing, invoice(line("price_?", 700), paid=APRIL + timedelta(days=3), id="in_3"))
    tell(billing, invoice(line("price_basic", 0, JUNE, JULY, item="si_3"), paid=APRIL + timedelta(days=4), id="in_4"))
    tell(billing, invoice(currency=5, id="in_5"), at=APRIL + timedelta(days=5))


def test_the_month_shows_what_was_paid_and_what_it_brought(service: Service) -> None:
    bought(service)
    client = entered(service)
    page = get(client, "/finance/allocations").text
    assert "Allocations, April 2025" in page
    found = {row["invoice"]: row for row in sheet(get(client, "/finance/allocations.csv"))}
    assert {name: (row["status"], row["expected_credits"], row["granted_credits"], row["credit_part_cents"])
            for name, row in found.items()} == {
        "in_1": ("granted", "100", "100", "1000"),
        "in_3": ("unmapped", "", "0", ""),
        "in_4": ("held", "", "0", "0"),
        "in_5": ("missing", "", "0", ""),
    }  # fmt: skip
    assert "unknown price" in found["in_3"]["reason"]
    assert found["in_1"]["bucket"] in page
    assert f'href="/finance/customers/team?unit=credits#{found["in_1"]["bucket"]}"' in page
    may = {row["invoice"]: row["status"] for row in sheet(get(client, "/finance/allocations.csv?month=2025-05"))}
    assert may == {"in_2": "held"}
    assert get(client, "/finance/allocations?month=1999-99&page=x&status=odd").status_code == 200


def test_filters_and_totals(service: Service) -> None:
    bought(service)
    tell(service.billing, invoice(line("price_basic", 900, MAY, JUNE, item="si_7"), id="in_7"))
    client = entered(service)

    def ids(query: str) -> set[str]:
        rows = sheet(get(client, f"/finance/allocations.csv?{query}"))
        return {row["invoice"] for row in rows}

    assert ids("status=granted") == {"in_1", "in_7"}
    assert ids("plan=basic") == {"in_1", "in_4", "in_7"}
    assert ids("customer=cus_9&month=2025-05") == {"in_2"}
    assert ids("customer=nobody") == set()
    page = get(client, "/finance/allocations?plan=basic&status=granted").text
    total = page[page.index('id="totals"') :]
    assert "$19.00" in total
    assert total.count(">200<") == 2, "expected and granted"


@pytest.mark.database("sqlite")
def test_a_mismatch_is_seen(service: Service, make_billing: Callable[..., TestBilling]) -> None:
    """The plan brings 100 by the catalog that granted, 250 by the one that reviews: as a wrong grant would."""
    tell(service.billing, invoice(line("price_basic", 1_000, id="il_1"), id="in_1"))
    from billing.catalog.loading import parse

    other = make_billing(
        catalog=parse('[units.images]\n[plans.basic]\nname = "Basic"\ncredits = 250\nprices = ["price_basic"]\n')
    )
    other.clock.move(service.billing.now)
    client = entered(service_on(other), email="bob@example.com")
    [row] = sheet(get(client, "/finance/allocations.csv?month=2025-04"))
    assert (row["status"], row["expected_credits"], row["granted_credits"]) == ("mismatched", "250", "100")


@pytest.mark.slow
def test_pages_of_fifty(service: Service) -> None:
    for number in range(51):
        tell(service.billing, invoice(line("price_?", number), id=f"in_{number:03}"))
    client = entered(service)
    first, second = (get(client, f"/finance/allocations?page={page}").text for page in (1, 2))
    assert "Page 1 of 2" in first
    assert (first.count('rowheader" scope="row"'), second.count('rowheader" scope="row"')) == (51, 2)


@pytest.mark.database("sqlite")
def test_a_text_that_a_spreadsheet_would_run_is_told_apart(service: Service) -> None:
    tell(service.billing, invoice(line("=HYPERLINK(1)", 5), id="in_1", customer='+cus,"x;=1+1'))
    answer = get(entered(service), "/finance/allocations.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    [row] = sheet(answer)
    assert row["stripe_customer"] == "'+cus,\"x;'=1+1", "some take a semicolon for the end of a cell"
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())


def test_the_inbox_shows_why_and_replays(service: Service) -> None:
    billing = service.billing
    tell(billing, invoice(line("price_basic", 1_000), id="in_1", customer="cus_2"), id="evt_1")
    tell(billing, invoice(currency=5), id="evt_2")
    billing.advance(by=timedelta(days=2))
    client = entered(service)
    page = get(client, "/finance/inbox").text
    assert ("evt_2" in page, "evt_1" in page, "2 days" in page) == (True, False, True)
    waits = get(client, "/finance/inbox?status=waiting").text
    assert "cus_2 is linked to nobody" in waits
    billing.customer("two", stripe_customer_id="cus_2")
    told = post(client, "/finance/inbox/replay", "/finance/inbox?status=waiting", event="evt_1", status="waiting")
    assert "evt_1 was tried again: done." in get(client, told.location).text
    assert billing.wallet("two").available == 100
    told = post(client, "/finance/inbox/replay-failed", "/finance/inbox")
    assert "1 tried again, 0 of them done." in get(client, told.location).text
    assert post(client, "/finance/inbox/replay", "/finance/inbox", event="evt_9").status_code == 404
    assert get(client, "/finance/inbox?status=failed&after=evt_9").status_code == 303


@pytest.mark.database("sqlite")
def test_a_viewer_looks_and_does_nothing(service: Service) -> None:
    tell(service.billing, invoice(currency=5), id="evt_1")
    client = entered(service, "viewer")
    assert "Replay" not in get(client, "/finance/inbox").text
    for path in ("/finance/inbox/replay", "/finance/inbox/replay-failed"):
        answer = post(client, path, "/finance/inbox", event="evt_1")
        assert (answer.status_code, "needs the role reviewer" in answer.text) == (403, True)
    assert service.billing.stripe_events()[0].attempts == 1


def test_a_customer_with_buckets_money_and_entries(service: Service) -> None:
    bought(service)
    service.billing.spend("team", 30, key="s1", description="Render of the harbour")
    client = entered(service)
    page = get(client, "/finance/customers/team").text
    for text in ("Basic plan, April 2025", "$10.00", "Render of the harbour", "$3.00", "cus_1", "consumed"):
        assert text in page, text
    assert "consumed" not in get(client, "/finance/customers/team?cause=nothing").text
    assert get(client, "/finance/customers/team?unit=shells").status_code == 404
    listed = get(client, "/finance/customers?search=cus_1").text
    assert 'href="/finance/customers/team"' in listed
    assert "Nobody here is like" in get(client, "/finance/customers?search=%25").text


def test_a_pack_that_a_session_paid_for_is_no_missing_line(service: Service) -> None:
    paid = invoice(line("price_small", 1_000, item=None), id="in_1")
    tell(service.billing, session(invoice="in_1"))
    tell(service.billing, paid)
    [row] = sheet(get(entered(service), "/finance/allocations.csv"))
    assert (row["status"], row["granted_credits"]) == ("granted", "100")


def sheet(answer: TestResponse) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_jobs_page_says_how_each_stands_and_what_it_did(service: Service) -> None:
    """Runs that found nothing to do are shown where they are asked for; one that failed says what that means."""
    from dataclasses import replace

    from jobs.running import run
    from jobs.timetable import TIMETABLE

    def fail(_: object) -> bool:
        raise RuntimeError("secret")

    run(service.billing, TIMETABLE["purge"])
    run(service.billing, replace(TIMETABLE["inbox"], step=fail))
    client = entered(service, "viewer")
    page = get(client, "/finance/jobs").text
    assert "its last run failed" in page and TIMETABLE["inbox"].late in page
    assert "RuntimeError: see the log" in page and "secret" not in page
    assert "inbox 1" in page and "purge 1" not in page
    assert "never ran" in page
    assert "purge 1" in get(client, "/finance/jobs?runs=all").text
    one = get(client, "/finance/jobs?job=purge").text
    assert "purge 1" in one and "inbox 1" not in one
