"""The steps: work that falls due. Each is bounded, idempotent by data, and says whether there is more of it.

Who runs them when stands in `jobs/timetable.py`; a program that only embeds the engine may call them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from billing.base.round import Round

if TYPE_CHECKING:
    from billing.engine import Billing

Step = Callable[["Billing"], Round | bool]
"""Does some of what is due. Says whether there is more, and, as a `Round`, how much it did."""


def _batch(billing: Billing) -> int:
    """SQLite has one writer, and whoever spends meanwhile waits for the batch to end."""
    return 50 if billing.database.engine.dialect.name == "sqlite" else 500


STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "catch_up": lambda billing: billing.catch_up(_batch(billing)),
        "inbox": lambda billing: billing.handle_stripe_events(),
        "conversations": lambda billing: billing.finish_conversations(),
        "auto_topups": lambda billing: billing.charge_auto_topups(),
        "sync": lambda billing: billing.sync_stripe(),
        "warn_low": lambda billing: billing.warn_low(),
        "warn_expiring": lambda billing: billing.warn_expiring(),
        "count_usage": lambda billing: billing.count_usage(),
        "watch_pace": lambda billing: billing.watch_pace(),
        "spread": lambda billing: billing.spread_notices(),
        "deliver": lambda billing: billing.deliver_notices(),
        "audit": lambda billing: billing.check_books(),
        "purge": lambda billing: billing.purge(),
    }
)
"""What time has done to wallets; what Stripe told; what Stripe was asked for and did not answer; what is bought for
wallets by themselves; what Stripe told and nobody heard; who came to lie below a threshold without a movement; credits
that will soon have ended; what was used on each day; what that pace will come to; who is to be told of what happened;
letters, webhooks and messages to be sent; whether the books add up; what need not be kept any longer."""
