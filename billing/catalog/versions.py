"""Versions of the catalog that were applied, each from an instant on. Until one was, the file is all there is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from billing.base import sets
from billing.base.db import Database, Tx
from billing.catalog.tables import catalog_versions
from billing.catalog.terms import Catalog
from billing.rules.refusals import Unavailable

_LOG = logging.getLogger("billing.catalog")

LOOK_AGAIN = timedelta(seconds=10)
"""How long a process may go on without noticing what another has applied."""


@dataclass(frozen=True, slots=True)
class Version:
    """A catalog that was applied, and from when it holds."""

    number: int
    catalog: Catalog
    holds_from: datetime
    applied_at: datetime


def applied(tx: Tx) -> list[Version]:
    """All versions in the order of time in which they hold."""
    query = select(catalog_versions).order_by(catalog_versions.c.holds_from, catalog_versions.c.number)
    rows = tx.connection.execute(query).all()
    if not rows:
        return []
    from billing.catalog.loading import parse  # what reads files is loaded where there is something to read

    return [Version(row.number, parse(row.content), row.holds_from, row.applied_at) for row in rows]


def in_force(versions: Sequence[Version], at: datetime) -> Catalog | None:
    """What holds at that instant, knowing all others: the last that began by then, before the first one the first."""
    if not versions:
        return None
    history = tuple((one.holds_from, one.catalog) for one in versions)
    return replace(versions[0].catalog, history=history).at(at)


def add(tx: Tx, catalog: Catalog, content: str, holds_from: datetime) -> Version | None:
    """Writes a version; None if another one is written in the same moment: this one was not compared with it."""
    last = tx.connection.execute(select(func.coalesce(func.max(catalog_versions.c.number), 0))).scalar_one()
    row = {
        "number": last + 1,
        "version": catalog.version,
        "content": content,
        "holds_from": holds_from,
        "applied_at": tx.now,
    }
    if not sets.insert(tx, catalog_versions, [row], unless_there=True):
        return None
    return Version(last + 1, catalog, holds_from, tx.now)


class InForce:
    """The catalog at each moment: the version that was applied for it, or the file's where none ever was.

    What another process applies is noticed within `LOOK_AGAIN`; what comes into force by time, at once.
    """

    def __init__(self, database: Database, file: Catalog) -> None:
        self._database, self._file = database, file
        self._present = file
        self._versions: list[Version] | None = None
        self._looked_at: datetime | None = None
        self._looking = threading.Lock()
        self._until: datetime | None = None

    def now(self) -> Catalog:
        """What holds now."""
        now = self._database.clock.now()
        if self._looked_at is None or not self._looked_at <= now < self._looked_at + LOOK_AGAIN:
            self._look(now)
        if self._until is not None and self._until <= now:
            self._settle(now)
        return self._present

    def forget(self) -> None:
        """Somebody applied a version: it is looked for before the next use."""
        self._looked_at = None

    def _look(self, now: datetime) -> None:
        if not self._looking.acquire(blocking=self._versions is None):  # one looks, the others go on as before
            return
        try:
            with self._database.read() as tx:
                last = tx.connection.execute(select(func.count()).select_from(catalog_versions)).scalar_one()
                if self._versions is None or last != len(self._versions):
                    self._versions = applied(tx) if last else []
                    self._settle(now)
            self._looked_at = now
        except (DBAPIError, Unavailable):
            # Not migrated yet, or gone: whoever uses the database next says so better.
            self._present = self._present if self._versions else self._file
        finally:
            self._looking.release()

    def _settle(self, now: datetime) -> None:
        versions = self._versions or []
        self._until = min((one.holds_from for one in versions if one.holds_from > now), default=None)
        before, self._present = self._present, in_force(versions, now) or self._file
        if versions and before is self._file and self._file.version not in (self._present.version, EMPTY):
            _LOG.warning(
                "the catalog's file (version %s) is not the version that was applied and holds (%s); "
                "what was applied counts: see `billing catalog apply`",
                self._file.version,
                self._present.version,
            )


EMPTY = Catalog.DEFAULT.version
