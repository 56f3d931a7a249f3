"""Disputes: inquiries that take nothing, chargebacks that do, and how they end."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop
from tests.sandbox.test_refunds import bought
from web.sandbox import Sandbox
from web.sandbox.errors import Refused

pytestmark = pytest.mark.slow  # a stand-in's own ways: what the engine stands on is tried by its tests


def told(listener: Listener, sandbox: Sandbox) -> list[tuple[str, str, list[int]]]:
    """What was told of disputes: its type, the status and what was taken and given back by then."""
    assert sandbox.drain()
    return [
        (
            event.type.removeprefix("charge.dispute."),
            event.data.object.status,
            [row.amount for row in event.data.object.balance_transactions],
        )
        for event in listener.events
        if event.type.startswith("charge.dispute.")
    ]


def test_a_chargeback_takes_the_money_and_won_gives_it_back(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    charge = bought(shop)
    made = sandbox.dashboard.dispute(str(charge.payment_intent), amount=700, reason="product_not_received")
    dispute = shop.v1.disputes.retrieve(made["id"])
    assert (dispute.charge, dispute.payment_intent) == (charge.id, charge.payment_intent)
    assert (dispute.amount, dispute.reason, dispute.is_charge_refundable) == (700, "product_not_received", False)
    assert [(row.amount, row.fee, row.net) for row in dispute.balance_transactions] == [(-700, 1_500, -2_200)]
    assert shop.v1.charges.retrieve(charge.id).disputed
    answered = shop.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "They had it."}})
    assert answered.status == "under_review" and answered.evidence_details.submission_count == 1
    sandbox.dashboard.judge(dispute.id, "win")
    assert told(listener, sandbox) == [
        ("created", "needs_response", [-700]),
        ("funds_withdrawn", "needs_response", [-700]),
        ("updated", "under_review", [-700]),
        ("closed", "won", [-700, 700]),
        ("funds_reinstated", "won", [-700, 700]),
    ]
    with pytest.raises(Refused, match="This dispute is won"):
        sandbox.dashboard.judge(dispute.id, "lose")
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        shop.v1.disputes.close(dispute.id)


def test_lost_and_then_given_back_all_the_same(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    charge = bought(shop)
    lost = sandbox.dashboard.dispute(charge.id)
    assert shop.v1.disputes.close(lost["id"]).status == "lost"  # the merchant gives in
    sandbox.dashboard.judge(lost["id"], "reinstate", 600)
    assert told(listener, sandbox)[2:] == [
        ("closed", "lost", [-1_000]),
        ("closed", "won", [-1_000, 600]),
        ("funds_reinstated", "won", [-1_000, 600]),
    ]


def test_an_inquiry_takes_nothing_until_it_becomes_a_chargeback(
    shop: Shop, sandbox: Sandbox, listener: Listener
) -> None:
    charge, other = bought(shop), bought(shop)
    asked = sandbox.dashboard.dispute(charge.id, inquiry=True)
    shop.v1.refunds.create({"charge": charge.id, "amount": 100})  # an inquiry does not stand in its way
    with pytest.raises(Refused, match="cannot be won"):
        sandbox.dashboard.judge(asked["id"], "win")
    sandbox.dashboard.judge(asked["id"], "escalate", 900)
    sandbox.dashboard.judge(asked["id"], "lose")
    closed = sandbox.dashboard.dispute(other.id, inquiry=True)
    shop.v1.disputes.close(closed["id"])
    assert told(listener, sandbox) == [
        ("created", "warning_needs_response", []),
        ("updated", "needs_response", [-900]),
        ("funds_withdrawn", "needs_response", [-900]),
        ("closed", "lost", [-900]),
        ("created", "warning_needs_response", []),
        ("closed", "warning_closed", []),
    ]
    assert [one.id for one in shop.v1.disputes.list({"charge": other.id}).data] == [closed["id"]]
    assert [one.id for one in shop.v1.disputes.list({"payment_intent": str(charge.payment_intent)}).data] == [
        asked["id"]
    ]


@pytest.mark.parametrize(
    ("card", "status"), [("4000000000000259", "needs_response"), ("4000000000001976", "warning_needs_response")]
)
def test_cards_that_dispute_what_they_pay(
    shop: Shop, sandbox: Sandbox, listener: Listener, card: str, status: str
) -> None:
    charge = bought(shop, card)
    assert told(listener, sandbox)[0][:2] == ("created", status)
    assert listener.types.index("charge.dispute.created") > listener.types.index("checkout.session.completed")
    assert [one.status for one in shop.v1.disputes.list({"charge": charge.id}).data] == [status]


def test_by_controls(shop: Shop, sandbox: Sandbox) -> None:
    charge = bought(shop)

    def said(path: str, **words: Any) -> requests.Response:
        return requests.post(f"{sandbox.url}/_sandbox/{path}", json=words, timeout=10)

    refund = said("refund", payment=charge.id, amount=100, status="pending").json()
    assert said("refund", refund=refund["id"], how="fail").json()["status"] == "failed"
    dispute = said("dispute", payment=charge.payment_intent, kind="inquiry").json()
    assert said("dispute", dispute=dispute["id"], how="escalate").json()["status"] == "needs_response"
    assert said("dispute", dispute=dispute["id"], how="win").json()["status"] == "won"
    for path, words in (
        ("refund", {"payment": "ch_no"}),
        ("refund", {"payment": charge.id, "amount": 0}),
        ("refund", {"payment": charge.id, "status": "soon"}),
        ("refund", {"colour": "red"}),
        ("refund", {"refund": refund["id"], "how": "vanish"}),
        ("dispute", {"payment": charge.id, "amount": 1_001}),
        ("dispute", {"payment": charge.id, "kind": "quarrel"}),
        ("dispute", {"payment": charge.id, "reason": "mood"}),
        ("dispute", {"dispute": dispute["id"], "how": "win"}),
        ("dispute", {"dispute": dispute["id"], "how": "vanish"}),
    ):
        assert said(path, **words).status_code in (400, 404), words
