"""The sandbox's clock: subscriptions renew, fail and end as it is moved, everything in the order of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import DECLINED_LATER, Shop, at, seconds, shown
from web.sandbox import Sandbox


def test_the_thirty_first_is_the_last_day_of_a_shorter_month(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.start_at(at("2027-10-31 10:00"))
    subscription = shop.subscribe()
    sandbox.advance(at("2028-04-15 00:00"))
    invoices = shop.invoices(subscription)
    assert [(invoice.billing_reason, invoice.status) for invoice in invoices] == [
        ("subscription_create", "paid"),
        *[("subscription_cycle", "paid")] * 5,
    ]
    periods = [invoice.lines.data[0].period for invoice in invoices]
    assert [shown(period.start)[:10] for period in periods] == [
        "2027-10-31",
        "2027-11-30",
        "2027-12-31",
        "2028-01-31",
        "2028-02-29",
        "2028-03-31",
    ]
    assert [period.end for period in periods[:-1]] == [period.start for period in periods[1:]]
    item = shop.again(subscription).items.data[0]
    assert (shown(item.current_period_start), shown(item.current_period_end)) == (
        "2028-03-31 10:00",
        "2028-04-30 10:00",
    )


@pytest.mark.parametrize(
    ("interval", "count", "starts"),
    [
        ("year", 1, ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]),
        ("month", 3, ["2028-02-29", "2028-05-29", "2028-08-29", "2028-11-29"]),
        ("week", 2, ["2028-02-29", "2028-03-14", "2028-03-28"]),
        ("day", 1, ["2028-02-29", "2028-03-01", "2028-03-02", "2028-03-03"]),
    ],
)
def test_other_intervals(shop: Shop, sandbox: Sandbox, interval: str, count: int, starts: list[str]) -> None:
    sandbox.start_at(at("2028-02-29 10:00"))
    subscription = shop.subscribe(shop.plan(interval=interval, count=count))
    sandbox.advance(at(f"{starts[-1]} 12:00"))
    assert [shown(one.lines.data[0].period.start)[:10] for one in shop.invoices(subscription)] == starts


def test_a_renewal_is_drafted_at_once_and_paid_an_hour_later(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    subscription = shop.subscribe()
    shop.v1.subscriptions.update(subscription.id, {"metadata": {"customer": "team_42"}})
    sandbox.drain()
    listener.events.clear()
    sandbox.advance(at("2027-02-01 00:30"))
    assert listener.types == ["invoice.created", "customer.subscription.updated"]
    draft: Any = listener.events[0].data.object
    assert (draft.status, draft.auto_advance) == ("draft", True)
    assert (shown(draft.created), shown(draft.automatically_finalizes_at)) == ("2027-02-01 00:00", "2027-02-01 01:00")
    assert (shown(draft.period_start), shown(draft.period_end)) == ("2027-01-01 00:00", "2027-02-01 00:00")
    updated: Any = listener.events[1].data
    assert set(updated.previous_attributes.to_dict()) == {"items", "latest_invoice"}
    sandbox.advance(at("2027-02-01 02:00"))
    assert [event.type for event in listener.events[2:]] == [
        "payment_intent.created",
        "invoice.updated",
        "invoice.finalized",
        "invoice_payment.paid",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    assert {shown(event.created) for event in listener.events[2:]} == {"2027-02-01 01:00"}
    paid: Any = listener.events[-2].data.object
    assert shown(paid.status_transitions.paid_at) == "2027-02-01 01:00"
    assert paid.parent.subscription_details.metadata["customer"] == "team_42"  # as it is when it is finalized
    assert shown(paid.lines.data[0].period.end) == "2027-03-01 00:00"


def test_all_happens_in_the_order_of_time(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """Each stop's events are delivered before the next; who goes along sees the clock stand still at each."""
    sandbox.start_at(at("2027-01-01 00:00"))
    shop.subscribe()
    sandbox.advance(at("2027-01-10 00:00"))
    shop.subscribe(shop.plan(interval="week"))
    sandbox.drain()
    listener.events.clear()
    stops: list[tuple[datetime, int]] = []

    def look(instant: datetime) -> None:
        assert sandbox.clock.now() == instant
        stops.append((instant, len(listener.events)))

    sandbox.advance(at("2027-02-02 00:00"), look)
    assert [f"{instant:%m-%d %H}" for instant, _ in stops] == [
        "01-17 00",
        "01-17 01",
        "01-24 00",
        "01-24 01",
        "01-31 00",
        "01-31 01",
        "02-01 00",
        "02-01 01",
        "02-02 00",
    ]
    assert stops[-1][0] == at("2027-02-02 00:00")
    created = [event.created for event in listener.events]
    assert created == sorted(created)
    for instant, heard in stops:
        assert all(event.created <= instant.timestamp() for event in listener.events[:heard])
        assert all(event.created > instant.timestamp() for event in listener.events[heard:])
    assert sandbox.clock.now() >= at("2027-02-02 00:00")


