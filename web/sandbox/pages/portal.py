"""The customer portal's page: what is subscribed to, and what can be done about it. No script: forms."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request

from web.sandbox.errors import Refused
from web.sandbox.machine import Machine
from web.sandbox.pages.common import page


def make_portal(machine: Machine) -> Blueprint:
    pages = Blueprint("portal", __name__)

    @pages.get("/p/session/<session_id>")
    def show(session_id: str) -> Response:
        return _page(machine, session_id)

    @pages.post("/p/session/<session_id>")
    def act(session_id: str) -> Any:
        said = request.form
        quantity = said.get("quantity", "")
        try:
            machine.portal.act(
                session_id,
                said.get("act", ""),
                said.get("subscription"),
                price=said.get("price") or None,
                quantity=int(quantity) if quantity.isdigit() and int(quantity) > 0 else None,
                card=said.get("card", ""),
            )
        except Refused as error:
            return _page(machine, session_id, said=str(error), status=error.status)
        return redirect(request.path, 303)

    return pages


def _page(machine: Machine, session_id: str, *, said: str | None = None, status: int = 200) -> Response:
    try:
        known = machine.portal.show(session_id)
    except Refused:
        return page(machine, "gone.html", status=404)
    return page(machine, "portal.html", status=status, said=said, **known)
