"""What Stripe's prices are, remembered for some minutes: a page that shows them must not wait for Stripe each time."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from billing.rules.refusals import StripeNotConfigured, StripeRefused, Unavailable

if TYPE_CHECKING:
    from billing import Billing
    from billing.stripe.values import Price

FRESH, AGAIN = 300.0, 60.0
"""Seconds for which an answer is believed, and for which Stripe is left alone when there was none."""


class Prices:
    """One memory for all requests of a process. Who comes while somebody asks gets what was known before."""

    def __init__(self) -> None:
        self._known: dict[str, Price] = {}
        self._until: dict[str, float] = {}
        self._asking = threading.Lock()

    def of(self, billing: Billing, names: Iterable[str]) -> dict[str, Price]:
        """The prices of these names, of those that are known: without Stripe a page does without."""
        wanted = list(names)
        old = [name for name in wanted if self._until.get(name, 0.0) <= monotonic()]
        if old and billing.gateway is not None and self._asking.acquire(blocking=False):
            try:
                self._ask(billing, old)
            finally:
                self._asking.release()
        return {name: self._known[name] for name in wanted if name in self._known}

    def _ask(self, billing: Billing, names: list[str]) -> None:
        try:
            found = billing.prices(names)
        except (Unavailable, StripeNotConfigured, StripeRefused):
            self._until.update(dict.fromkeys(names, monotonic() + AGAIN))
            return
        for name in names:
            self._known.pop(name, None)
        self._known.update(found)
        self._until.update(dict.fromkeys(names, monotonic() + FRESH))
