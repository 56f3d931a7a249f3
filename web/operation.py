"""Operating the service: is it there, can it work, what did it do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import structlog
from flask import Blueprint, Flask, Response, g, jsonify, request

from billing.base import ids, schema
from billing.base.skew import LARGEST_SKEW
from billing.rules.refusals import Refusal
from jobs.standing import standings
from web import metrics
from web.state import engine, state

Check = Callable[[], str | None]
"""Looks at one thing; says what is wrong with it, or None."""

operation = Blueprint("operation", __name__)

_LOG = structlog.get_logger("billing.web")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


@operation.get("/healthz")
def healthz() -> Response:
    """The process answers. Says nothing about what it needs."""
    return jsonify(status="ok")


@operation.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Can it work: database reachable and migrated, its clock like ours, and what else it was told to look at.

    How the jobs stand, and what the webhook took and refused, is told beside it and changes nothing: a service without
    its jobs serves, and anybody may send a webhook nonsense.
    """
    checks: Mapping[str, Check] = {"database": _database, "migrations": _migrations, "clock": _clock} | dict(
        state().checks
    )
    problems = {name: _look(check) for name, check in checks.items()}
    ready = not any(problems.values())
    body: dict[str, Any] = {"status": "ready" if ready else "not ready"}
    body |= {"checks": {k: v or "ok" for k, v in problems.items()}, "jobs": _jobs()}
    body |= {"webhook": state().heard.shown()}
    return jsonify(body), 200 if ready else 503


def _jobs() -> dict[str, str]:
    """Of each job that it is well, or what is wrong with it."""
    try:
        with engine().database.read() as tx:
            return {one.job.name: one.wrong or "ok" for one in standings(tx)}
    except Refusal as refusal:
        return {"all": str(refusal)}


def _look(check: Check) -> str | None:
    try:
        return check()
    except Refusal as refusal:
        return str(refusal)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not ready, and says so without internals
        _LOG.error("readiness", exc_info=error)
        return "It could not be looked at: see the log."


def _database() -> str | None:
    with engine().database.read() as tx:
        tx.connection.exec_driver_sql("SELECT 1")
    return None


def _migrations() -> str | None:
    return " ".join(schema.check(engine().database.engine)) or None


def _clock() -> str | None:
    if not engine().clock.checked:
        return None
    skew = engine().database.skew()
    return None if abs(skew) <= LARGEST_SKEW else f"This machine's clock is {skew:+.0f} seconds off the database's."


def observe(app: Flask) -> None:
    """Gives each request an id, in and out, and writes one line about it: the route, never what a path may hide."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else ids.token(12)
        g.began = perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        if "request_id" not in g:
            return response
        response.headers["X-Request-Id"] = g.request_id
        metrics.count(response)
        if request.endpoint not in ("static", "operation.healthz", "metrics.show"):
            _LOG.info("request", **_line(response))
        return response


def _line(response: Response) -> dict[str, Any]:
    # The rule and not the path: a portal link's path is its secret.
    line = {
        "method": request.method,
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "milliseconds": round((perf_counter() - g.began) * 1000, 1),
        "api_key": g.get("api_key"),
        "customer": (request.view_args or {}).get("customer"),
    }
    return {name: value for name, value in line.items() if value is not None}
