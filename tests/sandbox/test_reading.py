"""What is there is found: lists and their pages, ids that become what they name, prices by their keys."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.serving import Watch
from tests.sandbox.shop import Shop, at
from web.sandbox import Sandbox


def test_pages_of_a_list(shop: Shop) -> None:
    made = [shop.customer(email=f"{number}@example.com").id for number in range(7)][::-1]
    page = shop.v1.customers.list({"limit": 3})
    assert [one.id for one in page.data] == made[:3] and page.has_more
    page = shop.v1.customers.list({"limit": 3, "starting_after": made[2]})
    assert [one.id for one in page.data] == made[3:6] and page.has_more
    page = shop.v1.customers.list({"limit": 3, "starting_after": made[5]})
    assert [one.id for one in page.data] == made[6:] and not page.has_more
    page = shop.v1.customers.list({"limit": 3, "ending_before": made[5]})
    assert [one.id for one in page.data] == made[2:5] and page.has_more
    assert [one.id for one in shop.v1.customers.list({"limit": 2}).auto_paging_iter()] == made
    assert [one.id for one in shop.v1.customers.list({"email": "3@example.com"}).data] == [made[3]]


def test_lists_are_cut_by_time(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    first = shop.customer()
    sandbox.advance(at("2027-01-02 00:00"))
    second = shop.customer()
    found = shop.v1.customers.list({"created": {"gt": first.created}}).data
    assert [one.id for one in found] == [second.id]
    assert [one.id for one in shop.v1.customers.list({"created": {"lt": second.created}}).data] == [first.id]
    assert [one.id for one in shop.v1.customers.list({"created": {"lte": second.created}}).data] == [
        second.id,
        first.id,
    ]


def test_ids_become_what_they_name(shop: Shop, watch: Watch) -> None:
    subscription = shop.subscribe()
    deep = ["data.latest_invoice.payments", "data.items.data.price", "data.customer", "data.default_payment_method"]
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        shop.v1.subscriptions.list({"expand": deep})  # a price is there already
    deep.remove("data.items.data.price")
    (found,) = shop.v1.subscriptions.list({"expand": deep}).data
    invoice: Any = found.latest_invoice
    assert invoice.payments.data[0].status == "paid" and invoice.customer == subscription.customer
    customer: Any = found.customer
    method: Any = found.default_payment_method
    assert customer.email == "buyer@example.com" and method.card.last4 == "4242"
    known = shop.v1.customers.retrieve(customer.id, {"expand": ["subscriptions.data.latest_invoice"]})
    inner: Any = known.subscriptions
    assert inner.data[0].latest_invoice.id == invoice.id
    with pytest.raises(stripe.InvalidRequestError, match="4 levels"):
        shop.v1.subscriptions.list({"expand": ["data.latest_invoice.customer.subscriptions.data"]})


def test_prices_are_found_by_their_keys(shop: Shop) -> None:
    product = shop.v1.products.create({"name": "Pro", "id": "pro"})
    monthly: Any = {"currency": "usd", "unit_amount": 2_000, "product": product.id, "recurring": {"interval": "month"}}
    monthly["lookup_key"] = "pro_monthly"
    first = shop.v1.prices.create(monthly)
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        shop.v1.prices.create(monthly)
    monthly["transfer_lookup_key"] = True
    second = shop.v1.prices.create(monthly)
    found = shop.v1.prices.list({"lookup_keys": ["pro_monthly", "other"], "expand": ["data.product"]})
    assert [one.id for one in found.data] == [second.id]
    named: Any = found.data[0].product
    assert named.name == "Pro"
    assert shop.v1.prices.update(first.id, {"active": False}).active is False
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        shop.session(first)
    dust: Any = {"currency": "usd", "unit_amount_decimal": "0.85", "product": product.id}
    fine = shop.v1.prices.create(dust)
    assert fine.unit_amount is None and str(fine.unit_amount_decimal) == "0.85"


def test_a_deleted_customer_says_so(shop: Shop, sandbox: Sandbox) -> None:
    subscription = shop.subscribe()
    customer = str(subscription.customer)
    assert shop.v1.customers.delete(customer).deleted is True
    assert shop.v1.customers.retrieve(customer).deleted is True
    assert shop.again(subscription).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        shop.session(shop.pack(), customer=customer)
    assert shop.v1.customers.list().data == []


def test_metadata_changes_name_by_name(shop: Shop) -> None:
    customer = shop.customer(metadata={"a": "1", "b": "2"})
    changed = shop.v1.customers.update(customer.id, {"metadata": {"a": "", "c": "3"}})
    assert changed.metadata is not None and changed.metadata.to_dict() == {"b": "2", "c": "3"}
    cleared = shop.v1.customers.update(customer.id, {"metadata": ""})
    assert cleared.metadata is not None and cleared.metadata.to_dict() == {}
