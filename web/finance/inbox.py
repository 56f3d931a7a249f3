"""The inbox: what of all that Stripe told us waits or failed, why, and the button that tries it again."""

from __future__ import annotations

from time import monotonic
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from billing.access.staff import Staff
from billing.base.wording import time_text
from billing.finance import inbox_review
from billing.inbox.values import StripeEvent
from billing.inbox.waking import may_bring_more
from billing.rules.refusals import Invalid, UnknownStripeEvent
from web.finance import words
from web.finance.door import finance, staff_only
from web.pages import message
from web.state import clock_now, engine

PAGE = 50
STATUSES = ("failed", "waiting", "received", "done", "ignored")

REPLAYED_AT_ONCE, PATIENCE = 200, 10.0
"""So many events, or seconds, are replayed by one click: the page must come back."""


@finance.get("/inbox")
@staff_only()
def inbox(staff: Staff) -> Any:
    """Events of one status, the newest first."""
    with engine().database.read() as tx:
        counts = inbox_review.open_events(tx)
    asked = request.args.get("status", "")
    status = asked if asked in STATUSES else next((name for name, count in counts.items() if count), "failed")
    after = request.args.get("after") or None
    try:
        found = engine().stripe_events(status=status, after=after, limit=PAGE + 1)
    except (UnknownStripeEvent, Invalid):
        return redirect(url_for("finance.inbox", status=status), 303)
    now = clock_now()
    return render_template(
        "finance/inbox.html",
        rows=[_row(one, now) for one in found[:PAGE]],
        statuses=STATUSES,
        status=status,
        counts=counts,
        after=after,
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        may_replay=staff.may("reviewer"),
        told=_told(),
        words=words,
    )


@finance.post("/inbox/replay")
@staff_only("reviewer")
def replay(_: Staff) -> Response:
    """Tries one event again."""
    try:
        found = engine().replay_stripe_event(request.form.get("event", ""))
    except UnknownStripeEvent:
        return message("No such event", ("It is not in the inbox.",), 404)
    there = request.form.get("status")
    return redirect(url_for("finance.inbox", status=there, replayed=found.id, now=found.status), 303)


@finance.post("/inbox/replay-failed")
@staff_only("reviewer")
def replay_failed(_: Staff) -> Response:
    """Tries all that failed again, the oldest first, as far as a click can wait."""
    billing, until = engine(), monotonic() + PATIENCE
    failed = billing.stripe_events(status="failed", limit=REPLAYED_AT_ONCE)
    tried = done = 0
    for one in reversed(failed):
        if monotonic() > until:
            break
        tried += 1
        done += billing.replay_stripe_event(one.id).status in ("done", "ignored")
    return redirect(url_for("finance.inbox", status="failed", tried=tried, done=done), 303)


def _told() -> str | None:
    """What the click before this page did."""
    given = request.args
    if "replayed" in given and given.get("now") in STATUSES:
        return f"{given['replayed'][:255]} was tried again: {given['now']}."
    tried, done = given.get("tried", ""), given.get("done", "")
    if tried.isdigit() and done.isdigit():
        return f"{tried} tried again, {done} of them done."
    return None


def _row(one: StripeEvent, now: Any) -> dict[str, Any]:
    return {
        "of": one,
        "again": one.status != "done" or may_bring_more(one),
        "received": time_text(one.received_at).removesuffix(" UTC"),
        "age": words.age(one.received_at, now),
    }
