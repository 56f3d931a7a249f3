"""Stripe's test clocks: a handle on the sandbox's time that any client has."""

from __future__ import annotations

import time

import pytest
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop, at, seconds
from web.sandbox import Sandbox

pytestmark = pytest.mark.slow  # a stand-in's own ways: what the engine stands on is tried by its tests


def test_a_clock_is_advanced(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """In its own time: who asked looks again until it is ready."""
    sandbox.start_at(at("2027-01-01 00:00"))
    clocks = shop.v1.test_helpers.test_clocks
    clock = clocks.create({"frozen_time": int(sandbox.clock.now().timestamp()), "name": "Years"})
    subscription = shop.subscribe()
    going = clocks.advance(clock.id, {"frozen_time": seconds("2027-03-02 00:00")})
    assert going.status == "advancing"
    until = time.monotonic() + 10
    while clocks.retrieve(clock.id).status != "ready" and time.monotonic() < until:
        time.sleep(0.02)
    assert sandbox.clock.now() >= at("2027-03-02 00:00")
    assert [one.status for one in shop.invoices(subscription)] == ["paid"] * 3
    listener.wait_for("test_helpers.test_clock.ready", seconds=10)
    with pytest.raises(stripe.InvalidRequestError, match="forward only"):
        clocks.advance(clock.id, {"frozen_time": seconds("2027-01-05 00:00")})
    with pytest.raises(stripe.InvalidRequestError, match="forward only"):
        clocks.create({"frozen_time": seconds("2027-01-05 00:00")})
    assert [one.id for one in clocks.list().data] == [clock.id]
    assert clocks.delete(clock.id).deleted
