"""The steps: work that falls due. Each is bounded, idempotent by data, and says whether there is more of it.

Who runs them when stands in `jobs/timetable.py`; a program that only embeds the engine may call them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.engine import Billing

Step = Callable[["Billing"], bool]
"""Does some of what is due. Says whether there is more."""

STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "catch_up": lambda billing: billing.catch_up(),
        "inbox": lambda billing: billing.handle_stripe_events(),
        "conversations": lambda billing: billing.finish_conversations(),
        "auto_topups": lambda billing: billing.charge_auto_topups(),
        "sync": lambda billing: billing.sync_stripe(),
    }
)
"""What time has done to wallets; what Stripe told; what Stripe was asked for and did not answer; what is bought for
wallets by themselves; what Stripe told and nobody heard."""
