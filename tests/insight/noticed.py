"""What the steps told, as it stands in the outbox, and how they are run to their end."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from billing.base.outbox import outbox
from billing.testing import TestBilling

Facts = list[dict[str, Any]]


def facts(billing: TestBilling, name: str) -> Facts:
    """All facts of that name so far, oldest first."""
    query = select(outbox.c.facts).where(outbox.c.type == name).order_by(outbox.c.recorded_at, outbox.c.id)
    with billing.database.read() as tx:
        return list(tx.connection.execute(query).scalars())


def warned(billing: TestBilling) -> Facts:
    """Warns of what ends, as often as there is more to do; what was told of it now."""
    return _new(billing, "credits.expiring", billing.warn_expiring)


def counted(billing: TestBilling) -> None:
    """A walk that was begun is ended, and one made from the beginning."""
    for _ in range(2):
        while billing.count_usage():
            pass


def paced(billing: TestBilling, name: str) -> Facts:
    """Counts, and watches the pace; what was told under that name now."""
    counted(billing)
    return _new(billing, name, billing.watch_pace)


def _new(billing: TestBilling, name: str, step: Any) -> Facts:
    before = len(facts(billing, name))
    while step():
        pass
    return facts(billing, name)[before:]


def named(told: Facts) -> list[tuple[str, int, list[str], str]]:
    """Of each warning: the lead, the credits, what they are called, and the first end; the earliest first."""
    return [
        (one["lead"], one["credits"], [bucket["description"] for bucket in one["buckets"]], one["ends_at"])
        for one in sorted(told, key=lambda one: str(one["ends_at"]))
    ]


def subscribed(item: str = "si_1", **more: Any) -> dict[str, Any]:
    """What Stripe says of `sub_1`, with one item."""
    one = {"id": item, "object": "subscription_item", "price": {"id": "price_roll", "lookup_key": None}, "quantity": 1}
    return {
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "metadata": {}, "status": "active",
        "created": 1_700_000_000, "items": {"object": "list", "data": [one]}, **more,
    }  # fmt: skip
