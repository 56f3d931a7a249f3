from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.rules.sale.lines import Line
from billing.stripe import payloads
from billing.stripe.values import Event, Invoice, Session, SessionLine
from tests.stripe import shapes

START, END, PAID = (datetime.fromtimestamp(at, UTC) for at in (shapes.START, shapes.END, shapes.PAID))


def one_line(line: shapes.Json) -> Line:
    (found,) = payloads.invoice(shapes.manual_invoice(line)).lines
    return found


LINES = [
    shapes.acacia_line,
    shapes.basil_line,
    shapes.expanded_line,
    shapes.endive_line,
    shapes.hybrid_line,
    shapes.emptied_line,
]
INVOICES = [shapes.acacia_invoice, shapes.basil_invoice, shapes.hybrid_invoice, shapes.emptied_invoice]


@pytest.mark.parametrize("shape", LINES)
def test_a_line_is_the_same_in_every_shape(shape: Callable[..., shapes.Json]) -> None:
    found = one_line(shape())
    old_names = shape not in (shapes.basil_line, shapes.endive_line)
    assert found == Line(
        id="il_1",
        amount_cents=3000,
        net_cents=2500,
        currency="usd",
        start=START,
        end=END,
        quantity=3,
        price="price_1",
        lookup_key="pro_monthly" if old_names else None,
        subscription="sub_1",
        item="si_1",
        invoice_item="ii_1",
        proration=True,
        kind="invoice_item" if shape in (shapes.acacia_line, shapes.emptied_line) else "subscription",
        metadata={"seat": "3"},
    )


@pytest.mark.parametrize("shape", INVOICES)
def test_an_invoice_is_the_same_in_every_shape(shape: Callable[..., shapes.Json]) -> None:
    found = payloads.invoice(shape())
    assert found == Invoice(
        id="in_1",
        customer="cus_1",
        subscription="sub_1",
        metadata={"customer": "team_42", "a": "new"},
        status="paid",
        currency="usd",
        created=START,
        paid_at=PAID,
        billing_reason="subscription_cycle",
        lines=found.lines,
        has_more=False,
    )
    assert [line.id for line in found.lines] == ["il_1"]
    hash(found)


def test_expanded_objects_are_their_ids() -> None:
    found = payloads.invoice(
        shapes.basil_invoice(
            customer={"id": "cus_1", "object": "customer", "deleted": True},
            parent={"subscription_details": {"subscription": {"id": "sub_1", "object": "subscription"}}},
        )
    )
    assert (found.customer, found.subscription) == ("cus_1", "sub_1")
    assert payloads.invoice(shapes.acacia_invoice(subscription={"id": "sub_9"})).subscription == "sub_9"


@pytest.mark.parametrize(
    "more",
    [
        {"price": "price_1", "plan": None},
        {"price": None, "plan": {"id": "price_1"}},
        {"price": {"id": "price_1"}, "pricing": {"price_details": None}},
        {"price": {"id": "price_0"}, "pricing": {"price_details": {"price": "price_1"}}},
    ],
    ids=["as text", "as a plan only", "new one null", "new before old"],
)
def test_where_the_price_may_stand(more: shapes.Json) -> None:
    assert one_line(shapes.acacia_line(**more)).price == "price_1"


def test_a_line_typed_by_hand_has_no_price() -> None:
    found = one_line(shapes.basil_line(pricing=None, parent=None))
    assert (found.price, found.lookup_key, found.item, found.subscription, found.proration, found.kind) == (
        None, None, None, None, False, "unknown",
    )  # fmt: skip


def test_an_invoice_item_of_a_subscription() -> None:
    details = {"invoice_item": "ii_1", "proration": False, "subscription": "sub_1"}
    found = one_line(shapes.basil_line(parent={"type": "invoice_item_details", "invoice_item_details": details}))
    assert (found.kind, found.item, found.subscription, found.invoice_item) == (
        "invoice_item", None, "sub_1", "ii_1",
    )  # fmt: skip


def test_an_items_subscription_may_stand_on_the_invoice_only() -> None:
    parent = {"subscription_item_details": {"subscription_item": "si_1", "subscription": None}}
    typed = shapes.basil_line(id="il_2", parent=None)
    found = payloads.invoice(shapes.basil_invoice(shapes.basil_line(parent=parent), typed))
    assert [line.subscription for line in found.lines] == ["sub_1", None]


@pytest.mark.parametrize(
    ("line", "net"),
    [
        (shapes.basil_line(discount_amounts=None, taxes=None), 3000),
        (shapes.basil_line(discount_amounts=[], taxes=[]), 3000),
        (shapes.basil_line(discount_amounts=[], taxes=[], tax_amounts=[{"amount": 5, "inclusive": True}]), 2995),
        (shapes.hybrid_line(discount_amounts=[]), 2800),
        (shapes.basil_line(amount=-667, discount_amounts=[{"amount": -667}], taxes=[]), 0),
        (shapes.basil_line(taxes=[{"amount": 200, "tax_behavior": "of_the_future"}]), 2700),
    ],
    ids=["nulls", "empty", "old taxes only", "taxes said twice", "negative under a coupon", "unknown behaviour"],
)
def test_the_net_is_after_discounts_and_without_inclusive_tax(line: shapes.Json, net: int) -> None:
    assert one_line(line).net_cents == net


