"""What happened at Stripe, for tests that say themselves what of it arrives, in what shape and order."""

from __future__ import annotations

import copy
from typing import Any

from billing.base.clock import SystemClock
from billing.inbox.values import StripeEvent
from billing.stripe import signature
from tests.buying.shop import SECRET, Shop
from tests.sales.paid import Json, body

BACK = "https://app.example.com/{checkout}"


def subscribe(shop: Shop, plan: str = "pro", customer: str = "team", key: str = "s") -> str:
    """The id of a subscription that was bought and paid."""
    opened = shop.billing.subscribe(customer, plan, key=key, success_url=BACK)
    shop.pay(opened.session)
    session = shop.stripe.v1.checkout.sessions.retrieve(opened.session or "")
    return str(session.subscription)


def happened(shop: Shop, what: str) -> Json:
    """The newest event of that type."""
    found: Json = shop.stripe.v1.events.list({"type": what, "limit": 1}).data[0].to_dict(for_json=True)
    return copy.deepcopy(found)


def tell(shop: Shop, event: Json, **more: Any) -> StripeEvent:
    """It arrives at the webhook."""
    sent = body({**event, **more})
    return shop.billing.receive_stripe_event(sent, signature.sign(sent, SECRET, SystemClock().now()))


def thin(event: Json, **more: Any) -> Json:
    """The same fact as a thin event."""
    held = event["data"]["object"]
    url = f"/v1/{held['object']}s/{held['id']}"
    found = {
        "id": f"evt_thin_{event['id']}",
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "created": "2025-01-01T00:00:05.000Z",
        "livemode": False,
        "context": None,
        "snapshot_event": event["id"],
        "related_object": {"id": held["id"], "type": held["object"], "url": url},
    }
    return {**found, **more}
