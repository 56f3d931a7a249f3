"""Terms: what holds for a wallet while a verb decides."""

from __future__ import annotations

from dataclasses import dataclass

from billing.rules.wallet.burndown import DEFAULT
from billing.rules.wallet.overdraft import NONE, Overdraft


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a wallet at one version of catalog and settings."""

    burn_down: tuple[str, ...] = DEFAULT
    overdraft: Overdraft = NONE
