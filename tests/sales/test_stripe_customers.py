"""Who paid: the link of Stripe's customer to ours, and what payments say of it."""

from __future__ import annotations

import pytest

from billing import Invalid, StripeCustomerTaken
from billing.testing import TestBilling
from tests.sales.paid import invoice, line, session, tell

pytestmark = pytest.mark.quick_on("sqlite")


def test_a_customer_shows_the_one_linked_last(billing: TestBilling) -> None:
    assert billing.find_customer("team").stripe_customer_id == "cus_1"
    assert billing.customer("team", stripe_customer_id="cus_0").stripe_customer_id == "cus_0"
    assert billing.customer("team", stripe_customer_id="cus_1").stripe_customer_id == "cus_1"
    assert billing.customer("team", name="Team").stripe_customer_id == "cus_1"
    assert [one.stripe_customer_id for one in billing.customers()] == ["cus_1"]
    assert tell(billing, invoice(line("price_basic", 1_000), customer="cus_0")).status == "done"


def test_one_of_stripes_belongs_to_one_of_ours(billing: TestBilling) -> None:
    with pytest.raises(StripeCustomerTaken, match="'team'"):
        billing.customer("other", stripe_customer_id="cus_1")
    assert [one.id for one in billing.customers()] == ["team"]
    with pytest.raises(Invalid, match="stripe_customer_id"):
        billing.customer("other", stripe_customer_id="")
    with billing.transaction() as tx:
        with pytest.raises(StripeCustomerTaken):
            tx.customer("other", name="Other", stripe_customer_id="cus_1")
        tx.customer("third", stripe_customer_id="cus_3")
    assert [(one.id, one.stripe_customer_id) for one in billing.customers()] == [("team", "cus_1"), ("third", "cus_3")]


def test_a_session_links_its_customer(billing: TestBilling) -> None:
    assert tell(billing, session(mode="subscription", customer="cus_2", client_reference_id="team")).status == "done"
    assert billing.find_customer("team").stripe_customer_id == "cus_2"
    assert tell(billing, invoice(line("price_basic", 1_000), customer="cus_2")).status == "done"
    assert billing.wallet("team").available == 100


def test_an_invoice_that_came_before_its_session(billing: TestBilling) -> None:
    waits = tell(billing, invoice(line("price_basic", 1_000), customer="cus_2"))
    assert (waits.status, waits.reason) == ("waiting", "unknown customer: cus_2 is linked to nobody")
    assert tell(billing, session(mode="subscription", customer="cus_2")).status == "done"
    assert billing.stripe_events(status="waiting") == []
    assert billing.wallet("team").available == 100


def test_what_waited_for_a_link_is_due_once_it_is_made(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_basic", 1_000), customer="cus_2"))
    assert billing.handle_stripe_events().more is False
    assert billing.wallet("team").available == 0
    billing.customer("team", stripe_customer_id="cus_2")
    billing.handle_stripe_events()
    assert billing.wallet("team").available == 100


def test_the_subscriptions_metadata_name_our_customer(billing: TestBilling) -> None:
    held = invoice(line("price_basic", 1_000), customer="cus_2", metadata={"billing_customer": "team"})
    assert tell(billing, held).status == "done"
    assert billing.find_customer("team").stripe_customer_id == "cus_2"


def test_who_is_not_there_is_waited_for(billing: TestBilling) -> None:
    held = invoice(line("price_basic", 1_000), customer="cus_2", metadata={"billing_customer": "new"})
    for document in (held, session(customer="cus_2", client_reference_id="new")):
        waits = tell(billing, document)
        assert waits.status == "waiting"
        assert "'new' is not there" in (waits.reason or "")
    assert tell(billing, session(mode="subscription", customer="cus_2", client_reference_id="new")).status == "waiting"
    assert tell(billing, session(mode="subscription", customer="cus_2", client_reference_id=None)).status == "done"
    assert tell(billing, session(customer=None, client_reference_id=None)).reason == (
        "unknown customer: the payment names none"
    )


def test_a_payment_that_contradicts_the_link_waits(billing: TestBilling) -> None:
    billing.customer("other")
    held = invoice(line("price_basic", 1_000), metadata={"billing_customer": "other"})
    for document in (
        held,
        session(client_reference_id="other"),
        session(mode="subscription", client_reference_id="other"),
    ):
        waits = tell(billing, document)
        assert (waits.status, waits.reason) == (
            "waiting",
            "conflict: cus_1 is linked to the customer 'team', the payment names 'other'",
        )
    assert billing.wallet("other").available == billing.wallet("team").available == 0


def test_a_reference_that_names_nobody_of_ours_is_somebody_elses_note(billing: TestBilling) -> None:
    assert tell(billing, session(client_reference_id="affiliate-7")).status == "done"
    assert tell(billing, session(id="cs_2", customer=None)).status == "done"
    assert billing.wallet("team").available == 200
