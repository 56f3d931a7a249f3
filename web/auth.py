"""Who is asking: API keys, sent as `Authorization: Bearer <key>`."""

from __future__ import annotations

from contextlib import suppress

from flask import g, request

from billing.access import keys
from billing.access.keys import ApiKey
from billing.rules.refusals import Unavailable
from web.errors import Problem
from web.state import engine, secrets

_CHALLENGE = 'Bearer realm="billing"'


def authorise(scope: str) -> ApiKey:
    """The key of this request, which must have the scope. `Problem`: 401 without a good key, 403 without the scope."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Problem(
            "unauthorized",
            "Send an API key: Authorization: Bearer <key>. `billing keys create NAME --scopes …` makes one.",
            headers={"WWW-Authenticate": _CHALLENGE},
        )
    text, database, peppers = text.strip(), engine().database, secrets()
    with database.read() as tx:
        key = keys.find(tx, peppers, text)
    if key is None:
        raise Problem(
            "unauthorized",
            "This API key is unknown or was revoked.",
            headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'},
        )
    g.api_key = key.id
    if not key.may(scope):
        raise Problem(
            "forbidden",
            f"This needs an API key with the scope {scope!r}; this one has {', '.join(sorted(key.scopes))}.",
            headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
        )
    if key.stale:
        # Best effort: the key works all the same for as long as its old pepper is listed.
        with suppress(Unavailable), database.write() as tx:
            keys.renew(tx, peppers, key.id, text)
    return key
