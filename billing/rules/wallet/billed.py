"""Billed: money that brings no credits is sold and earned at once, and may be given back."""

from __future__ import annotations

from billing.rules.wallet.position import Position
from billing.rules.wallet.values import Cause


def earn(position: Position, cents: int, currency: str, cause: Cause) -> None:
    """Sold and earned together."""
    _move(position, "settle", "billed", "consumed", cents, currency, cause)


def give_back(position: Position, cents: int, currency: str, cause: Cause) -> None:
    """A negative line takes out what a sale without months brought."""
    _move(position, "credit_back", "consumed", "credited", cents, currency, cause)


def take_back(position: Position, cents: int, currency: str, cause: Cause) -> None:
    """Money of a sale without months went back: it is earned no longer. Which sale's it was says the cause."""
    _move(position, "owe", "overdraft", "clawed_back", cents, currency, cause)


def restore(position: Position, cents: int, currency: str, cause: Cause) -> None:
    """It did not go back after all, and is earned as it was."""
    _move(position, "restore", "clawed_back", "overdraft", cents, currency, cause)


def _move(
    position: Position, kind: str, source: str, destination: str, cents: int, currency: str, cause: Cause
) -> None:
    position.record(kind, source, destination, 0, cents, None, cause)
    position.movements[-1].currency = currency
