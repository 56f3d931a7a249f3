"""The list: every way in which credits and cents may move. What is not listed is a bug.

Report column and export account of each flow are read from here by the pages, the journal and the audit.
`bucket` stands for `bucket:<number>`, its free pocket, `held` for `held:<number>`, its other pocket. `prepaid:<number>`
is one month's part of `prepaid`; `expired:<number>` and `voided:<number>` are what a bucket left there, and
`expired:month:<number>` what a month to come did.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """One legal movement. `column` is the report column its cents count in, `account` the one they are exported to.

    `leaves`: the column that they no longer count in; None where they come from what is deferred or from outside.
    `also`: a second column in which they count: what is sold and earned at once.
    """

    kind: str
    source: str
    destination: str
    column: str | None
    account: str | None
    with_cents: bool = True
    with_credits: bool = True
    leaves: str | None = None
    also: str | None = None

    def counts(self) -> dict[str, int]:
        """By report column: +1 where its cents count, −1 where they no longer do."""
        signs = {name: 1 for name in (self.column, self.also) if name is not None}
        return signs if self.leaves is None else signs | {self.leaves: -1}


FLOWS: tuple[Flow, ...] = (
    Flow("sell", "sold", "prepaid", "sold", "deferred_revenue", with_credits=False),
    Flow("grant", "issued", "bucket", "sold", "deferred_revenue"),
    Flow("grant", "prepaid", "bucket", None, None),
    Flow("spend", "bucket", "consumed", "earned", "revenue"),
    Flow("overdraw", "overdraft", "consumed", None, None, with_cents=False),
    Flow("hold", "bucket", "held", None, None, with_cents=False),
    Flow("hold", "overdraft", "held:overdraft", None, None, with_cents=False),
    Flow("capture", "held", "consumed", "earned", "revenue"),
    Flow("capture", "held:overdraft", "consumed", None, None, with_cents=False),
    Flow("release", "held", "bucket", None, None, with_cents=False),
    Flow("release", "held:overdraft", "overdraft", None, None, with_cents=False),
    Flow("reverse", "consumed", "bucket", None, "deferred_revenue", leaves="earned"),
    Flow("reverse", "consumed", "overdraft", None, None, with_cents=False),
    Flow("reverse", "consumed", "forgiven", None, None, with_cents=False),
    Flow("repay", "bucket", "overdraft", "earned", "revenue"),
    Flow("forgive", "forgiven", "overdraft", None, None, with_cents=False),
    Flow("expire", "bucket", "expired", "broken", "breakage"),
    Flow("expire", "prepaid", "expired", "broken", "breakage", with_credits=False),
    Flow("revive", "expired", "bucket", None, "deferred_revenue", leaves="broken"),
    Flow("roll_over", "bucket", "bucket", None, None),
    Flow("void", "bucket", "voided", "voided", "voided"),
    Flow("clawback", "bucket", "clawed_back", "refunded", "refunds"),
    Flow("clawback", "prepaid", "clawed_back", "refunded", "refunds"),
    Flow("clawback", "expired", "clawed_back", "refunded", "refunds", leaves="broken"),
    Flow("clawback", "voided", "clawed_back", "refunded", "refunds", leaves="voided"),
    Flow("owe", "overdraft", "clawed_back", "refunded", "refunds", leaves="earned"),
    Flow("restore", "clawed_back", "bucket", None, "deferred_revenue", leaves="refunded"),
    Flow("restore", "clawed_back", "prepaid", None, "deferred_revenue", leaves="refunded"),
    Flow("restore", "clawed_back", "expired", "broken", "breakage", leaves="refunded"),
    Flow("restore", "clawed_back", "voided", "voided", "voided", leaves="refunded"),
    Flow("restore", "clawed_back", "overdraft", "earned", "revenue", leaves="refunded"),
    Flow("restore", "clawed_back", "consumed", "earned", "revenue", leaves="refunded"),
    Flow("credit_back", "bucket", "credited", "credited", "credits", with_credits=False),
    Flow("credit_back", "prepaid", "credited", "credited", "credits", with_credits=False),
    Flow("credit_back", "consumed", "credited", "credited", "credits", with_credits=False, leaves="earned"),
    Flow("credit_back", "expired", "credited", "credited", "credits", with_credits=False, leaves="broken"),
    Flow("credit_back", "voided", "credited", "credited", "credits", with_credits=False, leaves="voided"),
    Flow("settle", "billed", "consumed", "earned", "revenue", with_credits=False, also="sold"),
)

LISTED = {(flow.kind, flow.source, flow.destination): flow for flow in FLOWS}

_OF_ONE = re.compile(r"^(bucket|held|prepaid|expired|voided|clawed_back|credited)(:month|:change)?:[0-9]+$")


def place(account: str) -> str:
    """The kind of place an account is: `bucket:12` → `bucket`, `expired:month:3` → `expired`; others are their own."""
    found = _OF_ONE.match(account)
    return found.group(1) if found else account


def flow_of(kind: str, source: str, destination: str) -> Flow:
    """The listed flow of a movement between two accounts. AssertionError where there is none: that is a bug."""
    flow = LISTED.get((kind, place(source), place(destination)))
    assert flow is not None, f"no flow {kind}: {source} → {destination}"
    return flow
