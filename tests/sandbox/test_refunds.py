"""Money that goes back by refund: all of a charge or parts of it, at once, later, or not after all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop
from web.sandbox import Sandbox
from web.sandbox.errors import Refused

PENDING, FAILS = "4000000000007726", "4000000000005126"


def bought(shop: Shop, card: str = Sandbox.CARD, cents: int = 1_000) -> stripe.Charge:
    paid = shop.sandbox.pay(shop.session(shop.pack(cents)).id, card=card)
    return shop.v1.charges.list({"payment_intent": paid["payment_intent"]}).data[0]


def told(listener: Listener, sandbox: Sandbox, since: int) -> list[tuple[str, Any]]:
    """What came since then: its type, and the object's status, or what is refunded of a charge."""
    assert sandbox.drain()
    found: list[tuple[str, Any]] = [(event.type, event.data.object) for event in listener.events[since:]]
    return [(kind, thing.amount_refunded if kind == "charge.refunded" else thing.status) for kind, thing in found]


def test_thousandths_go_back_in_tens(shop: Shop, sandbox: Sandbox) -> None:
    data = {"currency": "kwd", "unit_amount": 3_050, "product_data": {"name": "Credits"}}
    session = shop.session(shop.pack(), line_items=[{"price_data": data, "quantity": 1}])
    intent = sandbox.pay(session.id)["payment_intent"]
    with pytest.raises(stripe.InvalidRequestError, match="divisible by 10"):
        shop.v1.refunds.create({"payment_intent": intent, "amount": 1_005})
    assert shop.v1.refunds.create({"payment_intent": intent, "amount": 1_010}).amount == 1_010


