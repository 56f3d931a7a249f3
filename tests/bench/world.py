"""Wallets to spend from: many of five buckets, as many to be crossed, one that is hot, some that are old."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, text

from billing import Billing
from billing.base import schema

CREDITS = 10**9
CROSSINGS = 5
"""How often a wallet of `crossed` can be spent from so that two buckets pay."""

OLD = ("many", "old")
"""Wallets with rows that were copied in without causes of their own: the audit would not like them."""


def prepare(url: str, wallets: int, history: int) -> None:
    """Two customers are granted to through the engine; all others are copies of them, to the row."""
    schema.upgrade(url)
    billing = Billing(url)
    with billing.transaction() as tx:
        for name in ("hot", "five", *OLD, "young", "plain"):
            tx.customer(name)
            for n in range(5):
                _grant(tx, name, n, CREDITS)
        tx.customer("crossed")
        for n in range(CROSSINGS + 2):
            _grant(tx, "crossed", n, 10)
        tx.spend("crossed", 5, key="half of the first")
    with billing.database.engine.begin() as connection:
        _copy(connection, "plain", wallets)
        _copy(connection, "crossed", wallets)
        _use_up(connection, "many", 495)
        _age(connection, "old", history)
    if url.startswith("postgresql"):
        with billing.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    billing.close()


def _grant(tx: object, name: str, n: int, credits: int) -> None:
    assert hasattr(tx, "grant") and hasattr(tx, "now")
    until = tx.now + timedelta(days=30 * (n + 1))
    tx.grant(name, credits, reason=f"lot {n}", key=f"lot {n}", expires_at=until, paid_cents=500, currency="usd")


def _copy(connection: Connection, name: str, count: int) -> None:
    """`count` customers whose wallets are as this one's: customer_1, customer_2 …"""
    wallet = _wallet(connection, name)
    first = int(connection.execute(text("SELECT max(id) FROM billing_wallets")).scalar_one())
    numbers = f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s)"
    for table, owner, copied in (
        ("customers", "id", {"id": "'{name}_' || s.n"}),
        ("wallets", "id", {"id": "{first} + s.n", "customer_id": "'{name}_' || s.n"}),
        ("buckets", "wallet_id", {"wallet_id": "{first} + s.n"}),
        ("entries", "wallet_id", {"wallet_id": "{first} + s.n"}),
    ):
        columns = _columns(connection, f"billing_{table}")
        values = [copied.get(column, f"t.{column}").format(name=name, first=first) for column in columns]
        connection.execute(
            text(
                f"INSERT INTO billing_{table} ({', '.join(columns)}) SELECT {', '.join(values)} "
                f"FROM billing_{table} AS t, {numbers} AS s WHERE t.{owner} = :owner"
            ),
            {"owner": name if table == "customers" else wallet},
        )
    if connection.dialect.name == "postgresql":
        last = "SELECT setval(pg_get_serial_sequence('billing_wallets', 'id'), max(id)) FROM billing_wallets"
        connection.execute(text(last))


def _columns(connection: Connection, table: str) -> list[str]:
    return list(connection.execute(text(f"SELECT * FROM {table} WHERE 1 = 0")).keys())


def _use_up(connection: Connection, name: str, count: int) -> None:
    """Gives the wallet `count` more buckets in which nothing is left."""
    wallet = _wallet(connection, name)
    used_up = {"number": "1000 + {n}", "origin": "t.origin || ':' || {n}", "free": "0", "cents": "0",
               "is_open": "FALSE"}  # fmt: skip
    columns = _columns(connection, "billing_buckets")
    for n in range(count):
        values = [used_up.get(column, f"t.{column}").format(n=n) for column in columns]
        connection.execute(
            text(
                f"INSERT INTO billing_buckets ({', '.join(columns)}) SELECT {', '.join(values)} "
                "FROM billing_buckets AS t WHERE wallet_id = :w AND number = 5"
            ),
            {"w": wallet},
        )
    connection.execute(text("UPDATE billing_wallets SET last_number = 5000 WHERE id = :w"), {"w": wallet})


def _age(connection: Connection, name: str, count: int) -> None:
    """Gives the wallet a history of `count` spends."""
    wallet = _wallet(connection, name)
    numbers = f"(WITH RECURSIVE s(n) AS (SELECT 6 UNION ALL SELECT n + 1 FROM s WHERE n < {count + 5}) SELECT n FROM s)"
    connection.execute(
        text(
            "INSERT INTO billing_entries (wallet_id, number, kind, source, destination, credits, cents, "
            "cause, key, request, available_after, owed_after, effective_at, recorded_at, posted_at) "
            "SELECT wallet_id, s.n, 'spend', 'bucket:1', 'consumed', 1, 0, 'spend:' || s.n, 'old-' || s.n, "
            "'x', available_after, owed_after, effective_at, recorded_at, posted_at "
            f"FROM billing_entries, {numbers} AS s "
            "WHERE wallet_id = :w AND number = 5"
        ),
        {"w": wallet},
    )
    connection.execute(text("UPDATE billing_wallets SET last_number = :n WHERE id = :w"), {"n": count + 5, "w": wallet})


def _wallet(connection: Connection, name: str) -> int:
    found = connection.execute(text("SELECT id FROM billing_wallets WHERE customer_id = :c"), {"c": name})
    return int(found.scalar_one())


def audit(url: str) -> list[str]:
    """What the audit says of all wallets whose history is their own."""
    billing = Billing(url)
    with billing.database.engine.connect() as connection:
        old = {f"wallet {_wallet(connection, name)}" for name in OLD}
        old |= {f"_{name.split()[1]}_" for name in old}
    breaches = [str(breach) for breach in billing.audit()]
    billing.close()
    return [breach for breach in breaches if not any(name in breach for name in old)]
