"""Signing in, and who is signed in. `now` is real time throughout.

Whether somebody is there is never told apart: an unknown e-mail takes as long and gets the same answer as a wrong
password, and is counted alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from billing.access import passwords
from billing.access import staff as members
from billing.access.staff import Staff, digest
from billing.access.tables import sign_in_attempts as attempts
from billing.access.tables import staff, staff_sessions
from billing.base import ids
from billing.base.db import Database, Tx

IDLE, LONGEST = timedelta(hours=2), timedelta(hours=12)
"""A session ends after so long without a request, and after so long in any case."""

WINDOW, OF_ACCOUNT, OF_ADDRESS = timedelta(minutes=15), 10, 100
"""So many attempts in that time, for an e-mail and from an address."""

_NOTED = timedelta(minutes=1)
"""A session's last use is written down no more often than that."""

_SALT = "billing staff session"


@dataclass(frozen=True, slots=True)
class TooMany:
    """Tried too often: `seconds` until it may be tried again."""

    seconds: int


def sign_in(
    db: Database, secrets: Sequence[str], email: str, password: str, address: str, now: datetime
) -> tuple[Staff, str] | TooMany | None:
    """Who that is and what their cookie holds; None where e-mail and password don't belong together."""
    account = digest(f"account {members.plain(email)}")
    with db.write() as tx:
        waits = [_count(tx, account, OF_ACCOUNT, now), _count(tx, digest(f"address {address}"), OF_ADDRESS, now)]
        _forget(tx, now)
    if any(waits):
        return TooMany(max(waits))
    with db.read() as tx:
        known = members.by_email(tx, email)
    if not passwords.matches(known[1] if known else None, password) or known is None:
        return None
    with db.write() as tx:
        # Looked at again under its lock: meanwhile they may have been disabled, or have another password.
        same = (staff.c.id == known[0].id) & (staff.c.password == known[1]) & staff.c.disabled_at.is_(None)
        if tx.connection.execute(select(staff.c.id).where(same).with_for_update()).first() is None:
            return None
        tx.connection.execute(attempts.delete().where(attempts.c.subject == account))
        return known[0], begin(tx, secrets, known[0].id, now)


def begin(tx: Tx, secrets: Sequence[str], id: str, now: datetime) -> str:
    """A new session of that member of the staff: what its cookie holds."""
    secret = ids.token()
    row = {"digest": digest(secret), "staff_id": id, "created_at": now, "seen_at": now, "ends_at": now + LONGEST}
    tx.connection.execute(staff_sessions.insert().values(**row))
    return str(_serializer(secrets).dumps(secret))


def who(db: Database, secrets: Sequence[str], cookie: str, now: datetime) -> Staff | None:
    """Who is signed in with this cookie. Each use keeps the session going, up to its end."""
    secret = _read(secrets, cookie)
    if secret is None:
        return None
    its = staff_sessions.c.digest == digest(secret)
    lives = staff_sessions.c.ended_at.is_(None) & (staff_sessions.c.ends_at > now)
    busy = staff_sessions.c.seen_at > now - IDLE
    with db.read() as tx:
        row = tx.connection.execute(select(staff_sessions).where(its, lives, busy)).one_or_none()
        found = None if row is None else members.find(tx, row.staff_id)
    if row is not None and found is not None and now - row.seen_at >= _NOTED:
        with db.write() as tx:
            tx.connection.execute(staff_sessions.update().where(its, lives).values(seen_at=now))
    return found


def sign_out(db: Database, secrets: Sequence[str], cookie: str, now: datetime) -> None:
    """Ends the session of this cookie, whoever still has a copy of it."""
    secret = _read(secrets, cookie)
    if secret is not None:
        with db.write() as tx:
            its = (staff_sessions.c.digest == digest(secret)) & staff_sessions.c.ended_at.is_(None)
            tx.connection.execute(staff_sessions.update().where(its).values(ended_at=now))


def _read(secrets: Sequence[str], cookie: str) -> str | None:
    try:
        found = _serializer(secrets).loads(cookie)
    except BadData:
        return None
    return found if isinstance(found, str) else None


def _serializer(secrets: Sequence[str]) -> URLSafeSerializer:
    # Signs with the last of its list, reads with all.
    return URLSafeSerializer(list(reversed(secrets)), salt=_SALT)


def _count(tx: Tx, subject: str, most: int, now: datetime) -> int:
    """Counts an attempt before its outcome is known, so that many at once are no way round it. 0, or the seconds that
    are left to wait.
    """
    insert = sqlite.insert if tx.sqlite else postgresql.insert
    new = insert(attempts).values(subject=subject, attempts=1, since=now)
    over = attempts.c.since <= sa.literal(now - WINDOW, attempts.c.since.type)
    counted = new.on_conflict_do_update(
        index_elements=["subject"],
        set_={
            "attempts": sa.case((over, 1), else_=attempts.c.attempts + 1),
            "since": sa.case((over, sa.literal(now, attempts.c.since.type)), else_=attempts.c.since),
        },
    ).returning(attempts.c.attempts, attempts.c.since)
    tried, since = tx.connection.execute(counted).one()
    return 0 if tried <= most else max(1, int((since + WINDOW - now).total_seconds()))


def _forget(tx: Tx, now: datetime) -> None:
    tx.connection.execute(attempts.delete().where(attempts.c.since <= now - WINDOW))
