"""The purse taken out, and counted: it changes what a spend costs and nothing else, so every test holds without it.

`PURSE=out make test` runs the whole suite without it, racing processes, too; `taken_out()` is a part of a test.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from billing.credits import purse

WANTED = os.environ.get("PURSE") != "out"
"""Does this run of the tests have it? If not, whoever imports this has it taken out: conftest, to begin with."""


def _pays_nothing(*_: Any) -> Any:
    return None


def _pays_none_of_them(*_: Any) -> dict[int, Any]:
    return {}


@contextmanager
def taken_out() -> Iterator[None]:
    """Its calls do nothing: nothing is filled, and no spend comes from it. What lies in one is poured back as ever."""
    with (
        patch.object(purse, "fill", _pays_nothing),
        patch.object(purse, "spend", _pays_nothing),
        patch.object(purse, "spend_each", _pays_none_of_them),
    ):
        yield


class Hits:
    """Spends that came from a purse."""

    count = 0

    def are(self, count: int) -> None:
        """So many came from it, where it is there at all."""
        assert self.count == (count if WANTED else 0)


@contextmanager
def counted() -> Iterator[Hits]:
    """Counts them in this process."""
    hits, one, each = Hits(), purse.spend, purse.spend_each

    def spend(*given: Any) -> Any:
        receipt = one(*given)
        hits.count += receipt is not None
        return receipt

    def spend_each(*given: Any) -> Any:
        receipts = each(*given)
        hits.count += len(receipts)
        return receipts

    with patch.object(purse, "spend", spend), patch.object(purse, "spend_each", spend_each):
        yield hits


if not WANTED:
    _for_good = taken_out()  # kept: what is collected is undone
    _for_good.__enter__()
