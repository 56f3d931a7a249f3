"""The sandbox over HTTP: Stripe's addresses, its own pages and its controls."""

from __future__ import annotations

import json
import logging
import re
import select
import socket
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from web.sandbox import events as events_read
from web.sandbox import old_shapes
from web.sandbox.answering import Answer, Desk, Request, known
from web.sandbox.api import (
    catalog,
    checkout,
    coupons,
    credit_notes,
    customers,
    events,
    invoice_items,
    invoices,
    payments,
    portal,
    refunds,
    subscription_items,
    subscriptions,
    test_clocks,
)
from web.sandbox.api.operation import Operation
from web.sandbox.controls import make_controls
from web.sandbox.errors import Refused
from web.sandbox.guard import guard
from web.sandbox.machine import Machine
from web.sandbox.pages.checkout import make_checkout
from web.sandbox.pages.common import page
from web.sandbox.pages.overview import make_overview
from web.sandbox.pages.payments import make_payments
from web.sandbox.pages.portal import make_portal
from web.sandbox.work import API_VERSION

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse


_LOG = logging.getLogger(__name__)
LARGEST = 512 * 1024
_TOO_LARGE = "The request is too large: the sandbox takes up to half a megabyte."
LONGEST_SILENCE = 90.0
"""Seconds that a request is left without an answer when a time-out was asked for."""

OPERATIONS: tuple[Operation, ...] = tuple(
    operation
    for noun in (
        customers,
        catalog,
        coupons,
        payments,
        refunds,
        checkout,
        subscriptions,
        subscription_items,
        invoices,
        invoice_items,
        credit_notes,
        portal,
        test_clocks,
        events,
    )
    for operation in noun.OPERATIONS
)


def make_app(sandbox: Machine) -> Flask:
    app = Flask(__name__, static_folder=None, template_folder="pages")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    app.add_url_rule("/v1/<path:_>", "stripe", _stripe(sandbox), methods=["GET", "POST", "DELETE"])
    app.add_url_rule("/v2/core/events/<event_id>", "thin", _thin(sandbox), methods=["GET"])
    app.register_blueprint(make_controls(sandbox))
    app.register_blueprint(make_checkout(sandbox))
    app.register_blueprint(make_overview(sandbox))
    app.register_blueprint(make_payments(sandbox))
    app.register_blueprint(make_portal(sandbox))
    guard(app)
    app.register_error_handler(HTTPException, partial(_refused, sandbox))
    app.register_error_handler(Exception, _broken)
    return app


@cache
def _addresses() -> Map:
    """Those of Stripe's that are answered here. To compile them takes longer than all else at a sandbox's start."""
    rules = ((re.sub(r"\{(\w+)\}", r"<\1>", operation.path), operation) for operation in OPERATIONS)
    return Map([Rule(rule, endpoint=operation, methods=[operation.method]) for rule, operation in rules])


def _stripe(sandbox: Machine) -> Any:
    desk = Desk(sandbox)

    def view(_: str) -> Response:
        operation, found = _addresses().bind_to_environ(request.environ).match()
        path = dict(found)
        fault = sandbox.faults.take(request.method, request.path)
        if fault is not None and fault != "lost":
            return _go_wrong(sandbox, fault)
        body = request.get_data(cache=True, parse_form_data=False).decode(errors="replace")
        query = request.query_string.decode()
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        asked = Request(
            request.method,
            request.path,
            "&".join(words for words in (query, body) if words),
            request.headers.get("Authorization"),
            key,
            request.headers.get("Stripe-Version", ""),  # who names none may speak an older one
            request.host_url.rstrip("/"),
        )
        answer = desk.answer(operation, path, asked)
        if fault == "lost":
            _hang_up()
        response = _json(answer)
        if key is not None:
            response.headers["Idempotency-Key"] = key
        return response

    return view


def _thin(sandbox: Machine) -> Any:
    """The one address of version 2: a thin event, asked for again."""

    def view(event_id: str) -> Response:
        try:
            known(request.headers.get("Authorization"))
        except Refused as refusal:
            return Response(json.dumps({"error": refusal.error}), refusal.status, mimetype="application/json")
        with sandbox.store.transaction() as rows:
            found = events_read.find(rows, event_id.replace("evt_thin_", "evt_", 1))
        if found is None:
            words = f"No such event: '{event_id}'"
            return _error(404, words, "invalid_request_error", code="not_found")
        shaped = {name: value for name, value in old_shapes.thin(found).items() if name != "related_object"}
        return Response(json.dumps(shaped | {"changes": None}), mimetype="application/json")

    return view


def _json(answer: Answer) -> Response:
    response = Response(json.dumps(answer.body, indent=2), answer.status, mimetype="application/json")
    response.headers["Request-Id"] = answer.request
    response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
    response.headers["Cache-Control"] = "no-cache, no-store"
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
        response.headers["Original-Request"] = answer.request
    return response


def _error(status: int, message: str, kind: str, **more: str) -> Response:
    body = json.dumps({"error": {"message": message, "type": kind, **more}}, indent=2)
    return Response(body, status, mimetype="application/json")


def _refused(sandbox: Machine, error: HTTPException) -> AnyResponse:
    """To a program in Stripe's words, to a person on a page."""
    status = error.code or 500
    words = _TOO_LARGE if status == 413 else error.description or error.name
    if request.path.startswith(("/v1/", "/v2/")):
        if status in (404, 405):
            asked = f"{request.method}: {request.path}"
            status, words = 404, f"Unrecognized request URL ({asked}). The sandbox does not answer this one."
        return _error(status, words, "invalid_request_error")
    if status == 404:
        return page(sandbox, "gone.html", status=404)
    if request.is_json:
        answer = _error(status, words, "invalid_request_error")
    else:
        answer = page(sandbox, "refused.html", status=status, said=words)
    answer.headers.extend(header for header in error.get_headers() if header[0] == "Allow")
    return answer


def _broken(error: Exception) -> Response:
    _LOG.error("the sandbox failed at %s %s", request.method, request.path, exc_info=error)
    return _error(500, "An error occurred in the sandbox: see its log.", "api_error")


def _go_wrong(sandbox: Machine, how: str) -> Response:
    if how == "429":
        return _error(429, "Request rate limit exceeded, as was asked.", "invalid_request_error", code="rate_limit")
    if how == "timeout":
        _stay_silent(sandbox)
    if how in ("timeout", "reset"):
        _hang_up()
    return _error(500, "An error occurred, as was asked.", "api_error")


def _stay_silent(sandbox: Machine) -> None:
    """Until the other side gives up, the sandbox closes, or it has been long enough."""
    wire = request.environ.get("werkzeug.socket")
    left = LONGEST_SILENCE
    while left > 0 and not sandbox.closed.is_set():
        if wire is None:
            sandbox.closed.wait(0.1)
        elif select.select([wire], [], [], 0.1)[0] and not wire.recv(1, socket.MSG_PEEK):
            return
        left -= 0.1


def _hang_up() -> None:
    """Ends the connection; what is answered after that reaches nobody."""
    wire: socket.socket | None = request.environ.get("werkzeug.socket")
    if wire is None:
        raise ConnectionAbortedError("no answer, as was asked")
    wire.shutdown(socket.SHUT_RDWR)
