"""The story: some months of the customers' life, as dated steps. It follows from the instant at which it began alone.

So whoever tells it again says the same things with the same keys and ids, and the engine does nothing twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from billing import InsufficientCredits, Spend
from billing.rules.periods import Span, add
from web.demo import payments
from web.demo.payments import Period
from web.demo.people import CUSTOMERS, FJORD, KESTREL, LUMEN, MAPLE, OSTWIND, TIDEWATER, Customer

if TYPE_CHECKING:
    from billing import Billing, Receipt

LENGTH = timedelta(days=112)
"""From the story's beginning to the present of whoever hears it first."""

UNMAPPED_PRICE = "price_demo_team_usd"
"""Sold in Stripe, and not in the catalog: its invoice waits."""

_LATE_PERIOD, _LATE_BY = 3, timedelta(days=9, hours=4)
_OPEN_HOLD = 3 * 86_400
_HOURS = (9, 13, 16)


@dataclass(frozen=True, slots=True)
class World:
    """What the story happens to: the engine, and the secret that Stripe's events are signed with."""

    billing: Billing
    secret: str

    def stripe(self, event: dict[str, Any]) -> None:
        payments.deliver(self.billing, self.secret, event)


@dataclass(frozen=True, slots=True)
class Step:
    """At one instant, something happens."""

    at: datetime
    do: Callable[[World], object]


def steps(began: datetime) -> list[Step]:
    """All of it, in the order of time."""
    found = [
        Step(began, _everyone),
        *_subscriptions(began),
        *_days(began),
        *_lumen(began),
        *_kestrel(began),
        *_ostwind(began),
        *_others(began),
    ]
    ends = began + LENGTH
    return sorted((step for step in found if step.at < ends), key=lambda step: step.at)


def _everyone(world: World) -> None:
    with world.billing.transaction() as tx:
        for customer in CUSTOMERS:
            tx.customer(customer.id, name=customer.name, email=customer.email, metadata={"demo": True})


# What Stripe tells


def _subscriptions(began: datetime) -> Iterator[Step]:
    for customer in CUSTOMERS:
        if customer.subscription is not None:
            for period in _periods(customer, began):
                yield from _invoice(customer, period)


def _periods(customer: Customer, began: datetime) -> Iterator[Period]:
    """The monthly periods that begin within the story, counted from the first."""
    sold, month = customer.subscription, Span(months=1)
    assert sold is not None
    first = began + timedelta(days=sold.day, minutes=_pick(0, 50, customer.id))
    price, number = f"price_demo_{sold.plan}_{customer.currency}", 0
    while (start := add(first, month, number)) < began + LENGTH:
        number += 1
        yield Period(number, start, add(first, month, number), price, sold.unit_cents, sold.quantity)


def _invoice(customer: Customer, period: Period) -> Iterator[Step]:
    """Stripe collects the first at once, a renewal about an hour after it began; Kestrel's third it gets late."""
    payer = customer.payer
    paid_at = period.start + (timedelta(seconds=40) if period.number == 1 else timedelta(minutes=61))
    if customer is KESTREL and period.number == _LATE_PERIOD:
        failed = payments.event("invoice.payment_failed", payments.invoice(payer, period, None), paid_at)
        yield Step(paid_at, lambda world: world.stripe(failed))
        paid_at = period.start + _LATE_BY
    paid = payments.invoice(payer, period, paid_at)
    told = payments.event("invoice.paid", paid, paid_at)
    yield Step(paid_at + timedelta(seconds=3), lambda world: world.stripe(told))
    if customer is LUMEN and period.number == 2:  # Stripe may tell the same thing by two events
        twin = payments.event("invoice.paid", paid, paid_at, delivery=2)
        yield Step(paid_at + timedelta(seconds=5), lambda world: world.stripe(twin))


def _pack(customer: Customer, number: int, pack: str, at: datetime) -> Step:
    """A pack bought by Stripe Checkout; what it costs stands in the catalog."""

    def buy(world: World) -> None:
        cents = world.billing.catalog.packs[pack].prices[customer.currency]
        bought = payments.session(customer.payer, number, pack, cents, at)
        world.stripe(payments.event("checkout.session.completed", bought, at))

    return Step(at, buy)


# Ordinary days


