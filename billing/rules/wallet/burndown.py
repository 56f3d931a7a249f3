"""Burn-down: the order in which buckets pay. A setting: a list of named keys, smallest first, or a preset."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from billing.rules.wallet.values import BucketState

NEVER = datetime.max.replace(tzinfo=UTC)

KEYS: dict[str, Callable[[BucketState], Any]] = {
    "priority": lambda b: b.priority,
    "scoped_first": lambda b: not b.features,
    "expires_at": lambda b: b.expires_at or NEVER,
    "rolled_first": lambda b: not b.origin.startswith("rolled:"),
    "free_first": lambda b: b.paid_cents > 0,
    "effective_at": lambda b: b.effective_at,
    "granted_at": lambda b: b.granted_at,
    "id": lambda b: b.number,
}

DEFAULT = (
    "priority",
    "scoped_first",
    "expires_at",
    "rolled_first",
    "free_first",
    "effective_at",
    "granted_at",
    "id",
)
PRESETS: dict[str, tuple[str, ...]] = {"fifo": ("granted_at", "id")}


def parse(value: object) -> tuple[str, ...] | str:
    """A preset's name or a list of keys → the keys, or what is wrong. Ends on `id`, so that the order is total."""
    if isinstance(value, str):
        if value in PRESETS:
            return PRESETS[value]
        return f"Unknown preset {value!r}: write {', '.join(map(repr, PRESETS))} or a list of keys."
    if not isinstance(value, list | tuple) or not value:
        return f"Write a preset ({', '.join(map(repr, PRESETS))}) or a list of keys: {', '.join(KEYS)}."
    unknown = [key for key in value if key not in KEYS]
    if unknown:
        return f"Unknown key {unknown[0]!r}: the keys are {', '.join(KEYS)}."
    if len(set(value)) != len(value):
        return "A key may stand there once."
    keys = tuple(str(key) for key in value)
    return keys if "id" in keys else (*keys, "id")


@lru_cache(maxsize=64)
def order(keys: tuple[str, ...]) -> Callable[[BucketState], tuple[Any, ...]]:
    """A sort key for buckets: the one that comes first pays first."""
    parts = [KEYS[key] for key in keys]
    return lambda bucket: tuple([part(bucket) for part in parts])
