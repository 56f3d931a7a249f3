"""The service's figures for Prometheus: what waits, how the jobs stand, how requests went.

What stands in the database is read when it is asked for, so every process answers the same. Requests are counted by
each process: where several serve one address (`web/counted.py`), whoever answers adds up what all of them counted.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator
from time import perf_counter

from flask import Blueprint, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from billing.base.db import Tx
from billing.figures import FIGURES
from jobs.standing import Standing, standings
from web.counted import SHARED
from web.state import engine, state

metrics = Blueprint("metrics", __name__)

TEXT = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OWN = CollectorRegistry()
_REQUESTS = Counter("billing_http_requests", "Requests answered, by route and status.", ("method", "route", "status"),
                    registry=_OWN)  # fmt: skip
_SECONDS = Histogram("billing_http_request_seconds", "How long they took.", ("method", "route"), buckets=_BUCKETS,
                     registry=_OWN)  # fmt: skip


@metrics.get("/metrics")
def show() -> Response:
    """All figures as text. With METRICS_TOKEN set, for whoever bears it."""
    wanted = state().settings.metrics_token
    given = request.headers.get("Authorization", "")
    if wanted is not None and not hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode()):
        return Response("Send the METRICS_TOKEN: Authorization: Bearer …\n", 401, content_type=TEXT,
                        headers={"WWW-Authenticate": "Bearer"})  # fmt: skip
    with engine().database.read() as tx:
        stored = [*_jobs(standings(tx)), *_waiting(tx)]
    return Response(_text(stored), content_type=TEXT, headers={"Cache-Control": "no-store"})


def count(response: Response) -> None:
    """Notes a request that was answered. Routes, not paths: there are few of them, and a path may be a secret."""
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in _METHODS else "other"
    _REQUESTS.labels(method, route, str(response.status_code)).inc()
    _SECONDS.labels(method, route).observe(perf_counter() - g.began)


class _Stored:
    """Figures that were read from the database, as the registry wants them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self.families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self.families


def _text(stored: Iterable[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Stored(stored))
    found = generate_latest(registry)
    if SHARED not in os.environ:
        return found + generate_latest(_OWN)
    counted = CollectorRegistry()
    MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # its package says no types here
    return found + generate_latest(counted)


def _waiting(tx: Tx) -> Iterator[Metric]:
    for figure in FIGURES:
        values = list(figure.values(tx))
        names = sorted({name for of, _ in values for name in of})
        family = GaugeMetricFamily(f"billing_{figure.name}", figure.help, labels=names)
        for of, value in values:
            family.add_metric([of[name] for name in names], value)
        yield family


def _jobs(found: list[Standing]) -> Iterator[Metric]:
    gauges = {
        "billing_job_waits_seconds": ("For how long its oldest slot has waited that no finished run covers.",
                                      [one.waits.total_seconds() for one in found]),
        "billing_job_late": ("1: that is longer than it should be.", [float(one.late) for one in found]),
        "billing_job_fails": ("1: its last run failed.", [float(one.fails) for one in found]),
        "billing_job_last_run_seconds": ("How long its last run took, or takes.", [_took(one) for one in found]),
    }  # fmt: skip
    counters = {
        "billing_job_runs": ("Runs that began.", [one.runs for one in found]),
        "billing_job_failed_runs": ("Runs that failed.", [one.failed_runs for one in found]),
        "billing_job_lost_runs": ("Runs whose process ended under way.", [one.lost_runs for one in found]),
        "billing_job_done": ("What its runs dealt with, in what it counts.", [one.done_rows for one in found]),
    }
    for name, (meaning, values) in gauges.items():
        gauge = GaugeMetricFamily(name, meaning, labels=["job"])
        for one, value in zip(found, values, strict=True):
            gauge.add_metric([one.job.name], value)
        yield gauge
    for name, (meaning, totals) in counters.items():
        counter = CounterMetricFamily(name, meaning, labels=["job"])
        for one, total in zip(found, totals, strict=True):
            counter.add_metric([one.job.name], total)
        yield counter


def _took(one: Standing) -> float:
    """Of one that is under way, so far."""
    if one.last is None:
        return 0.0
    ended = one.last.ended_at or engine().clock.now()
    return (ended - one.last.started_at).total_seconds()
