"""Watching: when credits that will end are warned of, how long what is there lasts, and what use is unusual.

All of it in whole numbers. A pace is what was used in so many whole days; a day is a UTC day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from billing.rules.periods import Span, add

PACE_DAYS, USUAL_DAYS = 14, 28
"""How many whole days before today are looked at: for the pace of use, and for what is usual."""

LEAST_DAYS, LEAST_USED_ON = 7, 3
"""Nothing is said of a pace before it is so many days old; nor of what is usual, if it was used on fewer days."""

_DAY = timedelta(days=1)
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Unusual:
    """Use is unusual from `times` the usual on, and from `least` credits a day; None: 100 as people see them."""

    times: int = 5
    least: int | None = None

    def at_least(self, scale: int) -> int:
        return 100 * 10**scale if self.least is None else self.least


@dataclass(frozen=True, slots=True)
class Ending:
    """A live bucket that will end, with `credits` in it that would be lost. `leads`: how long before to warn of it,
    the shortest first. `warned`: the shortest lead in seconds under which this end was looked at before.
    """

    bucket: int
    credits: int
    began_at: datetime
    ends_at: datetime
    leads: tuple[Span, ...]
    warned: int | None = None

    def within(self, lead: Span, now: datetime) -> bool:
        return self.ends_at <= add(now, lead)

    def worth_it(self, lead: Span) -> bool:
        """Whoever got what lives no longer than the lead has just been told when it ends."""
        return self.credits > 0 and self.ends_at - self.began_at > timedelta(seconds=lead.seconds)

    def new_to(self, lead: Span) -> bool:
        return self.warned is None or lead.seconds < self.warned


def warnings(endings: Sequence[Ending], now: datetime) -> dict[Span, list[Ending]]:
    """One wallet's buckets to be warned of now, by lead, the first end first.

    A bucket is warned of under the shortest lead that it is within: one that was missed is made good as long as the
    end lies ahead. What ends later on the same (UTC) day comes along, so that a day is one warning.
    """
    found: dict[Span, list[Ending]] = {}
    for one in endings:
        lead = next((lead for lead in one.leads if one.within(lead, now)), None)
        if lead is not None and one.new_to(lead) and one.worth_it(lead):
            found.setdefault(lead, []).append(one)
    named = {one.bucket for its in found.values() for one in its}
    for lead, its in found.items():
        day_ends = add(now, lead).replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        along = [
            one
            for one in endings
            if one.bucket not in named
            and lead in one.leads
            and one.ends_at < day_ends
            and one.new_to(lead)
            and one.worth_it(lead)
            and not any(shorter.seconds < lead.seconds and one.within(shorter, now) for shorter in one.leads)
        ]
        named |= {one.bucket for one in along}
        its.extend(along)
        its.sort(key=lambda one: (one.ends_at, one.bucket))
    return found


def lost_beyond(cap: int, unspent: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Of buckets that roll over together, as (number, credits) with the newest first: what the cap cuts off of each."""
    lost, room = {}, cap
    for number, credits in unspent:
        goes_on = min(credits, room)
        room -= goes_on
        lost[number] = credits - goes_on
    return lost


def cap_of(most: int | Fraction, allocation: int) -> int:
    """The most that goes on, if the next period brings as much as this one."""
    return most if isinstance(most, int) else int(allocation * most)


@dataclass(frozen=True, slots=True)
class Pace:
    """`credits` were used in `days` whole days."""

    credits: int
    days: int

    @property
    def per_day(self) -> int:
        """Rounded to whole credits, and at least one."""
        return max(1, (2 * self.credits + self.days) // (2 * self.days))


def empty_at(
    now: datetime, lots: Iterable[tuple[int, datetime | None]], pace: Pace, until: datetime
) -> datetime | None:
    """When the last of these credits will have been used at that pace, if that is by `until`.

    Each lot is (credits, its end): what ends first is used first, and what is not used by its end is lost. None, too,
    where the last of them will end unused: that is told by a warning of their end.
    """
    at, used_up = now, False
    for credits, ends_at in sorted(lots, key=lambda lot: (lot[1] is None, lot[1] or now)):
        seconds = credits * pace.days * _SECONDS_A_DAY // pace.credits
        lasts = min(seconds, (until - now) // timedelta(seconds=1) + 1)
        done = at + timedelta(seconds=lasts)
        used_up = ends_at is None or done < ends_at
        at = done if used_up else max(at, ends_at or at)
        if at > until:
            return None
    return at if used_up else None


def pace_of(credits: int, day: int, first_day: int, most_days: int) -> Pace | None:
    """What was used in the `most_days` before `day` (days are counted), of which only those since the first use count.
    None: too few of them, or nothing was used.
    """
    days = min(most_days, day - first_day)
    return Pace(credits, days) if days >= LEAST_DAYS and credits > 0 else None


def is_unusual(rule: Unusual, scale: int, credits: int, usual: Pace, used_on: int) -> bool:
    """Are so many credits in one day more than the usual allows? `used_on`: on how many of its days any were used."""
    if used_on < LEAST_USED_ON or credits < rule.at_least(scale):
        return False
    return credits * usual.days >= rule.times * usual.credits
