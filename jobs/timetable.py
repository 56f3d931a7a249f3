"""The timetable: which step runs how often. A job's slots are whole multiples of its period since 1970, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from billing.steps import STEPS, Step

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Job:
    """One line of it. `limit`: how often the step is called in one run as long as it says that there is more; the
    rest is left to the next slot. `late`: what it means for people when the job has not run for long.
    """

    name: str
    step: Step
    every: timedelta
    limit: int
    late: str

    def slot_of(self, at: datetime) -> datetime:
        """The slot that `at` falls in: the instant at which it began."""
        return at - (at - BEGINNING) % self.every

    def after(self, slot: datetime) -> datetime:
        """The first slot that begins after `slot`."""
        return self.slot_of(slot) + self.every


TIMETABLE: Mapping[str, Job] = MappingProxyType(
    {
        job.name: job
        for job in (
            Job(
                "catch_up",
                STEPS["catch_up"],
                every=timedelta(seconds=15),
                limit=1000,
                late="nothing is wrong for customers: every verb and page reckons with what is due. It is written down "
                "late, and told late",
            ),
            Job(
                "inbox",
                STEPS["inbox"],
                every=timedelta(seconds=10),
                limit=100,
                late="payments whose event could not be handled at once wait for their credits",
            ),
            Job(
                "conversations",
                STEPS["conversations"],
                every=timedelta(seconds=10),
                limit=20,
                late="purchases that were cut off in the middle stay open, and those whose webhook never came wait for "
                "their credits",
            ),
            Job(
                "auto_topups",
                STEPS["auto_topups"],
                every=timedelta(seconds=10),
                limit=50,
                late="wallets that are topped up by themselves run empty before they are. Nothing is charged twice for "
                "it, and nothing beyond what was agreed",
            ),
            Job(
                "sync",
                STEPS["sync"],
                every=timedelta(minutes=30),
                limit=20,
                late="what Stripe told while nobody listened is not found: Stripe lists it for 30 days",
            ),
        )
    }
)
