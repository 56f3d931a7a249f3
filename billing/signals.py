"""Signals a host may listen to, one per event, sent after the commit that made it true.

    from billing import signals

    @signals.credits_granted.connect
    def thank(billing, *, customer, credits, **more): ...

A receiver that fails is logged and stops nothing: what it was told of has happened.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from blinker import Namespace, Signal

_namespace = Namespace()

auto_topup_charged = _namespace.signal("auto_topup.charged")
auto_topup_held_back = _namespace.signal("auto_topup.held_back")
auto_topup_paused = _namespace.signal("auto_topup.paused")
credits_granted = _namespace.signal("credits.granted")
credits_spent = _namespace.signal("credits.spent")
credits_reversed = _namespace.signal("credits.reversed")
credits_clawed_back = _namespace.signal("credits.clawed_back")
credits_restored = _namespace.signal("credits.restored")
credits_rolled_over = _namespace.signal("credits.rolled_over")
credits_rollover_forfeited = _namespace.signal("credits.rollover_forfeited")
credits_expired = _namespace.signal("credits.expired")
credits_low = _namespace.signal("credits.low")
credits_exhausted = _namespace.signal("credits.exhausted")
credits_expiring = _namespace.signal("credits.expiring")
credits_running_out = _namespace.signal("credits.running_out")
credits_adjusted = _namespace.signal("credits.adjusted")
usage_unusual = _namespace.signal("usage.unusual")
debt_opened = _namespace.signal("debt.opened")
debt_repaid = _namespace.signal("debt.repaid")
debt_forgiven = _namespace.signal("debt.forgiven")
payment_failed = _namespace.signal("payment.failed")
subscription_changed = _namespace.signal("subscription.changed")
topup_failed = _namespace.signal("topup.failed")
topup_paid = _namespace.signal("topup.paid")
dispute_opened = _namespace.signal("dispute.opened")
dispute_closed = _namespace.signal("dispute.closed")
topup_refunded = _namespace.signal("topup.refunded")
topup_pending = _namespace.signal("topup.pending")
review_needed = _namespace.signal("review.needed")
stripe_event_handled = _namespace.signal("stripe.event_handled")


def heard() -> bool:
    """Does anybody listen to anything?"""
    return any(signal.receivers for signal in _namespace.values())


def send(sender: object, facts: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Tells whoever listens."""
    for name, fact in facts:
        signal: Signal = _namespace.signal(name)
        for receiver in list(signal.receivers_for(sender)):
            try:
                receiver(sender, **fact)
            except Exception:
                logging.getLogger("billing.signals").exception("a receiver of %s failed", name)
