"""The steps: due work, by name. Each does a bounded part of it and says whether there is more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol


class Works(Protocol):
    """What of the engine the steps call."""

    def catch_up(self) -> bool: ...

    def handle_stripe_events(self) -> bool: ...

    def finish_conversations(self) -> bool: ...


STEPS: Mapping[str, Callable[[Works], bool]] = MappingProxyType(
    {
        "catch_up": lambda billing: billing.catch_up(),
        "inbox": lambda billing: billing.handle_stripe_events(),
        "conversations": lambda billing: billing.finish_conversations(),
    }
)
"""What time has done to wallets; what Stripe told; what we asked of Stripe and was cut off."""
