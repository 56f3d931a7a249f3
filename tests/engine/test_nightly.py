"""By night: the books against themselves, and what goes by its age."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from billing import BooksBroken, Catalog, signals
from billing.access import signing_in, staff
from billing.base import outbox
from billing.base.keep import Keep
from billing.base.round import Round
from billing.testing import TestBilling
from jobs.running import run
from jobs.runs import Run
from jobs.timetable import TIMETABLE
from tests.sales.paid import APRIL, CATALOG, invoice, line, session, tell

pytestmark = pytest.mark.quick_on("sqlite")

SHORT = Keep(stripe_events=60, outbox=31, conversations=60)


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    engine = make_billing(catalog=CATALOG, start=APRIL, keep=SHORT)
    engine.customer("team", stripe_customer_id="cus_1")
    return engine


def payloads(billing: TestBilling) -> dict[str, str]:
    with billing.database.read() as tx:
        rows = tx.connection.execute(sa.text("SELECT id, payload FROM billing_stripe_events"))
        return {str(row.id): str(row.payload) for row in rows}


def told(billing: TestBilling) -> list[tuple[str, dict[str, Any]]]:
    with billing.database.read() as tx:
        rows = tx.connection.execute(sa.select(outbox.outbox.c.type, outbox.outbox.c.facts))
        return [(row.type, row.facts) for row in rows]


def purged(billing: TestBilling, days: float) -> int:
    """How many rows went, so many days on."""
    billing.advance(by=timedelta(days=days))
    gone = 0
    more = True
    while more:
        came_to = billing.purge(limit=2)
        gone, more = gone + (came_to.done or 0), came_to.more
    return gone


def test_what_events_said_goes_and_what_is_read_again_stays(billing: TestBilling) -> None:
    paid = invoice(line("price_basic", 1_000), id="in_1")
    ends = {"object": "subscription_schedule", "id": "sub_sched_1"}
    tell(billing, paid, id="evt_paid")
    tell(billing, session(), id="evt_session")
    tell(billing, paid, "invoice.upcoming", id="evt_ignored")
    tell(billing, ends, "subscription_schedule.updated", id="evt_other")
    tell(billing, invoice(line("price_?", 5), line("price_basic", 5), id="in_2"), id="evt_unmapped")
    tell(billing, {**paid, "id": "in_3", "customer": "cus_?"}, "invoice.payment_failed", id="evt_open")
    with billing.database.write() as tx:  # a failure that nobody has mended yet
        tx.connection.execute(sa.text("UPDATE billing_stripe_events SET status = 'failed' WHERE id = 'evt_open'"))
    before, shown = payloads(billing), {one.id: one for one in billing.stripe_events()}
    assert purged(billing, 59) == 0
    assert payloads(billing) == before
    assert purged(billing, 2) > 0
    after = payloads(billing)
    assert {id for id in after if after[id] != before[id]} == {"evt_ignored", "evt_other"}
    assert {one.id: one for one in billing.stripe_events()} == shown, "the row still says what became of it"
    assert billing.replay_stripe_event("evt_ignored") == shown["evt_ignored"], "nothing is there to be tried again"
    assert billing.purge().done == 0
    available = billing.wallet("team").available
    tell(billing, paid, "invoice.upcoming", id="evt_ignored")
    assert billing.wallet("team").available == available


def test_what_was_told_goes_once_everybody_was(billing: TestBilling) -> None:
    with billing.database.write() as tx:
        for at in range(5):
            outbox.tell(tx, ("credits.granted", {"customer": "team", "n": at}))
        outbox.tell_once(tx, "only once", "credits.expiring", {"customer": "team"})
        spread = outbox.outbox.c.type == "credits.granted", outbox.outbox.c.facts["n"].as_integer() > 1
        tx.connection.execute(sa.update(outbox.outbox).where(*spread).values(spread_at=tx.now))
        once = outbox.outbox.c.once.is_not(None)
        tx.connection.execute(sa.update(outbox.outbox).where(once).values(spread_at=tx.now))
    assert purged(billing, 30) == 0
    assert purged(billing, 2) == 3
    assert sorted(fact.get("n", -1) for _, fact in told(billing)) == [-1, 0, 1], "two nobody was told of yet"
    assert purged(billing, 800) == 1
    with billing.database.write() as tx:
        assert outbox.tell_once(tx, "only once", "credits.expiring", {"customer": "team"})


def test_what_stays_is_gone_over_in_windows(billing: TestBilling) -> None:
    """However much is old and stays: each call looks at a part of it, and what may go behind it goes."""
    with billing.database.write() as tx:
        for number in range(50):
            outbox.tell_once(tx, f"once {number}", "review.needed", {"customer": None})
        tx.connection.execute(sa.update(outbox.outbox).values(spread_at=tx.now))
    billing.advance(by=timedelta(seconds=1))
    with billing.database.write() as tx:
        outbox.tell(tx, *[("review.needed", {"customer": None})] * 3)
        tx.connection.execute(sa.update(outbox.outbox).values(spread_at=tx.now))
    billing.advance(by=timedelta(days=40))
    assert [billing.purge(limit=2) for _ in range(5)] == [
        Round(True, 0),  # a window of forty, with all of one instant
        Round(True, 2),
        Round(False, 1),
        Round(True, 0),  # and from the beginning again
        Round(False, 0),
    ]


def test_what_still_waits_to_be_sent_stays(billing: TestBilling) -> None:
    """A receiver that was down for a month, or a process that was: its notice does not go before it was sent."""
    endpoint = billing.add_webhook_endpoint("https://example.com/hook", ["usage.unusual"])
    with billing.database.write() as tx:
        outbox.tell(tx, ("usage.unusual", {"customer": "team"}))
    assert billing.spread_notices().done
    purged(billing, 32)
    assert [one.status for one in billing.notices()] == ["waiting"]
    assert "usage.unusual" in [name for name, _ in told(billing)]
    billing.remove_webhook_endpoint(endpoint.id)  # what waited for it is dropped
    assert purged(billing, 0) == 1
    assert billing.notices() == []


def test_who_was_signed_in_goes_and_who_is_stays(billing: TestBilling) -> None:
    with billing.database.write() as tx:
        one, _ = staff.add(tx, "eve@example.com", "viewer", tx.now)
        signing_in.begin(tx, ["s" * 32], one.id, tx.now)
    billing.advance(by=timedelta(days=60))
    with billing.database.write() as tx:
        cookie = signing_in.begin(tx, ["s" * 32], one.id, tx.now)
    assert billing.purge().done == 1
    assert signing_in.who(billing.database, ["s" * 32], cookie, billing.now) is not None


def test_the_books_stay_as_they_are(make_billing: Callable[..., TestBilling]) -> None:
    """A whole life, and a century without it: every answer is the same."""
    billing = make_billing(catalog=Catalog.DEFAULT, start=APRIL, keep=SHORT)
    billing.customer("team")
    billing.grant("team", 100, reason="x", key="g", expires_at=APRIL + timedelta(days=5))
    billing.spend("team", 30, key="s")
    billing.advance(by=timedelta(days=36_500))
    before = (billing.entries("team"), billing.buckets("team"), billing.wallet("team", as_of=APRIL))
    assert purged(billing, 0) == 0
    assert (billing.entries("team"), billing.buckets("team"), billing.wallet("team", as_of=APRIL)) == before
    assert billing.spend("team", 30, key="s").replayed


@pytest.mark.breaks_books
def test_a_breach_fails_the_nightly_run_and_is_told_once_a_day(billing: TestBilling) -> None:
    job, heard = TIMETABLE["audit"], []
    billing.grant("team", 5, reason="x", key="g")
    clean = run(billing, job)
    assert isinstance(clean, Run) and (clean.status, clean.error) == ("done", None)
    with billing.database.write() as tx:
        tx.connection.execute(sa.text("UPDATE billing_wallets SET available = available + 1"))

    def hear(_: object, **fact: Any) -> None:
        heard.append(fact)

    with signals.review_needed.connected_to(hear):
        for _ in range(2):
            with pytest.raises(BooksBroken, match="do not add up") as caught:
                billing.check_books()
            assert caught.value.breaches > 0
        billing.advance(by=timedelta(days=1))
        failed = run(billing, job)
    assert isinstance(failed, Run)
    assert failed.status == "failed" and "do not add up" in (failed.error or "")
    assert f"{caught.value.breaches}" in (failed.error or "") or caught.value.breaches == 1
    reviews = [fact for name, fact in told(billing) if name == "review.needed"]
    assert len(reviews) == len(heard) == 2, "one a day"
    assert reviews[0]["breaches"] == caught.value.breaches
    with billing.database.read() as tx:
        assert tx.connection.execute(sa.text("SELECT max(available) FROM billing_wallets")).scalar_one() == 6, (
            "as it was"
        )


def test_too_short_is_refused() -> None:
    for name in ("stripe_events", "outbox", "conversations"):
        with pytest.raises(ValueError, match=name):
            Keep(**{name: 30})
