"""Errors over HTTP: RFC 9457 problems with a stable `code`, and pages for people where people look.

What a refusal is called and why it happened is the engine's business; which status it has is this table's.
"""

from __future__ import annotations

import http
from collections.abc import Mapping
from typing import Any

import structlog
from flask import Flask, Response, current_app, g, json, request
from werkzeug.exceptions import HTTPException

from billing.rules.refusals import Refusal, Unavailable
from web.links import fresh_link, portal_url
from web.pages import message
from web.state import sells_credits

PROBLEM = "application/problem+json"
_LOG = structlog.get_logger("billing.web")

REFUSALS: dict[str, tuple[int, str]] = {
    "insufficient_credits": (402, "Not enough credits"),
    "wallet_frozen": (403, "The wallet is frozen"),
    "unknown_customer": (404, "No such customer"),
    "unknown_bucket": (404, "No such bucket"),
    "unknown_hold": (404, "No such hold"),
    "unknown_spend": (404, "No such spend"),
    "unknown_topup": (404, "No such top-up"),
    "unknown_purchase": (404, "No such purchase"),
    "unknown_checkout": (404, "No such checkout"),
    "unknown_webhook_endpoint": (404, "No such webhook endpoint"),
    "hold_ended": (409, "The hold has ended"),
    "already_reversed": (409, "Already given back"),
    "bucket_ended": (409, "The bucket has ended"),
    "stripe_customer_taken": (409, "The Stripe customer belongs to another customer"),
    "subscription_exists": (409, "There is a subscription already"),
    "no_subscription": (409, "There is no subscription"),
    "subscription_ended": (409, "The subscription has ended"),
    "subscription_past_due": (409, "An invoice of the subscription is not paid"),
    "subscription_paused": (409, "The subscription is paused"),
    "subscription_cancels": (409, "The subscription is cancelled and will end"),
    "change_scheduled": (409, "A change is scheduled already"),
    "change_needs_now": (409, "It can't wait for the period's end"),
    "nothing_scheduled": (409, "There is nothing to undo"),
    "invalid": (422, "The request can't be used as it is"),
    "idempotency_key_reused": (422, "The key was used for another request"),
    "unknown_unit": (422, "No such unit"),
    "unknown_plan": (422, "No such plan"),
    "plan_needs_checkout": (422, "The plan has a price"),
    "unknown_pack": (422, "No such pack"),
    "stripe_refused": (422, "Stripe refuses it"),
    "stripe_not_configured": (503, "Stripe is not connected"),
    "stripe_unavailable": (503, "Stripe can't be reached"),
    "busy": (503, "Busy"),
    "database_unavailable": (503, "The database is not available"),
    "clock_skew": (503, "This machine's clock is wrong"),
}
"""Code of a refusal → status and title. A refusal that is not here is a bug of ours: it shows as a 500."""

REQUESTS: dict[str, tuple[int, str]] = {
    "malformed": (400, "The request can't be read"),
    "idempotency_key_missing": (400, "An Idempotency-Key is needed"),
    "unauthorized": (401, "Who is asking?"),
    "forbidden": (403, "This key may not do that"),
    "not_found": (404, "Nothing is here"),
    "method_not_allowed": (405, "That can't be done here"),
    "too_large": (413, "The request is too large"),
    "unsupported_media_type": (415, "JSON is spoken here"),
    "internal": (500, "Something went wrong on our side"),
}
"""Codes of the requests themselves: what never reaches the engine."""

CODES = REQUESTS | REFUSALS
_BY_STATUS = {400: "malformed", **{status: code for code, (status, _) in REQUESTS.items() if status > 403}}
_SENTENCES = {
    "malformed": "Send well-formed HTTP.",
    "not_found": "There is no such route. /docs shows those there are.",
    "method_not_allowed": "The route exists, but not with this method: see the Allow header.",
    "too_large": "Send less at once.",
    "unsupported_media_type": "Send the body as JSON, with the header Content-Type: application/json.",
    "internal": "Send the same request with the same key again; if it goes on, tell those who run the service.",
}


class Problem(Exception):
    """A request that is turned away before the engine sees it. `code` is one of `REQUESTS`."""

    def __init__(self, code: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.code, self.detail, self.headers = code, detail, dict(headers or {})
        super().__init__(detail)


def problem_of(refusal: Refusal, customer: str | None = None) -> dict[str, Any]:
    """A refusal as a problem's content. KeyError for one without a status. A `customer` who has too little is told
    where to get more.
    """
    status, title = REFUSALS[refusal.code]
    # A problem's own `status` is the HTTP one; that of a hold or a bucket goes by another name.
    explained = {"state" if name == "status" else name: value for name, value in refusal.explain().items()}
    if refusal.code == "insufficient_credits" and customer is not None and sells_credits():
        explained["topup_url"] = portal_url(fresh_link(customer, "topup"))
    return content(refusal.code, status, title, str(refusal)) | explained


def content(code: str, status: int, title: str, detail: str) -> dict[str, Any]:
    """The fields that every problem has."""
    return {"type": f"urn:billing:{code}", "title": title, "status": status, "code": code, "detail": detail}


def answer(code: str, detail: str = "", *, headers: Mapping[str, str] | None = None, **more: object) -> Response:
    """A problem of the table as a response."""
    status, title = CODES[code]
    return _response(content(code, status, title, detail or _SENTENCES.get(code, title)) | more, headers)


def register(app: Flask) -> None:
    """Makes every error of the application one of these."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(Problem, _turned_away)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _refused(refusal: Refusal) -> Response:
    if refusal.code not in REFUSALS:
        return _unexpected(refusal)
    headers = {"Retry-After": str(refusal.retry_after)} if isinstance(refusal, Unavailable) else None
    problem = problem_of(refusal, (request.view_args or {}).get("customer"))
    if problem["status"] >= 500:
        _LOG.warning("unavailable", code=refusal.code, detail=str(refusal))
    return _response(problem, headers)


def _turned_away(problem: Problem) -> Response:
    return answer(problem.code, problem.detail, headers=problem.headers)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:  # a redirect of the router's own
        return Response(error.get_response().response, status, dict(error.get_headers()))
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    if status in _BY_STATUS:
        return answer(_BY_STATUS[status], headers=headers)
    phrase = http.HTTPStatus(status).phrase
    return _response(content("malformed" if status < 500 else "internal", status, phrase, f"{phrase}."), headers)


def _unexpected(error: Exception) -> Response:
    _LOG.error("unexpected", exc_info=error)
    return answer("internal")


def _response(problem: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    status = problem["status"]
    if for_people():
        response = message(problem["title"], (_for_people(status),), status)
    else:
        if "request_id" in g:
            problem = problem | {"request_id": g.request_id}
        response = current_app.response_class(json.dumps(problem) + "\n", status, mimetype=PROBLEM)
    response.headers.update(headers or {})
    return response


def for_people() -> bool:
    """Is this a page, looked at by people, rather than an interface for programs?"""
    if request.path.startswith(("/portal/", "/unsubscribe/", "/finance", "/theme", "/docs")) or request.path == "/":
        return True
    programs = request.path.startswith(("/v1/", "/webhooks/"))
    return not programs and request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def _for_people(status: int) -> str:
    if status >= 500:
        return "It is on our side, and nothing of yours is lost. Try again in a moment."
    if request.path.startswith("/finance"):
        return "Go back and try again; if it goes on, tell those who run the service."
    return "Go back to the app or the message you came from and open the page there again."
