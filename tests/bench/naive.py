"""The naive tutorial version: a balance column, one UPDATE and one INSERT in one transaction. Without keys, without
buckets, without books.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import text

from billing.base.db import make_engine

_UPDATE = text("UPDATE bench_users SET balance = balance - :n WHERE id = :w AND balance >= :n RETURNING balance")
_INSERT = text("INSERT INTO bench_log (user_id, amount, note) VALUES (:w, :n, :note)")


class Naive:
    """Its two tables on the same database, through the same pool settings."""

    def __init__(self, url: str, users: int) -> None:
        self.engine = make_engine(url)
        self.users = users
        serial = "BIGSERIAL" if self.engine.dialect.name == "postgresql" else "INTEGER"
        with self.engine.begin() as connection:
            connection.execute(text("CREATE TABLE bench_users (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL)"))
            connection.execute(
                text(f"CREATE TABLE bench_log (id {serial} PRIMARY KEY, user_id BIGINT, amount BIGINT, note TEXT)")
            )
            connection.execute(
                text("INSERT INTO bench_users VALUES (:id, 1000000000000)"), [{"id": n} for n in range(1, users + 1)]
            )

    def spend(self, user: int, credits: int) -> None:
        with self.engine.begin() as connection:
            self._one(connection, user, credits)

    def _one(self, connection: sa.Connection, user: int, credits: int) -> None:
        left = connection.execute(_UPDATE, {"n": credits, "w": user}).scalar_one_or_none()
        assert left is not None
        connection.execute(_INSERT, {"w": user, "n": credits, "note": "spend"})

    def spend_each(self, count: int) -> None:
        """One spend of each of `count` users."""
        for user in range(1, count + 1):
            self.spend(user, 1)

    def spend_hot(self, count: int) -> None:
        """All of one user."""
        for _ in range(count):
            self.spend(1, 1)

    def close(self) -> None:
        self.engine.dispose()
