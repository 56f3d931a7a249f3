"""Test clocks: Stripe's own handle on time. Here all of them move the sandbox's one clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from web.sandbox.errors import Refused
from web.sandbox.resources import customers
from web.sandbox.store import Object
from web.sandbox.work import Work

_KEPT_FOR = int(timedelta(days=30).total_seconds())
_SLACK = 60


def make(work: Work, given: dict[str, Any]) -> Object:
    """At the sandbox's time, or moved ahead to a later one."""
    clock = work.new(
        "test_helpers.test_clock",
        deletes_after=work.now + _KEPT_FOR,
        frozen_time=given["frozen_time"],
        name=given.get("name"),
        status="ready",
        status_details={},
    )
    work.keep(clock)
    work.emit("test_helpers.test_clock.created", clock)
    if given.get("customer"):
        customer = customers.living(work, given["customer"])
        work.keep(customer | {"test_clock": clock["id"]})
    if given["frozen_time"] < work.now - _SLACK:
        raise Refused("The sandbox has one clock, which goes forward only.", param="frozen_time")
    if given["frozen_time"] > work.now:
        _move(work, clock, given["frozen_time"])
    return clock


def advance(work: Work, clock: Object, to: int) -> Object:
    """It is under way from now on; `ready` when all that was due has happened."""
    if clock["status"] != "ready":
        raise Refused("This test clock is advancing.")
    if to <= work.now:
        raise Refused("The sandbox has one clock, which goes forward only.", param="frozen_time")
    _move(work, clock, to)
    work.emit("test_helpers.test_clock.advancing", clock)
    return clock


def arrive(work: Work, clock: Object) -> None:
    clock |= {"status": "ready", "status_details": {}}
    work.keep(clock)
    work.emit("test_helpers.test_clock.ready", clock)


def remove(work: Work, clock: Object) -> Object:
    """The handle is gone; time and all objects stay, unlike Stripe's."""
    work.emit("test_helpers.test_clock.deleted", clock)
    work.rows.unschedule("clock_arrives", clock["id"])
    work.rows.remove(clock["id"])
    return {"id": clock["id"], "object": "test_helpers.test_clock", "deleted": True}


def _move(work: Work, clock: Object, to: int) -> None:
    clock |= {"frozen_time": to, "status": "advancing"}
    clock["status_details"] = {"advancing": {"target_frozen_time": to}}
    work.keep(clock)
    work.rows.schedule(to, "clock_arrives", clock["id"])
    work.moves_to = to
