"""What the demo prints: what to open, and lines to try that work exactly as they stand."""

from __future__ import annotations

from web.demo import kept
from web.demo.people import CUSTOMERS, JUNIPER
from web.demo.preparing import Preparation

TELLING = f"First start: telling {len(CUSTOMERS)} customers' last months, through a sandbox of Stripe."


def listening(url: str) -> str:
    return f"Listening on {url}. A moment, please: it is being made ready."


def curl_lines(url: str, api_key: str, *, past: bool) -> tuple[str, str, str]:
    """A wallet read, a spend under its key, and a spend of more than is there, which is refused. Where nobody has a
    past, of who subscribes first.
    """
    customer = CUSTOMERS[0].id if past else JUNIPER.id
    return (
        f"curl -s -H 'Authorization: Bearer {api_key}' {url}/v1/customers/{customer}/wallet",
        spend_line(url, api_key, customer, "try-1", 150, "image"),
        spend_line(url, api_key, customer, "try-2", 1_000_000),
    )


def spend_line(url: str, api_key: str, customer: str, key: str, credits: int, feature: str = "") -> str:
    """A spend by curl, under its idempotency key."""
    what = f'{{"credits": {credits}, "feature": "{feature}"}}' if feature else f'{{"credits": {credits}}}'
    return (
        f"curl -s -H 'Authorization: Bearer {api_key}' -H 'Content-Type: application/json' "
        f"-H 'Idempotency-Key: {key}' -d '{what}' {url}/v1/customers/{customer}/spends"
    )


def ready(preparation: Preparation) -> str:
    """All that somebody who sees this for the first time needs."""
    url, sandbox = preparation.settings.public_url, preparation.kept.sandbox_url
    read, spend, refused = curl_lines(url, preparation.kept.api_key, past=bool(sandbox))
    when = "Read" if sandbox else f"Once {JUNIPER.name} has subscribed: read"
    stripe = f"Stripe's side (its clock, its payments, its faults):\n  {sandbox}/_sandbox/\n"
    if not sandbox:
        stripe = WITH_STRIPE.format(port=preparation.settings.port)
    return f"""
Ready. Begin here, and click:
  {url}/

The wallet of {CUSTOMERS[0].name}:
  {preparation.portal_url()}
Finance's pages, for {kept.STAFF} with the password {preparation.kept.finance_password}
  {url}/finance/
What its customers were sent:
  {url}/demo/mail/
{stripe}The interface for programs:
  {url}/docs

{when} a wallet, spend 150 credits (sent again, it takes nothing again), ask for more than is there:
  {read}
  {spend}
  {refused}

The key, the webhook secret and the customers stand in {kept.FILE}, the log in {kept.FOLDER}/demo.log.
Ctrl-C stops it, `make run` goes on, `make reset` forgets, `billing demo --tour` tells how it works.
"""


WITH_STRIPE = """Payments are those of your Stripe account's test mode. For its events run beside this:
  stripe listen --forward-to localhost:{port}/webhooks/stripe
and put the secret that it prints into STRIPE_WEBHOOK_SECRETS.
"""
