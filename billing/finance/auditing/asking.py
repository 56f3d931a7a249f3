"""How the audit asks a database: rules as conditions that must never hold, and what a text names.

Where rows are many, only those that break a rule leave the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, ColumnElement, Integer, Select, Text, and_, case, cast, func, literal, or_, select
from sqlalchemy.sql.selectable import FromClause

from billing.base import ids
from billing.base.db import Tx
from billing.finance.auditing.breach import Breach


@dataclass(frozen=True, slots=True)
class Never:
    """What must not be: under which invariant, in words, and the condition that finds it. NULL is not found."""

    invariant: str
    found: str
    when: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """Rules, and the query that finds the rows of one kind that break them."""

    kind: str
    rules: tuple[Never, ...]
    query: Select[*tuple[Any, ...]]


def asked(
    kind: str, place: tuple[ColumnElement[Any], ColumnElement[Any]], of: FromClause, rules: Sequence[Never]
) -> Asked:
    """`place`: the wallet and number of what it is about.

    Who asks keeps it: over small books, to put a query together takes several times as long as its answer.
    """
    flags = [case((rule.when, 1), else_=0).label(f"rule_{n}") for n, rule in enumerate(rules)]
    query = select(*place, *flags).select_from(of).where(or_(*(rule.when for rule in rules)))
    return Asked(kind, tuple(rules), query)


def found(tx: Tx, *questions: Asked) -> Iterator[Breach]:
    """One breach for each row and rule that it breaks."""
    for question in questions:
        for wallet, number, *broken in tx.connection.execute(question.query):
            for rule, is_broken in zip(question.rules, broken, strict=True):
                if is_broken:
                    yield Breach(rule.invariant, named(question.kind, wallet, number), rule.found)


def named(kind: str, wallet: int, number: int) -> str:
    """How a report names it: `bkt_1_2`, `wallet 1, entry 2`, `wallet 1`."""
    if kind == "wallet":
        return f"wallet {wallet}"
    return ids.of(kind, wallet, number) if kind in ("bkt", "hold") else f"wallet {wallet}, {kind} {number}"


def numbered(prefix: str, number: Any) -> ColumnElement[str]:
    """`spend:12`."""
    return literal(f"{prefix}:") + cast(number, Text)


def bucket_number(sqlite: bool, account: ColumnElement[Any]) -> ColumnElement[Any]:
    """The number in `bucket:12` or `held:12`; of any other account none that a bucket has."""
    if sqlite:  # a text that is no number casts to 0 there
        its = or_(account.startswith("bucket:"), account.startswith("held:"))
        return case((its, cast(func.substr(account, func.instr(account, ":") + 1), Integer)))
    named = account.regexp_match("^(bucket|held):[1-9][0-9]{0,17}$")
    return case((named, cast(func.split_part(account, ":", 2), BigInteger)))


def head(sqlite: bool, text: ColumnElement[Any]) -> ColumnElement[Any]:
    """What stands before the first colon."""
    if sqlite:
        return func.substr(text, 1, func.instr(text, ":") - 1, type_=Text)
    return func.split_part(text, ":", 1, type_=Text)


def before(column: ColumnElement[Any], wallet: ColumnElement[Any], number: ColumnElement[Any]) -> Any:
    """The column's value on the row before in the same wallet."""
    return func.lag(column, type_=column.type).over(partition_by=wallet, order_by=number)


def after_another(table: sa.Table) -> tuple[sa.Join, Any]:
    """The table's rows, each with the one numbered before it in its wallet: its columns, NULL where there is none."""
    one = table.alias()
    follows = and_(one.c.wallet_id == table.c.wallet_id, one.c.number == table.c.number - 1)
    return table.outerjoin(one, follows), one.c


def null(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """IS NULL, for JSON columns, too."""
    return column.is_(sa.null())