def test_in_parts_until_nothing_is_left(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    charge = bought(shop)
    assert sandbox.drain()
    before = len(listener.events)
    first = shop.v1.refunds.create(
        {"charge": charge.id, "amount": 400, "reason": "requested_by_customer", "metadata": {"why": "a"}}
    )
    assert (first.amount, first.status, first.payment_intent) == (400, "succeeded", charge.payment_intent)
    assert first.metadata is not None and first.metadata["why"] == "a"
    again = shop.v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert (again.amount_refunded, again.refunded) == (400, False)
    assert again.refunds is not None and [one.id for one in again.refunds.data] == [first.id]
    with pytest.raises(stripe.InvalidRequestError, match=r"\(\$6.01\) is greater than unrefunded amount on charge"):
        shop.v1.refunds.create({"charge": charge.id, "amount": 601})
    rest = shop.v1.refunds.create({"payment_intent": str(charge.payment_intent)})
    assert rest.amount == 600 and shop.v1.charges.retrieve(charge.id).refunded
    with pytest.raises(stripe.InvalidRequestError) as over:
        shop.v1.refunds.create({"payment_intent": str(charge.payment_intent)})
    assert over.value.code == "charge_already_refunded"
    assert told(listener, sandbox, before) == [
        ("refund.created", "succeeded"),
        ("charge.refunded", 400),
        ("refund.created", "succeeded"),
        ("charge.refunded", 1_000),
    ]
    before = len(listener.events)
    sandbox.advance(sandbox.clock.now() + timedelta(days=2))  # the bank's references come: nothing else changes
    assert told(listener, sandbox, before) == 2 * [
        ("refund.updated", "succeeded"),
        ("charge.refund.updated", "succeeded"),
    ]
    filters: list[Any] = [{"charge": charge.id}, {"payment_intent": charge.payment_intent}, {"created": first.created}]
    for wanted in filters:
        assert first.id in {one.id for one in shop.v1.refunds.list(wanted).data}
    assert not shop.v1.refunds.list({"charge": "ch_other"}).data
    assert shop.v1.refunds.retrieve(first.id, {"expand": ["charge"]}).charge.id == charge.id  # type: ignore[union-attr]
    assert shop.v1.refunds.update(first.id, {"metadata": {"why": "b"}}).metadata["why"] == "b"  # type: ignore[index]


def test_once_for_each_idempotency_key(shop: Shop) -> None:
    charge = bought(shop)
    made = [
        shop.v1.refunds.create({"charge": charge.id, "amount": 100}, {"idempotency_key": "refund-1"}).id
        for _ in range(2)
    ]
    assert made[0] == made[1] and len(shop.v1.refunds.list({"charge": charge.id}).data) == 1


@pytest.mark.parametrize(
    ("card", "before", "after", "left"),
    [(PENDING, "pending", "succeeded", 600), (FAILS, "succeeded", "failed", 1_000)],
)
def test_what_becomes_of_it_in_time(
    shop: Shop, sandbox: Sandbox, listener: Listener, card: str, before: str, after: str, left: int
) -> None:
    charge = bought(shop, card)
    refund = shop.v1.refunds.create({"charge": charge.id, "amount": 400})
    assert refund.status == before and shop.v1.charges.retrieve(charge.id).amount_refunded == 400
    assert sandbox.drain()
    since = len(listener.events)
    sandbox.advance(sandbox.clock.now() + timedelta(days=1, minutes=1))
    assert shop.v1.refunds.retrieve(refund.id).status == after
    failed = [("refund.failed", "failed")] if after == "failed" else []
    assert told(listener, sandbox, since) == [("refund.updated", after), ("charge.refund.updated", after), *failed]
    assert 1_000 - shop.v1.charges.retrieve(charge.id).amount_refunded == left


def test_by_hand(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """The Dashboard's refunds, pending ones that fail, and one that waits for its receiver and is cancelled."""
    charge = bought(shop)
    pending = sandbox.dashboard.refund(str(charge.payment_intent), 300, status="pending")
    assert sandbox.dashboard.settle_refund(pending["id"], "fail")["status"] == "failed"
    with pytest.raises(Refused, match="failed: it cannot succeed"):
        sandbox.dashboard.settle_refund(pending["id"], "succeed")
    waits = sandbox.dashboard.refund(charge.id, 1_000, status="requires_action")
    assert shop.v1.charges.retrieve(charge.id).amount_refunded == 0
    assert shop.v1.refunds.cancel(waits["id"]).status == "canceled"
    arrives = sandbox.dashboard.refund(charge.id, 500, status="requires_action")
    sandbox.dashboard.settle_refund(arrives["id"], "succeed")
    later = sandbox.dashboard.refund(charge.id, 200, status="pending", fails=True)
    sandbox.advance(sandbox.clock.now() + timedelta(days=3))
    assert shop.v1.refunds.retrieve(later["id"]).status == "failed"
    assert shop.v1.charges.retrieve(charge.id).amount_refunded == 500
    with pytest.raises(stripe.InvalidRequestError, match="cannot cancel"):
        shop.v1.refunds.cancel(arrives["id"])


def test_what_cannot_be_refunded(shop: Shop, sandbox: Sandbox) -> None:
    declined = shop.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    refused: list[tuple[Any, str]] = [
        ({}, "payment_intent or charge"),
        ({"charge": "ch_no"}, "No such charge"),
        ({"payment_intent": declined.id}, "does not have a successful charge"),
    ]
    for params, words in refused:
        with pytest.raises(stripe.InvalidRequestError, match=words):
            shop.v1.refunds.create(params)
    charge = bought(shop)
    sandbox.dashboard.dispute(charge.id)
    with pytest.raises(stripe.InvalidRequestError) as disputed:
        shop.v1.refunds.create({"charge": charge.id})
    assert disputed.value.code == "charge_disputed"


def test_a_charge_without_an_intent(shop: Shop) -> None:
    charge = shop.v1.charges.create({"amount": 700, "currency": "usd", "source": "tok_visa"})
    assert (charge.status, charge.payment_intent) == ("succeeded", None)
    refund = shop.v1.refunds.create({"charge": charge.id})
    assert (refund.amount, refund.payment_intent) == (700, None)
    with pytest.raises(stripe.CardError, match="was declined"):
        shop.v1.charges.create({"amount": 700, "currency": "usd", "source": "tok_chargeDeclined"})
    disputed = shop.v1.charges.create({"amount": 700, "currency": "usd", "source": "tok_createDispute"})
    assert len(shop.v1.disputes.list({"charge": disputed.id}).data) == 1
