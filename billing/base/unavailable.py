"""What went wrong with the database, in words a caller can act on."""

from __future__ import annotations

import sqlite3
from types import TracebackType

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from billing.rules.refusals import Busy, DatabaseUnavailable, Unavailable


class translated:  # noqa: N801 - it is used as a function is
    """Turns what the driver says into `Busy` (try again) or `DatabaseUnavailable`; all else passes.

    A class, because it stands around every statement that is in a hurry: a generator takes three times as long.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if error is not None:
            said = _translation(error)
            if said is not None:
                raise said from error


def _translation(error: BaseException) -> Unavailable | None:
    if isinstance(error, PoolTimeout):
        return Busy("All connections to the database are in use. Send the same request again.")
    if isinstance(error, OSError):
        return DatabaseUnavailable(f"The database's folder can't be used: {error.strerror or error}.")
    if isinstance(error, DBAPIError | psycopg.Error | sqlite3.Error):
        return _in_our_words(error)
    return None


def _in_our_words(error: Exception) -> Unavailable | None:
    orig = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(orig, "sqlstate", None)
    text = str(orig).lower()
    if state == "25P02":
        return Busy("An earlier statement of this transaction failed. Roll back and begin again.")
    if state in ("55P03", "40P01", "40001", "57014") or "is locked" in text:
        return Busy("The wallet was locked for too long. Roll back and send the same request again.")
    if state in ("25006", "53100") or "readonly database" in text or "disk i/o" in text or "is full" in text:
        return DatabaseUnavailable("The database can't be written: it is read-only or its disk is full.")
    if state in ("42P01", "42703") or "no such table" in text or "no such column" in text:
        return DatabaseUnavailable("The database's tables are missing or not this version's: run `billing db upgrade`.")
    if "unable to open" in text:
        return DatabaseUnavailable("The database's file can't be opened: see that this user may write to its folder.")
    if getattr(error, "connection_invalidated", False) or _unreachable(orig, state, text):
        return DatabaseUnavailable("The database can't be reached.")
    return None


def _unreachable(orig: object, state: str | None, text: str) -> bool:
    if state is not None:
        return state[:2] in ("08", "57", "53", "3D", "28")
    if isinstance(orig, psycopg.Error):
        return isinstance(orig, psycopg.OperationalError | psycopg.InterfaceError)
    return "not a database" in text or "malformed" in text
