"""Ordinary days: what everybody does again and again, as batches of spends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from billing import Spend
from web.demo.people import CUSTOMERS, KESTREL, Customer

_HOURS = (9, 12, 15)
"""When a batch begins, give or take."""


def batches(began: datetime, days: int) -> Iterator[tuple[datetime, list[Spend]]]:
    """Some times a day, what all customers do then."""
    first = began.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(days):
        for part, hour in enumerate(_HOURS):
            minutes = hour * 60 + pick(0, 115, day, part)
            at = first + timedelta(days=day, minutes=minutes, seconds=pick(0, 59, part, day))
            batch = [spend for customer in CUSTOMERS for spend in _work(customer, at, day, part)]
            if batch:
                yield at, batch


def pick(least: int, most: int, *named: object) -> int:
    """A number that looks like chance and is always the same for the same names."""
    digest = hashlib.sha256(repr(named).encode()).digest()
    return least + int.from_bytes(digest[:8]) % (most - least + 1)


def _work(customer: Customer, at: datetime, day: int, part: int) -> Iterator[Spend]:
    """A part of a working day's jobs; on a weekend hardly any."""
    if day <= customer.from_day or (customer is KESTREL and _unpaid(at, day)):
        return
    for number in range(part, customer.a_day, len(_HOURS)):
        named = (customer.id, day, number)
        if pick(0, 99, "skipped", *named) < (20 if at.weekday() < 5 else 85):
            continue
        habit = customer.habits[pick(0, len(customer.habits) - 1, "habit", *named)]
        yield Spend(
            customer.id,
            pick(habit.least, habit.most, "credits", *named),
            key=f"job-{at:%Y%m%d}-{number}",
            feature=habit.feature,
            member=customer.members[pick(0, len(customer.members) - 1, "member", *named)],
            description=habit.texts[pick(0, len(habit.texts) - 1, "text", *named)],
            metadata={"project": f"p-{pick(1, 4, customer.id, day // 9)}"},
        )


def _unpaid(at: datetime, day: int) -> bool:
    """While Kestrel's renewal is unpaid, its people do little."""
    return 73 <= day <= 82 and at.weekday() != 0
