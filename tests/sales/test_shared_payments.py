"""One payment that paid several invoices (a bank transfer), and what comes back of it; what was paid beyond one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from billing.stripe.values import Dispute, Refund
from billing.testing import TestBilling
from tests.sales.paid import APRIL, Json, invoice, line, seconds, tell
from tests.sales.returning import CATALOG, dispute_object, refund_object

pytestmark = pytest.mark.quick_on("sqlite")

PARTS = (1_000, 700, 300)
Fact = tuple[str, Json]


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    return make_billing(catalog=CATALOG, start=APRIL + timedelta(days=10))


def paid(n: int, place: int, cents: int, of: str = "pi") -> Fact:
    """As Stripe tells which payment paid how much of an invoice."""
    held = {
        "id": f"inpay_{of}_{place}_{n}", "object": "invoice_payment", "invoice": f"in_{place}_{n}", "status": "paid",
        "currency": "usd", "amount_paid": cents, "amount_requested": cents, "created": seconds(APRIL),
        "is_default": False, "livemode": False, "payment": {"type": "payment_intent", "payment_intent": f"{of}_{n}"},
    }  # fmt: skip
    return "invoice_payment.paid", held


def refund(n: int, id: str, cents: int, status: str = "succeeded", days: int = 1, of: str = "pi") -> Fact:
    kind = {"pending": "refund.created", "failed": "refund.failed"}.get(status, "refund.updated")
    at = APRIL + timedelta(days=days)
    return kind, refund_object(Refund(f"{id}_{n}", None, f"{of}_{n}", cents, "usd", status, at, {}))


def dispute(n: int, cents: int, status: str, currency: str = "usd") -> Fact:
    kind = "charge.dispute.closed" if status == "lost" else "charge.dispute.created"
    at = APRIL + timedelta(days=3)
    return kind, dispute_object(Dispute(f"dp_{n}", None, f"pi_{n}", cents, currency, status, None, at, cents))


def sold(n: int, place: int, cents: int, **more: Any) -> Fact:
    lines = line("price_basic", cents, item=f"si_{place}_{n}")
    return "invoice.paid", invoice(lines, id=f"in_{place}_{n}", customer=f"cus_{n}", total=cents, **more)


def hear(billing: TestBilling, n: int, facts: list[Fact]) -> None:
    for kind, held in facts:
        tell(billing, held, kind, at=billing.now)
    for _ in range(2):  # what waited for something else
        for one in billing.stripe_events(status="waiting", limit=100):
            billing.replay_stripe_event(one.id)


def stands(billing: TestBilling, n: int) -> tuple[dict[str, tuple[int, int]], int, int]:
    """By invoice: credits left, and credits held; then what was refunded in the books, and available."""
    team = f"team_{n}"
    lots = {
        str((one.metadata or {})["paid_by"]).split("_")[1]: (one.remaining, one.held)
        for one in billing.buckets(team, limit=9)
    }
    moved: Counter[str] = Counter()
    for one in billing.entries(team, limit=200):
        moved[one.kind] += one.cents
    return lots, moved["clawback"] + moved["owe"] - moved["restore"], billing.wallet(team).available


def test_what_comes_back_is_shared_by_the_parts_whatever_is_heard_first(billing: TestBilling) -> None:
    """333 of 2,000 cents go back for good, 100 that are on their way do not after all, 500 are lost in a dispute."""
    ends = []
    for n in range(10):
        billing.customer(f"team_{n}", stripe_customer_id=f"cus_{n}")
        facts = [
            *(sold(n, place, cents) for place, cents in enumerate(PARTS)),
            *(paid(n, place, cents) for place, cents in enumerate(PARTS)),
            refund(n, "re_1", 333), refund(n, "re_2", 100, "pending", 2), refund(n, "re_2", 100, "failed", 2),
            dispute(n, 500, "needs_response"), dispute(n, 500, "lost"),
        ]  # fmt: skip
        if n:
            random.Random(n).shuffle(facts)
        hear(billing, n, facts)
        ends.append(stands(billing, n))
    # ⌊833 × 1,000 ⁄ 2,000⌋ = 416, of the other 417 ⌊417 × 700 ⁄ 1,000⌋ = 291, and 126 sweep
    expected = {"0": (100 - 41, 0), "1": (100 - 41, 0), "2": (100 - 42, 0)}, 833, 176
    assert [(n, end) for n, end in enumerate(ends) if end != expected] == []
    hear(billing, 0, [refund(0, "re_3", 1_167, days=4)])
    assert stands(billing, 0) == ({"0": (0, 0), "1": (0, 0), "2": (0, 0)}, 2_000, 0)
    assert billing.stripe_events(status="waiting") == []
    assert billing.audit() == []


def test_what_is_on_its_way_is_held_of_each(billing: TestBilling) -> None:
    billing.customer("team_0", stripe_customer_id="cus_0")
    parts = list(enumerate(PARTS))
    hear(billing, 0, [*(sold(0, *one) for one in parts), *(paid(0, *one) for one in parts)])
    hear(billing, 0, [dispute(0, 1_000, "needs_response")])
    assert stands(billing, 0) == ({"0": (100, 50), "1": (100, 50), "2": (100, 50)}, 0, 150)
    assert billing.refund_preview("team_0", "in_1_0").disputed_cents == 350


def test_a_credit_note_says_whose_refund_it_is(billing: TestBilling) -> None:
    """Before it says so all of them have lost a part."""
    billing.customer("team_0", stripe_customer_id="cus_0")
    parts = list(enumerate(PARTS))
    hear(billing, 0, [*(sold(0, *one) for one in parts), *(paid(0, *one) for one in parts), refund(0, "re_1", 700)])
    assert stands(billing, 0)[0] == {"0": (65, 0), "1": (65, 0), "2": (65, 0)}
    note = {
        "id": "cn_1", "object": "credit_note", "invoice": "in_1_0", "customer": "cus_0", "currency": "usd",
        "status": "issued", "created": seconds(APRIL), "amount": 700, "total": 700, "pre_payment_amount": 0,
        "post_payment_amount": 700, "out_of_band_amount": None, "voided_at": None,
        "refunds": [{"refund": "re_1_0", "amount_refunded": 700, "type": "refund"}],
    }  # fmt: skip
    hear(billing, 0, [("credit_note.created", note)])
    assert stands(billing, 0) == ({"0": (100, 0), "1": (0, 0), "2": (100, 0)}, 700, 200)
    hear(billing, 0, [refund(0, "re_2", 650, days=2)])  # what no note names is shared over what the others paid
    assert stands(billing, 0) == ({"0": (50, 0), "1": (0, 0), "2": (50, 0)}, 1_350, 100)
    assert billing.audit() == []


@pytest.mark.parametrize("backwards", [False, True])
def test_what_was_paid_beyond_the_invoice_takes_no_credits(billing: TestBilling, backwards: bool) -> None:
    """A part of 400, then a transfer of 1,000 for an invoice of 1,000: the first 400 that go back are none of it."""
    billing.customer("team_0", stripe_customer_id="cus_0")
    facts = [sold(0, 0, 1_000), paid(0, 0, 400, "pi_part"), paid(0, 0, 1_000), refund(0, "re_1", 400, of="pi_part")]
    hear(billing, 0, facts[::-1] if backwards else facts)
    assert stands(billing, 0) == ({"0": (100, 0)}, 0, 100)
    assert billing.refund_preview("team_0", "in_0_0").refundable_cents == 1_000
    hear(billing, 0, [refund(0, "re_2", 250, days=2)])
    assert stands(billing, 0) == ({"0": (75, 0)}, 250, 75)
    hear(billing, 0, [dispute(0, 750, "lost")])
    assert stands(billing, 0) == ({"0": (0, 0)}, 1_000, 0)
    assert billing.audit() == []
