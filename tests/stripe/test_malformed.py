"""What Stripe does not send, and where the message says that it differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from billing.stripe import payloads
from billing.stripe.values import PayloadInvalid
from tests.stripe import shapes


@pytest.mark.parametrize(
    ("read", "document", "place"),
    [
        (payloads.event, [], "event:"),
        (payloads.event, {"object": "v2.core.event", "id": "evt_1"}, "thin"),
        (payloads.event, {"object": "invoice"}, "event:"),
        (payloads.event, shapes.event({}, data=None), "event.data.object"),
        (payloads.event, shapes.event({}, data={"object": []}), "event.data.object"),
        (payloads.event, shapes.event({}, data=["object"]), "event.data"),
        (payloads.event, shapes.event({}, id=""), "event.id"),
        (payloads.event, shapes.event({}, id="evt_\0"), "event.id"),
        (payloads.event, shapes.event({}, id="evt_\ud800"), "event.id"),
        (payloads.event, shapes.event({}, id="e" * 256), "event.id"),
        (payloads.event, shapes.event({}, type=None), "event.type"),
        (payloads.event, shapes.event({}, created="1743465700"), "event.created"),
        (payloads.event, shapes.event({}, created=1743465700.0), "event.created"),
        (payloads.event, shapes.event({}, created=True), "event.created"),
        (payloads.event, shapes.event({}, created=-1), "event.created"),
        (payloads.event, shapes.event({}, created=10**15), "event.created"),
        (payloads.event, shapes.event({}, created=10**30), "event.created"),
        (payloads.event, shapes.event({}, livemode=None), "event.livemode"),
        (payloads.invoice, shapes.event({}), "invoice:"),
        (payloads.invoice, shapes.basil_invoice(id=None), "invoice.id"),
        (payloads.invoice, shapes.basil_invoice(lines=None), "invoice.lines"),
        (payloads.invoice, shapes.basil_invoice(lines={}), "invoice.lines.data"),
        (payloads.invoice, shapes.basil_invoice(lines={"data": [], "has_more": "no"}), "invoice.lines.has_more"),
        (payloads.invoice, shapes.basil_invoice(currency="dollars"), "invoice.currency"),
        (payloads.invoice, shapes.basil_invoice(currency=None), "invoice.currency"),
        (payloads.invoice, shapes.basil_invoice(customer={}), "invoice.customer.id"),
        (payloads.invoice, shapes.basil_invoice(customer=7), "invoice.customer"),
        (payloads.invoice, shapes.basil_invoice(parent="sub_1"), "invoice.parent"),
        (payloads.invoice, shapes.basil_invoice(metadata={"a": 1}), "invoice.metadata"),
        (payloads.invoice, shapes.basil_invoice(metadata={"a": "\0"}), "invoice.metadata"),
        (payloads.invoice, shapes.basil_invoice(metadata={"\ud800": "a"}), "invoice.metadata"),
        (payloads.invoice, shapes.basil_invoice(created=None), "invoice.created"),
        (payloads.invoice, shapes.basil_invoice(status_transitions={"paid_at": "now"}), "status_transitions.paid_at"),
        (payloads.session, {"object": "checkout.session"}, "session.id"),
        (payloads.session, shapes.session(object="session"), "checkout.session"),
        (payloads.session, shapes.session(total_details=[]), "session.total_details"),
        (payloads.session, shapes.session(line_items=[]), "session.line_items"),
        (payloads.session, shapes.session(line_items={"data": [{"id": "li_1"}]}), "data[0].amount_subtotal"),
    ],
)  # fmt: skip
def test_what_stripe_does_not_send(read: Callable[[object], Any], document: object, place: str) -> None:
    with pytest.raises(PayloadInvalid) as caught:
        read(document)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"id": None}, "id"),
        ({"amount": None}, "amount"),
        ({"amount": 10.5}, "amount"),
        ({"amount": 10**12 + 1}, "amount"),
        ({"period": None}, "period"),
        ({"period": {"start": 1, "end": None}}, "period.end"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": "3"}, "quantity"),
        ({"quantity": 10**15 + 1}, "quantity"),
        ({"quantity": None, "quantity_decimal": "many"}, "quantity_decimal"),
        ({"quantity": None, "quantity_decimal": "NaN"}, "quantity_decimal"),
        ({"quantity": None, "quantity_decimal": "1e20"}, "quantity_decimal"),
        ({"quantity": None, "quantity_decimal": 1.5}, "quantity_decimal"),
        ({"pricing": {"price_details": {"price": {}}}}, "pricing.price_details.price.id"),
        ({"pricing": {"price_details": {"price": ""}}}, "pricing.price_details.price"),
        ({"pricing": []}, "pricing"),
        ({"parent": {"subscription_item_details": {"proration": "yes"}}}, "parent.subscription_item_details.proration"),
        ({"discount_amounts": {}}, "discount_amounts"),
        ({"discount_amounts": [{"amount": "5"}]}, "discount_amounts.amount"),
        ({"taxes": [5]}, "taxes"),
        ({"currency": "us"}, "currency"),
    ],
)
def test_what_is_no_line(more: shapes.Json, place: str) -> None:
    with pytest.raises(PayloadInvalid) as caught:
        payloads.invoice(shapes.manual_invoice(shapes.basil_line(**more)))
    assert str(caught.value).startswith(f"invoice.lines.data[0].{place}:")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff{}", "UTF-8"),
        (b"[]", "object"),
        (b'"evt_1"', "object"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deeply"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "JSON"),
    ],
    ids=["empty", "cut off", "not UTF-8", "a list", "text", "NaN", "Infinity", "too deep", "endless number"],
)
def test_bodies_that_are_no_json_object(body: bytes, what: str) -> None:
    with pytest.raises(PayloadInvalid, match=what):
        payloads.decode(body)


def test_a_body() -> None:
    assert payloads.decode('{"id": "évt"}'.encode()) == {"id": "évt"}
