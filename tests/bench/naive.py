"""The naive tutorial version: a balance column, one UPDATE and one INSERT in one transaction. Without keys, without
buckets, without books.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.base.db import make_engine

UPDATE = "UPDATE bench_users SET balance = balance - :n WHERE id = :w AND balance >= :n RETURNING balance"
INSERT = "INSERT INTO bench_log (user_id, amount, note) VALUES (:w, :n, :note)"
_UPDATE, _INSERT = text(UPDATE), text(INSERT)


def prepare(url: str, users: int) -> None:
    """Its two tables; user 0 is the hot one."""
    engine = make_engine(url)
    serial = "BIGSERIAL" if engine.dialect.name == "postgresql" else "INTEGER"
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bench_users (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL)"))
        connection.execute(
            text(f"CREATE TABLE bench_log (id {serial} PRIMARY KEY, user_id BIGINT, amount BIGINT, note TEXT)")
        )
        connection.execute(
            text("INSERT INTO bench_users VALUES (:id, 1000000000000)"), [{"id": n} for n in range(users + 1)]
        )
    engine.dispose()


class Naive:
    """Spends through the same pool settings as ours."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)

    def spend(self, user: int) -> None:
        with self.engine.begin() as connection:
            self._one(connection, user)

    def spend_within(self, user: int) -> None:
        """In a caller's session, who has a transaction anyway."""
        with Session(self.engine) as session, session.begin():
            self._one(session, user)

    def _one(self, place: sa.Connection | Session, user: int) -> None:
        left = place.execute(_UPDATE, {"n": 1, "w": user}).scalar_one_or_none()
        assert left is not None
        place.execute(_INSERT, {"w": user, "n": 1, "note": "spend"})

    def close(self) -> None:
        self.engine.dispose()
