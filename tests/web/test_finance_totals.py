"""The month's review adds up: the file's lines, the page's totals and the books say the same."""

from __future__ import annotations

import csv
import html
import io
import re
from collections import defaultdict

import pytest
from sqlalchemy import select

from billing.base.wording import credits_text, money_text
from billing.credits.tables import entries
from billing.finance.reconciliation import reconcile
from tests.sales.paid import APRIL, MAY, invoice, line, seconds, tell
from tests.web import staff as shared
from tests.web.service import Service
from tests.web.staff import entered, get

pytestmark = pytest.mark.quick_on("sqlite")

quick = shared.quick
service = shared.service

Row = dict[str, str]


def a_month(service: Service) -> None:
    """A plan, a downgrade, an upgrade, a price of something else beside a plan's, one that nobody knows, a year that
    cost nothing.
    """
    billing, half = service.billing, {"start": "16 Apr 00:00", "end": MAY, "proration": True}
    for customer in ("two", "three", "four"):
        billing.customer(customer, stripe_customer_id=f"cus_{customer}")
    tell(billing, invoice(line("price_pro", 2_500, off=500), id="in_1"))
    down = [line("price_pro", -1_000, **half), line("price_basic", 500, **half)]  # type: ignore[arg-type]
    tell(billing, invoice(*down, paid="16 Apr 00:00", id="in_down"))
    more = {"item": "si_2", "quantity": 2}
    tell(billing, invoice(line("price_basic", 1_000, item="si_2"), id="in_2", customer="cus_two"))
    up = [line("price_basic", -500, **half, item="si_2"), line("price_basic", 1_000, **half, **more)]  # type: ignore[arg-type]
    tell(billing, invoice(*up, paid="16 Apr 00:00", id="in_up", customer="cus_two"))
    price = {"object": "price", "id": "price_support", "lookup_key": "support", "currency": "usd", "active": True,
             "unit_amount": 300, "type": "recurring", "recurring": {"interval": "month", "interval_count": 1},
             "product": "prod_s", "metadata": {}, "created": seconds(APRIL)}  # fmt: skip
    assert tell(billing, price, "price.created").status == "done"
    beside = line("price_support", 300, item="si_s")
    tell(billing, invoice(line("price_basic", 1_000, item="si_3"), beside, id="in_3", customer="cus_three"))
    tell(billing, invoice(line("price_?", 700, off=100, item="si_x"), id="in_x", customer="cus_three"))
    year = line("price_yearly", 9_000, APRIL, "1 Apr 2026 00:00", off=9_000, item="si_y")
    tell(billing, invoice(year, id="in_y", customer="cus_four"))


def figures(page: str) -> dict[tuple[str, str], dict[str, str]]:
    """The page's totals, by what was sold and currency."""
    its = page[page.index('id="totals"') :]
    found = {}
    for row in re.findall(r'<tr role="row">\s*<th role="rowheader".*?</tr>', its, re.DOTALL):
        name, currency = re.search(r'class="name">(.*?)<.*?class="what">(.*?)</td>', row, re.DOTALL).groups()  # type: ignore[union-attr]
        cells = re.findall(r'data-label="([^"]+)">(.*?)</td>', row, re.DOTALL)
        found[html.unescape(name), currency] = {label: html.unescape(text) for label, text in cells}
    return found


def whole(row: Row, name: str) -> int:
    return int(row[name] or 0)


def test_the_file_the_page_and_the_books_add_up(service: Service) -> None:
    a_month(service)
    client = entered(service)
    rows: list[Row] = list(csv.DictReader(io.StringIO(get(client, "/finance/allocations.csv").text)))
    page = get(client, "/finance/allocations").text

    shown = {(row["invoice"], row["name"]): row for row in rows}
    down, up = shown["in_down", "Basic"], shown["in_up", "Basic"]
    assert (down["granted_credits"], down["credit_part_cents"], down["expected_credits"]) == ("-75", "-500", "")
    assert down["reason"] == "a change of plan, which took 75 credits of its period"
    assert (up["granted_credits"], up["status"], up["reason"]) == ("50", "granted", "")
    strange = {name: row for (_, name), row in shown.items() if row["status"] == "unmapped"}
    assert {name: (row["paid_cents"], row["credit_part_cents"]) for name, row in strange.items()} == {
        "unknown price price_support": ("300", ""),
        "unknown price price_?": ("600", ""),
    }
    free = shown["in_y", "Yearly, scheduled"]
    assert (free["currency"], free["paid_cents"], free["credit_part_cents"]) == ("", "", "0")

    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["name"], row["currency"].upper() or "–"].append(row)
    totals = figures(page)
    assert set(totals) == set(groups)
    for group, its in groups.items():
        said = totals[group]
        expected = credits_text(sum(whole(row, "expected_credits") for row in its), 0)
        apart = sum(whole(row, "granted_credits") for row in its if not row["expected_credits"])
        assert said["Expected"] == expected + (f'<span class="more">{apart:,} not reckoned</span>' if apart else "")
        assert said["Granted"] == credits_text(sum(whole(row, "granted_credits") for row in its), 0)
        for label, column in (("Paid", "paid_cents"), ("Credit part", "credit_part_cents")):
            cents = sum(whole(row, column) for row in its)
            assert said[label] == ("–" if group[1] == "–" else money_text(cents, group[1].lower())), (group, label)
    assert totals["Basic", "USD"]["Granted"] == "175"
    assert totals["Yearly, scheduled", "–"] == {
        "Lines": "1", "Paid": "–", "Credit part": "–", "Expected": "100", "Granted": "100", "Open": "0",
    }  # fmt: skip
    opened = {name: figures["Open"] for (name, _), figures in totals.items() if name.startswith("unknown")}
    assert opened == {"unknown price price_?": "1", "unknown price price_support": "0"}

    own = [row for row in rows if not row["name"].endswith("scheduled") and row["name"] != "Yearly"]
    with service.billing.database.read() as tx:
        moved = tx.connection.execute(select(entries.c.kind, entries.c.cause, entries.c.credits)).all()
        [tie] = reconcile(tx, service.billing.catalog, APRIL, MAY).ties
    signs = {"grant": 1, "clawback": -1, "owe": -1}
    booked = sum(signs.get(row.kind, 0) * row.credits for row in moved)
    year = sum(whole(row, "granted_credits") for row in rows if row["name"] == "Yearly, scheduled")
    assert sum(whole(row, "granted_credits") for row in own) + year == booked
    paid = sum(whole(row, "credit_part_cents") for row in own)
    assert (paid, paid, paid) == (tie.paid_cents, tie.granted_cents, tie.booked_cents)


def test_a_month_that_was_paid_before_shows_its_part_alone(service: Service) -> None:
    """What it shows as paid adds up to the total: the year was paid in one."""
    tell(service.billing, invoice(line("price_yearly", 9_000, APRIL, "1 Apr 2026 00:00"), id="in_y"))
    page = get(entered(service), "/finance/allocations").text
    shown = re.findall(r'data-label="Paid">([^<]*)(?:<span class="more">(.*?) for credits</span>)?</td>', page)
    assert sorted(shown) == [("$0.00", ""), ("$90.00", ""), ("$90.00", ""), ("–", "$7.50")]  # two lines, two totals
