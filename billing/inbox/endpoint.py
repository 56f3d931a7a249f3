"""The webhook endpoint at Stripe: is it there, does it listen to exactly what is handled, in our version of the API?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from billing.inbox.handlers import HANDLERS
from billing.rules.refusals import Invalid
from billing.stripe.gateway import Gateway
from billing.stripe.listing import Endpoint


@dataclass(frozen=True)
class Checked:
    """`differences`: what is not as it should be, in sentences, each with what to do. `made`, `changed`: just now;
    `endpoint.secret` is told only when it was made.
    """

    endpoint: Endpoint
    made: bool = False
    changed: bool = False
    differences: list[str] = field(default_factory=list)


def check(gateway: Gateway, url: str, *, change: bool = False) -> Checked:
    """Makes the endpoint for this address where there is none, else says how it differs; `change` mends what can be
    changed. Raises Invalid, StripeUnavailable, StripeNotConfigured, StripeRefused.
    """
    if not url.startswith(("https://", "http://")) or not url.isprintable() or " " in url:
        raise Invalid.field("url", "Write the address that Stripe calls: https://billing.example.com/webhooks/stripe.")
    there = [one for one in gateway.look.endpoints() if one.url.rstrip("/") == url.rstrip("/")]
    if not there:
        key = f"billing-endpoint-{hashlib.sha256(' '.join([url, *sorted(HANDLERS)]).encode()).hexdigest()[:24]}"
        return Checked(gateway.look.make_endpoint(url, list(HANDLERS), key), made=True)
    there.sort(key=lambda one: (not one.enabled, one.id))
    found, changed = there[0], False
    if change and (found.events != frozenset(HANDLERS) or not found.enabled):
        found, changed = gateway.look.change_endpoint(found.id, list(HANDLERS)), True
    return Checked(found, changed=changed, differences=_differences(gateway, found, there[1:]))


def _differences(gateway: Gateway, found: Endpoint, others: list[Endpoint]) -> list[str]:
    said: list[str] = []
    if not found.enabled:
        said.append("It is disabled: Stripe sends nothing. Enable it in the Dashboard, or with --change.")
    missing = [] if "*" in found.events else sorted(frozenset(HANDLERS) - found.events)
    if missing:
        said.append(f"It does not listen to {', '.join(missing)}: add them, or use --change.")
    more = sorted(found.events - frozenset(HANDLERS))
    if more:
        said.append(f"It listens to {', '.join(more)}, of which nothing is done: leave them out, or use --change.")
    ours = gateway.look.api_version()
    if found.api_version not in (None, ours):
        said.append(f"Its events are shaped by {found.api_version}, this release speaks {ours}. Both are read; to have"
                    " the newer, make another endpoint and delete this one.")  # fmt: skip
    if found.api_version is None:
        said.append(f"Its events are shaped by the account's default version; this release speaks {ours}. Both are"
                    " read.")  # fmt: skip
    if gateway.livemode is not None and found.livemode != gateway.livemode:
        said.append("It is an endpoint of Stripe's other mode than the key's.")
    said += [f"{one.id} has the same address: every event comes twice. Delete one of them." for one in others
             if one.enabled]  # fmt: skip
    return said