@pytest.mark.parametrize("place", ["parent.subscription_item_details", "parent.invoice_item_details", ""])
def test_a_line_that_takes_back_names_what(place: str) -> None:
    line = shapes.basil_line()
    assert not one_line(line).returns
    found = line
    for step in place.split(".") if place else ():
        found[step] = found[step] or {}
        found = found[step]
    found["proration_details"] = {"credited_items": {"invoice": "in_1", "invoice_line_items": ["il_0"]}}
    assert one_line(line).returns


@pytest.mark.parametrize(
    ("more", "quantity"),
    [
        ({"quantity": None}, None),
        ({"quantity": 0}, 0),
        ({"quantity": None, "quantity_decimal": "2.9"}, 2),
        ({"quantity": None, "quantity_decimal": Decimal(4)}, 4),
        ({"quantity": 7, "quantity_decimal": "7.5"}, 7),
    ],
)
def test_the_quantity(more: shapes.Json, quantity: int | None) -> None:
    assert one_line(shapes.basil_line(**more)).quantity == quantity


def test_values_we_do_not_know_pass_as_they_are() -> None:
    line = shapes.basil_line(parent={"type": "gift_details", "gift_details": {"x": 1}})
    found = payloads.invoice(shapes.manual_invoice(line, status="dormant", billing_reason="because"))
    assert (found.status, found.billing_reason, found.lines[0].kind) == ("dormant", "because", "gift_details")


def test_an_invoice_without_what_it_may_lack() -> None:
    found = payloads.invoice(
        shapes.manual_invoice(
            customer=None, status=None, billing_reason=None, metadata=None, status_transitions=None, currency="USD"
        )
    )
    assert (found.customer, found.status, found.billing_reason, found.paid_at) == (None, None, None, None)
    assert (found.subscription, found.metadata, found.lines, found.currency) == (None, {}, (), "usd")


def test_more_lines_than_came() -> None:
    assert payloads.invoice(shapes.basil_invoice(lines={"data": [], "has_more": True})).has_more is True
    assert payloads.invoice(shapes.basil_invoice(lines={"data": []})).has_more is False


def test_a_page_of_lines_by_itself() -> None:
    page = {"object": "list", "data": [shapes.basil_line(), shapes.basil_line(id="il_2", currency=None)]}
    assert [(line.id, line.currency) for line in payloads.lines(page, "eur")] == [("il_1", "usd"), ("il_2", "eur")]


def test_a_session() -> None:
    found = payloads.session(shapes.session())
    assert found == Session(
        id="cs_1",
        mode="payment",
        status="complete",
        payment_status="paid",
        customer="cus_1",
        client_reference_id="team_42",
        metadata={"topup": "top_1"},
        currency="usd",
        amount_total_cents=1690,
        amount_subtotal_cents=1000,
        tax_cents=290,
        shipping_cents=500,
        created=PAID,
        invoice=None,
        subscription=None,
        payment_intent="pi_1",
        lines=None,
        has_more=False,
        discount_cents=100,
    )
    assert found.net_cents == 900


def test_the_net_of_a_session_with_taxed_shipping() -> None:
    shipping = {"amount_subtotal": 500, "amount_tax": 95, "amount_total": 595}
    found = payloads.session(
        shapes.session(amount_total=1785, total_details={"amount_tax": 285}, shipping_cost=shipping)
    )
    assert found.net_cents == 1000


def test_a_session_that_knows_little() -> None:
    bare = {"id": "cs_1", "object": "checkout.session", "mode": "setup", "payment_status": "no_payment_required"}
    found = payloads.session(bare)
    assert (found.net_cents, found.currency, found.created, found.lines, found.has_more) == (
        None, None, None, None, False,
    )  # fmt: skip


def test_a_sessions_lines_where_they_were_expanded() -> None:
    price = {"id": "price_1", "object": "price", "lookup_key": "small"}
    amounts = {"amount_subtotal": 1000, "amount_total": 1071, "amount_tax": 171, "currency": "usd"}
    line = {"id": "li_1", "object": "item", "price": price, "quantity": 2, **amounts}
    found = payloads.session(shapes.session(line_items={"data": [line], "has_more": True}))
    assert found.lines == (SessionLine("li_1", "price_1", "small", 2, "usd", 1000, 1071, 900),)
    assert (found.has_more, found.lines[0].count) == (True, 2)
    (lone,) = payloads.session_lines({"data": [{**line, "quantity": None, "currency": None}]})
    assert (lone.count, lone.currency) == (1, None)


def test_an_event() -> None:
    held = {"id": "in_1", "object": "invoice"}
    assert payloads.event(shapes.event(held)) == Event(
        id="evt_1",
        type="invoice.paid",
        created=PAID,
        livemode=False,
        api_version="2026-10-28.endive",
        account=None,
        object_id="in_1",
        object=held,
    )
    upcoming = payloads.event(shapes.event({"object": "invoice"}, api_version=None, account="acct_1", livemode=True))
    assert (upcoming.object_id, upcoming.api_version, upcoming.account, upcoming.livemode) == (
        None, None, "acct_1", True,
    )  # fmt: skip
