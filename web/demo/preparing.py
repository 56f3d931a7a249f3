"""Makes the demo ready while it is being served: tables, the sandbox, the story (once), the API key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from billing import Billing, Refusal
from billing.access import keys, passwords, staff
from billing.access.tokens import PortalLink, sign_portal_link
from billing.base import schema
from billing.base.addresses import EVERYWHERE, Smtp
from billing.base.clock import SystemClock
from billing.credits.tables import customers
from billing.notices.values import Sending
from web.demo import kept
from web.demo.account import STRIPE, Account
from web.demo.kept import MAILBOX
from web.demo.later import Later
from web.demo.mailbox import Mailbox
from web.demo.mailbox import serve as serve_mailbox
from web.demo.people import CUSTOMERS
from web.demo.ports import for_the_sandbox, origin
from web.demo.telling import tell
from web.demo.world import World, arrive
from web.sandbox import Sandbox, serve

if TYPE_CHECKING:
    from billing.base.settings import Settings
    from web.demo.clock import DemoClock
    from web.demo.kept import Kept

KEY_NAME = "demo"
"""The API key of that name is made when the story has been told to its end: where it is, the world is whole."""

MAIL_FROM = "Lantern <billing@lantern.example>"
"""Who writes to the demo's customers: the made-up service."""

LINK_LIFETIME = timedelta(days=400)
"""A demo is played with for days, and its clock is moved by months; a customer's own link works for a day."""


def stranger(billing: Billing) -> str | None:
    """Why the demo keeps its hands off this database: it holds customers that are not the demo's. None: it may."""
    rows = _customers(billing)
    ours = any(row.id == CUSTOMERS[0].id and row.metadata.get("demo") is True for row in rows)
    if not rows or ours:
        return None
    return f"The database holds {len(rows):,} customers that are not the demo's. Give the demo one of its own."


def orphan(billing: Billing, keeps: Kept) -> str | None:
    """Why the world can't go on in the sandbox: its customers are there, and what they had at Stripe is not. None: it
    can.
    """
    if not _customers(billing):
        return None
    if kept.FILE.is_file() and not keeps.sandbox_url:
        return "The demo's customers are those of a Stripe account. Set its STRIPE_SECRET_KEY, or forget: make reset"
    if kept.SANDBOX.is_file():
        return None
    return (
        f"The database holds the demo's customers, but {kept.SANDBOX} is gone. "
        "Forget both: make reset, and where DATABASE_URL names a database of its own, take an empty one."
    )


def stays(billing: Billing, keeps: Kept) -> str | None:
    """Why the world can't go on at Stripe: its customers, and what they bought, are the sandbox's. None: it can."""
    if not _customers(billing) or (kept.FILE.is_file() and not keeps.sandbox_url):
        return None
    return (
        "The demo's customers have bought from the sandbox, and the account of STRIPE_SECRET_KEY knows nothing of it. "
        "Unset it to go on, or forget them: make reset"
    )


def _customers(billing: Billing) -> list[sa.Row[tuple[str, dict[str, object]]]]:
    with billing.database.read() as tx:
        if not sa.inspect(tx.connection).has_table(customers.name):
            return []
        return list(tx.connection.execute(sa.select(customers.c.id, customers.c.metadata)))


