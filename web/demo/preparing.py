"""Makes the demo ready while it is being served: migrates, tells the story once, makes the API key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from billing import Billing, Refusal
from billing.access import keys
from billing.access.tokens import PortalLink, sign_portal_link
from billing.base import schema
from billing.credits.tables import customers
from web.demo import kept
from web.demo.people import CUSTOMERS
from web.demo.telling import tell

if TYPE_CHECKING:
    from billing import Catalog
    from billing.base.settings import Settings
    from web.demo.kept import Kept

KEY_NAME = "demo"
"""The API key of that name is made when the story has been told to its end: where it is, the world is whole."""

LINK_LIFETIME = timedelta(days=30)
"""A demo is played with for days; a customer's own link works for one."""


def stranger(billing: Billing) -> str | None:
    """Why the demo keeps its hands off this database: it holds customers that are not the demo's. None: it may."""
    with billing.database.read() as tx:
        if not sa.inspect(tx.connection).has_table(customers.name):
            return None
        rows = list(tx.connection.execute(sa.select(customers.c.id, customers.c.metadata)))
    ours = any(row.id == CUSTOMERS[0].id and row.metadata.get("demo") is True for row in rows)
    if not rows or ours:
        return None
    return f"The database holds {len(rows):,} customers that are not the demo's. Give the demo one of its own."


class Preparation:
    """The way to a demo that is ready. `run` goes it, in a thread of its own; `missing` says how far it is."""

    def __init__(self, billing: Billing, settings: Settings, catalog: Catalog, kept: Kept) -> None:
        self.billing, self.settings, self.story_catalog, self.kept = billing, settings, catalog, kept
        self.done = False
        self._percent = 0

    def missing(self) -> str | None:
        """For /readyz: what is still missing, or None."""
        return None if self.done else f"The demo is being prepared: {self._percent} % of its story is told."

    def run(self, begin: Callable[[], object] = lambda: None) -> None:
        """Everything that isn't there yet. Says `begin` if there is a story to be told."""
        schema.upgrade(self.settings.database_url)
        if not self._told():
            begin()
            now = self.billing.clock.now()
            tell(self.settings.database_url, self.story_catalog, self.kept.webhook_secret, now, self._progress)
        self.kept = replace(self.kept, api_key=self._api_key())
        kept.write(self.kept, self.settings.public_url, [one.id for one in CUSTOMERS], self.portal_url())
        self.done = True

    def portal_url(self, customer: str = CUSTOMERS[0].id) -> str:
        """A link to a customer's wallet that works for a month."""
        link = PortalLink(customer, "wallet", self.billing.clock.now() + LINK_LIFETIME)
        return f"{self.settings.public_url}/portal/{sign_portal_link(self.settings.secret_keys, link)}"

    def _progress(self, percent: int) -> None:
        self._percent = percent

    def _told(self) -> bool:
        try:
            self.billing.find_customer(CUSTOMERS[0].id)
        except Refusal:
            return False
        with self.billing.database.read() as tx:
            return any(key.name == KEY_NAME for key in keys.every(tx))

    def _api_key(self) -> str:
        """The one that is kept, if it opens this database; else a new one."""
        peppers = self.settings.secret_keys
        with self.billing.database.write() as tx:
            known = keys.find(tx, peppers, self.kept.api_key) if self.kept.api_key else None
            return self.kept.api_key if known else keys.create(tx, peppers, KEY_NAME, ["admin"])[1]
