"""What callers do inside one transaction: the verbs and questions as methods. Decides nothing.

Every method either returns what was done or raises a `Refusal`; after a refusal nothing of the request has moved.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from billing.base.db import Tx
from billing.base.round import Round
from billing.base.unavailable import translated
from billing.catalog.terms import Catalog
from billing.credits import corrections, customers, due, entries, grants, holds, reversals, spending, wallets, warning
from billing.credits.values import Bucket, Customer, Entry, Receipt, Spend, Wallet
from billing.credits.wallets import UNSET
from billing.engine.hold import Hold, Holder, in_hand
from billing.engine.host import Host
from billing.finance.auditing import audit
from billing.inbox import waking
from billing.rules.refusals import Invalid, Refusal, Unavailable
from billing.sales import stripe_customers
from billing.sales.auto_topups import setting
from billing.sales.plans import free_plans, subscriptions

Answer = TypeVar("Answer")

LARGEST_BATCH = 1000


def _accepted(answer: Answer | Refusal) -> Answer:
    if isinstance(answer, Refusal):
        raise answer
    return answer


class Transaction:
    """Several verbs, one commit: `with billing.transaction() as tx`, or `billing.within(session)`.

    A verb that refuses raises and has changed nothing but what was due anyway; the transaction can go on. After
    `Unavailable` (Busy, DatabaseUnavailable) it can only be rolled back: every further verb raises that again.
    """

    def __init__(
        self, tx: Tx, catalog: Catalog, host: Host | None = None, in_force: Callable[[], Catalog] | None = None
    ) -> None:
        self._tx, self._catalog, self._host, self._in_force = tx, catalog, host, in_force
        self._over: Any = None

    @contextmanager
    def _ready(self) -> Iterator[None]:
        """Around each verb: a host's session may be in another transaction by now, and a spoilt one takes no more."""
        with translated():
            if self._host is not None:
                self._tx = self._host.tx()
            if self._in_force is not None:  # it may be kept for long
                self._catalog = self._in_force()
            if self._tx.spoilt is not None:
                raise self._tx.spoilt
            try:
                with translated():
                    yield
            except Unavailable as unavailable:
                self._tx.spoilt = unavailable
                raise
            finally:
                if self._host is not None:
                    self._host.told()

    def _holder(self) -> object:
        """Through whom a hold that is placed now will be ended."""
        return self if self._host is None else Holder(self, self._tx, self._host)

    def close(self, by: object) -> None:
        """The transaction is over; holds placed in it are ended through `by` from now on."""
        self._over = by

    @property
    def now(self) -> datetime:
        """The instant at which this transaction takes place."""
        return self._tx.now

    # Customers

    def customer(self, id: str, *, name: str | None = None, email: str | None = None, locale: str | None = None,
                 timezone: str | None = None, stripe_customer_id: str | None = None,
                 metadata: Mapping[str, Any] | None = None, plan: str | None = UNSET) -> Customer:  # fmt: skip
        """Makes the customer, or changes what is given; `plan` is a free one, None drops it.

        Raises Invalid, StripeCustomerTaken, UnknownPlan, PlanNeedsCheckout.
        """
        return self.put_customer(id, name=name, email=email, locale=locale, timezone=timezone,
                                 stripe_customer_id=stripe_customer_id, metadata=metadata, plan=plan)[0]  # fmt: skip

    def put_customer(self, id: str, *, name: str | None = None, email: str | None = None, locale: str | None = None,
                     timezone: str | None = None, stripe_customer_id: str | None = None,
                     metadata: Mapping[str, Any] | None = None,
                     plan: str | None = UNSET) -> tuple[Customer, bool]:  # fmt: skip
        """`customer`, and whether it was made now."""
        given = customers.Given(name, email, locale, timezone, metadata)
        with self._ready():
            unusable = None if plan is UNSET else free_plans.refuse(self._tx, self._catalog, id, plan)
            if unusable is not None:
                raise unusable
            if stripe_customer_id is None:
                made, new = _accepted(customers.put(self._tx, self._catalog, id, given))
            else:
                with self._tx.connection.begin_nested():  # one that is taken meanwhile leaves nothing of the rest
                    refused = stripe_customers.refuse(self._tx, id, stripe_customer_id)
                    if refused is not None:
                        raise refused
                    made, new = _accepted(customers.put(self._tx, self._catalog, id, given))
                    waking.wake(self._tx, stripe_customer=stripe_customer_id)
                    _accepted(stripe_customers.link(self._tx, id, stripe_customer_id))
            if new:
                waking.wake(self._tx, customer=id)
            if plan is not UNSET:
                subscriptions.set_free(self._tx, self._catalog, id, plan)
            return self._shown([made])[0], new

    def _shown(self, found: Sequence[Customer]) -> list[Customer]:
        return free_plans.shown(self._tx, stripe_customers.shown(self._tx, found))

    def find_customer(self, id: str) -> Customer:
        """Raises UnknownCustomer."""
        with self._ready():
            return self._shown([_accepted(customers.find(self._tx, id))])[0]

    def customers(self, *, after: str | None = None, limit: int = 100) -> list[Customer]:
        """In the order of their ids, beginning behind `after`."""
        with self._ready():
            return self._shown(_accepted(customers.page(self._tx, after, limit)))

    # Credits

    def spend(self, customer: str, credits: int, *, key: str, unit: str = "credits", feature: str | None = None,
              member: str | None = None, description: str | None = None,
              metadata: Mapping[str, Any] | None = None) -> Receipt:  # fmt: skip
        """Takes `credits` from the customer's buckets in burn-down order, then from the overdraft; all or nothing.

        The same `key` with the same request gives the same receipt and takes nothing again.
        Raises InsufficientCredits(required, available), WalletFrozen, IdempotencyKeyReused, UnknownCustomer, Invalid.
        """
        request = Spend(customer, credits, key, unit, feature, member, description, metadata)
        with self._ready():
            return _accepted(spending.spend(self._tx, self._catalog, request))

    def spend_many(self, spends: Sequence[Spend]) -> list[Receipt | Refusal]:
        """Up to 1,000 spends in one transaction, each judged alone, in order: its receipt, or its refusal."""
        given: Any = spends
        if not isinstance(given, list | tuple) or not all(isinstance(spend, Spend) for spend in given):
            raise Invalid.field("spends", "Must be a list of Spend.")
        if len(spends) > LARGEST_BATCH:
            raise Invalid.field("spends", f"At most {LARGEST_BATCH:,} at once; there are {len(spends):,}.")
        with self._ready():
            return spending.spend_many(self._tx, self._catalog, spends)

    def reverse(self, customer: str, spend: str, credits: int | None = None, *, key: str) -> Receipt:
        """Gives back a spend (its id), wholly or `credits` of it. Raises UnknownSpend, AlreadyReversed."""
        with self._ready():
            return _accepted(reversals.reverse(self._tx, self._catalog, customer, spend, credits, key))

    def hold(self, customer: str, credits: int, *, key: str, unit: str = "credits", feature: str | None = None,
             expires_in: int = 900, metadata: Mapping[str, Any] | None = None,
             attempt: int = 1) -> Hold:  # fmt: skip
        """Sets `credits` aside for `expires_in` seconds. Raises like `spend`.

        `attempt` 2, 3 …: places it anew under a key whose earlier hold was given back.
        """
        with self._ready():
            answer = holds.hold(self._tx, self._catalog, customer, unit, credits, key,
                                feature=feature, expires_in=expires_in, metadata=metadata,
                                attempt=attempt)  # fmt: skip
            return in_hand(_accepted(answer), self._holder())

    def find_hold(self, customer: str, hold: str) -> Hold:
        """The hold as it stands now: open, captured, released or lapsed. Raises UnknownHold."""
        with self._ready():
            return in_hand(_accepted(holds.find(self._tx, self._catalog, customer, hold)), self._holder())

    def capture(self, customer: str, hold: str, credits: int | None = None) -> Receipt:
        """Uses a hold; less frees the rest, more spends the rest, all or nothing.

        Idempotent by the hold: the same amount gives the same receipt, another raises HoldEnded. After it lapsed it is
        tried as a new spend. Raises UnknownHold, HoldEnded, InsufficientCredits.
        """
        if self._over is not None:
            receipt: Receipt = self._over.capture(customer, hold, credits)
            return receipt
        with self._ready():
            return _accepted(holds.capture(self._tx, self._catalog, customer, hold, credits))

    def release(self, customer: str, hold: str) -> Hold:
        """Gives a hold back. Raises UnknownHold; HoldEnded if it was captured."""
        if self._over is not None:
            released: Hold = self._over.release(customer, hold)
            return released
        with self._ready():
            return in_hand(_accepted(holds.release(self._tx, self._catalog, customer, hold)), self._holder())

    def grant(self, customer: str, credits: int, *, reason: str, key: str, unit: str = "credits",
              effective_at: datetime | None = None, expires_at: datetime | None = None, priority: int = 50,
              features: Sequence[str] = (), paid_cents: int = 0, currency: str | None = None,
              metadata: Mapping[str, Any] | None = None) -> Bucket:  # fmt: skip
        """Makes a bucket of `credits`, valid in `[effective_at, expires_at)`; `paid_cents`: for it, elsewhere."""
        if isinstance(features, str) or not isinstance(features, Collection):
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
        with self._ready():
            return _accepted(grants.grant(self._tx, self._catalog, customer, unit, lot, key))

    def void(self, customer: str, bucket: str, *, reason: str, key: str) -> Bucket:
        """Ends a bucket now and takes its free credits. Raises UnknownBucket, BucketEnded."""
        with self._ready():
            return _accepted(corrections.void(self._tx, self._catalog, customer, bucket, reason, key))

    def extend(self, customer: str, bucket: str, expires_at: datetime, *, key: str) -> Bucket:
        """Moves a bucket's end to a later instant. Raises UnknownBucket, BucketEnded, Invalid."""
        with self._ready():
            return _accepted(corrections.extend(self._tx, self._catalog, customer, bucket, expires_at, key))

    def set_wallet(self, customer: str, unit: str = "credits", *, overdraft: Any = UNSET, low_balance: Any = UNSET,
                   frozen: Any = UNSET, auto_topup: Any = UNSET, agreed: bool = False) -> Wallet:  # fmt: skip
        """Sets its own overdraft or low balance (the catalog's form; None = the plan's or catalog's), or freezes it, or
        says what is bought for it by itself (None = nothing): `{"threshold": 100, "pack": "small", …}`, or with
        `"target": 1000`, and `"max_cents_per_month": 5000, "max_count_per_month": 3`. `agreed`: customers did that.
        """
        with self._ready():
            if auto_topup is not UNSET:
                refused = setting.put(self._tx, self._catalog, customer, unit, auto_topup, agreed=agreed)
                if refused is not None:
                    raise refused
            return _accepted(
                wallets.change(self._tx, self._catalog, customer, unit, overdraft=overdraft, low_balance=low_balance,
                               frozen=frozen)
            )  # fmt: skip

    # Questions

    def wallet(self, customer: str, unit: str = "credits", *, at: datetime | None = None,
               as_of: datetime | None = None) -> Wallet:  # fmt: skip
        """The wallet now; as we knew it `at` a past instant; or as it was in truth `as_of` one."""
        with self._ready():
            return _accepted(wallets.wallet(self._tx, self._catalog, customer, unit, at=at, as_of=as_of))

    def bucket(self, customer: str, bucket: str) -> Bucket:
        """Raises UnknownBucket."""
        with self._ready():
            return _accepted(wallets.bucket(self._tx, self._catalog, customer, bucket))

    def buckets(self, customer: str, *, unit: str | None = None, status: str | None = None,
                after: str | None = None, limit: int = 100) -> list[Bucket]:  # fmt: skip
        """All buckets, newest first in each unit, beginning behind the bucket `after`."""
        with self._ready():
            return _accepted(
                wallets.page(self._tx, self._catalog, customer, unit=unit, status=status, after=after, limit=limit)
            )

    def entries(self, customer: str, *, unit: str = "credits", kind: str | None = None, since: datetime | None = None,
                until: datetime | None = None, cause: str | None = None, before: int | None = None,
                limit: int = 100) -> list[Entry]:  # fmt: skip
        """The wallet's entries, newest first: effective in `[since, until)`, numbered below `before`."""
        with self._ready():
            return _accepted(
                entries.page(self._tx, self._catalog, customer, unit=unit, kind=kind, since=since, until=until,
                             cause=cause, before=before, limit=limit)
            )  # fmt: skip

    # Steps and checks

    def catch_up(self, limit: int = 500, only: Sequence[int] | None = None) -> Round:
        """Writes down what time has done, for up to `limit` wallets (`only` these). Says whether there is more."""
        with self._ready():
            return _accepted(due.catch_up(self._tx, self._catalog, limit, only))

    def warn_low(self, limit: int = 500, window: int = 10_000) -> Round:
        """Tells of up to `limit` of the next `window` wallets that a raised threshold passed. Says if there is more."""
        with self._ready():
            return _accepted(warning.warn_low(self._tx, self._catalog, limit, window))

    def audit(self) -> list[audit.Breach]:
        """Checks the books against themselves. An empty list means that they add up."""
        with self._ready():
            return audit.breaches(self._tx, self._catalog)
