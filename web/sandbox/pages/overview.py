"""What the sandbox knows, and its controls: one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response

from web.sandbox.machine import Machine
from web.sandbox.pages.common import page
from web.sandbox.store import Object, Rows

_STYLE = Path(__file__).with_name("style.css").read_text()
_MOST = 25
STEPS = (
    ("A day later", {"days": 1}),
    ("A week later", {"days": 7}),
    ("A month later", {"months": 1}),
    ("A month and two days later", {"months": 1, "days": 2}),
)


def make_overview(machine: Machine) -> Blueprint:
    pages = Blueprint("overview", __name__)

    @pages.get("/")
    @pages.get("/_sandbox/")
    def show() -> Response:
        with machine.store.transaction() as rows:
            known = _known(rows)
        return page(
            machine,
            "overview.html",
            steps=STEPS,
            faults=machine.faults.coming(),
            delivery=machine.delivery.faults,
            url=machine.url,
            **known,
        )

    @pages.get("/_sandbox/style.css")
    def style() -> Response:
        return Response(_STYLE, mimetype="text/css")

    return pages


def _known(rows: Rows) -> dict[str, Any]:
    customers = [one for one in rows.select("customer") if not one.get("deleted")]
    return {
        "customers": customers[:_MOST],
        "names": {one["id"]: one["name"] or one["email"] or one["id"] for one in customers},
        "subscriptions": rows.select("subscription")[:_MOST],
        "invoices": rows.select("invoice")[:_MOST],
        "sessions": rows.select("checkout.session", status="open")[:_MOST],
        "endpoints": rows.select("webhook_endpoint"),
        "events": _events(rows),
    }


def _events(rows: Rows) -> list[Object]:
    """The newest, with what became of their deliveries."""
    found = rows.run("SELECT id, type, created FROM events ORDER BY seq DESC LIMIT ?", _MOST)
    events = []
    for row in found:
        sent = rows.run("SELECT state, attempts, answer FROM deliveries WHERE event = ? ORDER BY seq", row["id"])
        events.append(
            {"id": row["id"], "type": row["type"], "created": row["created"], "sent": [dict(s) for s in sent]}
        )
    return events
