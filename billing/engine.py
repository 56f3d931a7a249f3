"""`Billing`, and the transactions that callers get: the verbs as methods. Decides nothing.

Every method either returns what was done or raises a `Refusal`; after a refusal nothing of the request has moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, event
from sqlalchemy.orm import Session

from billing import signals
from billing.base.clock import Clock, SystemClock
from billing.base.db import Database, Tx, translated
from billing.catalog.terms import Catalog
from billing.credits import customers, due, entries, grants, holds, spending, wallets
from billing.credits.values import Bucket, Customer, Entry, HoldReceipt, Receipt, Spend, Wallet
from billing.credits.wallets import UNSET
from billing.finance import audit
from billing.inbox import stripe_events
from billing.inbox.values import StripeEvent
from billing.rules.refusals import Invalid, Refusal
from billing.sales import stripe_customers

Answer = TypeVar("Answer")

LARGEST_BATCH = 1000


def _accepted(answer: Answer | Refusal) -> Answer:
    if isinstance(answer, Refusal):
        raise answer
    return answer


@dataclass(frozen=True, slots=True)
class Hold(HoldReceipt):
    """A hold in hand: `capture()` uses it, `release()` gives it back."""

    _by: Any = None

    def capture(self, credits: int | None = None) -> Receipt:
        """Uses the hold, or `credits` of it (or more than it); see `Transaction.capture`."""
        receipt: Receipt = self._by.capture(self.customer, self.id, credits)
        return receipt

    def release(self) -> Hold:
        """Gives it back; see `Transaction.release`."""
        hold: Hold = self._by.release(self.customer, self.id)
        return hold


def _in_hand(value: HoldReceipt, by: object) -> Hold:
    fields = {name: getattr(value, name) for name in HoldReceipt.__dataclass_fields__}
    return Hold(**fields, _by=by)


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


class Transaction:
    """Several verbs, one commit: `with billing.transaction() as tx`, or `billing.within(session)`.

    A verb that refuses raises and has changed nothing but what was due anyway; the transaction can go on.
    """

    def __init__(self, billing: Billing, tx: Tx) -> None:
        self._billing, self._tx = billing, tx

    @property
    def now(self) -> datetime:
        """The instant at which this transaction takes place."""
        return self._tx.now

    @property
    def _catalog(self) -> Catalog:
        return self._billing.catalog

    # Customers

    def customer(self, id: str, **fields: Any) -> Customer:
        """Makes the customer or changes what is given: name, email, locale, timezone, metadata, stripe_customer_id."""
        return self.put_customer(id, **fields)[0]

    def put_customer(self, id: str, **fields: Any) -> tuple[Customer, bool]:
        """`customer`, and whether it was made now. Raises StripeCustomerTaken."""
        stripe_id = fields.pop("stripe_customer_id", None)
        with translated():
            if stripe_id is None:
                made, new = _accepted(customers.put(self._tx, self._catalog, id, **fields))
            else:
                with self._tx.connection.begin_nested():  # one that is taken meanwhile leaves nothing of the rest
                    refused = stripe_customers.refuse(self._tx, id, stripe_id)
                    if refused is not None:
                        raise refused
                    made, new = _accepted(customers.put(self._tx, self._catalog, id, **fields))
                    if _accepted(stripe_customers.link(self._tx, id, stripe_id)):
                        stripe_events.wake(self._tx, stripe_id)
            return stripe_customers.shown(self._tx, [made])[0], new

    def find_customer(self, id: str) -> Customer:
        """Raises UnknownCustomer."""
        with translated():
            return stripe_customers.shown(self._tx, [_accepted(customers.find(self._tx, id))])[0]

    def customers(self, *, after: str | None = None, limit: int = 100) -> list[Customer]:
        """In the order of their ids, beginning behind `after`."""
        with translated():
            return stripe_customers.shown(self._tx, customers.page(self._tx, after, limit))

    # Credits

    def spend(self, customer: str, credits: int, *, key: str, unit: str = "credits", feature: str | None = None,
              member: str | None = None, description: str | None = None,
              metadata: Mapping[str, Any] | None = None) -> Receipt:  # fmt: skip
        """Takes `credits` from the customer's buckets in burn-down order, then from the overdraft; all or nothing.

        The same `key` with the same request gives the same receipt and takes nothing again.
        Raises InsufficientCredits(required, available), WalletFrozen, IdempotencyKeyReused, UnknownCustomer, Invalid.
        """
        return _accepted(
            self.spend_many([Spend(customer, credits, key, unit, feature, member, description, metadata)])[0]
        )

    def spend_many(self, spends: Sequence[Spend]) -> list[Receipt | Refusal]:
        """Up to 1,000 spends in one transaction, each judged alone, in order: its receipt, or its refusal."""
        if len(spends) > LARGEST_BATCH:
            raise Invalid.field("spends", f"At most {LARGEST_BATCH:,} at once; there are {len(spends):,}.")
        with translated():
            return spending.spend_many(self._tx, self._catalog, spends)

    def reverse(self, customer: str, spend: str, credits: int | None = None, *, key: str) -> Receipt:
        """Gives back a spend (its id), wholly or `credits` of it. Raises UnknownSpend, AlreadyReversed."""
        with translated():
            return _accepted(spending.reverse(self._tx, self._catalog, customer, spend, credits, key))

    def hold(self, customer: str, credits: int, *, key: str, unit: str = "credits", feature: str | None = None,
             expires_in: int = 900, metadata: Mapping[str, Any] | None = None) -> Hold:  # fmt: skip
        """Sets `credits` aside for `expires_in` seconds. Raises like `spend`."""
        with translated():
            answer = holds.hold(self._tx, self._catalog, customer, unit, credits, key,
                                feature=feature, expires_in=expires_in, metadata=metadata)  # fmt: skip
            return _in_hand(_accepted(answer), self)

    def capture(self, customer: str, hold: str, credits: int | None = None) -> Receipt:
        """Uses a hold; less frees the rest, more spends the rest, all or nothing.

        Idempotent by the hold: the same amount gives the same receipt, another raises HoldEnded. After it lapsed it is
        tried as a new spend. Raises UnknownHold, HoldEnded, InsufficientCredits.
        """
        with translated():
            return _accepted(holds.capture(self._tx, self._catalog, customer, hold, credits))

    def release(self, customer: str, hold: str) -> Hold:
        """Gives a hold back. Raises UnknownHold; HoldEnded if it was captured."""
        with translated():
            return _in_hand(_accepted(holds.release(self._tx, self._catalog, customer, hold)), self)

    def grant(self, customer: str, credits: int, *, reason: str, key: str, unit: str = "credits",
              effective_at: datetime | None = None, expires_at: datetime | None = None, priority: int = 50,
              features: Sequence[str] = (), paid_cents: int = 0, currency: str | None = None,
              metadata: Mapping[str, Any] | None = None) -> Bucket:  # fmt: skip
        """Makes a bucket of `credits`, valid in `[effective_at, expires_at)`; `paid_cents`: for it, elsewhere."""
        if isinstance(features, str):
            raise Invalid.field("features", "Must be a list of feature names.")
        lot = grants.Lot(
            credits=credits,
            description=reason,
            effective_at=effective_at,
            expires_at=expires_at,
            priority=priority,
            features=tuple(features),
            paid_cents=paid_cents,
            currency=currency,
            metadata=metadata,
        )
        with translated():
            return _accepted(grants.grant(self._tx, self._catalog, customer, unit, lot, key))

    def void(self, customer: str, bucket: str, *, reason: str, key: str) -> Bucket:
        """Ends a bucket now and takes its free credits. Raises UnknownBucket, BucketEnded."""
        with translated():
            return _accepted(grants.void(self._tx, self._catalog, customer, bucket, reason, key))

    def extend(self, customer: str, bucket: str, expires_at: datetime, *, key: str) -> Bucket:
        """Moves a bucket's end to a later instant. Raises UnknownBucket, BucketEnded, Invalid."""
        with translated():
            return _accepted(grants.extend(self._tx, self._catalog, customer, bucket, expires_at, key))

    def set_wallet(
        self, customer: str, unit: str = "credits", *, overdraft: Any = UNSET, frozen: Any = UNSET
    ) -> Wallet:
        """Sets the wallet's own overdraft (the catalog's form; None = the plan's or catalog's again), or freezes it."""
        with translated():
            answer = wallets.change(self._tx, self._catalog, customer, unit, overdraft=overdraft, frozen=frozen)
            return _accepted(answer)

    # Questions

    def wallet(self, customer: str, unit: str = "credits", *, at: datetime | None = None,
               as_of: datetime | None = None) -> Wallet:  # fmt: skip
        """The wallet now; as we knew it `at` a past instant; or as it was in truth `as_of` one."""
        with translated():
            return _accepted(wallets.wallet(self._tx, self._catalog, customer, unit, at=at, as_of=as_of))

    def bucket(self, customer: str, bucket: str) -> Bucket:
        """Raises UnknownBucket."""
        with translated():
            return _accepted(wallets.bucket(self._tx, self._catalog, customer, bucket))

    def buckets(self, customer: str, *, unit: str | None = None, status: str | None = None,
                after: str | None = None, limit: int = 100) -> list[Bucket]:  # fmt: skip
        """All buckets, newest first in each unit, beginning behind the bucket `after`."""
        with translated():
            return _accepted(
                wallets.page(self._tx, self._catalog, customer, unit=unit, status=status, after=after, limit=limit)
            )

    def entries(self, customer: str, *, unit: str = "credits", kind: str | None = None, since: datetime | None = None,
                until: datetime | None = None, cause: str | None = None, before: int | None = None,
                limit: int = 100) -> list[Entry]:  # fmt: skip
        """The wallet's entries, newest first: effective in `[since, until)`, numbered below `before`."""
        with translated():
            return _accepted(
                entries.page(self._tx, self._catalog, customer, unit=unit, kind=kind, since=since, until=until,
                             cause=cause, before=before, limit=limit)
            )  # fmt: skip


