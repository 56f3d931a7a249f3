"""For how long is kept what may go at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

LEAST: Mapping[str, int] = MappingProxyType({"stripe_events": 60, "outbox": 31, "conversations": 60})
"""Days. Stripe lists its events for 30 days and repeats them for 3, and what is overlooked is looked for that long."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Days. `stripe_events`: what handled events said. `outbox`: what everybody was told of. `conversations`: what
    Stripe was asked, once it has answered.
    """

    stripe_events: int = 400
    outbox: int = 90
    conversations: int = 400

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}: at least {least} days.")
