"""The inbox: stored once, handled once, tried again with back-off, and there to be replayed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from billing import Busy, Invalid, UnknownStripeEvent, signals
from billing.inbox import handlers
from billing.inbox.storing import MOST_ATTEMPTS
from billing.inbox.tables import stripe_events
from billing.testing import TestBilling
from tests.sales.paid import APRIL, Json, body, event, invoice, line, session, tell

pytestmark = pytest.mark.quick_on("sqlite")

UNKNOWN = event(invoice(line("price_?", 5), id="in_1"), id="evt_1")


def due(billing: TestBilling, id: str = "evt_1") -> Any:
    with billing.database.read() as tx:
        its = sa.select(stripe_events.c.next_attempt_at).where(stripe_events.c.id == id)
        return tx.connection.execute(its).scalar_one()


def test_every_type_is_kept_and_shown(billing: TestBilling) -> None:
    paid = invoice(line("price_basic", 1_000), id="in_1")
    told = [
        tell(billing, paid, "invoice.payment_succeeded", id="evt_1"),
        tell(billing, paid, "invoice.upcoming", id="evt_2"),
        tell(billing, {"object": "something.new"}, "something.new.happened", id="evt_3"),
        billing.take_stripe_event(body({**event(paid, id="evt_4"), "account": "acct_7"})),
    ]
    assert [one.status for one in told] == ["ignored"] * 4
    assert [one.object_id for one in told] == ["in_1", "in_1", None, "in_1"]
    assert "invoice.paid says the same" in (told[0].reason or "")
    assert "connected account acct_7" in (told[3].reason or "")
    assert billing.stripe_events() == told[::-1]
    assert billing.stripe_events(limit=2) == told[:1:-1]
    assert billing.stripe_events(after="evt_3", limit=1) == [told[1]]
    assert billing.stripe_events(status="done") == []
    assert billing.wallet("team").available == 0
    with pytest.raises(UnknownStripeEvent):
        billing.stripe_events(after="evt_9")
    with pytest.raises(Invalid, match="status"):
        billing.stripe_events(status="lost")


def test_what_waits_is_tried_again_with_back_off(billing: TestBilling) -> None:
    waits = billing.take_stripe_event(body(UNKNOWN))
    assert (waits.status, waits.attempts, waits.received_at) == ("waiting", 1, APRIL)
    delays = []
    for attempt in range(2, MOST_ATTEMPTS + 1):
        at = due(billing)
        delays.append(at - billing.now)
        billing.clock.move(at - timedelta(seconds=1))
        assert billing.handle_stripe_events().more is False
        assert billing.stripe_events()[0].attempts == attempt - 1
        billing.clock.move(at)
        billing.handle_stripe_events()
        assert billing.stripe_events()[0].attempts == attempt
    assert delays[0] == timedelta(minutes=1)
    assert delays == sorted(delays)
    assert delays[-1] == timedelta(hours=12)
    assert sum(delays, timedelta()) > timedelta(days=3)
    assert due(billing) is None
    assert billing.stripe_events()[0].status == "waiting"
    assert billing.replay_stripe_event("evt_1").attempts == MOST_ATTEMPTS + 1


def test_the_step_is_bounded_and_says_whether_there_is_more(billing: TestBilling) -> None:
    for number in range(5):
        tell(billing, invoice(line("price_?", 5)), id=f"evt_{number}")
    billing.advance(by=timedelta(minutes=2))
    assert billing.handle_stripe_events(2).more is True
    assert billing.handle_stripe_events(2).more is True
    assert billing.handle_stripe_events(2).more is False
    assert {one.attempts for one in billing.stripe_events()} == {2}


def test_a_handler_that_breaks_leaves_nothing_but_its_reason(
    billing: TestBilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = handlers.HANDLERS["invoice.paid"]

    def breaks(*args: Any) -> None:
        apply(*args)
        raise RuntimeError("with whsec_secret in it")

    monkeypatch.setattr(handlers, "HANDLERS", {"invoice.paid": breaks})
    told = event(invoice(line("price_basic", 1_000)), id="evt_1")
    failed = billing.take_stripe_event(body(told))
    assert (failed.status, failed.reason, failed.attempts) == ("failed", "RuntimeError: see the log", 1)
    assert billing.entries("team") == []
    monkeypatch.undo()
    billing.advance(by=timedelta(minutes=1))
    billing.handle_stripe_events()
    assert [one.status for one in billing.stripe_events()] == ["done"]
    assert billing.wallet("team").available == 100


def test_what_is_too_busy_stays_due(billing: TestBilling, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any) -> None:
        raise Busy("locked")

    monkeypatch.setattr(handlers, "HANDLERS", {"invoice.paid": busy})
    stored = billing.take_stripe_event(body(event(invoice(line("price_basic", 1_000)), id="evt_1")))
    assert (stored.status, stored.attempts) == ("received", 0)
    assert billing.handle_stripe_events(1).more is False
    assert billing.stripe_events() == [stored]
    assert due(billing) > billing.now, "it makes way for the others"
    monkeypatch.undo()
    billing.advance(by=timedelta(minutes=2))
    billing.handle_stripe_events()
    assert billing.wallet("team").available == 100


def test_an_object_that_cannot_be_read_fails_visibly(billing: TestBilling, caplog: pytest.LogCaptureFixture) -> None:
    wrong: list[Json] = [{"currency": 5}, {"lines": None}, {"lines": {"data": [{"id": "il"}]}}, {"created": -1}]
    for number, more in enumerate(wrong):
        failed = tell(billing, invoice(**more), id=f"evt_{number}", at=APRIL)
        assert failed.status == "failed", more
        assert (failed.reason or "").startswith("invoice.")
    assert billing.replay_stripe_event("evt_0").status == "failed"
    assert caplog.records and not any(record.exc_info for record in caplog.records), "what is wrong with it says all"


def test_a_delivery_again_tries_what_is_open_again(
    billing: TestBilling, make_billing: Callable[..., TestBilling]
) -> None:
    assert billing.take_stripe_event(body(UNKNOWN)).attempts == 1
    assert billing.take_stripe_event(body(UNKNOWN)).attempts == 2


def test_an_ignored_event_may_be_replayed(billing: TestBilling, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one that came before this version knew its type."""
    told = event(invoice(line("price_basic", 1_000)), "invoice.of_tomorrow", id="evt_1")
    assert billing.take_stripe_event(body(told)).status == "ignored"
    assert billing.take_stripe_event(body(told)).attempts == 1
    monkeypatch.setattr(handlers, "HANDLERS", {"invoice.of_tomorrow": handlers.HANDLERS["invoice.paid"]})
    assert billing.replay_stripe_event("evt_1").status == "done"
    assert billing.replay_stripe_event("evt_1").status == "done"
    assert billing.wallet("team").available == 100
    with pytest.raises(UnknownStripeEvent):
        billing.replay_stripe_event("evt_2")


