"""The reconciliation's page: Stripe's payments, our grants, our books, and what differs between them."""

from __future__ import annotations

from flask import render_template, request

from billing.access.staff import Staff
from billing.base.wording import time_text
from billing.finance import at_stripe
from billing.finance import reconciliation as sides
from billing.finance.at_stripe import Back, Paid
from billing.rules.refusals import StripeNotConfigured, StripeUnavailable
from web.finance import words
from web.finance.door import finance, staff_only
from web.finance.months import Month, month_of
from web.state import clock_now, engine, state

KINDS = {
    "never_arrived": "never arrived",
    "waiting": "waits",
    "failed": "failed",
    "not_granted": "not granted",
    "amount": "another amount",
    "not_at_stripe": "not at Stripe",
    "not_booked": "not in the books",
    "unpriced": "price unknown",
}


@finance.get("/reconciliation")
@staff_only()
def reconciliation(_: Staff) -> str:
    """A month; Stripe itself is asked where that is wanted, else its events are read."""
    month, now = month_of(request.args.get("month"), clock_now()), clock_now()
    asked, back, trouble = _ask(month) if request.args.get("ask") else (None, [], None)
    billing = engine()
    with billing.database.read() as tx:
        found = sides.reconcile(tx, billing.catalog, month.since, month.until, at_stripe=asked, back=back,
                                start=billing.stripe_start)  # fmt: skip
    rows = [
        {
            "of": one,
            "kind": KINDS[one.kind],
            "known": one.customer is not None and not one.customer.startswith("cus_"),
            "tone": "wait" if one.kind in ("waiting", "never_arrived", "unpriced") else "bad",
            "paid": time_text(one.since).removesuffix(" UTC"),
            "age": words.age(one.since, now),
            "sides": [words.money(cents, one.currency) for cents in
                      (one.paid_cents, one.granted_cents, one.booked_cents)],
        }
        for one in found.differences
    ]  # fmt: skip
    return render_template(
        "finance/reconciliation.html", month=month, rows=rows, ties=found.ties, agrees=found.agrees, asked=found.asked,
        trouble=trouble, can_ask=billing.gateway is not None, words=words,
    )  # fmt: skip


def _ask(month: Month) -> tuple[list[Paid] | None, list[Back], str | None]:
    """What Stripe says was paid and went back, or why it could not be asked."""
    gateway, turn = engine().gateway, state().asking
    if gateway is None:
        return None, [], "Stripe is not connected."
    if not turn.acquire(blocking=False):
        return None, [], "Others are asking Stripe just now. Try again in a moment."
    try:
        paid = at_stripe.paid(gateway, month.since, month.until)
        return paid, at_stripe.returned(gateway, month.since, month.until), None
    except (StripeUnavailable, StripeNotConfigured) as refusal:
        return None, [], str(refusal)
    finally:
        turn.release()
