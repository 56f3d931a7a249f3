"""The engine that the environment's settings describe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing import Billing


@contextmanager
def engine() -> Iterator[Billing]:
    """Opened for one command, and closed after it. Raises SettingsInvalid, CatalogInvalid."""
    from billing import Billing

    billing = Billing.from_env()
    try:
        yield billing
    finally:
        billing.close()
