"""The list: every way in which credits and cents may move. What is not listed is a bug.

Report column and export account of each flow are read from here by the pages, the journal and the audit.
`bucket` stands for `bucket:<number>`, its free pocket, `held` for `held:<number>`, its other pocket.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """One legal movement. `column` is the report column its cents count in, `account` the one they are exported to."""

    kind: str
    source: str
    destination: str
    column: str | None
    account: str | None
    with_cents: bool = True


FLOWS: tuple[Flow, ...] = (
    Flow("grant", "issued", "bucket", "sold", "deferred_revenue"),
    Flow("spend", "bucket", "consumed", "earned", "revenue"),
    Flow("overdraw", "overdraft", "consumed", None, None, with_cents=False),
    Flow("hold", "bucket", "held", None, None, with_cents=False),
    Flow("hold", "overdraft", "held:overdraft", None, None, with_cents=False),
    Flow("capture", "held", "consumed", "earned", "revenue"),
    Flow("capture", "held:overdraft", "consumed", None, None, with_cents=False),
    Flow("release", "held", "bucket", None, None, with_cents=False),
    Flow("release", "held:overdraft", "overdraft", None, None, with_cents=False),
    Flow("reverse", "consumed", "bucket", "earned", "deferred_revenue"),
    Flow("reverse", "consumed", "overdraft", None, None, with_cents=False),
    Flow("reverse", "consumed", "forgiven", None, None, with_cents=False),
    Flow("repay", "bucket", "overdraft", "earned", "revenue"),
    Flow("forgive", "forgiven", "overdraft", None, None, with_cents=False),
    Flow("expire", "bucket", "expired", "broken", "breakage"),
    Flow("revive", "expired", "bucket", "broken", "deferred_revenue"),
    Flow("roll_over", "bucket", "bucket", None, "deferred_revenue"),
    Flow("void", "bucket", "voided", "voided", "voided"),
)

_LISTED = {(flow.kind, flow.source, flow.destination): flow for flow in FLOWS}


def place(account: str) -> str:
    """The kind of place an account is: `bucket:12` → `bucket`, `held:12` → `held`, all others are their own."""
    head, _, tail = account.partition(":")
    return head if tail.isdigit() else account


def flow_of(kind: str, source: str, destination: str) -> Flow:
    """The listed flow of a movement between two accounts. AssertionError where there is none: that is a bug."""
    flow = _LISTED.get((kind, place(source), place(destination)))
    assert flow is not None, f"no flow {kind}: {source} → {destination}"
    return flow
