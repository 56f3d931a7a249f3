"""A customer who is deleted: what they subscribe to ends with them, and is told of after them."""

from __future__ import annotations

from web.sandbox.resources import customers, endings, subscriptions
from web.sandbox.store import Object
from web.sandbox.work import Work


def leave(work: Work, customer: Object) -> Object:
    running = [
        one
        for one in reversed(work.rows.select("subscription", customer=customer["id"]))
        if one["status"] not in subscriptions.ENDED
    ]
    gone = customers.remove(work, customer)
    for one in running:
        endings.drop(work, one, None)
    return gone
