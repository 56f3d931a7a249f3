"""The due work, done beside serving: what time has done to wallets, what Stripe told, what it was asked for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from billing.steps import STEPS

if TYPE_CHECKING:
    from billing import Billing

SECONDS = 15.0
"""Between two looks. Nothing depends on it: what is late is reckoned with by every verb and page all the same."""

_LOG = structlog.get_logger("billing.steps")


def run_steps(billing: Billing, stop: threading.Event, seconds: float = SECONDS) -> None:
    """Runs the steps again and again until `stop`. Several processes may: each passes over what another has in hand."""
    while not stop.wait(seconds):
        for name, step in STEPS.items():
            try:
                while step(billing) and not stop.is_set():
                    pass
            except Exception as error:  # noqa: BLE001 - the next look tries again, whatever it was
                _LOG.warning("step_failed", step=name, exc_info=error)


def start(billing: Billing) -> threading.Event:
    """Runs them in a thread that ends with the process, or when the event is set."""
    stop = threading.Event()
    threading.Thread(target=run_steps, args=(billing, stop), name="billing steps", daemon=True).start()
    return stop
