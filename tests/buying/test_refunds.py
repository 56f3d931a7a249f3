"""Money given back, from our side and from the Dashboard, through the real SDK, the webhook and the sandbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing import IdempotencyKeyReused, Invalid, StripeUnavailable, UnknownPurchase, signals
from billing.testing import START
from tests.buying.shop import Shop
from tests.sales.paid import invoice, line, tell

pytestmark = pytest.mark.quick_on("sqlite")


def bought(shop: Shop) -> Any:
    opened = shop.buy()
    shop.pay(opened.session)
    return opened


def test_a_topup_is_refunded_from_here(shop: Shop) -> None:
    topup = bought(shop)
    shop.billing.spend("team", 30, key="s")
    before = shop.billing.refund_preview("team", topup.id)
    assert (before.refundable_cents, before.unused_credits, before.unused_cents) == (1_000, 70, 700)
    told: list[dict[str, Any]] = []
    with signals.credits_clawed_back.connected_to(lambda _, **fact: told.append(fact), sender=shop.billing):
        given = shop.billing.refund("team", topup.id, before.unused_cents, key="r1")
    assert (given.status, given.cents, given.refund is not None) == ("succeeded", 700, True)
    assert [(fact["credits"], fact["available"]) for fact in told] == [(70, 0)]
    assert shop.billing.refund("team", topup.id, 700, key="r1") == given
    assert [one.id for one in shop.billing.refunds("team")] == [given.id]
    assert shop.billing.find_topup("team", topup.id).status == "paid"
    after = shop.billing.refund_preview("team", topup.id)
    assert (after.refunded_cents, after.refundable_cents, after.unused_credits) == (700, 300, 0)
    shop.billing.refund("team", topup.id, key="r2")
    wallet = shop.billing.wallet("team")
    assert (wallet.available, wallet.owed) == (0, 30)
    assert shop.billing.find_topup("team", topup.id).status == "refunded"
    assert shop.billing.audit() == []


def test_what_is_not_to_be_given_back(shop: Shop) -> None:
    topup = bought(shop)
    with pytest.raises(Invalid, match="At most 1000 cents"):
        shop.billing.refund("team", topup.id, 1_001, key="r1")
    with pytest.raises(UnknownPurchase):
        shop.billing.refund("team", "top_nobody", key="r1")
    shop.billing.customer("other")
    with pytest.raises(UnknownPurchase):
        shop.billing.refund("other", topup.id, key="r1")
    shop.billing.refund("team", topup.id, 400, key="r1")
    with pytest.raises(IdempotencyKeyReused):
        shop.billing.refund("team", topup.id, 401, key="r1")
    shop.billing.refund("team", topup.id, key="r2")
    with pytest.raises(Invalid, match="Nothing is left"):
        shop.billing.refund("team", topup.id, key="r3")


def test_cut_off_it_is_finished_and_given_back_once(shop: Shop) -> None:
    topup = bought(shop)
    shop.fail("lost", times=9, path="/v1/refunds")
    with pytest.raises(StripeUnavailable):
        shop.billing.refund("team", topup.id, 500, key="r1")
    assert shop.billing.refunds("team")[0].status in ("open", "succeeded")
    shop.sandbox.faults.clear()
    shop.later(minutes=2)
    (given,) = shop.billing.refunds("team")
    assert (given.status, given.cents) == ("succeeded", 500)
    assert len(shop.stripe.v1.refunds.list({"limit": 10}).data) == 1
    assert shop.available() == 50


def test_a_refund_made_in_the_dashboard(shop: Shop) -> None:
    intent = paid(shop, bought(shop))
    shop.sandbox.dashboard.refund(intent, 250)
    pending = shop.sandbox.dashboard.refund(intent, 250, status="pending", fails=True)
    shop.told()
    wallet = shop.billing.wallet("team")
    assert (wallet.available, wallet.held) == (50, 25)
    shop.sandbox.dashboard.settle_refund(pending["id"], "fail")
    shop.told()
    wallet = shop.billing.wallet("team")
    assert (wallet.available, wallet.held) == (75, 0)
    assert [(one.status, one.cents) for one in shop.billing.refunds("team")] in (
        [("succeeded", 250), ("failed", 250)],
        [("failed", 250), ("succeeded", 250)],
    )


def test_a_dispute_from_inquiry_to_loss(shop: Shop) -> None:
    intent = paid(shop, bought(shop))
    told: list[str] = []
    with (
        signals.dispute_opened.connected_to(lambda _, **fact: told.append("opened"), sender=shop.billing),
        signals.dispute_closed.connected_to(lambda _, **fact: told.append(fact["status"]), sender=shop.billing),
    ):
        asked = shop.sandbox.dashboard.dispute(intent, inquiry=True, amount=700)
        shop.told()
        assert shop.available() == 100
        shop.sandbox.dashboard.judge(asked["id"], "escalate")
        shop.told()
        assert shop.available() == 30
        shop.sandbox.dashboard.judge(asked["id"], "lose")
        shop.told()
    wallet = shop.billing.wallet("team")
    assert (wallet.available, wallet.held, wallet.owed) == (30, 0, 0)
    assert told == ["opened", "lost"]
    shop.sandbox.dashboard.judge(asked["id"], "reinstate", 400)
    shop.told()
    assert shop.available() == 70
    assert shop.billing.audit() == []


def paid(shop: Shop, topup: Any) -> str:
    """The payment intent of its session."""
    return str(shop.stripe.v1.checkout.sessions.retrieve(topup.session).payment_intent)


def test_of_a_payment_for_several_invoices_its_own_part_is_asked_for(shop: Shop) -> None:
    """A transfer of 1,700 paid two invoices, as Stripe tells; each is given back for itself."""
    shop.stock()
    billing, v1, end = shop.billing, shop.stripe.v1, START + timedelta(days=31)
    payer = v1.customers.create({}).id
    billing.customer("team", stripe_customer_id=payer)
    [price] = v1.prices.list({"lookup_keys": ["pro_monthly"]}).data
    transfer: Any = {"amount": 1_700, "currency": "usd", "customer": payer, "confirm": True}
    transfer["payment_method"] = "pm_card_visa"
    intent = v1.payment_intents.create(transfer)
    for id, cents in (("in_a", 1_000), ("in_b", 700)):
        bought = line(price.id, cents, START, end, item=f"si_{id}")
        assert tell(billing, invoice(bought, paid=START, id=id, customer=payer, total=cents)).status == "done"
        part = {
            "id": f"inpay_{id}", "object": "invoice_payment", "invoice": id, "status": "paid", "amount_paid": cents,
            "currency": "usd", "payment": {"type": "payment_intent", "payment_intent": intent.id},
        }  # fmt: skip
        assert tell(billing, part, "invoice_payment.paid").status == "done"
    assert shop.available() == 500
    with pytest.raises(Invalid, match="At most 700 cents"):
        billing.refund("team", "in_b", 701, key="too much")
    assert (billing.refund("team", "in_b", key="b").cents, shop.available()) == (700, 250)
    shop.told()  # the webhook says the same of it
    assert (shop.available(), billing.refund_preview("team", "in_b").refundable_cents) == (250, 0)
    assert billing.refund_preview("team", "in_a").refundable_cents == 1_000
    v1.refunds.create({"payment_intent": intent.id, "amount": 400})  # from the Dashboard: of what the other one paid
    shop.told()
    assert (shop.available(), billing.refund_preview("team", "in_a").refundable_cents) == (150, 600)
    assert billing.refund("team", "in_a", key="a").cents == 600
    assert (shop.available(), billing.audit()) == (0, [])
