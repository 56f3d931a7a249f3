"""What of `Billing` is about the catalog: what holds now, and what shall hold from a date on. Decides nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from billing.base.db import Database
from billing.catalog import versions
from billing.catalog.terms import Catalog
from billing.catalog.versions import InForce, Version
from billing.rules.refusals import Refusal
from billing.sales import catalog_changes
from billing.sales.catalog_changes import Change


class Catalogs:
    """The engine's catalog, at each moment."""

    database: Database
    _in_force: InForce

    @property
    def catalog(self) -> Catalog:
        """What is sold now: the version that was applied for this moment, or the file where none ever was."""
        return self._in_force.now()

    @catalog.setter
    def catalog(self, file: Catalog) -> None:
        """Another one in the file's place."""
        self._in_force = InForce(self.database, file)

    def catalog_versions(self) -> list[Version]:
        """All versions that were applied, in the order in which they hold."""
        with self.database.read() as tx:
            return versions.applied(tx)

    def catalog_changes(self, file: str | Path, holds_from: datetime | None = None) -> tuple[Change, ...]:
        """What the file would change, were it applied. Raises CatalogInvalid."""
        from billing.catalog.loading import load

        present = self.catalog
        return catalog_changes.changes(present.at(holds_from or self.database.clock.now()), load(file))

    def apply_catalog(self, file: str | Path, holds_from: datetime | None = None) -> Version | None:
        """From `holds_from` (now) on the catalog is what the file says; the file itself is not looked at again.

        None: so it is anyway. Raises CatalogInvalid; Invalid where somebody's plan or pack would be taken away.
        """
        from billing.catalog.loading import load

        after, content, present = load(file), Path(file).read_text("utf-8-sig"), self.catalog
        with self.database.write() as tx:
            answer = catalog_changes.apply(tx, present, after, content, holds_from)
            if isinstance(answer, Refusal):
                raise answer
        self._in_force.forget()
        return answer
