"""What goes on when the clock is moved: at each stop the timetable, and before it what customers did up to then."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from billing import Refusal
from web.demo import story
from web.demo.people import CUSTOMERS
from web.demo.world import World, run_jobs


class Later:
    """Called with the instant of each stop. What was to be done while the demo was stopped is not made up for."""

    def __init__(self, world: World) -> None:
        self._world, self._stands = world, world.billing.clock.now()
        self._steps = story.afterwards(world.billing.find_customer(CUSTOMERS[0].id).created_at)

    def __call__(self, at: datetime) -> None:
        since, self._stands = self._stands, at
        for step in self._steps:
            if since < step.at <= at:
                with suppress(Refusal):  # whoever plays with the demo may have taken what was to be spent
                    step.do(self._world)
        run_jobs(self._world.billing)
