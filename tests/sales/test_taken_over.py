"""A customer who was taken over in the middle of a period, and then changes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billing.sales import importing
from billing.sales.import_file import Balance
from billing.sales.plans import allocations
from billing.stripe import payloads
from billing.stripe.questions import PaidInvoices, Question
from billing.testing import TestBilling
from tests.sales.paid import MAY, invoice, line
from tests.sales.test_changes import CATALOG
from tests.sales.test_changes_order import Stripe
from tests.stories.story import moment


def test_what_was_paid_before_the_take_over_is_never_granted(make_billing: Callable[..., TestBilling]) -> None:
    """Its change is compared with what its subscription paid before: that is in the balance that was brought."""
    billing = make_billing(catalog=CATALOG, start=moment("15 Apr 00:00"))
    with billing.database.write() as tx:
        row = Balance(2, "team", 60, None, 0, None, "credits", None, None, "cus_1", None)
        importing.bring(tx, billing.catalog, [row], billing.now)
    april = invoice(line("price_basic", 1_000), id="in_1", total=1_000)
    billing.advance(to=moment("16 Apr 00:00"))
    up = invoice(
        line("price_basic", -500, "16 Apr 00:00", MAY, proration=True),
        line("price_pro", 1_000, "16 Apr 00:00", MAY, proration=True),
        paid="16 Apr 00:00", id="in_up", total=500,
    )  # fmt: skip
    stripe = Stripe([april, up])
    known: dict[Question, Any] = {PaidInvoices("sub_1"): stripe.answer(PaidInvoices("sub_1"))}
    with billing.database.write() as tx:
        changed = payloads.invoice(up)
        answer = allocations.apply(tx, billing.catalog, changed, moment("16 Apr 00:00"), known)
    assert answer.granted == ("change:in_up:si_1:2025-04-16T00:00:00Z",)
    assert billing.wallet("team").available == 60 + 75  # the difference, which is what was paid
