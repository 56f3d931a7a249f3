"""The handbook's database role: it can do all that the service does, and can't change history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from billing import Gateway, Sending
from billing.base.db import metadata
from billing.base.schema import append_only_tables
from billing.retention import RULES
from billing.testing import TestBilling, open_billing
from jobs.running import run as run_job
from jobs.runs import Run
from jobs.timetable import TIMETABLE
from tests.demo.test_texts import HANDBOOK, blocks
from tests.sales.paid import invoice, line, session, tell
from web.demo.sold import story_catalog
from web.sandbox import Sandbox

pytestmark = pytest.mark.database("postgresql")


@pytest.fixture
def as_the_role(fresh_database_url: str) -> Iterator[TestBilling]:
    """An engine connected as the role that the handbook makes."""
    name, password = f"billing_app_{uuid4().hex[:12]}", uuid4().hex
    [written] = blocks(HANDBOOK, "sql")
    statements = written.replace("billing_app", name).replace("change me", password)
    owner = sa.create_engine(fresh_database_url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        for statement in statements.split(";\n"):
            connection.exec_driver_sql(statement)
    url = sa.make_url(fresh_database_url).set(username=name, password=password)
    billing = open_billing(url.render_as_string(hide_password=False), catalog=story_catalog(), migrate=False)
    try:
        yield billing
    finally:
        billing.close()
        with owner.connect() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {name}; DROP ROLE {name}")
        owner.dispose()


def test_it_does_all_that_the_service_does(as_the_role: TestBilling, sandbox: Sandbox) -> None:
    from billing.access import keys

    billing = as_the_role
    billing.customer("a", name="A")
    billing.customer("a", name="Another", stripe_customer_id="cus_1")
    bucket = billing.grant("a", 100, reason="x", key="g", expires_at=billing.now + timedelta(days=3))
    billing.extend("a", bucket.id, billing.now + timedelta(days=5), key="e")
    spend = billing.spend("a", 30, key="s")
    billing.reverse("a", spend.id, 10, key="r")
    billing.hold("a", 5, key="h").capture(4)
    billing.set_wallet("a", overdraft={"limit": 10})
    billing.void("a", billing.grant("a", 1, reason="x", key="g2").id, reason="x", key="v")
    billing.customer("team")
    assert tell(billing, session(customer="cus_2", amount_subtotal=2500, amount_total=2500)).status == "done"
    billing.gateway = Gateway("sk_test_role", sandbox.url)
    billing.customer("b")
    topup = billing.topup("b", next(iter(billing.catalog.packs)), key="t", success_url="https://app.example.com")
    sandbox.pay(str(topup.session))
    assert billing.settle(str(topup.session)).granted
    billing.finish_conversations()
    held = {"id": "price_x", "object": "price", "active": True, "currency": "usd", "lookup_key": "x"}
    for lookup_key in ("x", "y"):
        assert tell(billing, {**held, "lookup_key": lookup_key}, "price.updated").status == "done"
    goes_back(billing)
    notified(billing)
    billing.advance(by=timedelta(days=6))
    for job in TIMETABLE.values():
        ran = run_job(billing, job)
        assert isinstance(ran, Run) and ran.status == "done"
    with billing.database.read() as tx:
        for table in metadata.tables.values():  # none was forgotten in the handbook
            tx.connection.execute(sa.select(sa.func.count()).select_from(table))
    with billing.database.write() as tx:
        key, text = keys.create(tx, ["pepper"], "x", ["read"])
        assert keys.find(tx, ["pepper"], text) is not None
        assert keys.revoke(tx, key.id)
    assert not billing.audit()


def notified(billing: TestBilling) -> None:
    """An endpoint that nobody answers at, another that is changed and removed; a customer who wants no letters."""
    billing.sending = Sending(private=("*",))
    for _ in range(2):
        made = billing.add_webhook_endpoint("http://127.0.0.1:1/")
    billing.rotate_webhook_secret(made.id)
    billing.change_webhook_endpoint(made.id, enabled=False)
    billing.remove_webhook_endpoint(made.id)
    billing.unsubscribe("a")
    billing.set_notice_preferences("a", {"low": True})


def goes_back(billing: TestBilling) -> None:
    """A year is sold and changed: months to come, and what a change takes of them."""
    start, end = "1 Jan 2025 00:00", "1 Jan 2026 00:00"
    sold = invoice(line("pro_monthly_usd", 10_000, start, end), id="in_year", paid=start, total=10_000)
    assert tell(billing, sold).status == "done"
    more = invoice(
        line("pro_monthly_usd", -9_900, "5 Jan 2025 00:00", end, proration=True),
        line("pro_monthly_usd", 19_800, "5 Jan 2025 00:00", end, quantity=2, proration=True),
        id="in_more", paid="5 Jan 2025 00:00", total=9_900,
    )  # fmt: skip
    tell(billing, more)


NO_HISTORY = {
    "billing_job_runs", "billing_expiry_warnings", "billing_notice_lanes", "billing_webhook_endpoints",
    "billing_unsubscribed",
} | {rule.table.name for rule in RULES if rule.left is None}  # fmt: skip
"""Of none of these is the books' history made."""


def test_it_cannot_change_history(as_the_role: TestBilling) -> None:
    for table in sorted(append_only_tables() | {"billing_sales", "billing_claims"}):
        column = next(iter(metadata.tables[table].primary_key)).name
        for statement in (f"UPDATE {table} SET {column} = 1", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            refused(as_the_role, statement)
    refused(as_the_role, "ALTER TABLE billing_entries DISABLE TRIGGER ALL", "must be owner")
    for table in metadata.tables:
        if table not in NO_HISTORY:
            refused(as_the_role, f"DELETE FROM {table}")


def refused(billing: TestBilling, statement: str, why: str = "permission denied") -> None:
    with billing.database.engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match=why):
        connection.exec_driver_sql(statement)
