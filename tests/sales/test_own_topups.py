"""Top-ups of our own as Stripe tells of them: promotion codes, taxes, an invoice beside, and what does not tie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from billing import signals
from billing.catalog.terms import CheckoutTerms
from billing.sales import sessions
from billing.sales.packs import topup_rows
from billing.sales.packs.topup_rows import Offer
from billing.sales.sessions import Return
from billing.sales.tables import topups
from billing.stripe.values import OpenedSession
from billing.testing import TestBilling
from tests.sales.paid import APRIL, CATALOG, MAY, Json, invoice, line, session, tell

pytestmark = pytest.mark.quick_on("sqlite")

Make = Callable[..., TestBilling]
CODES, TAXED = CheckoutTerms(promotion_codes=True), CheckoutTerms(automatic_tax=True, invoice=True)


@pytest.fixture
def billing(make_billing: Make) -> TestBilling:
    billing = make_billing(catalog=CATALOG, start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    return billing


def opened(billing: TestBilling, terms: CheckoutTerms, key: str = "k") -> str:
    """A top-up of the pack `small` that is opened so; its session is `cs_<key>`."""
    offer = Offer(CATALOG.packs["small"], "Small", 1000, "usd", None, terms=terms)
    with billing.database.write() as tx:
        row = topup_rows.begin(tx, "team", offer, Return("https://app.example.com", None), key, key)
        sessions.record(tx, topups, row.id, OpenedSession(f"cs_{key}", "https://checkout.example.com", MAY))
    return str(row.id)


def paid(id: str, *, total: int, off: int = 0, tax: int = 0, key: str = "k", **more: Any) -> Json:
    totals = {"amount_discount": off, "amount_shipping": 0, "amount_tax": tax}
    status = "paid" if total else "no_payment_required"
    found = {"id": f"cs_{key}", "metadata": {"billing_topup": id}, "amount_total": total, "total_details": totals}
    return session(**{**found, "payment_status": status, "payment_intent": "pi_1" if total else None, **more})


WHOLE: list[tuple[CheckoutTerms, dict[str, Any], int]] = [
    (CODES, {"total": 750, "off": 250}, 750),
    (CODES, {"total": 1000}, 1000),
    (CODES, {"total": 0, "off": 1000}, 0),
    (TAXED, {"total": 1190, "tax": 190}, 1000),
    (TAXED, {"total": 1000}, 1000),
    (replace(TAXED, tax_behavior="inclusive"), {"total": 1000, "tax": 160}, 840),
    (replace(TAXED, promotion_codes=True), {"total": 595, "off": 500, "tax": 95}, 500),
]


def test_it_is_granted_whole_for_what_was_paid_before_tax(billing: TestBilling) -> None:
    for number, (terms, said, cents) in enumerate(WHOLE):
        id = opened(billing, terms, f"k{number}")
        for _ in range(2):
            assert tell(billing, paid(id, key=f"k{number}", **said)).status == "done", said
        (bucket,) = [one for one in billing.buckets("team") if one.origin == f"topup:{id}"]
        assert (bucket.granted, bucket.paid_cents, bucket.currency) == (100, cents, "usd" if cents else None)
        found = billing.find_topup("team", id)
        assert (found.status, found.cents, found.paid_cents) == ("paid", 1000, cents)
    assert billing.wallet("team").available == 100 * len(WHOLE)


WRONG: list[tuple[CheckoutTerms, dict[str, Any], str]] = [
    (
        CheckoutTerms(),
        {"total": 750, "off": 250},
        "the session was for 750 in usd: it was opened without promotion codes",
    ),
    (CheckoutTerms(), {"total": 0, "off": 1000}, "without promotion codes"),
    (CheckoutTerms(), {"total": 1190, "tax": 190}, "opened without tax"),
    (CODES, {"total": 700, "off": 250}, "the session was for 700"),
    (CODES, {"total": 0, "off": 250, "payment_status": "paid"}, "the session was for 0"),
    (CODES, {"total": 75, "off": 25, "amount_subtotal": 100}, "the session was for 75"),
    (CODES, {"total": 750, "off": 250, "currency": "jpy"}, "the session was for 750 in jpy"),
    (CODES, {"total": 0, "off": 1000, "customer": "cus_2", "client_reference_id": "other"}, "another customer"),
    (TAXED, {"total": 1190, "tax": 100}, "the session was for 1190"),
    (CODES, {"total": 900, "payment_status": "no_payment_required"}, "not known"),
]


@pytest.mark.database("sqlite")
def test_what_does_not_tie_grants_nothing_and_is_told(billing: TestBilling) -> None:
    told: list[Any] = []
    receiver = lambda _, **fact: told.append(fact["reason"])  # noqa: E731
    signals.review_needed.connect(receiver, sender=billing)
    billing.customer("other", stripe_customer_id="cus_2")
    for number, (terms, said, reason) in enumerate(WRONG):
        id = opened(billing, terms, f"k{number}")
        event = tell(billing, paid(id, key=f"k{number}", **said))
        assert (event.status, told.pop()) == ("waiting", event.reason)
        assert reason in str(event.reason) and told == []
        assert billing.find_topup("team", id).status == "open"
    assert billing.wallet("team").available == billing.wallet("other").available == 0


def bill(topup: str, *, cents: int = 1000, **more: Any) -> Json:
    found = invoice(line("price_adhoc", cents, item=None, off=more.pop("off", 0)), id="in_1", billing_reason="manual")
    return {**found, "parent": None, "metadata": {"billing_topup": topup, "billing_customer": "team"}, **more}


def test_its_invoice_brings_it_no_second_time(billing: TestBilling) -> None:
    """In either order, whatever a code took off."""
    for number, (off, first) in enumerate((off, first) for off in (0, 250, 1000) for first in ("session", "invoice")):
        id = opened(billing, replace(CODES, invoice=True), f"k{number}")
        its = f"in_{number}"
        told = [paid(id, total=1000 - off, off=off, invoice=its, key=f"k{number}"), bill(id, off=off, id=its)]
        for document in told if first == "session" else reversed(told):
            assert [tell(billing, document).status for _ in range(2)] == ["done", "done"]
        assert billing.find_topup("team", id).paid_cents == 1000 - off
        assert billing.wallet("team").available == 100 * (number + 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"customer": "cus_2"}, "a top-up of another customer"),
        ({"cents": 100_000}, "costs 1000 cents in usd, the invoice was for 100000"),
        ({"id": "in_2"}, "was paid by another invoice than in_2"),
    ],
)
@pytest.mark.database("sqlite")
def test_an_invoice_that_only_says_so_is_not_passed_over(
    billing: TestBilling, changes: dict[str, Any], reason: str
) -> None:
    billing.customer("other", stripe_customer_id="cus_2")
    id = opened(billing, TAXED)
    tell(billing, paid(id, total=1000, invoice="in_1"))
    event = tell(billing, bill(id, **changes))
    assert event.status == "waiting" and reason in str(event.reason)
    assert billing.wallet("team").available == 100


def test_a_customer_buys_in_the_currency_that_stripe_has_fixed(billing: TestBilling) -> None:
    """It takes no other beside it, whatever was paid in last."""
    tell(billing, session())
    assert billing.usual_currency("team") == "usd"
    changed = {"id": "cus_1", "object": "customer", "currency": "eur", "livemode": False, "metadata": {}}
    assert tell(billing, changed, "customer.updated").status == "done"
    assert billing.usual_currency("team") == "eur"
    assert tell(billing, {**changed, "id": "cus_9"}, "customer.created").reason == "it names no customer of ours"
