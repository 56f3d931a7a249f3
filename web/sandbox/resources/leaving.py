"""A customer who is deleted: what they are subscribed to ends first."""

from __future__ import annotations

from web.sandbox.resources import collecting, customers, subscriptions
from web.sandbox.store import Object
from web.sandbox.work import Work


def leave(work: Work, customer: Object) -> Object:
    for running in reversed(work.rows.select("subscription", customer=customer["id"])):
        if running["status"] not in subscriptions.ENDED:
            collecting.stop(work, running, None)
    return customers.remove(work, customer)
