"""Staff: who of the business may look at the books, and what else they may. `now` is real time throughout.

A password is set through a link that works once; nobody else ever knows it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select

from billing.access import passwords
from billing.access.tables import staff, staff_sessions
from billing.base import ids
from billing.base.db import Database, Tx
from billing.rules.refusals import Invalid

ROLES = ("viewer", "reviewer", "approver", "admin")
"""Each may do what those before it may."""

LINK_LIFETIME = timedelta(hours=24)

_EMAIL = re.compile(r"[^@\s\x00-\x1f<>\"]{1,64}@[^@\s\x00-\x1f<>\"]{1,189}")


@dataclass(frozen=True, slots=True)
class Staff:
    """One of the staff. `ready`: has set a password."""

    id: str
    email: str
    role: str
    created_at: datetime
    disabled_at: datetime | None
    ready: bool

    def may(self, role: str) -> bool:
        """Is this role, or less, enough?"""
        return ROLES.index(self.role) >= ROLES.index(role)


def add(tx: Tx, email: str, role: str, now: datetime) -> tuple[Staff, str]:
    """Lets somebody in, or in again with that role: and the token of the link that sets their password.

    Raises `Invalid`: an e-mail that is none, an unknown role, somebody who is there already.
    """
    email = plain(email)
    problems = {} if _EMAIL.fullmatch(email) else {"email": ["Write an e-mail address."]}
    if role not in ROLES:
        problems["role"] = [f"Must be one of {', '.join(ROLES)}."]
    if problems:
        raise Invalid(problems)
    row = _find(tx, email)
    if row is not None and row.disabled_at is None:
        raise Invalid.field("email", f"{email} is there already, as {row.role}.")
    token = ids.token()
    said = {"role": role, "password": None, "disabled_at": None, **_link(token, now)}
    if row is None:
        said |= {"id": ids.new("stf"), "email": email, "created_at": now}
        tx.connection.execute(staff.insert().values(**said))
    else:
        tx.connection.execute(staff.update().where(staff.c.id == row.id).values(**said))
    return _value(_known(tx, email)), token


def new_link(tx: Tx, email: str, now: datetime) -> str:
    """A new link to set the password, in place of any before it. The present password stays until then."""
    row = _known(tx, email)
    if row.disabled_at is not None:
        raise Invalid.field("email", f"{row.email} was disabled: billing staff add lets them in again.")
    token = ids.token()
    tx.connection.execute(staff.update().where(staff.c.id == row.id).values(**_link(token, now)))
    return token


def disable(tx: Tx, email: str, now: datetime) -> None:
    """Shuts somebody out: from now on, and wherever they are signed in."""
    row = _known(tx, email)
    gone = {"disabled_at": row.disabled_at or now, "password": None, "link": None, "link_until": None}
    tx.connection.execute(staff.update().where(staff.c.id == row.id).values(**gone))
    end_sessions(tx, row.id, now)


def set_role(tx: Tx, email: str, role: str) -> None:
    """Changes what somebody may, at once."""
    if role not in ROLES:
        raise Invalid.field("role", f"Must be one of {', '.join(ROLES)}.")
    tx.connection.execute(staff.update().where(staff.c.id == _known(tx, email).id).values(role=role))


def every(tx: Tx) -> list[Staff]:
    """All of them, by e-mail."""
    return [_value(row) for row in tx.connection.execute(select(staff).order_by(staff.c.email))]


def find(tx: Tx, id: str) -> Staff | None:
    """Who that is, unless they were disabled."""
    row = tx.connection.execute(select(staff).where(staff.c.id == id, staff.c.disabled_at.is_(None))).one_or_none()
    return None if row is None else _value(row)


def of_link(tx: Tx, token: str, now: datetime) -> Staff | None:
    """Whose password this link sets; None where it was used, has expired or never was."""
    its = (staff.c.link == digest(token)) & (staff.c.link_until > now) & staff.c.disabled_at.is_(None)
    row = tx.connection.execute(select(staff).where(its)).one_or_none()
    return None if row is None else _value(row)


def set_password(db: Database, token: str, password: str, now: datetime) -> Staff | None:
    """Sets the password that the link is for, uses the link up and ends all sessions. Raises `Invalid` for one that
    won't do; None where the link does not work.
    """
    with db.read() as tx:
        found = of_link(tx, token, now)
    if found is None:
        return None
    wrong = passwords.wrong(password, found.email)
    if wrong is not None:
        raise Invalid.field("password", wrong)
    kept = passwords.hashed(password)  # not in a transaction: it takes its time
    with db.write() as tx:
        its = (staff.c.id == found.id) & (staff.c.link == digest(token)) & staff.c.disabled_at.is_(None)
        used = tx.connection.execute(staff.update().where(its).values(password=kept, link=None, link_until=None))
        if used.rowcount != 1:
            return None
        end_sessions(tx, found.id, now)
    return found


def end_sessions(tx: Tx, id: str, now: datetime) -> None:
    """Signs somebody out everywhere."""
    its = (staff_sessions.c.staff_id == id) & staff_sessions.c.ended_at.is_(None)
    tx.connection.execute(staff_sessions.update().where(its).values(ended_at=now))


def by_email(tx: Tx, email: str) -> tuple[Staff, str] | None:
    """Who that is and the password that is kept of them; None for who can't sign in."""
    row = _find(tx, plain(email))
    return None if row is None or row.disabled_at is not None or not row.password else (_value(row), row.password)


def plain(email: str) -> str:
    return email.strip().lower()


def digest(secret: str) -> str:
    """What is kept of a secret that is random enough to need no salt."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _link(token: str, now: datetime) -> dict[str, object]:
    return {"link": digest(token), "link_until": now + LINK_LIFETIME}


def _find(tx: Tx, email: str) -> Row[Any] | None:
    return tx.connection.execute(select(staff).where(staff.c.email == email)).one_or_none()


def _known(tx: Tx, email: str) -> Row[Any]:
    row = _find(tx, plain(email))
    if row is None:
        raise Invalid.field("email", f"Nobody here is {plain(email)!r}.")
    return row


def _value(row: Row[Any]) -> Staff:
    return Staff(row.id, row.email, row.role, row.created_at, row.disabled_at, row.password is not None)
