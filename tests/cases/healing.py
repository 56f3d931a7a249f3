"""Nasty cases of being cut off: Stripe can't be reached, or could not reach us for days."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import pytest
from click.testing import CliRunner

from billing import StripeUnavailable
from tests.cases.desk import BACK, CUSTOMER, Desk, twin
from tests.cases.odd_payments import intent_of
from tests.sandbox.serving import KEY
from web.cli import cli
from web.sandbox.faults import HOW, Fault

SESSIONS = "/v1/checkout/sessions"
SOLD = """
[plans.basic]
name = "Basic"
credits = 100
prices = ["basic"]

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000 }
"""


def _fail(desk: Desk, how: str, times: int, path: str = "/v1/", method: str | None = None) -> None:
    desk.sandbox.faults.add(Fault(how, times, path, method))


def _made(desk: Desk) -> list[str]:
    return [one.id for one in desk.v1.checkout.sessions.list({"limit": 100}).data]


def case_35_an_outage_while_a_session_is_made(desk: Desk) -> None:
    """However it fails, the row stands first: the same request goes on, and there is one session."""
    for number, how in enumerate(one for one in HOW if one != "timeout"):
        _fail(desk, how, 9, SESSIONS, "POST")
        with pytest.raises(StripeUnavailable):
            desk.billing.topup(CUSTOMER, "small", key=f"k{number}", success_url=BACK)
        desk.sandbox.faults.clear()
        again = desk.billing.topup(CUSTOMER, "small", key=f"k{number}", success_url=BACK)
        assert len(_made(desk)) == number + 1 and _made(desk)[0] == again.session
        once_more = desk.billing.topup(CUSTOMER, "small", key=f"k{number}", success_url=BACK)
        assert (once_more.id, once_more.session) == (again.id, again.session)
        desk.sandbox.pay(str(again.session))
        desk.hear()
        desk.shows(str(100 * (number + 1)))
    assert len(desk.v1.customers.list({}).data) == 1


def case_35_it_goes_on_by_itself(desk: Desk) -> None:
    """The buyer went away: the step finishes what was cut off, once."""
    _fail(desk, "lost", 9, "/v1/customers", "POST")
    with pytest.raises(StripeUnavailable):
        desk.billing.subscribe(CUSTOMER, "basic", key="s", success_url=BACK)
    desk.sandbox.faults.clear()
    for minute in (1, 10, 30):
        desk.go(f"1 Apr 00:{minute}")
        while desk.billing.finish_conversations():
            pass
    (session,) = _made(desk)
    assert len(desk.v1.customers.list({}).data) == 1
    found = desk.billing.subscribe(CUSTOMER, "basic", key="s", success_url=BACK)
    assert found.session == session
    desk.sandbox.pay(session)
    desk.hear()
    desk.shows("100", "1,000")


def case_35_an_outage_while_we_listen(desk: Desk) -> None:
    """What has to be asked for waits, with 200; back again, it is done, once."""
    paid = desk.subscribe()
    desk.hear()
    desk.sandbox.dashboard.refund(intent_of(desk, paid["invoice"]), 250)
    told = desk.news()
    for how in ("500", "429", "reset"):
        _fail(desk, how, 50, method="GET")
        desk.post(*[one | {"id": f"{one['id']}_{how}"} for one in told])
        desk.sandbox.faults.clear()
    desk.try_again()
    desk.post(*told)
    assert desk.waiting == []
    desk.shows("75", "750 · 0 · 0 · 250")


def _missed(desk: Desk, back: datetime) -> tuple[dict[str, Any], int]:
    """Two months in which nothing arrived: what was subscribed, and how many invoices were paid."""
    desk.go(back)
    paid = desk.subscribe()
    desk.go(back + timedelta(days=1))
    bought = desk.top_up()
    desk.go(back + timedelta(days=20))
    desk.sandbox.dashboard.refund(bought["payment_intent"], 300)
    desk.go(back + timedelta(days=64))
    bought = desk.top_up()
    desk.sandbox.dashboard.refund(bought["payment_intent"], 500)
    return paid, len(desk.v1.invoices.list({"status": "paid"}).data)


def case_36_down_for_two_months(desk: Desk) -> None:
    """Stripe has given up sending. `billing stripe sync` finds what it lists still, and past that what customers paid;
    what arrives afterwards does nothing more.
    """
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    paid, invoices = _missed(desk, now - timedelta(days=65))
    assert invoices == 3
    desk.shows("0")
    first, second = _sync(desk), _sync(desk)
    assert "invoice.paid" in first.output and " 0 of them are still to be handled" in first.output
    assert " 0 had never arrived" in second.output
    desk.go(datetime.now(UTC) + timedelta(seconds=1))
    # three periods of which two are over, a top-up less 30 %, another less half
    desk.shows("220", "2,200 · 0 · 2,000 · 800")
    told = desk.news()
    desk.post(*told, *map(twin, reversed(told)))
    desk.try_again()
    desk.shows("220", "2,200 · 0 · 2,000 · 800")
    found = desk.billing.subscription(CUSTOMER)
    assert found is not None and (found.id, found.status) == (paid["subscription"], "active")


def _sync(desk: Desk) -> Any:
    """The command, in an environment of its own; it takes the real time."""
    with TemporaryDirectory() as folder:
        catalog = Path(folder) / "catalog.toml"
        catalog.write_text(SOLD)
        settings = {
            "DATABASE_URL": desk.billing.database.engine.url.render_as_string(hide_password=False),
            "BILLING_CATALOG": str(catalog),
            "SECRET_KEYS": "s" * 32,
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_API_BASE": desk.sandbox.url,
        }
        with mock.patch.dict(os.environ, settings):
            result = CliRunner().invoke(cli, ["stripe", "sync"])
    assert result.exit_code == 0, result.output
    return result


def case_36_down_for_five_days(desk: Desk) -> None:
    """Within the thirty days: by Stripe's events alone, in whatever state each was left."""
    desk.subscribe()
    told = desk.news()
    desk.post(*told[::3])  # some had arrived
    desk.go("3 Apr 00:00")
    bought = desk.top_up()
    dispute = desk.sandbox.dashboard.dispute(bought["payment_intent"])
    desk.go("6 Apr 00:00")
    desk.sandbox.dashboard.judge(dispute["id"], "lose")
    healed = [one for piece in desk.billing.look_through_stripe() for one in piece.healed]
    assert healed and desk.waiting == []
    desk.shows("100", "1,000 · 0 · 0 · 1,000")
    desk.post(*desk.news())
    desk.shows("100", "1,000 · 0 · 0 · 1,000")
