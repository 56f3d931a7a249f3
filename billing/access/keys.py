"""API keys: `bk_<id>_<secret>`. The secret is shown once; only its HMAC-SHA256 is kept."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from billing.access.tables import api_keys
from billing.base import ids
from billing.base.db import Tx
from billing.rules.refusals import Invalid

PREFIX = "bk"
SCOPES = ("read", "spend", "grant", "topup", "admin")
_ID_BYTES, _SECRET_BYTES = 9, 32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as far as it may be known: never its secret. `stale`: its pepper is not the newest any more."""

    id: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None = None
    stale: bool = False

    def may(self, scope: str) -> bool:
        """`admin` may do everything."""
        return scope in self.scopes or "admin" in self.scopes


def create(tx: Tx, peppers: Sequence[str], name: str, scopes: Collection[str]) -> tuple[ApiKey, str]:
    """Makes a key; the text that opens the door is returned this once.

    Raises `Invalid` for a name or scopes of no use.
    """
    problems: dict[str, list[str]] = {}
    if not 1 <= len(name.strip()) <= 255:
        problems["name"] = ["A name has 1 to 255 characters."]
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        problems["scopes"] = [f"Scopes are some of {', '.join(SCOPES)}."]
    if problems:
        raise Invalid(problems)
    key = ApiKey(_plain(ids.token(_ID_BYTES)), name.strip(), frozenset(scopes), tx.now)
    secret = _plain(ids.token(_SECRET_BYTES))
    tx.connection.execute(
        api_keys.insert().values(
            id=key.id,
            name=key.name,
            digest=_digest(peppers[0], secret),
            scopes=sorted(key.scopes),
            created_at=key.created_at,
        )
    )
    return key, f"{PREFIX}_{key.id}_{secret}"


def find(tx: Tx, peppers: Sequence[str], text: str) -> ApiKey | None:
    """The key that this text opens with; None for a wrong, unknown or revoked one, in about the same time."""
    prefix, _, tail = text.partition("_")
    key_id, _, secret = tail.partition("_")
    usable = prefix == PREFIX and key_id.isascii() and key_id.isalnum() and secret.isascii()
    row = tx.connection.execute(sa.select(api_keys).where(api_keys.c.id == (key_id if usable else ""))).first()
    matches = [hmac.compare_digest(_digest(pepper, secret), row.digest if row else "") for pepper in peppers]
    if row is None or not any(matches) or row.revoked_at is not None:
        return None
    return _read(row, stale=not matches[0])


def renew(tx: Tx, peppers: Sequence[str], key_id: str, text: str) -> None:
    """Keeps a key just found `stale` under the newest pepper, so that the old one may leave SECRET_KEYS."""
    secret = text.split("_", 2)[2]
    tx.connection.execute(api_keys.update().where(api_keys.c.id == key_id).values(digest=_digest(peppers[0], secret)))


def revoke(tx: Tx, key_id: str) -> bool:
    """Ends a key for good, from now on. False if there is no such key, or it had ended."""
    ended = tx.connection.execute(
        api_keys.update().where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=tx.now)
    )
    return ended.rowcount == 1


def every(tx: Tx) -> list[ApiKey]:
    """All keys, the oldest first, revoked ones too."""
    rows = tx.connection.execute(sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id))
    return [_read(row) for row in rows]


def _read(row: Any, *, stale: bool = False) -> ApiKey:
    return ApiKey(row.id, row.name, frozenset(row.scopes), row.created_at, row.revoked_at, stale)


def _digest(pepper: str, secret: str) -> str:
    return hmac.new(pepper.encode(), secret.encode(errors="replace"), hashlib.sha256).hexdigest()


def _plain(text: str) -> str:
    """Letters and digits only: underscores part the three pieces, and a double click should select it all."""
    return text.replace("_", "u").replace("-", "d")