def _days(began: datetime) -> Iterator[Step]:
    """What everybody does on a working day, at a few instants of it: one batch for all customers each."""
    first = began.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(LENGTH.days + 1):
        for tick, hour in enumerate(_HOURS):
            minutes = hour * 60 + _pick(0, 110, day, tick)
            at = first + timedelta(days=day, minutes=minutes, seconds=_pick(0, 59, tick, day))
            batch = [spend for customer in CUSTOMERS for spend in _work(customer, at, day, tick)]
            if batch and at >= began:
                yield Step(at, _spends(batch))


def _spends(batch: list[Spend]) -> Callable[[World], object]:
    # One that is refused has run out: that is life, and leaves no trace in the books.
    return lambda world: world.billing.spend_many(batch)


def _work(customer: Customer, at: datetime, day: int, tick: int) -> Iterator[Spend]:
    """Every third of a working day's jobs; on a weekend hardly any."""
    if day <= customer.from_day or (customer is KESTREL and _unpaid(at, day)):
        return
    for number in range(tick, customer.a_day, len(_HOURS)):
        named = (customer.id, day, number)
        if _pick(0, 99, "skipped", *named) < (20 if at.weekday() < 5 else 85):
            continue
        habit = customer.habits[_pick(0, len(customer.habits) - 1, "habit", *named)]
        yield Spend(
            customer.id,
            _pick(habit.least, habit.most, "credits", *named),
            key=f"job-{at:%Y%m%d}-{number}",
            feature=habit.feature,
            member=customer.members[_pick(0, len(customer.members) - 1, "member", *named)],
            description=habit.texts[_pick(0, len(habit.texts) - 1, "text", *named)],
            metadata={"project": f"p-{_pick(1, 4, customer.id, day // 9)}"},
        )


def _unpaid(at: datetime, day: int) -> bool:
    """While Kestrel's renewal is unpaid, its people wait."""
    return 73 <= day <= 82 and at.weekday() != 0


def _pick(least: int, most: int, *named: object) -> int:
    """A number that looks like chance and is always the same for the same names."""
    digest = hashlib.sha256(repr(named).encode()).digest()
    return least + int.from_bytes(digest[:8]) % (most - least + 1)


# What happens once


def _lumen(began: datetime) -> Iterator[Step]:
    """The one with some of everything; at the end a job of it is under way."""
    id, at = LUMEN.id, _clock(began)
    month, week = timedelta(days=30), timedelta(days=7)

    def sorry(world: World) -> None:
        world.billing.grant(id, 250, reason="Sorry for the slow renders", key="goodwill-1", expires_at=at(9) + month)

    def twice(world: World) -> str:
        made = world.billing.grant(id, 500, reason="Referral bonus", key="referral-2", expires_at=at(70) + 3 * month)
        return made.id

    def withdrawn(world: World) -> None:
        world.billing.void(id, twice(world), reason="Granted twice by mistake", key="void-referral-2")

    def clip(world: World) -> str:
        spent = world.billing.spend(
            id, 96, key="clip-814", feature="video", member=LUMEN.members[1], description="Loop for the landing page"
        )
        return spent.id

    def failed(world: World) -> None:
        world.billing.reverse(id, clip(world), key="failed-clip-814")

    def bonus(world: World) -> None:
        world.billing.grant(id, 400, reason="Image launch bonus", key="launch", features=["image"],
                            expires_at=at(106) + 12 * timedelta(days=1))  # fmt: skip

    yield Step(at(9), sorry)
    yield from _job(began, LUMEN, 24, "film-1", 240, 208, "Product film, 20 seconds")
    yield _pack(LUMEN, 1, "small", at(40))
    yield Step(at(70), lambda world: world.billing.grant(
        id, 500, reason="Referral bonus", key="referral-1", expires_at=at(70) + 3 * month))  # fmt: skip
    yield Step(at(70, 2), twice)
    yield Step(at(70, 25), withdrawn)
    yield Step(at(88), lambda world: _down_to(
        world, LUMEN, 640, "campaign", "image", "Campaign shoot, all variants"))  # fmt: skip
    yield _pack(LUMEN, 2, "large", at(89))
    yield from _job(began, LUMEN, 99, "film-2", 240, 240, "Product film, 24 seconds")
    yield Step(at(104), clip)
    yield Step(at(104, 12), failed)
    yield Step(at(106), bonus)
    yield Step(began + LENGTH - timedelta(minutes=18), lambda world: world.billing.hold(
        id, 320, key="film-3", feature="video", expires_in=_OPEN_HOLD,
        metadata={"description": "Product film, 32 seconds"}))  # fmt: skip
    yield Step(at(108), lambda world: world.billing.grant(
        id, 150, reason="Thank you for the bug report", key="goodwill-2", expires_at=at(108) + 2 * week))  # fmt: skip


