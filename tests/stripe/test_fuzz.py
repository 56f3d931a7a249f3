"""Whatever comes, the parsers answer with a value or with `PayloadInvalid`, and with nothing else."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.rules.sale.allocation import decide
from billing.rules.sale.values import Sold
from billing.stripe import answers, payloads, payments, returns, thin
from billing.stripe.values import Invoice, PayloadInvalid
from tests.rules.sale.selling import BASIC, SMALL
from tests.stripe import recorded, returned, shapes

PAID = datetime(2025, 4, 1, tzinfo=UTC)

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", "\0", "\ud800", "x" * 300, "usd", "NaN", "1e999", "-1"]),
)
junk = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
# Names that mean something, so that arbitrary documents get past the first check.
names = st.sampled_from(
    "object id data lines amount period start end price pricing price_details parent currency created livemode type"
    " subscription_details subscription metadata discount_amounts taxes quantity quantity_decimal".split()
)
telling = st.recursive(
    leaves | st.sampled_from(["event", "invoice", "checkout.session", 1_743_465_600]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=8),
)

Read = Callable[[object], Any]
READERS: list[Read] = [
    payloads.event, payloads.invoice, payloads.session, payloads.session_lines, payments.charge,
    payments.payment_intent, payments.invoice_payment, returns.refund, returns.dispute, returns.credit_note,
    answers.customer, answers.subscription, thin.any_event,
]  # fmt: skip


def survives(read: Read, document: object) -> None:
    try:
        found = read(document)
    except PayloadInvalid as error:
        message = str(error)
        message.encode()  # fit for a log
        return
    hash(found)
    if isinstance(found, Invoice):
        for owner in (None, BASIC, SMALL):
            lines: list[Sold] = [(line, owner) for line in found.lines]
            decide(lines, found.paid_at or PAID, has_more=found.has_more)


@settings(max_examples=200)
@given(st.sampled_from(READERS), junk | telling)
def test_any_json(read: Read, document: object) -> None:
    survives(read, document)


@settings(max_examples=40)
@given(st.binary(max_size=40) | telling.map(lambda one: json.dumps(one).encode()))
def test_any_body(body: bytes) -> None:
    with contextlib.suppress(PayloadInvalid):
        assert isinstance(payloads.decode(body), dict)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of a document."""
    inner: Any = ()
    if isinstance(document, dict):
        inner = document.items()
    elif isinstance(document, list):
        inner = enumerate(document)
    found = [path] if path else []
    for name, part in inner:
        found.extend(places(part, (*path, name)))
    return found


def changed(document: Any, path: tuple[Any, ...], value: Any, *, delete: bool) -> Any:
    mutated = copy.deepcopy(document)
    inside = mutated
    for step in path[:-1]:
        inside = inside[step]
    if delete:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return mutated


def mutations(data: st.DataObject, document: Any, most: int = 3) -> Any:
    for _ in range(data.draw(st.integers(1, most))):
        ways = places(document)
        if not ways:
            break
        path = data.draw(st.sampled_from(ways))
        document = changed(document, path, data.draw(leaves | junk | telling), delete=data.draw(st.booleans()))
    return document


MADE_UP: list[tuple[Read, shapes.Json]] = [
    (payloads.invoice, shapes.acacia_invoice()),
    (payloads.invoice, shapes.basil_invoice(shapes.expanded_line())),
    (payloads.invoice, shapes.hybrid_invoice()),
    (payloads.event, shapes.event(shapes.basil_invoice())),
    (payloads.session, shapes.session(line_items={"data": [{"id": "li_1", "amount_total": 1, "amount_subtotal": 1}]})),
    (thin.any_event, returned.thin_event()),
    (payments.charge, returned.charge(invoice="in_1")),
    (payments.payment_intent, returned.payment_intent()),
    (payments.invoice_payment, returned.invoice_payment()),
    (returns.refund, returned.refund()),
    (returns.dispute, returned.dispute(returned.moved(-3000), "txn_2")),
    (returns.credit_note, returned.credit_note(refund="re_2")),
    (returns.credit_note, returned.old_credit_note()),
    (answers.customer, returned.customer()),
    (answers.subscription, returned.subscription(pause_collection={"behavior": "void"})),
    (answers.subscription, returned.old_subscription(cancel_at=shapes.END)),
]


@pytest.mark.parametrize(("read", "document"), MADE_UP)
def test_every_field_gone_or_of_another_type(read: Read, document: shapes.Json) -> None:
    read(document)
    wrong: list[Any] = [None, True, -1, 10**30, 1.5, "", "text", "\ud800", [], ["a"], {}, {"id": 1}]
    for path in places(document):
        survives(read, changed(document, path, None, delete=True))
        for value in wrong:
            survives(read, changed(document, path, value, delete=False))


@settings(max_examples=60)
@given(st.data())
def test_made_up_payloads_mutated(data: st.DataObject) -> None:
    read, document = data.draw(st.sampled_from(MADE_UP))
    survives(read, mutations(data, document))


RECORDED: list[tuple[Read, recorded.Json]] = [
    (read, one)
    for document in recorded.documents().values()
    for read, kind in (
        (payloads.event, "event"),
        (payloads.invoice, "invoice"),
        (payloads.session, "checkout.session"),
    )
    for one in recorded.objects(document, kind)
]


@recorded.needed
@settings(max_examples=60)
@given(st.data())
def test_recorded_payloads_mutated(data: st.DataObject) -> None:
    read, document = data.draw(st.sampled_from(RECORDED))
    survives(read, mutations(data, document))


@recorded.needed
@pytest.mark.slow
@settings(max_examples=5_000)
@given(st.data())
def test_recorded_payloads_mutated_at_length(data: st.DataObject) -> None:
    read, document = data.draw(st.sampled_from(RECORDED))
    survives(read, mutations(data, document, most=8))