def test_a_card_that_fails_is_tried_again_and_then_it_is_over(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    session = shop.session(shop.plan(), customer=shop.customer().id)
    subscription = shop.v1.subscriptions.retrieve(sandbox.pay(session.id)["subscription"])
    sandbox.decline(str(subscription.customer), declines=True)
    listener.events.clear()
    sandbox.advance(at("2027-02-01 02:00"))
    invoice = shop.invoices(subscription)[-1]
    assert (invoice.status, invoice.attempt_count, invoice.amount_remaining) == ("open", 1, 2_000)
    assert invoice.next_payment_attempt == seconds("2027-02-04 01:00")
    assert shop.again(subscription).status == "past_due"
    assert listener.types[-5:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.updated",
        "invoice.payment_failed",
        "customer.subscription.updated",
    ]
    sandbox.advance(at("2027-02-20 00:00"))
    gone = shop.again(subscription)
    assert (gone.status, gone.cancellation_details and gone.cancellation_details.reason) == (
        "canceled",
        "payment_failed",
    )
    assert gone.ended_at == seconds("2027-02-16 01:00")  # 3, 5 and 7 days after the first attempt
    invoice = shop.invoices(subscription)[-1]
    assert (invoice.status, invoice.attempt_count, invoice.next_payment_attempt) == ("open", 4, None)
    assert listener.types[-1] == "customer.subscription.deleted"
    sandbox.advance(at("2027-06-01 00:00"))
    assert len(shop.invoices(subscription)) == 2


def test_paid_late_it_goes_on(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    subscription = shop.subscribe()
    sandbox.decline(str(subscription.customer), declines=True)
    sandbox.advance(at("2027-02-02 00:00"))
    sandbox.decline(str(subscription.customer), declines=False)
    listener.events.clear()
    sandbox.advance(at("2027-02-05 00:00"))
    assert listener.types[-3:] == ["invoice.paid", "invoice.payment_succeeded", "customer.subscription.updated"]
    invoice = shop.invoices(subscription)[-1]
    assert shown(invoice.status_transitions.paid_at or 0) == "2027-02-04 01:00"
    assert shop.again(subscription).status == "active"


def test_a_card_that_is_kept_but_declines_later(shop: Shop, sandbox: Sandbox) -> None:
    """A subscription's own card pays, until another one is its own."""
    sandbox.start_at(at("2027-01-01 00:00"))
    subscription = shop.subscribe()
    card: Any = {"type": "card", "card": {"token": "tok_chargeCustomerFail"}}
    method = shop.v1.payment_methods.create(card)
    shop.v1.payment_methods.attach(method.id, {"customer": str(subscription.customer)})
    shop.v1.subscriptions.update(subscription.id, {"default_payment_method": method.id})
    sandbox.advance(at("2027-02-02 00:00"))
    assert shop.again(subscription).status == "past_due"
    assert DECLINED_LATER.endswith("0341") and method.card is not None and method.card.last4 == "0341"


def test_cancelled_at_the_end_of_the_period(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-01-31 00:00"))
    subscription = shop.subscribe()
    listener.events.clear()
    leaving = shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert leaving.cancel_at == seconds("2027-02-28 00:00") and leaving.status == "active"
    sandbox.drain()
    previous: Any = listener.events[-1].data.previous_attributes
    assert previous.to_dict() == {
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"reason": None},
    }
    shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    sandbox.advance(at("2027-02-27 23:59"))
    assert shop.again(subscription).status == "active"
    sandbox.advance(at("2027-03-15 00:00"))
    gone = shop.again(subscription)
    assert (gone.status, gone.ended_at) == ("canceled", seconds("2027-02-28 00:00"))
    assert len(shop.invoices(subscription)) == 1
    assert listener.types[-1] == "customer.subscription.deleted"


def test_cancelled_at_once(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.start_at(at("2027-01-31 00:00"))
    subscription = shop.subscribe()
    gone = shop.v1.subscriptions.cancel(subscription.id, {"cancellation_details": {"comment": "too dear"}})
    assert gone.status == "canceled" and gone.cancellation_details is not None
    assert gone.cancellation_details.comment == "too dear"
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.subscriptions.cancel(subscription.id)
    with pytest.raises(stripe.InvalidRequestError, match="canceled"):
        shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    sandbox.advance(at("2027-06-01 00:00"))
    assert len(shop.invoices(subscription)) == 1


def test_an_offer_ends_after_a_day(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    price = shop.pack()
    short = shop.session(price, expires_at=seconds("2027-01-01 01:00"))
    long = shop.session(price)
    sandbox.advance(at("2027-01-01 23:00"))
    assert shop.v1.checkout.sessions.retrieve(short.id).status == "expired"
    assert shop.v1.checkout.sessions.retrieve(long.id).status == "open"
    sandbox.advance(at("2027-01-02 01:00"))
    assert shop.v1.checkout.sessions.retrieve(long.id).status == "expired"
    assert listener.types[-2:] == ["checkout.session.expired"] * 2
    with pytest.raises(stripe.InvalidRequestError, match="30 minutes"):
        shop.session(price, expires_at=seconds("2027-01-05 00:00"))


def test_a_first_payment_that_never_comes(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    customer = shop.customer(payment_method="pm_card_chargeCustomerFail")
    (method,) = shop.v1.payment_methods.list({"customer": customer.id}).data
    subscription = shop.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": shop.plan().id}], "default_payment_method": method.id}
    )
    sandbox.advance(at("2027-01-02 00:00"))
    assert shop.again(subscription).status == "incomplete_expired"
    assert shop.invoices(subscription)[0].status == "void"
    assert listener.types[-4:] == [
        "invoice.updated",
        "invoice.voided",
        "payment_intent.canceled",
        "customer.subscription.updated",
    ]


def test_it_goes_forward_only(sandbox: Sandbox, shop: Shop) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    with pytest.raises(ValueError, match="forward"):
        sandbox.advance(at("2026-12-31 00:00"))
    shop.customer()
    with pytest.raises(ValueError, match="already"):
        sandbox.start_at(at("2025-01-01 00:00"))


def test_what_falls_due_while_time_runs_happens_by_itself(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """A second before the renewal: nobody moves the clock any more."""
    sandbox.start_at(at("2027-01-01 00:00"))
    shop.subscribe(shop.plan(interval="day"))
    sandbox.advance(at("2027-01-02 00:00") - timedelta(seconds=1))
    listener.events.clear()
    heard = listener.wait_for("customer.subscription.updated", seconds=10)
    assert shown(heard.created) == "2027-01-02 00:00"
    told: Any = heard.data.object
    assert shown(told.items.data[0].current_period_start) == "2027-01-02 00:00"


def test_months_for_a_dozen_subscriptions_are_quick(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """No network, and a transaction for each stop."""
    sandbox.start_at(at("2027-01-01 00:00"))
    price = shop.plan()
    for _ in range(12):
        shop.subscribe(price)
    sandbox.drain()
    begun = datetime.now(UTC)
    sandbox.advance(at("2027-04-02 00:00"))
    assert datetime.now(UTC) - begun < timedelta(seconds=10)  # 0.4 s on an idle machine
    assert listener.types.count("invoice.paid") == 12 * 4  # the first, and three renewals