class Preparation:
    """The way to a demo that is ready. `run` goes it, in a thread of its own; `missing` says how far it is."""

    def __init__(self, billing: Billing, settings: Settings, clock: DemoClock, kept: Kept) -> None:
        self.billing, self.settings, self.clock, self.kept = billing, settings, clock, kept
        self.mailbox = Mailbox(MAILBOX)
        self.done = False
        self._percent = 0

    def missing(self) -> str | None:
        """For /readyz: what is still missing, or None."""
        return None if self.done else f"The demo is being prepared: {self._percent} % of its story is told."

    def run(self, begin: Callable[[], object] = lambda: None) -> None:
        """Everything that isn't there yet. Says `begin` if there is a story to be told."""
        schema.upgrade(self.settings.database_url)
        self.billing.sending = self._sending()
        if self.kept.sandbox_url:
            self._in_the_sandbox(begin)
        elif not self._told():
            self._at_stripe()
        self.kept = replace(self.kept, api_key=self._api_key())
        self._staff()
        kept.write(self.kept, self.settings.public_url, [one.id for one in CUSTOMERS], self.portal_url())
        self.done = True

    def portal_url(self, customer: str = CUSTOMERS[0].id, page: str = "wallet") -> str:
        """A link to a customer's page that works for a year of the demo's clock."""
        link = PortalLink(customer, page, self.billing.clock.now() + LINK_LIFETIME)
        return f"{self.settings.public_url}/portal/{sign_portal_link(self.settings.secret_keys, link)}"

    def account(self) -> Account:
        """The business's side of its Stripe account."""
        assert self.settings.stripe_secret_key is not None
        return Account(self.settings.stripe_api_base or STRIPE, self.settings.stripe_secret_key)

    def _in_the_sandbox(self, begin: Callable[[], object]) -> None:
        """The sandbox is served from here on; the story is told by its clock and its events."""
        sandbox = Sandbox(kept.SANDBOX, app_url=self.settings.public_url)
        if not _customers(self.billing):
            sandbox.close()  # nobody else had it open
            for file in kept.FOLDER.glob(f"{kept.SANDBOX.name}*"):
                file.unlink()  # of a world that is not there any more
            self.mailbox.empty()
            sandbox = Sandbox(kept.SANDBOX, app_url=self.settings.public_url)
        self.clock.sandbox = sandbox
        hook, told = f"{origin(self.settings.host)}:{self.settings.port}/webhooks/stripe", self._told()
        # Before it is served: what fell due since it was stopped goes to where this is served now.
        sandbox.listen(hook, self.kept.webhook_secret, deliver=None if told else self._deliver)
        if not told:
            sandbox.resume()  # a story that was cut off days ago goes on at its own time
        serve(sandbox, for_the_sandbox(self.settings.host), int(self.kept.sandbox_url.rpartition(":")[2]))
        if not told:
            begin()
            account = self.account()
            tell(World(self.billing, sandbox, account), SystemClock().now(), self._progress)
            account.close()
            sandbox.listen(hook, self.kept.webhook_secret)
        sandbox.on_stop = Later(World(self.billing, sandbox, self.account()))

    def _sending(self) -> Sending:
        """Letters go to the mailbox, whatever SMTP_URL says: these people are made up. Webhooks may stay here, too."""
        smtp = Smtp("127.0.0.1", serve_mailbox(self.mailbox))
        own = Sending.of(self.settings)
        return replace(own, smtp=smtp, mail_from=MAIL_FROM, private=own.private or (EVERYWHERE,))

    def _deliver(self, body: bytes, signature: str) -> int:
        self.billing.receive_stripe_event(body, signature)
        return 200

    def _at_stripe(self) -> None:
        """With a key of a real account's test mode: its clock can't be moved, so nobody has a past."""
        account = self.account()
        account.sell()
        account.close()
        for customer in CUSTOMERS:
            arrive(self.billing, customer)

    def _progress(self, percent: int) -> None:
        self._percent = percent

    def _told(self) -> bool:
        try:
            self.billing.find_customer(CUSTOMERS[0].id)
        except Refusal:
            return False
        with self.billing.database.read() as tx:
            return any(key.name == KEY_NAME for key in keys.every(tx))

    def _staff(self) -> None:
        """Somebody who may look at the books, with the password that is kept."""
        now, database, password = SystemClock().now(), self.billing.database, self.kept.finance_password
        with database.read() as tx:
            known = staff.by_email(tx, kept.STAFF)
        if known is not None and passwords.matches(known[1], password):
            return
        with database.write() as tx:
            there = any(one.email == kept.STAFF and one.disabled_at is None for one in staff.every(tx))
            token = staff.new_link(tx, kept.STAFF, now) if there else staff.add(tx, kept.STAFF, "admin", now)[1]
        staff.set_password(database, token, password, now)

    def _api_key(self) -> str:
        """The one that is kept, if it opens this database; else a new one."""
        peppers = self.settings.secret_keys
        with self.billing.database.write() as tx:
            known = keys.find(tx, peppers, self.kept.api_key) if self.kept.api_key else None
            return self.kept.api_key if known else keys.create(tx, peppers, KEY_NAME, ["admin"])[1]
