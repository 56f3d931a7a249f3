"""What the engine notices by time and pace: steps of the timetable. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable

from billing import signals
from billing.base.db import Tx
from billing.base.round import Round
from billing.catalog.terms import Catalog
from billing.engine.catalogs import Catalogs
from billing.insight import expiring, pace, usage
from billing.rules import asking


class Watching(Catalogs):
    """Steps of `Billing`; each is one bounded transaction, and says whether there is more to do."""

    def warn_expiring(self, limit: int = 500) -> Round:
        """Tells `credits.expiring` of up to `limit` buckets whose end has come within a lead time of theirs: once for
        each bucket, end and lead, a wallet's in one.
        """
        return self._step(expiring.warn, limit)

    def count_usage(self, limit: int = 5000) -> Round:
        """Counts what up to `limit` wallets have used since it was counted last, by wallet and UTC day."""
        return self._step(lambda tx, _, many: usage.count(tx, many), limit)

    def watch_pace(self, limit: int = 500) -> Round:
        """Tells `credits.running_out` and `usage.unusual` of up to `limit` wallets that used any today or yesterday, by
        what `count_usage` has counted.
        """
        return self._step(pace.watch, limit)

    def _step(self, step: Callable[[Tx, Catalog, int], Round], limit: int) -> Round:
        wrong = asking.refuse(limit=asking.count(limit))
        if wrong is not None:
            raise wrong
        catalog = self.catalog
        with self.database.write() as tx:
            done = step(tx, catalog, limit)
        signals.send(self, tx.told)
        return done
