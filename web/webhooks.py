"""What Stripe tells us: stored before it is answered. 200 means that it will be handled, whatever becomes of us."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from billing.rules.refusals import DatabaseUnavailable, Refusal
from billing.stripe.signature import SignatureInvalid
from billing.stripe.values import PayloadInvalid
from web.errors import Problem, answer
from web.state import engine, state

LARGEST_EVENT = 1024 * 1024
"""Bytes. Stripe's own largest, an invoice with its first lines, are a tenth of it."""

webhooks = Blueprint("webhooks", __name__)

_LOG = structlog.get_logger("billing.web")


@webhooks.post("/webhooks/stripe")
def stripe() -> Response:
    """Takes one event. 400 for what Stripe did not sign or is no event, 413, 503 where it could not be stored: then
    Stripe sends it again.
    """
    request.max_content_length = LARGEST_EVENT + 1
    body = request.get_data(cache=False, parse_form_data=False)
    if len(body) > LARGEST_EVENT:  # sent in chunks it is cut off there, and not refused
        raise Problem("too_large", "No event of Stripe's is that large.")
    try:
        event = engine().receive_stripe_event(body, request.headers.get("Stripe-Signature"))
    except (SignatureInvalid, PayloadInvalid) as error:
        kind = error.kind if isinstance(error, SignatureInvalid) else "body"
        state().heard.refused[kind] += 1
        _LOG.warning("stripe_event_refused", kind=kind, reason=str(error), bytes=len(body))
        raise Problem("malformed", str(error)) from None
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001 - not stored, whatever the cause: Stripe shall send it again
        _LOG.error("stripe_event_not_stored", exc_info=error)
        again = {"Retry-After": str(DatabaseUnavailable.retry_after)}
        return answer("database_unavailable", "The event could not be stored: send it again.", headers=again)
    state().heard.taken += 1
    log: Any = _LOG.info if event.status in ("done", "ignored") else _LOG.warning
    log("stripe_event", id=event.id, type=event.type, status=event.status, reason=event.reason)
    return jsonify(id=event.id, status=event.status)
