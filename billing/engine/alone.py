"""`Billing`: the engine on one database, each verb in a transaction of its own. Decides nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL
from sqlalchemy.orm import Session, scoped_session

from billing import signals
from billing.base.clock import Clock, SystemClock
from billing.base.db import Database
from billing.base.keep import Keep
from billing.base.round import Round
from billing.base.unavailable import translated
from billing.catalog.terms import Catalog
from billing.catalog.versions import InForce
from billing.credits import due
from billing.credits.values import Receipt
from billing.engine import at_once, nightly
from billing.engine.hold import Hold
from billing.engine.host import Host
from billing.engine.notifying import Notifying
from billing.engine.topping_up import ToppingUp
from billing.engine.transaction import Transaction
from billing.engine.watching import Watching
from billing.notices.values import Sending
from billing.rules.refusals import HoldEnded, Refusal, Unavailable
from billing.stripe.gateway import Gateway

if TYPE_CHECKING:
    from billing.base.settings import Settings

_LOG = logging.getLogger("billing.engine")

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def _alone(
    verb: Callable[Concatenate[Transaction, Asked], Answer],
) -> Callable[Concatenate[Billing, Asked], Answer]:
    """The verb in a transaction of its own: a refusal still commits the work that was due."""

    @wraps(verb)
    def run(self: Billing, /, *args: Asked.args, **more: Asked.kwargs) -> Answer:
        refused: Refusal | None = None
        catalog = self.catalog
        with self.database.write() as tx:
            try:
                answer = verb(Transaction(tx, catalog), *args, **more)
            except Unavailable:
                raise
            except Refusal as refusal:
                refused = refusal
        signals.send(self, tx.told)
        if refused is not None:
            raise refused
        return _in_own_hands(answer, self)

    return run


def _asked(
    question: Callable[Concatenate[Transaction, Asked], Answer],
) -> Callable[Concatenate[Billing, Asked], Answer]:
    """The question in a snapshot of its own."""

    @wraps(question)
    def run(self: Billing, /, *args: Asked.args, **more: Asked.kwargs) -> Answer:
        catalog = self.catalog
        with self.database.read() as tx:
            return question(Transaction(tx, catalog), *args, **more)

    return run


def _in_own_hands(answer: Answer, billing: Billing) -> Answer:
    """A hold outlives its transaction: from here on it is ended through the engine."""
    return replace(answer, by=billing) if isinstance(answer, Hold) else answer


class _Charge:
    """Remembers whether the caller of `charge` has ended its hold."""

    def __init__(self, billing: Billing) -> None:
        self.billing, self.ended = billing, False

    def capture(self, customer: str, hold: str, credits: int | None = None) -> Receipt:
        receipt = self.billing.capture(customer, hold, credits)
        self.ended = True
        return receipt

    def release(self, customer: str, hold: str) -> Hold:
        released = self.billing.release(customer, hold)
        self.ended = True
        return released


class Billing(Watching, Notifying, ToppingUp):
    """The engine on one database. Its methods are the verbs and questions, each in a transaction of its own."""

    def __init__(
        self,
        database_url: str | URL,
        *,
        catalog: Catalog | str | Path | None = None,
        gateway: Gateway | None = None,
        clock: Clock | None = None,
        webhook_secrets: Sequence[str] = (),
        stripe_start: datetime | None = None,
        keep: Keep | None = None,
        sending: Sending | None = None,
    ) -> None:
        if isinstance(catalog, str | Path):
            from billing.catalog.loading import load

            catalog = load(catalog)
        self.gateway = gateway
        self.webhook_secrets = tuple(webhook_secrets)
        self.stripe_start = stripe_start
        self.keep = keep or Keep()
        self.sending = sending or Sending()
        self.clock: Clock = clock or SystemClock()
        self.database = Database(database_url, self.clock)
        self._in_force = InForce(self.database, catalog or Catalog.DEFAULT)

    @classmethod
    def from_env(cls) -> Billing:
        """By the settings of the environment. Raises SettingsInvalid, CatalogInvalid: all that is wrong, at once."""
        from billing.base.settings import Settings

        return cls.of_settings(Settings.from_env(demo=True))  # in process nothing is signed: no secret keys needed

    @classmethod
    def of_settings(cls, settings: Settings, clock: Clock | None = None) -> Billing:
        """By settings that were read. Raises CatalogInvalid."""
        key, base = settings.stripe_secret_key, settings.stripe_api_base
        return cls(
            settings.database_url,
            catalog=settings.catalog,
            gateway=Gateway(key, base) if key else None,
            clock=clock,
            webhook_secrets=settings.stripe_webhook_secrets,
            stripe_start=settings.stripe_start,
            keep=settings.keep,
            sending=Sending.of(settings),
        )

    def close(self) -> None:
        """Closes all connections."""
        self.database.close()

    # Transactions

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Several verbs, one commit at the end of the block; an exception that leaves it rolls all of it back."""
        catalog = self.catalog
        with self.database.write_for_others() as tx:
            verbs = Transaction(tx, catalog)
            try:
                yield verbs
            finally:
                verbs.close(self)
        signals.send(self, tx.told)

    def within(self, session: Session | scoped_session[Session]) -> Transaction:
        """The verbs inside your own SQLAlchemy session on the same database; you commit, or roll back.

        PostgreSQL must be at READ COMMITTED, and neither may be at AUTOCOMMIT. Raises WrongIsolation, ClockSkew. It may
        be kept over your commits: each verb takes place at its own transaction's instant.
        """
        own = session() if isinstance(session, scoped_session) else session
        host = Host(own, self.database, self)
        with translated():
            return Transaction(host.tx(), self.catalog, host, self._in_force.now)

    # Verbs and questions: as in `Transaction`, where they are described

    customer = _alone(Transaction.customer)
    put_customer = _alone(Transaction.put_customer)
    spend = at_once.spend
    spend_many = _alone(Transaction.spend_many)
    reverse = _alone(Transaction.reverse)
    hold = _alone(Transaction.hold)
    find_hold = _alone(Transaction.find_hold)
    capture = _alone(Transaction.capture)
    release = _alone(Transaction.release)
    grant = _alone(Transaction.grant)
    void = _alone(Transaction.void)
    extend = _alone(Transaction.extend)
    set_wallet = _alone(Transaction.set_wallet)
    warn_low = _alone(Transaction.warn_low)
    _catch_up = _alone(Transaction.catch_up)

    find_customer = _asked(Transaction.find_customer)
    customers = _asked(Transaction.customers)
    wallet = _asked(Transaction.wallet)
    bucket = _asked(Transaction.bucket)
    buckets = _asked(Transaction.buckets)
    entries = _asked(Transaction.entries)
    audit = _asked(Transaction.audit)

    @contextmanager
    def charge(self, customer: str, credits: int, *, key: str, unit: str = "credits", feature: str | None = None,
               expires_in: int = 900, metadata: Mapping[str, Any] | None = None) -> Iterator[Hold]:  # fmt: skip
        """hold → your work → capture. An exception of yours releases it; `hold.capture(n)` inside sets the amount.

        Under a key that was used before the work runs again, but is charged once; where it failed, it is tried anew.
        """
        attempt = 1
        while True:
            held = self.hold(customer, credits, key=key, unit=unit, feature=feature, expires_in=expires_in,
                             metadata=metadata, attempt=attempt)  # fmt: skip
            if not held.replayed or self.find_hold(customer, held.id).status != "released":
                break
            attempt += 1
        under_way = _Charge(self)
        try:
            yield replace(held, by=under_way)
        except BaseException:
            with suppress(HoldEnded):  # ended in another way; what is raised is the work's own
                if not under_way.ended:
                    self.release(customer, held.id)
            raise
        if not under_way.ended:
            self.capture(customer, held.id)

    # Steps

    check_books = nightly.check_books
    purge = nightly.purge

    def catch_up(self, limit: int = 500) -> Round:
        """Writes down what time has done, for up to `limit` wallets. Says whether there is more.

        A wallet that can't be caught up (its books are broken: the audit says how) is logged and stops no other.
        """
        try:
            return self._catch_up(limit)
        except Refusal:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the other wallets must not wait for it
            _LOG.exception("a batch of wallets could not be caught up; each is tried alone")
        return self._catch_up_each(limit)

    def _catch_up_each(self, limit: int) -> Round:
        done, last = 0, 0
        while done < limit:
            with self.database.read() as tx:
                wallets = due.waiting(tx, limit, last)
            for last in wallets:
                try:
                    self._catch_up(1, [last])
                    done += 1
                except Refusal:
                    raise
                except Exception:  # noqa: BLE001 - the same
                    _LOG.exception("wallet %s could not be caught up", last)
            if len(wallets) < limit:
                return Round(False, done)
        return Round(True, done)
