"""What the demo prints: what to open, and lines to try that work exactly as they stand."""

from __future__ import annotations

from web.demo import kept
from web.demo.people import CUSTOMERS, OSTWIND
from web.demo.preparing import Preparation


def listening(url: str) -> str:
    return f"Listening on {url}. A moment, please: it is being made ready."


TELLING = (
    f"First start: telling {len(CUSTOMERS)} customers' last months, through the engine and Stripe's signed events."
)


def curl_lines(url: str, api_key: str) -> tuple[str, str, str]:
    """A wallet read, a spend under its key, and a spend of more than is there, which is refused."""
    customer = f"{url}/v1/customers/{CUSTOMERS[0].id}"
    key = f"-H 'Authorization: Bearer {api_key}'"
    post = f"curl -s {key} -H 'Content-Type: application/json'"
    return (
        f"curl -s {key} {customer}/wallet",
        f'{post} -H \'Idempotency-Key: try-1\' -d \'{{"credits": 150, "feature": "image"}}\' {customer}/spends',
        f"{post} -H 'Idempotency-Key: try-2' -d '{{\"credits\": 1000000}}' {customer}/spends",
    )


def ready(preparation: Preparation) -> str:
    """All that somebody who sees this for the first time needs."""
    url = preparation.settings.public_url
    read, spend, refused = curl_lines(url, preparation.kept.api_key)
    return f"""
Ready.

Open the wallet of {CUSTOMERS[0].name}:
  {preparation.portal_url()}
that of {OSTWIND.name}, which ran ahead of its renewal:
  {preparation.portal_url(OSTWIND.id)}
and the interface for programs:
  {url}/docs

Read a wallet, spend 150 credits (sent again, it takes nothing again), ask for more than is there:
  {read}
  {spend}
  {refused}

The key, the webhook secret and the customers stand in {kept.FILE}, the log in {kept.FOLDER}/demo.log.
Ctrl-C stops it, `make run` goes on, `make reset` forgets, `billing demo --tour` tells how it works.
"""
