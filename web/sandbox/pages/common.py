"""What the pages share: the sandbox's time, the way back, amounts and times as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Response, make_response, render_template

from web.sandbox.guard import policy
from web.sandbox.machine import Machine
from web.sandbox.money import money


def page(
    machine: Machine, template: str, *, status: int = 200, leads_to: Sequence[str | None] = (), **fields: Any
) -> Response:
    """A page; its forms may lead to these addresses."""
    shared = {"now": machine.clock.now(), "app_url": machine.app_url, "money": money, "moment": moment}
    response = make_response(render_template(template, **shared, **fields), status)
    response.headers["Content-Security-Policy"] = policy(*leads_to)
    return response


def moment(seconds: int | None) -> str:
    """`2 Jan 2027, 09:05`, in UTC."""
    if seconds is None:
        return "–"
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at.day} {at:%b %Y, %H:%M}"
