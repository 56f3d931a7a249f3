"""Real payloads of several API versions; skipped where there are none."""

from __future__ import annotations

from typing import Any

import pytest

from billing.rules.sale.allocation import decide
from billing.rules.sale.values import Allocation, PackSale, Sold, Waiting
from billing.stripe import payloads
from billing.stripe.values import Invoice, PayloadInvalid
from tests.rules.sale.selling import BASIC, SMALL
from tests.stripe import recorded

pytestmark = recorded.needed
DOCUMENTS = recorded.documents()


def invoices(name: str) -> list[recorded.Json]:
    return [one for one in recorded.objects(DOCUMENTS[name], "invoice") if "lines" in one]


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.startswith("events/")])
def test_every_event_is_read(name: str) -> None:
    document = DOCUMENTS[name]
    found = payloads.event(document)
    assert (found.id, found.type, found.livemode) == (document["id"], document["type"], document["livemode"])
    assert int(found.created.timestamp()) == document["created"]
    assert found.object["object"] in found.type or found.type.startswith("billing_portal")


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if invoices(name)])
def test_every_invoice_is_read(name: str) -> None:
    for document in invoices(name):
        if document.get("id") is None:
            assert document["billing_reason"] == "upcoming"
            with pytest.raises(PayloadInvalid, match="id"):
                payloads.invoice(document)
            document = {**document, "id": "in_upcoming"}
        found = payloads.invoice(document)
        assert found.customer == document["customer"]
        assert found.status == document["status"]
        assert (found.paid_at is not None) == (found.status == "paid")
        assert [line.id for line in found.lines] == [line["id"] for line in document["lines"]["data"]]
        check_amounts(found, document)


def check_amounts(found: Invoice, document: recorded.Json) -> None:
    """The lines come to what Stripe says they come to."""
    assert sum(line.net_cents for line in found.lines) == document["total_excluding_tax"]
    of_subscription = [line for line in found.lines if line.kind == "subscription"]
    assert all(line.item and line.price and line.subscription for line in of_subscription)
    assert all(line.price for line in found.lines)


@pytest.mark.parametrize(
    "name", [name for name in DOCUMENTS if list(recorded.objects(DOCUMENTS[name], "checkout.session"))]
)
def test_every_session_is_read(name: str) -> None:
    for document in recorded.objects(DOCUMENTS[name], "checkout.session"):
        found = payloads.session(document)
        assert (found.id, found.mode, found.payment_status) == (
            document["id"],
            document["mode"],
            document["payment_status"],
        )
        assert found.net_cents == document["amount_total"]


def paid(reason: str) -> dict[str, Invoice]:
    """Distinct paid invoices of that billing reason."""
    found = {}
    for name in DOCUMENTS:
        for document in invoices(name):
            if document.get("status") == "paid" and document.get("billing_reason") == reason:
                found[document["id"]] = payloads.invoice(document)
    return found


def brings(invoice: Invoice, owner: Any) -> list[str]:
    lines: list[Sold] = [(line, owner) for line in invoice.lines]
    assert invoice.paid_at is not None
    found = decide(lines, invoice.paid_at, has_more=invoice.has_more)
    return [one.why if isinstance(one, Waiting) else type(one).__name__ for one in found]


def test_what_new_subscriptions_bring() -> None:
    found = paid("subscription_create")
    assert len(found) >= 10
    for invoice in found.values():
        items = [line.item for line in invoice.lines]
        assert brings(invoice, BASIC) == ["Allocation" if item else "no_item" for item in items]


def test_what_changes_bring_where_nothing_is_known_of_before() -> None:
    """Each switches from a month to a year: the year is sold whatever was before, the month goes once it is known."""
    found = paid("subscription_update")
    assert found
    for invoice in found.values():
        assert brings(invoice, BASIC) == ["change", "Allocation"]


def test_packs_on_manual_invoices() -> None:
    for invoice in paid("manual").values():
        repeated = len({line.id for line in invoice.lines}) < len(invoice.lines)
        expected = ["malformed"] if repeated else ["PackSale"] * len(invoice.lines)
        assert brings(invoice, SMALL) == expected
        assert brings(invoice, BASIC) == (["malformed"] if repeated else ["no_item"] * len(invoice.lines))


def test_discounts_are_taken_off() -> None:
    found = [line for one in paid("manual").values() for line in one.lines if line.net_cents != line.amount_cents]
    assert {(line.amount_cents, line.net_cents) for line in found} >= {(17400, 15660), (8700, 7047), (1900, 950)}


def test_quantities_multiply() -> None:
    seats = [one for one in paid("subscription_create").values() if any(line.count == 10 for line in one.lines)]
    for invoice in seats:
        assert invoice.paid_at is not None
        (sale,) = decide([(line, BASIC) for line in invoice.lines], invoice.paid_at)
        assert isinstance(sale, Allocation)
        assert (sale.credits, sale.cents) == (1000, 25_000)
        (pack,) = decide([(line, SMALL) for line in invoice.lines], invoice.paid_at)
        assert isinstance(pack, PackSale)
        assert pack.credits == 10_000
    assert seats
