"""The purse: credits of the first bucket that may be spent without looking at any bucket.

Nearly every spend takes from one bucket, and nothing else happens. As far as that is certain, the credits and all the
cents of that bucket lie in the wallet's purse; where something would have to be decided, it stops. A spend inside it
moves the very same credits and cents as one that was planned bucket by bucket.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from billing.rules.wallet import recognition
from billing.rules.wallet.position import Position

RULES = "2"
"""Changes with the rules below: what an earlier release filled by others is not spent from."""


@dataclass(frozen=True, slots=True)
class Purse:
    """`credits` of `bucket`, to be spent in `[since, until)` under `policy`.

    `cents` are all the bucket's cents, `left` what is left in it in the purse and beside it, held credits too: so that
    a spend's cents are those that recognition gives it without a purse.
    """

    bucket: int
    credits: int
    cents: int
    left: int
    basis_cents: int
    basis_credits: int
    currency: str | None
    since: datetime
    until: datetime | None
    policy: str

    def pays(self, credits: int, at: datetime, policy: str) -> bool:
        """Does a spend of `credits` at that instant take from the purse and from nothing else?"""
        within = self.since <= at and (self.until is None or at < self.until)
        return within and credits <= self.credits and policy == self.policy

    def draw(self, credits: int) -> tuple[int, Purse]:
        """The cents that go along with `credits`, and the purse without both."""
        left = self.left - credits
        stays = recognition.keeps(self.cents, self.basis_cents, self.basis_credits, left)
        after = replace(self, credits=self.credits - credits, cents=stays, left=left)
        return self.cents - stays, after


def fill(
    position: Position,
    policy: str,
    *,
    next_low: int | None = None,
    low_until: datetime | None = None,
    budgeted: bool = False,
) -> Purse | None:
    """What may be spent from here on without looking, or None where every spend has to be decided.

    It stops before the first bucket's last free credit; above `next_low`, the next balance of which somebody is to be
    told, and at `low_until`, when that may be another; and when time does something next. There is none where the
    wallet is frozen or owes, where spends have a budget (`budgeted`), and where a bucket for certain features pays
    first: then it depends on the request.
    """
    if position.frozen or position.owed or budgeted:
        return None
    first = next((bucket for bucket in position.ordered() if bucket.free), None)
    if first is None or first.features:
        return None
    credits = first.free - 1
    if next_low is not None:
        credits = min(credits, position.available - next_low - 1)
    if credits < 1:
        return None
    return Purse(
        bucket=first.number,
        credits=credits,
        cents=first.cents,
        left=first.left,
        basis_cents=first.basis_cents,
        basis_credits=first.basis_credits,
        currency=first.currency,
        since=position.at,
        until=min((stop for stop in (position.next_due(), low_until) if stop is not None), default=None),
        policy=policy,
    )
