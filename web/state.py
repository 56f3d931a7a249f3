"""What a request may reach for: the engine, the settings, the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from billing import Billing
    from billing.base.settings import Settings

EXTENSION = "billing"


@dataclass(frozen=True, slots=True)
class State:
    billing: Billing
    settings: Settings


def state() -> State:
    """What the application was made with."""
    return cast("State", current_app.extensions[EXTENSION])


def engine() -> Billing:
    return state().billing


def secrets() -> Sequence[str]:
    """The secrets that links and keys are signed with, newest first."""
    return state().settings.secret_keys


def clock_now() -> datetime:
    """The engine's time: pages and links go by the clock that credits go by."""
    return engine().clock.now()
