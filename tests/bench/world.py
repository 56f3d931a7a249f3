"""The engine with wallets to spend from: many of five buckets, one that is hot, some that are old."""

from __future__ import annotations

import itertools
from datetime import timedelta

from sqlalchemy import text

from billing import Billing, Receipt, Spend
from billing.base import schema

CREDITS = 10**9


class World:
    """Everything is granted through the engine, but for the masses of old rows, which are copied in."""

    audited = False
    """Copied history has no causes of its own, so the audit would not like it."""

    def __init__(self, url: str, wallets: int) -> None:
        schema.upgrade(url)
        self.billing = Billing(url)
        self.wallets = wallets
        self._keys = itertools.count()
        names = [f"customer_{n}" for n in range(1, wallets + 1)]
        for at in range(0, wallets, 100):
            with self.billing.transaction() as tx:
                for name in names[at : at + 100]:
                    self._fill(tx, name)
        with self.billing.transaction() as tx:
            for name in ("hot", "five", "many", "young", "old"):
                self._fill(tx, name)
        self._use_up("many", 495)
        self._age("old", 500_000)
        if url.startswith("postgresql"):
            with self.billing.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))

    def _fill(self, tx: object, name: str) -> None:
        assert hasattr(tx, "customer") and hasattr(tx, "grant") and hasattr(tx, "now")
        tx.customer(name)
        for n in range(5):
            until = tx.now + timedelta(days=30 * (n + 1))
            paid = {"paid_cents": 500, "currency": "usd"}
            tx.grant(name, CREDITS, reason=f"lot {n}", key=f"{name}:{n}", expires_at=until, **paid)

    def spend_each(self, count: int, _: int) -> None:
        for n in range(1, count + 1):
            self.billing.spend(f"customer_{n}", 1, key=self._key())

    def spend_hot(self, count: int, _: int) -> None:
        self.spend_in("hot", count, _)

    def spend_in(self, name: str, count: int, _: int) -> None:
        for _n in range(count):
            self.billing.spend(name, 1, key=self._key())

    def spend_batches(self, _: int) -> None:
        """Two batches of 1,000, each over as many wallets as there are."""
        for _n in range(2):
            self._batch([f"customer_{1 + n % self.wallets}" for n in range(1000)])

    def spend_hot_batches(self, _: int) -> None:
        for _n in range(2):
            self._batch(["hot"] * 1000)

    def _batch(self, names: list[str]) -> None:
        answers = self.billing.spend_many([Spend(name, 1, self._key()) for name in names])
        assert all(isinstance(answer, Receipt) for answer in answers)

    def _key(self) -> str:
        return f"key-{next(self._keys)}"

    def _use_up(self, name: str, count: int) -> None:
        """Gives the wallet `count` more buckets in which nothing is left."""
        columns = (
            "wallet_id, origin, description, granted, paid_cents, currency, priority, features, effective_at, "
            "granted_at, expires_at, free, held, cents, basis_cents, basis_credits, expired, is_open"
        )
        used_up = {"origin,": "origin || ':' || {n},", " free,": " 0,", " cents,": " 0,", "is_open": "FALSE"}
        taken = columns
        for column, value in used_up.items():
            taken = taken.replace(column, value)
        with self.billing.database.engine.begin() as connection:
            wallet = self._wallet(connection, name)
            for n in range(count):
                connection.execute(
                    text(
                        f"INSERT INTO billing_buckets (number, {columns}) SELECT {1000 + n}, {taken.format(n=n)} "
                        "FROM billing_buckets WHERE wallet_id = :w AND number = 1"
                    ),
                    {"w": wallet},
                )
            connection.execute(text("UPDATE billing_wallets SET last_number = 5000 WHERE id = :w"), {"w": wallet})

    def _age(self, name: str, count: int) -> None:
        """Gives the wallet a history of `count` spends."""
        series = f"generate_series(6, {count + 5}) AS s(n)"
        if self.billing.database.engine.dialect.name == "sqlite":
            counting = f"SELECT 6 UNION ALL SELECT n + 1 FROM s WHERE n < {count + 5}"
            series = f"(WITH RECURSIVE s(n) AS ({counting}) SELECT n FROM s) AS s"
        with self.billing.database.engine.begin() as connection:
            wallet = self._wallet(connection, name)
            connection.execute(
                text(
                    "INSERT INTO billing_entries (wallet_id, number, kind, source, destination, credits, cents, "
                    "cause, key, request, available_after, owed_after, effective_at, recorded_at, posted_at) "
                    "SELECT wallet_id, s.n, 'spend', 'bucket:1', 'consumed', 1, 0, 'spend:' || s.n, 'old-' || s.n, "
                    "'x', available_after, owed_after, effective_at, recorded_at, posted_at "
                    f"FROM billing_entries, {series} "
                    "WHERE wallet_id = :w AND number = 5"
                ),
                {"w": wallet},
            )
            connection.execute(
                text("UPDATE billing_wallets SET last_number = :n WHERE id = :w"), {"n": count + 5, "w": wallet}
            )

    def _wallet(self, connection: object, name: str) -> int:
        assert hasattr(connection, "execute")
        found = connection.execute(text("SELECT id FROM billing_wallets WHERE customer_id = :c"), {"c": name})
        return int(found.scalar_one())

    def close(self) -> None:
        self.billing.close()