def test_recorded_events_that_share_an_id(billing: TestBilling) -> None:
    one = event(invoice(line("price_basic", 1_000)), id="evt_NORMALIZED")
    two = event(session(), id="evt_NORMALIZED")
    ids = [billing.take_stripe_event(body(told)).id for told in (one, two, one, two)]
    assert ids[0] == ids[2] == "evt_NORMALIZED"
    assert ids[1] == ids[3]
    assert ids[1].startswith("evt_NORMALIZED:")
    assert billing.take_stripe_event(json.dumps(one, indent=2).encode()).id == "evt_NORMALIZED"
    assert billing.wallet("team").available == 200


def test_what_hosts_are_told(billing: TestBilling) -> None:
    heard: list[tuple[str, str]] = []

    def handled(_: object, **fact: Any) -> None:
        heard.append((fact["event"].id, fact["event"].status))
        assert fact["object"]["object"] == "invoice"

    def review(_: object, **fact: Any) -> None:
        heard.append((fact["stripe_event"], fact["status"]))

    with signals.stripe_event_handled.connected_to(handled), signals.review_needed.connected_to(review):
        billing.take_stripe_event(body(UNKNOWN))
        billing.replay_stripe_event("evt_1")
        tell(billing, invoice(line("price_basic", 1_000)), id="evt_2")
        tell(billing, invoice(line("price_basic", 1_000)), "invoice.created", id="evt_3")
        tell(billing, invoice(currency=5), id="evt_4")
    assert heard == [("evt_1", "waiting"), ("evt_2", "done"), ("evt_3", "ignored"), ("evt_4", "failed")]
