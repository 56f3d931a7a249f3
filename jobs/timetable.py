"""The timetable: which step runs how often. A job's slots are whole multiples of its period since 1970, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from billing.steps import STEPS, Step

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

A_DAY = timedelta(days=1)
_HANGS = timedelta(minutes=10)
_SOONEST, _LATEST = timedelta(minutes=2), timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Job:
    """One line of it. `limit`: how often the step is called in one run as long as it says that there is more; the
    rest is left to the next slot. `late`: what it means for people when the job has not run for long.

    `offset`: how long after the multiple of its period a slot begins, such as the time of day of what is done by night.
    `counts`: what the step counts. `hangs`: a call of the step that takes longer is taken to hang; steps are bounded,
    so nearly all take far less.
    """

    name: str
    step: Step
    every: timedelta
    limit: int
    late: str
    offset: timedelta = timedelta(0)
    counts: str = "rows"
    hangs: timedelta = _HANGS

    def counted(self, number: int) -> str:
        """`1 wallet`, `1,200 wallets`, for people."""
        one = self.counts.removesuffix("es" if self.counts.endswith("ches") else "s")
        return f"{number:,} {one if number == 1 else self.counts}"

    @property
    def beginning(self) -> datetime:
        """The first slot of all."""
        return BEGINNING + self.offset

    @property
    def patience(self) -> timedelta:
        """How long after it began a slot that no finished run has covered is late: five periods, but no less than two
        minutes and no more than six hours.
        """
        return min(max(5 * self.every, _SOONEST), _LATEST)

    def slot_of(self, at: datetime) -> datetime:
        """The slot that `at` falls in: the instant at which it began."""
        return at - (at - self.beginning) % self.every

    def after(self, slot: datetime) -> datetime:
        """The first slot that begins after `slot`."""
        return self.slot_of(slot) + self.every


_JOBS = (
    Job(
        "catch_up",
        STEPS["catch_up"],
        every=timedelta(seconds=15),
        limit=1000,
        counts="wallets",
        late="nothing is wrong for customers: every verb and page reckons with what is due. It is written down late, "
        "and told late",
    ),
    Job(
        "inbox",
        STEPS["inbox"],
        every=timedelta(seconds=10),
        limit=100,
        counts="events",
        late="payments whose event could not be handled at once wait for their credits",
    ),
    Job(
        "conversations",
        STEPS["conversations"],
        every=timedelta(seconds=10),
        limit=20,
        counts="purchases",
        late="purchases that were cut off in the middle stay open, and those whose webhook never came wait for their "
        "credits",
    ),
    Job(
        "auto_topups",
        STEPS["auto_topups"],
        every=timedelta(seconds=10),
        limit=50,
        counts="wallets",
        late="wallets that are topped up by themselves run empty before they are. Nothing is charged twice for it, and "
        "nothing beyond what was agreed",
    ),
    Job(
        "sync",
        STEPS["sync"],
        every=timedelta(minutes=30),
        limit=20,
        counts="objects",
        late="what Stripe told while nobody listened is not found: Stripe lists it for 30 days",
    ),
    Job(
        "warn_low",
        STEPS["warn_low"],
        every=timedelta(hours=1),
        limit=1000,
        counts="wallets",
        late="who lies below a threshold that was raised is told with their next movement, or late; whose credits run "
        "low by a movement is told with it, as ever",
    ),
    Job(
        "warn_expiring",
        STEPS["warn_expiring"],
        every=timedelta(minutes=15),
        limit=1000,
        counts="buckets",
        late="people are warned late of credits that will end; of those that ended meanwhile, not at all",
    ),
    Job(
        "count_usage",
        STEPS["count_usage"],
        every=timedelta(minutes=15),
        limit=1000,
        counts="wallets",
        late="the use of each day is not yet all there; it is counted late, nothing is missed",
    ),
    Job(
        "watch_pace",
        STEPS["watch_pace"],
        every=timedelta(hours=1),
        limit=1000,
        counts="wallets",
        late="people hear late that their credits are running out, or that more is used than usual",
    ),
    Job(
        "spread",
        STEPS["spread"],
        every=timedelta(seconds=5),
        limit=100,
        counts="facts",
        late="nobody is told of what happens: it waits in the outbox, and is told late",
    ),
    Job(
        "deliver",
        STEPS["deliver"],
        every=timedelta(seconds=5),
        limit=50,
        counts="notices",
        late="letters, webhooks and messages to staff wait; those that would come too late are not sent",
    ),
    Job(
        "audit",
        STEPS["audit"],
        every=A_DAY,
        offset=timedelta(hours=3),
        limit=1,
        counts="breaches",
        hangs=timedelta(hours=6),  # it reads all there is
        late="nobody has looked whether the books add up: run `billing audit`",
    ),
    Job(
        "purge",
        STEPS["purge"],
        every=A_DAY,
        offset=timedelta(hours=4),
        limit=500,
        late="nothing is wrong, but the database grows: what may go by its age stays",
    ),
)

TIMETABLE: Mapping[str, Job] = MappingProxyType({job.name: job for job in _JOBS})
"""All jobs by their names. In the night, UTC: the books are looked at at three, what may go goes at four."""
