"""The month's allocations: what was paid, what it should bring, what it brought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from billing.access.staff import Staff
from billing.base.wording import date_text, time_text
from billing.finance import allocations_review
from billing.finance.review_values import STATUSES, Reviewed, Wanted
from web.finance import words
from web.finance.door import finance, staff_only
from web.finance.months import Month, month_of
from web.finance.sheets import sheet
from web.state import clock_now, engine

PAGE = 50

COLUMNS = (
    "paid_at", "customer", "stripe_customer", "invoice", "lines", "product", "name", "unit", "quantity", "period_start",
    "period_end", "currency", "paid_cents", "credit_part_cents", "granted_cents", "expected_credits", "granted_credits",
    "status", "reason", "bucket", "event",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page is asked for."""

    month: Month
    wanted: Wanted
    page: int

    def query(self, **changes: object) -> dict[str, object]:
        """The address's parameters, with these changes."""
        wanted = self.wanted
        found = {
            "month": self.month.written,
            "customer": wanted.customer,
            "plan": wanted.product,
            "status": wanted.status,
            **changes,
        }
        return {name: value for name, value in found.items() if value is not None}


@finance.get("/allocations")
@staff_only()
def allocations(_: Staff) -> str:
    """A month's lines, filtered, a page at a time; the totals are of all that the filter holds."""
    asked = _asked()
    everything = _reviewed(asked.month)
    found = [one for one in everything if asked.wanted.holds(one)]
    pages = max(1, -(-len(found) // PAGE))
    page = min(asked.page, pages)
    catalog = engine().catalog
    products = {one.product: one.name for one in everything if one.product is not None}
    return render_template(
        "finance/allocations.html",
        asked=asked,
        month=asked.month,
        rows=[_row(one) for one in found[(page - 1) * PAGE : page * PAGE]],
        totals=allocations_review.totals(found),
        counts={status: sum(one.status == status for one in everything) for status in STATUSES},
        lines=len(everything),
        page=page,
        pages=pages,
        products=sorted(products.items(), key=lambda pair: pair[1]),
        scale=lambda unit: catalog.units[unit].scale if unit in catalog.units else 0,
        words=words,
    )


@finance.get("/allocations.csv")
@staff_only()
def allocations_csv(_: Staff) -> Response:
    """The same lines, all of them, for a spreadsheet."""
    asked = _asked()
    rows = [
        (one.paid_at, one.customer, one.payer, one.invoice, " ".join(one.lines), one.product, one.name, one.unit,
         one.quantity, one.starts, one.ends, one.currency, one.paid_cents, one.cents, one.granted_cents, one.expected,
         one.granted, one.status, one.reason, one.bucket, one.event)
        for one in _reviewed(asked.month)
        if asked.wanted.holds(one)
    ]  # fmt: skip
    return sheet(f"allocations-{asked.month.written}", COLUMNS, rows)


def _asked() -> Asked:
    given = {name: (request.args.get(name) or "").strip() or None for name in ("month", "customer", "plan", "status")}
    page = request.args.get("page", "")
    status = given["status"] if given["status"] in STATUSES else None
    return Asked(
        month_of(given["month"], clock_now()),
        Wanted(given["customer"], given["plan"], status),
        int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 6 and page != "0" else 1,
    )


def _reviewed(month: Month) -> list[Reviewed]:
    with engine().database.read() as tx:
        return allocations_review.month(tx, engine().catalog, month.since, month.until)


def _row(one: Reviewed) -> dict[str, Any]:
    catalog = engine().catalog
    scale = catalog.units[one.unit].scale if one.unit in catalog.units else 0
    apart = one.cents not in (None, one.paid_cents) and one.currency
    period = f"{date_text(one.starts)} – {date_text(one.ends)}" if one.starts and one.ends else ""
    return {
        "of": one,
        "paid": time_text(one.paid_at).removesuffix(" UTC"),
        "period": period,
        "money": words.money(one.paid_cents, one.currency),
        "part": words.money(one.cents, one.currency) if apart else None,
        "expected": words.credits(one.expected, scale),
        "granted": words.credits(one.granted, scale),
    }