def _kestrel(began: datetime) -> Iterator[Step]:
    """Runs dry, buys a pack, pays a renewal late."""
    id, at = KESTREL.id, _clock(began)

    def patience(world: World) -> str:
        until = at(82) + timedelta(days=14)
        return world.billing.grant(id, 100, reason="For your patience", key="patience", expires_at=until).id

    def longer(world: World) -> None:
        world.billing.extend(id, patience(world), at(82) + timedelta(days=60), key="patience-longer")

    yield _pack(KESTREL, 1, "small", at(66))
    yield Step(at(82), patience)
    yield Step(at(84), longer)


def _ostwind(began: datetime) -> Iterator[Step]:
    """Runs ahead of its renewal: once repaid by it, and again now. Its bonus pays for extracts only."""
    id, at = OSTWIND.id, _clock(began)
    yield Step(at(58), lambda world: _down_to(
        world, OSTWIND, -1150, "quarter-2", "report", "Quarterly reports, all branches"))  # fmt: skip
    yield Step(at(97), lambda world: world.billing.grant(
        id, 300, reason="Beta of the new extractor", key="beta", features=["extract-beta"],
        expires_at=at(97) + timedelta(days=45)))  # fmt: skip
    yield Step(at(111), lambda world: _down_to(
        world, OSTWIND, -480, "quarter-3", "report", "Quarterly reports, all branches"))  # fmt: skip


def _others(began: datetime) -> Iterator[Step]:
    at = _clock(began)
    yield _pack(TIDEWATER, 1, "large", at(31))
    yield from _job(began, FJORD, 60, "course-1", 120, 96, "Lecture series, transcribed")
    yield Step(at(77), lambda world: world.billing.hold(  # a worker that crashed: nobody ever captures it
        FJORD.id, 90, key="course-2", feature="caption", metadata={"description": "Lecture series, part 2"}))  # fmt: skip
    yield Step(at(90), lambda world: world.billing.grant(
        MAPLE.id, 200, reason="Welcome back", key="welcome-back", expires_at=at(90) + timedelta(days=60)))  # fmt: skip
    start = at(109)
    team = Period(1, start, add(start, Span(months=1)), UNMAPPED_PRICE, 14900)
    paid = payments.invoice(TIDEWATER.payer, team, start + timedelta(seconds=30))
    told = payments.event("invoice.paid", paid, start + timedelta(seconds=30))
    yield Step(start + timedelta(seconds=33), lambda world: world.stripe(told))


def _job(
    began: datetime, customer: Customer, day: int, key: str, set_aside: int, used: int, text: str
) -> Iterator[Step]:
    """Work of unknown size: credits are set aside, eleven minutes later what was used is captured."""
    at = _clock(began)

    def place(world: World) -> str:
        return world.billing.hold(
            customer.id, set_aside, key=key, feature="video", expires_in=3600, metadata={"description": text}
        ).id

    yield Step(at(day), place)
    yield Step(at(day, 11), lambda world: world.billing.capture(customer.id, place(world), used))


def _down_to(world: World, customer: Customer, left: int, key: str, feature: str, text: str) -> Receipt | None:
    """Big work that takes the wallet down to `left` credits, below zero with an overdraft: a first part, which tells
    what is there, and the rest of it.
    """
    member = customer.members[0]
    try:
        first = world.billing.spend(
            customer.id, 40, key=f"{key}-outline", feature=feature, member=member, description=f"{text}: outline"
        )
    except InsufficientCredits:
        return None
    rest = first.available - first.owed - left
    if rest <= 0:
        return None
    return world.billing.spend(customer.id, rest, key=key, feature=feature, member=member, description=text)


def _clock(began: datetime) -> Callable[..., datetime]:
    """`at(day, minutes)`: in the middle of a working day of the story."""
    noon = began.replace(hour=12, minute=0, second=0, microsecond=0)

    def at(day: int, minutes: int = 0) -> datetime:
        return noon + timedelta(days=day, minutes=minutes + _pick(0, 90, day), seconds=_pick(0, 59, day, "s"))

    return at
