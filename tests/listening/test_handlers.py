"""What each event does, told through the webhook in whatever order."""

from __future__ import annotations

from typing import Any

import pytest

from billing import Gateway, signals
from billing.inbox.handlers import HANDLERS
from tests.buying.shop import KEY, Shop
from tests.listening.hearing import happened, subscribe, tell
from tests.sales.paid import Json

pytestmark = pytest.mark.slow

NOTHING = ("invoice.payment_failed", "invoice.payment_action_required", "invoice.finalization_failed")


@pytest.mark.parametrize("what", NOTHING)
def test_a_payment_that_failed_is_told_and_takes_nothing(shop: Shop, what: str) -> None:
    subscribe(shop)
    paid = happened(shop, "invoice.paid")
    tell(shop, paid)
    failed: list[Json] = []

    def hear(_: object, **fact: Any) -> None:
        failed.append(fact)

    unpaid = {**paid["data"]["object"], "status": "open", "id": "in_next"}
    with signals.payment_failed.connected_to(hear):
        told = tell(shop, {**paid, "id": "evt_2", "type": what, "data": {"object": unpaid}})
        nobody = {**unpaid, "customer": "cus_stranger", "parent": None, "metadata": {}}
        tell(shop, {**paid, "id": "evt_3", "type": what, "data": {"object": nobody}})
    assert told.status == "done"
    [fact] = failed
    assert (fact["customer"], fact["invoice"]) == ("team", "in_next") and fact["subscription"] is not None
    assert shop.available() == 250


@pytest.mark.parametrize("what", ["invoice.voided", "invoice.marked_uncollectible", "invoice.deleted"])
def test_an_invoice_that_will_not_be_paid_has_granted_nothing(shop: Shop, what: str) -> None:
    subscribe(shop)
    paid = happened(shop, "invoice.paid")
    status = what.removeprefix("invoice.").removeprefix("marked_")
    unpaid = {**paid["data"]["object"], "status": "draft" if status == "deleted" else status.replace("voided", "void")}
    never = tell(shop, {**paid, "id": "evt_2", "type": what, "data": {"object": unpaid}})
    assert never.status == "done" and "granted nothing" in (never.reason or "")
    tell(shop, paid)  # one that was written off may be paid after all
    assert shop.available() == 250
    odd = tell(shop, {**paid, "id": "evt_3", "type": what, "data": {"object": unpaid}})
    assert odd.status == "waiting" and "look at it" in (odd.reason or "")


def test_payment_succeeded_alone_grants_nothing(shop: Shop) -> None:
    subscribe(shop)
    assert tell(shop, happened(shop, "invoice.payment_succeeded")).status == "ignored"
    assert shop.available() == 0
    assert "invoice.payment_succeeded" not in HANDLERS


def test_of_two_changes_within_a_second_the_newer_holds_in_either_order(shop: Shop) -> None:
    id = subscribe(shop)
    tell(shop, happened(shop, "customer.subscription.created"))
    shop.stripe.v1.subscriptions.update(id, {"cancel_at_period_end": True})
    older = happened(shop, "customer.subscription.updated")
    shop.stripe.v1.subscriptions.update(id, {"cancel_at_period_end": False})
    newer = happened(shop, "customer.subscription.updated")
    assert older["created"] == newer["created"] and older["id"] != newer["id"]
    for event in (newer, older):
        tell(shop, event)
    found = shop.billing.subscription("team")
    assert found is not None and found.cancel_at is None


def test_a_stale_snapshot_revives_nothing(shop: Shop) -> None:
    id = subscribe(shop)
    created = happened(shop, "customer.subscription.created")
    shop.stripe.v1.subscriptions.cancel(id)
    tell(shop, happened(shop, "customer.subscription.deleted"))
    tell(shop, {**created, "type": "customer.subscription.updated"})
    found = shop.billing.subscription("team")
    assert found is not None and found.status == "canceled"


@pytest.mark.parametrize(
    "what", ["customer.subscription.pending_update_applied", "customer.subscription.pending_update_expired",
             "customer.subscription.trial_will_end"],
)  # fmt: skip
def test_what_is_only_kept(shop: Shop, what: str) -> None:
    subscribe(shop)
    created = happened(shop, "customer.subscription.created")
    assert tell(shop, {**created, "type": what}).status == "done"
    assert shop.available() == 0


def test_stripe_knows_every_type_that_is_listened_to() -> None:
    """An endpoint could not be made for one that it does not."""
    import inspect

    import stripe

    known = inspect.getsource(inspect.getmodule(stripe.params.WebhookEndpointCreateParams))  # type: ignore[arg-type]
    assert [one for one in HANDLERS if f"'{one}'" not in known and f'"{one}"' not in known] == []


def test_payments_say_nothing_that_what_they_pay_does_not(shop: Shop) -> None:
    """But one that failed in the buyer's absence, for a top-up of ours."""
    opened = shop.buy()
    shop.pay(opened.session)
    paid = happened(shop, "payment_intent.succeeded")
    assert "says so itself" in (tell(shop, paid).reason or "")
    failed: list[Json] = []

    def hear(_: object, **fact: Any) -> None:
        failed.append(fact)

    intent = paid["data"]["object"]
    with signals.payment_failed.connected_to(hear):
        for number, (customer, metadata) in enumerate(
            ((intent["customer"], {"billing_topup": opened.id}), (intent["customer"], {}),
             ("cus_stranger", {"billing_topup": opened.id}))
        ):  # fmt: skip
            held = {**intent, "status": "requires_payment_method", "customer": customer, "metadata": metadata}
            event = {**paid, "id": f"evt_{number}", "type": "payment_intent.payment_failed", "data": {"object": held}}
            assert tell(shop, event).status == "done"
    assert [(fact["customer"], fact["topup"]) for fact in failed] == [("team", opened.id)]
    canceled = {**paid, "id": "evt_c", "type": "payment_intent.canceled"}
    assert tell(shop, canceled).status == "done"
    assert shop.available() == 0  # the session brings it


def test_before_basil_a_payment_says_what_it_paid(shop: Shop) -> None:
    """A refund of it needs nobody to be asked then."""
    subscribe(shop)
    invoice = happened(shop, "invoice.paid")
    tell(shop, invoice)
    paid = happened(shop, "payment_intent.succeeded")
    held = {**paid["data"]["object"], "invoice": invoice["data"]["object"]["id"]}
    assert tell(shop, {**paid, "data": {"object": held}}).status == "done"
    shop.sandbox.dashboard.refund(held["id"], 1000)
    refunded = happened(shop, "refund.created")
    shop.billing.gateway = Gateway(KEY, "http://127.0.0.1:9")
    assert tell(shop, refunded).status == "done"
    assert shop.available() == 125
