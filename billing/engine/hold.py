"""A hold in hand, and through whom it is ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from billing.base.db import Tx
from billing.credits.values import HoldReceipt, Receipt
from billing.engine.host import Host


@dataclass(frozen=True, slots=True)
class Hold(HoldReceipt):
    """A hold in hand: `capture()` uses it, `release()` gives it back."""

    by: Any = field(default=None, repr=False, compare=False)

    def capture(self, credits: int | None = None) -> Receipt:
        """Uses the hold, or `credits` of it (or more than it); see `Transaction.capture`."""
        receipt: Receipt = self.by.capture(self.customer, self.id, credits)
        return receipt

    def release(self) -> Hold:
        """Gives it back; see `Transaction.release`."""
        hold: Hold = self.by.release(self.customer, self.id)
        return hold


def in_hand(value: HoldReceipt, by: object) -> Hold:
    """The hold, to be ended through `by`."""
    fields = {name: getattr(value, name) for name in HoldReceipt.__dataclass_fields__}
    return Hold(**fields, by=by)


class Holder:
    """Ends a hold inside the host's transaction that it was placed in; when that is over, by a transaction of its own.

    Else a capture after the host's commit would stand in a transaction that nobody commits.
    """

    def __init__(self, inside: Any, tx: Tx, host: Host) -> None:
        self._inside, self._tx, self._host = inside, tx, host

    def capture(self, customer: str, hold: str, credits: int | None = None) -> Receipt:
        receipt: Receipt = self._by().capture(customer, hold, credits)
        return receipt

    def release(self, customer: str, hold: str) -> Hold:
        released: Hold = self._by().release(customer, hold)
        return released

    def _by(self) -> Any:
        return self._inside if self._host.lasts(self._tx) else self._host.sender
