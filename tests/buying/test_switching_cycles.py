"""Up, down, more seats and fewer, cancelled and resumed, at once and with the next period, over and over by our own
acts: nothing is minted and nothing is lost.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from billing import ChangeScheduled, Invalid, NothingScheduled, Refusal, SubscriptionCancels
from tests.buying.subscriber import MAY, START, Subscriber
from tests.buying.test_switching import now, paid, stands
from tests.stories.books import all_entries, books

HAVING = {("basic", 1): (1_000, 100), ("pro", 1): (2_000, 250), ("basic", 3): (3_000, 300), ("pro", 2): (4_000, 500)}
"""Cents and credits of a full period: who pays more has more."""


class Life:
    """What somebody has and shall have, as it must be after each act, and since when."""

    def __init__(self, team: Subscriber, seed: int) -> None:
        self.team, self.by = team, random.Random(seed)
        self.has = self.next = ("basic", 1)
        self.cancelled, self.spent = False, 0
        self.since, self.weighed = START, 0

    def act(self, number: int) -> None:
        billing, key = self.team.shop.billing, f"act {number}"
        wanted = self.by.choice(list(HAVING))
        what = self.by.choice(["change", "change", "change", "now", "cancel", "resume"])
        try:
            if what == "cancel":
                billing.cancel("team", key=key)
            elif what == "resume":
                billing.resume("team", key=key)
            else:
                billing.change_plan("team", wanted[0], quantity=wanted[1], now=what == "now", key=key)
        except Refusal as refusal:
            why: type[Refusal] | None = type(refusal)
        else:
            why = None
        assert why is self._refused(what, wanted), (what, wanted)
        if why is None:
            self._done(what, wanted)

    def _refused(self, what: str, wanted: tuple[str, int]) -> type[Refusal] | None:
        """What it has to be refused with, if so."""
        waits = self.next != self.has
        if what == "resume":
            return None if waits or self.cancelled else NothingScheduled
        if what == "cancel":
            return None
        if self.cancelled:
            return SubscriptionCancels
        if wanted == self.has:
            return None if waits else Invalid
        return ChangeScheduled if what == "now" and wanted == self.next else None

    def _done(self, what: str, wanted: tuple[str, int]) -> None:
        if what == "cancel":
            self.cancelled = True
        elif what == "resume":
            self.cancelled, self.next = False, self.has
        else:
            self.next = wanted
            if what == "now" or HAVING[wanted] > HAVING[self.has]:
                self._weigh(self.team.shop.billing.now)
                self.has = wanted

    def _weigh(self, until: datetime) -> None:
        self.weighed += HAVING[self.has][1] * int((until - self.since).total_seconds())
        self.since = until

    def check(self) -> None:
        billing = self.team.shop.billing
        self.team.hear()
        rest = HAVING[self.has][1] * int((MAY - self.since).total_seconds())
        due = (self.weighed + rest) // int((MAY - START).total_seconds())
        wallet = billing.wallet("team")
        assert wallet.available - wallet.owed + self.spent == due, "its levels, weighed by time"
        waits = (*self.next, MAY) if self.next != self.has and not self.cancelled else (None, None, None)
        found = now(self.team)
        assert (found.plan, found.quantity) == self.has
        assert (found.changes_to, found.changes_quantity, found.changes_at) == waits
        assert found.cancel_at == (MAY if self.cancelled else None)

    def spend(self, credits: int) -> None:
        if self.team.shop.billing.wallet("team").available > credits:
            self.team.shop.billing.spend("team", credits, key=f"{self.team.shop.billing.now}")
            self.spent += credits


@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, 9), *(pytest.param(seed, 50, marks=pytest.mark.slow) for seed in (2, 3, 4))]
)
@pytest.mark.quick_on("sqlite")
def test_whatever_is_asked_nothing_is_minted_and_nothing_lost(team: Subscriber, seed: int, rounds: int) -> None:
    billing = team.shop.billing
    team.subscribe("basic_monthly")
    life = Life(team, seed)
    for number in range(rounds):
        team.until(billing.now + timedelta(hours=life.by.randint(1, 13), seconds=life.by.randint(0, 59)))
        life.act(number)
        if life.by.random() < 0.7:  # else its events are still on their way when the next act comes
            life.check()
            life.spend(life.by.randint(1, 9))
    if life.cancelled:
        billing.resume("team", key="and on")
        life.next, life.cancelled = life.has, False
    life.check()
    billed = sum(paid(team))
    sums = books(all_entries(billing, "team"))
    assert sums.deferred + sums.earned + sums.broken == billed, "what was billed less what was given back"
    team.until("1 May 02:00")
    assert paid(team)[0] == HAVING[life.next][0]
    assert stands(team) == (*life.next, None, None)
    sums = books(all_entries(billing, "team"))
    assert sums.deferred + sums.earned + sums.broken == billed + HAVING[life.next][0]
    assert billing.audit() == []