class Billing:
    """The engine on one database. Its methods are the verbs and questions, each in a transaction of its own."""

    def __init__(
        self,
        database_url: str | URL,
        *,
        catalog: Catalog | str | Path | None = None,
        gateway: object | None = None,
        clock: Clock | None = None,
        webhook_secrets: Sequence[str] = (),
    ) -> None:
        if isinstance(catalog, str | Path):
            from billing.catalog.loading import load

            catalog = load(catalog)
        self.catalog = catalog or Catalog.DEFAULT
        self.gateway = gateway
        self.webhook_secrets = tuple(webhook_secrets)
        self.clock: Clock = clock or SystemClock()
        self.database = Database(database_url, self.clock)

    @classmethod
    def from_env(cls) -> Billing:
        """By the settings of the environment. Raises SettingsInvalid, CatalogInvalid: all that is wrong, at once."""
        from billing.base.settings import Settings

        settings = Settings.from_env(demo=True)  # in process nothing is signed, so no secret keys are asked for
        return cls(settings.database_url, catalog=settings.catalog, webhook_secrets=settings.stripe_webhook_secrets)

    def close(self) -> None:
        """Closes all connections."""
        self.database.close()

    # Transactions

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Several verbs, one commit at the end of the block; an exception that leaves it rolls all of it back."""
        with self.database.write() as tx:
            yield Transaction(self, tx)
        signals.send(self, tx.told)

    def within(self, session: Session) -> Transaction:
        """The verbs inside your own SQLAlchemy session on the same database; you commit, or roll back.

        PostgreSQL must be at READ COMMITTED. Raises WrongIsolation, ClockSkew.
        """
        with translated():
            tx = self.database.within(session.connection())

        def tell(_: Session) -> None:
            told, tx.told[:] = list(tx.told), []
            signals.send(self, told)

        def forget(_: Session) -> None:
            tx.told.clear()

        event.listen(session, "after_commit", tell)
        event.listen(session, "after_rollback", forget)
        return Transaction(self, tx)

    @contextmanager
    def _verb(self) -> Iterator[Transaction]:
        """One verb in a transaction of its own: a refusal still commits the work that was due."""
        refused: Refusal | None = None
        with self.database.write() as tx:
            try:
                yield Transaction(self, tx)
            except Refusal as refusal:
                refused = refusal
        signals.send(self, tx.told)
        if refused is not None:
            raise refused

    @contextmanager
    def _question(self) -> Iterator[Transaction]:
        with self.database.read() as tx:
            yield Transaction(self, tx)

    # Verbs: as in `Transaction`, where they are described

    def customer(self, id: str, **fields: Any) -> Customer:
        with self._verb() as tx:
            return tx.customer(id, **fields)

    def put_customer(self, id: str, **fields: Any) -> tuple[Customer, bool]:
        with self._verb() as tx:
            return tx.put_customer(id, **fields)

    def spend(
        self,
        customer: str,
        credits: int,
        *,
        key: str,
        unit: str = "credits",
        feature: str | None = None,
        member: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Receipt:
        with self._verb() as tx:
            return tx.spend(
                customer,
                credits,
                key=key,
                unit=unit,
                feature=feature,
                member=member,
                description=description,
                metadata=metadata,
            )

    def spend_many(self, spends: Sequence[Spend]) -> list[Receipt | Refusal]:
        with self._verb() as tx:
            return tx.spend_many(spends)

    def reverse(self, customer: str, spend: str, credits: int | None = None, *, key: str) -> Receipt:
        with self._verb() as tx:
            return tx.reverse(customer, spend, credits, key=key)

    def hold(
        self,
        customer: str,
        credits: int,
        *,
        key: str,
        unit: str = "credits",
        feature: str | None = None,
        expires_in: int = 900,
        metadata: Mapping[str, Any] | None = None,
    ) -> Hold:
        with self._verb() as tx:
            return replace(
                tx.hold(
                    customer,
                    credits,
                    key=key,
                    unit=unit,
                    feature=feature,
                    expires_in=expires_in,
                    metadata=metadata,
                ),
                _by=self,
            )

    def capture(self, customer: str, hold: str, credits: int | None = None) -> Receipt:
        with self._verb() as tx:
            return tx.capture(customer, hold, credits)

    def release(self, customer: str, hold: str) -> Hold:
        with self._verb() as tx:
            return replace(tx.release(customer, hold), _by=self)

    def grant(
        self,
        customer: str,
        credits: int,
        *,
        reason: str,
        key: str,
        unit: str = "credits",
        effective_at: datetime | None = None,
        expires_at: datetime | None = None,
        priority: int = 50,
        features: Sequence[str] = (),
        paid_cents: int = 0,
        currency: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Bucket:
        with self._verb() as tx:
            return tx.grant(
                customer,
                credits,
                reason=reason,
                key=key,
                unit=unit,
                effective_at=effective_at,
                expires_at=expires_at,
                priority=priority,
                features=features,
                paid_cents=paid_cents,
                currency=currency,
                metadata=metadata,
            )

    def void(self, customer: str, bucket: str, *, reason: str, key: str) -> Bucket:
        with self._verb() as tx:
            return tx.void(customer, bucket, reason=reason, key=key)

    def extend(self, customer: str, bucket: str, expires_at: datetime, *, key: str) -> Bucket:
        with self._verb() as tx:
            return tx.extend(customer, bucket, expires_at, key=key)

    def set_wallet(
        self, customer: str, unit: str = "credits", *, overdraft: Any = UNSET, frozen: Any = UNSET
    ) -> Wallet:
        with self._verb() as tx:
            return tx.set_wallet(customer, unit, overdraft=overdraft, frozen=frozen)

    # Questions: as in `Transaction`, where they are described

    def find_customer(self, id: str) -> Customer:
        with self._question() as tx:
            return tx.find_customer(id)

    def customers(self, *, after: str | None = None, limit: int = 100) -> list[Customer]:
        with self._question() as tx:
            return tx.customers(after=after, limit=limit)

    def wallet(
        self,
        customer: str,
        unit: str = "credits",
        *,
        at: datetime | None = None,
        as_of: datetime | None = None,
    ) -> Wallet:
        with self._question() as tx:
            return tx.wallet(customer, unit, at=at, as_of=as_of)

    def bucket(self, customer: str, bucket: str) -> Bucket:
        with self._question() as tx:
            return tx.bucket(customer, bucket)

    def buckets(
        self,
        customer: str,
        *,
        unit: str | None = None,
        status: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Bucket]:
        with self._question() as tx:
            return tx.buckets(customer, unit=unit, status=status, after=after, limit=limit)

    def entries(
        self,
        customer: str,
        *,
        unit: str = "credits",
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        cause: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        with self._question() as tx:
            return tx.entries(
                customer,
                unit=unit,
                kind=kind,
                since=since,
                until=until,
                cause=cause,
                before=before,
                limit=limit,
            )

    @contextmanager
    def charge(self, customer: str, credits: int, *, key: str, unit: str = "credits", feature: str | None = None,
               expires_in: int = 900, metadata: Mapping[str, Any] | None = None) -> Iterator[Hold]:  # fmt: skip
        """hold → your work → capture. An exception of yours releases it; `hold.capture(n)` inside sets the amount.

        Under a key that was used before the work runs again, but is charged once.
        """
        held = self.hold(customer, credits, key=key, unit=unit, feature=feature, expires_in=expires_in,
                         metadata=metadata)  # fmt: skip
        under_way = _Charge(self)
        try:
            yield replace(held, _by=under_way)
        except BaseException:
            if not under_way.ended:
                self.release(customer, held.id)
            raise
        if not under_way.ended:
            self.capture(customer, held.id)

    # What Stripe tells us

    def receive_stripe_event(self, body: bytes, signature: str | None) -> StripeEvent:
        """A webhook's raw body and its `Stripe-Signature`: verified, stored, handled. Stored, it raises nothing more.

        Raises `billing.stripe.signature.SignatureInvalid`, `billing.stripe.values.PayloadInvalid`; Busy,
        DatabaseUnavailable or ClockSkew where it could not be stored.
        """
        return stripe_events.receive(self.database, self.catalog, self._tell, body, signature, self.webhook_secrets)

    def take_stripe_event(self, body: bytes) -> StripeEvent:
        """An event that you vouch for yourself, such as a recorded one: the same way, without a signature."""
        return stripe_events.take_recorded(self.database, self.catalog, self._tell, body)

    def replay_stripe_event(self, id: str) -> StripeEvent:
        """Tries a stored event again: one that waits, failed or was ignored. Raises UnknownStripeEvent."""
        return stripe_events.replay(self.database, self.catalog, self._tell, id)

    def stripe_events(
        self, *, status: str | None = None, after: str | None = None, limit: int = 100
    ) -> list[StripeEvent]:
        """What Stripe told us, the newest first, beginning behind the event `after`. Raises UnknownStripeEvent."""
        with self.database.read() as tx:
            return stripe_events.page(tx, status, after, limit)

    def _tell(self, facts: Iterable[tuple[str, dict[str, Any]]]) -> None:
        signals.send(self, facts)

    # Steps

    def handle_stripe_events(self, limit: int = 100) -> bool:
        """Tries again what waits or failed and whose time has come, up to `limit`. Says whether there is more."""
        return stripe_events.handle_due(self.database, self.catalog, self._tell, limit)

    def catch_up(self, limit: int = 500) -> bool:
        """Writes down what time has done, for up to `limit` wallets. Says whether there is more."""
        with self._verb() as tx:
            return due.catch_up(tx._tx, self.catalog, limit)

    def audit(self) -> list[audit.Breach]:
        """Checks the books against themselves, in one snapshot. An empty list means that they add up."""
        with self.database.read() as tx:
            return audit.breaches(tx, self.catalog)
