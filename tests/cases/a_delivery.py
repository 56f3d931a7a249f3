"""Nasty cases of delivery: what arrives twice, early, late or in somebody else's name."""

from __future__ import annotations

from tests.cases.desk import Desk, at_once

COMPLETED = "checkout.session.completed"


def case_01_webhook_and_page_race(desk: Desk) -> None:
    """The webhook and the success page settle one session at once: granted once."""
    session = desk.top_up()
    (event,) = desk.news(COMPLETED)
    at_once(lambda: desk.billing.settle(session["id"]), lambda: desk.post(event))
    desk.billing.settle(session["id"])
    desk.shows("100", "1,000")
