"""A customer as finance sees one: the wallet, the buckets with their money, every entry."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, request

from billing.access.staff import Staff
from billing.base.wording import credits_text, date_text, time_text
from billing.finance import customers_review
from billing.rules.refusals import Invalid, UnknownCustomer
from web.finance import words
from web.finance.door import finance, staff_only
from web.pages import message
from web.state import engine, snapshot

BUCKETS, ENTRIES = 50, 50


@finance.get("/customers")
@staff_only()
def customers(_: Staff) -> str:
    """All of them, or those that have this in their id, name or e-mail."""
    text, after = request.args.get("search", "").strip()[:255], request.args.get("after") or None
    with engine().database.read() as tx:
        found = customers_review.search(tx, text, after)
    older = found[-1].id if len(found) == customers_review.SHOWN else None
    return render_template("finance/customers.html", found=found, text=text, after=after, older=older)


@finance.get("/customers/<path:customer>")
@staff_only()
def customers_one(_: Staff, customer: str) -> Any:
    """One of them, in one unit."""
    units = engine().catalog.units
    unit = request.args.get("unit", "credits")
    if unit not in units:
        abort(404)
    scale = units[unit].scale
    before, cause = request.args.get("before", ""), request.args.get("cause") or None
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None
    try:
        with snapshot() as tx:
            found, wallet = tx.find_customer(customer), tx.wallet(customer, unit)
            buckets = tx.buckets(customer, unit=unit, limit=BUCKETS)
            entries = tx.entries(customer, unit=unit, cause=cause, before=number, limit=ENTRIES)
    except (UnknownCustomer, Invalid):
        return message("No such customer", (f"Nobody here is {customer!r}.",), 404)
    return render_template(
        "finance/customer.html",
        customer=found,
        wallet=wallet,
        unit=unit,
        units=tuple(units) if len(units) > 1 else (),
        figures=[
            ("Available", credits_text(wallet.available, scale)),
            ("Set aside", credits_text(wallet.held, scale)),
            ("Owed", credits_text(wallet.owed, scale)),
        ],
        subscription=engine().subscription(customer),
        buckets=buckets,
        entries=entries,
        cause=cause,
        older=entries[-1].number if len(entries) == ENTRIES else None,
        first=number is not None,
        credits=lambda count: credits_text(count, scale),
        words=words,
        date_text=date_text,
        time_text=lambda at: time_text(at).removesuffix(" UTC"),
    )
