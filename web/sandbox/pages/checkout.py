"""The page a buyer pays on, and the page of an invoice. No script: a form, and where it leads."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request

from web.sandbox.errors import Refused
from web.sandbox.machine import Machine
from web.sandbox.pages.common import page
from web.sandbox.resources import checkout
from web.sandbox.store import Object

_SPACED = " ".join(Machine.CARD[place : place + 4] for place in range(0, 16, 4))


def make_checkout(machine: Machine) -> Blueprint:
    pages = Blueprint("checkout", __name__)

    @pages.get("/c/pay/<session_id>")
    def show(session_id: str) -> Response:
        return _session_page(machine, session_id)

    @pages.post("/c/pay/<session_id>")
    def pay(session_id: str) -> Any:
        card = request.form.get("card", "")
        written = {name: request.form.get(name, "").strip() or None for name in ("email", "country", "tax_id")}
        decline = None
        try:
            if "later" in request.form:
                session = machine.pay_later(session_id, **written)
            else:
                session, decline = machine.buy(session_id, card, checkout.Form(**written))
        except Refused as error:
            return _session_page(machine, session_id, said=str(error), card=card, status=error.status)
        if decline is not None:
            return _session_page(machine, session_id, said=decline.message, card=card, status=402)
        return redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]), 303)

    @pages.post("/c/pay/<session_id>/code")
    def enter_code(session_id: str) -> Any:
        code = request.form.get("code", "")
        try:
            machine.enter_code(session_id, code)
        except Refused as error:
            return _session_page(machine, session_id, refused_code=str(error), code=code, status=error.status)
        return redirect(f"/c/pay/{session_id}", 303)

    @pages.get("/_sandbox/invoices/<invoice_id>")
    def show_invoice(invoice_id: str) -> Response:
        return _invoice_page(machine, invoice_id)

    @pages.post("/_sandbox/invoices/<invoice_id>")
    def pay_invoice(invoice_id: str) -> Any:
        card = request.form.get("card", "")
        try:
            decline = machine.pay_invoice(invoice_id, card)
        except Refused as error:
            return _invoice_page(machine, invoice_id, said=str(error), card=card, status=error.status)
        if decline is not None:
            return _invoice_page(machine, invoice_id, said=decline.message, card=card, status=402)
        return redirect(request.path, 303)

    return pages


def _session_page(
    machine: Machine,
    session_id: str,
    *,
    said: str | None = None,
    card: str = "",
    refused_code: str | None = None,
    code: str = "",
    status: int = 200,
) -> Response:
    session = _find(machine, "checkout.session", session_id)
    if session is None:
        return page(machine, "gone.html", status=404)
    if session["status"] != "open":
        back = session["cancel_url"] or machine.app_url
        if session["status"] == "complete":
            back = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
        return page(machine, "ended.html", status=200 if status == 200 else 409, session=session, back=back)
    return page(
        machine,
        "checkout.html",
        status=status,
        leads_to=[session["success_url"]],
        session=session,
        items=checkout.items(session),
        said=said,
        card=card or _SPACED,
        refused_code=refused_code,
        code=code,
        later=session["amount_total"] and len(session["payment_method_types"]) > 1,
    )


def _invoice_page(
    machine: Machine, invoice_id: str, *, said: str | None = None, card: str = "", status: int = 200
) -> Response:
    invoice = _find(machine, "invoice", invoice_id)
    if invoice is None:
        return page(machine, "gone.html", status=404)
    fields = {"invoice": invoice, "lines": invoice["_lines"], "said": said, "card": card or _SPACED}
    return page(machine, "invoice.html", status=status, **fields)


def _find(machine: Machine, kind: str, id: str) -> Object | None:
    with machine.store.transaction() as rows:
        found = rows.find(id)
    return found if found is not None and found["object"] == kind else None
