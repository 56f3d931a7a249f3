"""Webhook endpoints: where programs want to be told, and of what."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base import ids
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.notices.channels import guard
from billing.notices.kinds import EVENTS, SPENT
from billing.notices.refusals import UnknownWebhookEndpoint
from billing.notices.tables import endpoints, lanes, notices
from billing.notices.values import WEBHOOK, Endpoint, WebhookEndpoint
from billing.rules import asking
from billing.rules.refusals import Refusal

ALL = "*"
"""All events, but for spends: these are asked for by name."""

ROTATION = timedelta(hours=24)
"""For so long the old secret signs beside the new one, unless another time is asked for."""

LONGEST_ROTATION = timedelta(days=30)
MOST = 100


def add(
    tx: Tx, catalog: Catalog, allowed: Sequence[str], url: str, events: Sequence[str], description: str | None = None
) -> WebhookEndpoint | Refusal:
    """Makes an endpoint; its secret is in the answer, and never shown again."""
    wrong = asking.refuse(
        url=_refuse_url(url, allowed),
        events=_refuse_events(catalog, events),
        description=asking.maybe(asking.text, description),
    )
    if wrong is None and tx.connection.execute(select(sa.func.count()).select_from(endpoints)).scalar_one() >= MOST:
        wrong = asking.refuse(url=f"There are {MOST} endpoints, and no more are made: remove one.")
    if wrong is not None:
        return wrong
    id, secret = ids.new("whe"), _secret()
    row = {
        "id": id,
        "url": url,
        "events": list(dict.fromkeys(events)),
        "description": description,
        "secret": secret,
        "created_at": tx.now,
    }
    tx.connection.execute(sa.insert(endpoints).values(**row))
    made = find(tx, id)
    assert isinstance(made, WebhookEndpoint)
    return replace(made, secret=secret)


def change(
    tx: Tx, catalog: Catalog, allowed: Sequence[str], id: str, *, url: str | None = None,
    events: Sequence[str] | None = None, description: str | None = None, enabled: bool | None = None,
) -> WebhookEndpoint | Refusal:  # fmt: skip
    """Changes what is given. What waits for a disabled endpoint is dropped when its turn comes."""
    wrong = asking.refuse(
        url=None if url is None else _refuse_url(url, allowed),
        events=None if events is None else _refuse_events(catalog, events),
        description=asking.maybe(asking.text, description),
    )
    if wrong is not None:
        return wrong
    found = find(tx, id)
    if isinstance(found, Refusal):
        return found
    given = {"url": url, "events": None if events is None else list(dict.fromkeys(events)), "description": description}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if enabled is not None and enabled != (found.disabled_at is None):
        changes |= {"disabled_at": None if enabled else tx.now, "disabled_reason": None if enabled else "by hand"}
    if changes:
        tx.connection.execute(sa.update(endpoints).where(endpoints.c.id == id).values(**changes))
    if url is not None or enabled:  # it is another place, or mended: what waits is tried at once
        tx.connection.execute(sa.delete(lanes).where(lanes.c.lane == id))
        tx.connection.execute(
            sa.update(notices).where(_waits(id), notices.c.lease.is_(None)).values(next_attempt_at=tx.now)
        )
    return find(tx, id)


def remove(tx: Tx, id: str) -> WebhookEndpoint | Refusal:
    """There is no such endpoint any more, and what waited for it is dropped."""
    found = find(tx, id)
    if isinstance(found, Refusal):
        return found
    tx.connection.execute(sa.delete(endpoints).where(endpoints.c.id == id))
    tx.connection.execute(sa.delete(lanes).where(lanes.c.lane == id))
    over = {"status": "dropped", "reason": "the endpoint was removed", "ended_at": tx.now, "next_attempt_at": None}
    tx.connection.execute(sa.update(notices).where(_waits(id)).values(lease=None, **over))
    return found


def _waits(id: str) -> sa.ColumnElement[bool]:
    return (notices.c.target == id) & (notices.c.channel == WEBHOOK) & (notices.c.status == "waiting")


def rotate(tx: Tx, id: str, both_for: timedelta = ROTATION) -> WebhookEndpoint | Refusal:
    """A new secret, in the answer; what is sent `both_for` from now on is signed with both, then with it alone."""
    if not timedelta() <= both_for <= LONGEST_ROTATION:
        wrong = asking.refuse(both_for=f"Must be between 0 and {LONGEST_ROTATION.days} days.")
        assert wrong is not None
        return wrong
    row = _row(tx, id)
    if row is None:
        return UnknownWebhookEndpoint(str(id))
    secret = _secret()
    values = {"secret": secret, "old_secret": row.secret, "old_secret_until": tx.now + both_for}
    tx.connection.execute(sa.update(endpoints).where(endpoints.c.id == id).values(**values))
    made = find(tx, id)
    assert isinstance(made, WebhookEndpoint)
    return replace(made, secret=secret)


def disable(tx: Tx, id: str, reason: str) -> None:
    """It wants no more."""
    its = (endpoints.c.id == id) & endpoints.c.disabled_at.is_(None)
    tx.connection.execute(sa.update(endpoints).where(its).values(disabled_at=tx.now, disabled_reason=reason))


def find(tx: Tx, id: str) -> WebhookEndpoint | Refusal:
    """One endpoint, without its secret."""
    row = _row(tx, id)
    return UnknownWebhookEndpoint(str(id)) if row is None else _value(row)


def page(tx: Tx, after: str | None = None, limit: int = 100) -> list[WebhookEndpoint] | Refusal:
    """Endpoints in the order of their ids, beginning behind `after`."""
    wrong = asking.refuse(after=asking.maybe(asking.text, after), limit=asking.count(limit))
    if wrong is not None:
        return wrong
    query = _shown().order_by(endpoints.c.id).limit(limit)
    if after is not None:
        query = query.where(endpoints.c.id > after)
    return [_value(row) for row in tx.connection.execute(query)]


def listening(tx: Tx) -> list[tuple[str, frozenset[str]]]:
    """The endpoints that are told something: ids, and what they asked for."""
    query = select(endpoints.c.id, endpoints.c.events).where(endpoints.c.disabled_at.is_(None)).order_by(endpoints.c.id)
    return [(row.id, frozenset(row.events)) for row in tx.connection.execute(query)]


def wants(asked: frozenset[str], event: str) -> bool:
    """Is this event one of those that were asked for?"""
    return event in asked or (ALL in asked and event != SPENT)


def to_send(tx: Tx, id: str) -> Endpoint | str:
    """What sending to it needs, or why nothing is sent."""
    row = _row(tx, id)
    if row is None:
        return "the endpoint was removed"
    if row.disabled_at is not None:
        return f"the endpoint is disabled: {row.disabled_reason}"
    old = row.old_secret_until is not None and tx.now < row.old_secret_until
    return Endpoint(row.id, row.url, (row.secret, row.old_secret) if old else (row.secret,))


def _refuse_url(url: Any, allowed: Sequence[str]) -> str | None:
    return guard.refuse_url(url, allowed) if isinstance(url, str) else "Must be an address."


def _refuse_events(catalog: Catalog, events: Any) -> str | None:
    if isinstance(events, str) or not isinstance(events, Sequence) or not events:
        return "Must be a list of events, such as credits.low, or * for all."
    unknown = [one for one in events if one not in (*EVENTS, ALL)]
    if unknown:
        return f"There is no event {unknown[0]!r}: there are {', '.join(EVENTS)}."
    if SPENT in events and not catalog.policy.spent_events:
        return f"{SPENT} is told only where the catalog says so: set spent_events = true under [policy]."
    return None


def _secret() -> str:
    """`whsec_` and 24 random bytes, as Standard Webhooks wants it."""
    return f"whsec_{base64.b64encode(ids.secret_bytes(24)).decode()}"


def _shown() -> sa.Select[Any]:
    return select(endpoints, lanes.c.failing_since, lanes.c.reason.label("failing_reason")).join(
        lanes, lanes.c.lane == endpoints.c.id, isouter=True
    )


def _row(tx: Tx, id: Any) -> Row[Any] | None:
    if asking.text(id) is not None:
        return None
    return tx.connection.execute(_shown().where(endpoints.c.id == id)).one_or_none()


def _value(row: Row[Any]) -> WebhookEndpoint:
    return WebhookEndpoint(
        row.id,
        row.url,
        tuple(row.events),
        row.description,
        row.created_at,
        row.disabled_at,
        row.disabled_reason,
        row.old_secret_until,
        row.failing_since,
        row.failing_reason,
    )
