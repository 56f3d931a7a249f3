"""`billing events`: what Stripe told us."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from web.cli.opening import engine
from web.cli.printing import table, when

if TYPE_CHECKING:
    from billing import Billing
    from billing.inbox.values import StripeEvent

STATUSES = ("received", "waiting", "failed", "done", "ignored")


@click.group()
def events() -> None:
    """What Stripe told us: list it, replay it."""


@events.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only those that stand so.")
@click.option("--after", metavar="ID", help="Begin behind this event.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def list_events(status: str | None, after: str | None, limit: int) -> None:
    """Show events, the newest first, and why they wait or failed."""
    with engine() as billing:
        found = billing.stripe_events(status=status, after=after, limit=limit)
    rows = [(when(e.received_at), e.id, e.type, e.object_id, e.status, str(e.attempts), e.reason) for e in found]
    table(("received", "id", "type", "object", "status", "attempts", "reason"), rows)


@events.command()
@click.argument("what", nargs=-1, metavar="ID…|FILE…")
@click.option("--failed", "all_failed", is_flag=True, help="All that wait or failed, or have an unmapped price.")
@click.pass_context
def replay(ctx: click.Context, what: tuple[str, ...], all_failed: bool) -> None:
    """Try stored events again, or take recorded ones from files, the same way as if Stripe had sent them now.

    A file holds an event, a bare invoice or Checkout session, or a list of such. Ends with status 1 if anything failed.
    """
    if not what and not all_failed:
        raise click.UsageError("Say which: ids of events, files, or --failed.", ctx)
    failed = False
    with engine() as billing:
        for event in billing.replay_failed_stripe_events() if all_failed else ():
            failed |= event.status == "failed"
            click.echo(f"{event.id}: {_sentence(event)}")
        for name in what:
            for source, outcome in _replay(billing, name):
                failed |= isinstance(outcome, str) or outcome.status == "failed"
                click.echo(f"{source}: {outcome if isinstance(outcome, str) else _sentence(outcome)}")
    ctx.exit(1 if failed else 0)


def _replay(billing: Billing, name: str) -> Iterator[tuple[str, StripeEvent | str]]:
    """What became of each event that is meant; a sentence where none could be made of it."""
    from billing.rules.refusals import UnknownStripeEvent
    from billing.stripe.values import PayloadInvalid

    if not _is_file(name):
        try:
            yield name, billing.replay_stripe_event(name)
        except UnknownStripeEvent:
            yield name, "There is no such event and no such file."
        return
    try:
        documents = _documents(Path(name).read_bytes())
    except PayloadInvalid as invalid:
        yield name, str(invalid)
        return
    for place, document in enumerate(documents):
        source = name if len(documents) == 1 else f"{name}[{place}]"
        try:
            yield source, billing.take_stripe_event(json.dumps(as_event(document)).encode())
        except PayloadInvalid as invalid:
            yield source, str(invalid)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # no file has such a name
        return False


def _documents(body: bytes) -> list[Any]:
    from billing.stripe.payloads import decode

    document = decode(body)
    listed = document.get("data")
    return listed if document.get("object") == "list" and isinstance(listed, list) else [document]


def as_event(document: Any) -> Any:
    """An event as it is; a bare object as the event that would have told of it, under an id made from its content."""
    if isinstance(document, dict) and isinstance(document.get("object"), dict):  # an event's `data` without the rest
        document = document["object"]
    if not isinstance(document, dict) or document.get("object") in (None, "event"):
        return document
    content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return {
        "id": f"evt_recorded_{hashlib.sha256(content).hexdigest()[:24]}",
        "object": "event",
        "type": _type_of(document),
        "created": _time_of(document),
        "livemode": document.get("livemode") is True,
        "api_version": None,
        "data": {"object": document},
    }


def _type_of(document: dict[str, Any]) -> str:
    kind = str(document["object"])
    if kind == "invoice":
        return f"invoice.{document.get('status') or 'upcoming'}"
    if kind == "checkout.session":
        status = document.get("status")
        return "checkout.session.completed" if status == "complete" else f"checkout.session.{status or 'created'}"
    return f"{kind}.recorded"


def _time_of(document: dict[str, Any]) -> int:
    """When it was paid, else made, in Unix seconds."""
    transitions = document.get("status_transitions")
    paid = transitions.get("paid_at") if isinstance(transitions, dict) else None
    for time in (paid, document.get("created")):
        if isinstance(time, int) and not isinstance(time, bool):
            return time
    return 0


def _sentence(event: StripeEvent) -> str:
    return f"{event.type} {event.status}" + (f": {event.reason}" if event.reason else "")
