"""The story: some months of the customers' life, as dated steps. It follows from the instant at which it began alone.

So whoever tells it again says the same things under the same keys, and neither engine nor Stripe does anything twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from billing import InsufficientCredits
from billing.rules.periods import Span, add
from web.demo import days
from web.demo.days import pick
from web.demo.people import CUSTOMERS, FJORD, KESTREL, LUMEN, MAPLE, OSTWIND, TIDEWATER, Customer
from web.demo.sold import UNMAPPED
from web.demo.world import World

if TYPE_CHECKING:
    from billing import Receipt

LENGTH = timedelta(days=112)
"""From the story's beginning to the present of whoever hears it first."""

_LATE_PERIOD, _LATE_BY = 3, timedelta(days=9, hours=4)
_OPEN_HOLD = 7 * 86_400
_AUTO_TOPUP = {"threshold": 400, "pack": "small", "max_cents_per_month": 5_000, "max_count_per_month": 2}


@dataclass(frozen=True, slots=True)
class Step:
    """At one instant, something happens."""

    at: datetime
    do: Callable[[World], Any]


def steps(began: datetime) -> list[Step]:
    """All of it, in the order of time."""
    found = [
        *_arrivals(began),
        *_subscriptions(began),
        *_ordinary_days(began),
        *_lumen(began),
        *_kestrel(began),
        *_ostwind(began),
        *_others(began),
    ]
    ends = began + LENGTH
    return sorted((step for step in found if step.at < ends), key=lambda step: step.at)


def afterwards(began: datetime) -> list[Step]:
    """What comes when the clock is moved on, in the order of time: in the month after it Fjord has a big job, and
    few credits are left of its plan's.
    """
    at = _clock(began)
    return [_down_to(FJORD, at(LENGTH.days + 9), 480, "semester", "caption", "A semester's lectures, with subtitles")]


def _arrivals(began: datetime) -> Iterator[Step]:
    """The first customer is there from the beginning: by it one sees when that was."""
    for customer in CUSTOMERS:
        at = began if customer is CUSTOMERS[0] else began + timedelta(days=customer.from_day - 1)
        yield Step(at, _arrival(customer))


def _arrival(customer: Customer) -> Callable[[World], Any]:
    return lambda world: world.arrive(customer)


def _ordinary_days(began: datetime) -> Iterator[Step]:
    # One spend that is refused has run out: that is life, and leaves no trace in the books.
    for at, batch in days.batches(began, LENGTH.days + 1):
        if at >= began:
            yield Step(at, lambda world, batch=batch: world.billing.spend_many(batch))  # type: ignore[misc]


# What is paid at Stripe. Renewals come by themselves, when Stripe's clock is moved over them.


def _subscriptions(began: datetime) -> Iterator[Step]:
    for customer in CUSTOMERS:
        if customer.subscription is not None:
            yield Step(_subscribed_at(customer, began), _subscription(customer))
    # Kestrel's card is refused at its third period, and another one is there days later.
    late = add(_subscribed_at(KESTREL, began), Span(months=1), _LATE_PERIOD - 2)
    yield Step(late - timedelta(days=1), lambda world: world.account.card(KESTREL, "pm_card_chargeCustomerFail"))
    yield Step(late + _LATE_BY, lambda world: world.account.card(KESTREL, "pm_card_visa"))
    yield Step(late + _LATE_BY + timedelta(minutes=2), lambda world: world.account.pay_open(KESTREL))


def _subscribed_at(customer: Customer, began: datetime) -> datetime:
    assert customer.subscription is not None
    return began + timedelta(days=customer.subscription.day, minutes=1 + pick(0, 50, customer.id))


def _subscription(customer: Customer) -> Callable[[World], Any]:
    sold = customer.subscription
    assert sold is not None
    if sold.quantity > 1 or sold.trial_days:
        return lambda world: world.account.subscribe(customer, sold.plan, sold.quantity, sold.trial_days)
    return lambda world: world.subscribe(customer, sold.plan)


def _pack(customer: Customer, number: int, pack: str, at: datetime) -> Step:
    """A pack bought through Checkout."""
    return Step(at, lambda world: world.buy(customer, pack, number))


# What happens once


def _lumen(began: datetime) -> Iterator[Step]:
    """The one with some of everything; at the end a job of it is under way."""
    at, day = _clock(began), timedelta(days=1)

    def clip(world: World) -> str:
        return world.billing.spend(
            LUMEN.id,
            96,
            key="clip-814",
            feature="video",
            member=LUMEN.members[1],
            description="Loop for the shop window",
        ).id

    yield _gift(LUMEN, at(9), 250, "Sorry for the slow renders", "goodwill-1", 30 * day)
    yield from _job(began, LUMEN, 24, "film-1", 240, 208, "Product film, 20 seconds")
    yield _pack(LUMEN, 1, "small", at(40))
    yield _gift(LUMEN, at(70), 500, "Referral bonus", "referral-1", 90 * day)
    twice = _gift(LUMEN, at(70, 2), 500, "Referral bonus", "referral-2", 90 * day)
    yield twice
    yield Step(
        at(70, 25),
        lambda world: world.billing.void(
            LUMEN.id, twice.do(world).id, reason="Granted twice by mistake", key="void-referral-2"
        ),
    )
    yield _down_to(LUMEN, at(88), 640, "campaign", "image", "Campaign shoot, all variants")
    yield _pack(LUMEN, 2, "large", at(89))
    yield from _job(began, LUMEN, 110, "film-2", 240, 240, "Product film, 24 seconds")
    yield Step(at(111), clip)
    yield Step(at(111, 12), lambda world: world.billing.reverse(LUMEN.id, clip(world), key="failed-clip-814"))
    yield _gift(LUMEN, at(106), 400, "Image launch bonus", "launch", 12 * day, features=["image"])
    yield _gift(LUMEN, at(108), 150, "Thank you for the bug report", "goodwill-2", 45 * day)
    yield _aside(LUMEN, began + LENGTH - timedelta(minutes=18), 320, "film-3", "Product film, 32 seconds", _OPEN_HOLD)


def _kestrel(began: datetime) -> Iterator[Step]:
    """Runs dry, buys a pack, pays a renewal late; has the pack disputed by its bank, and loses."""
    at = _clock(began)
    until = at(84) + timedelta(days=60)
    patience = _gift(KESTREL, at(82), 100, "For your patience", "patience", timedelta(days=14))
    yield _pack(KESTREL, 1, "small", at(66))
    yield patience
    yield Step(at(90), lambda world: world.dispute(KESTREL, "small", 1))
    yield Step(at(101), lambda world: world.win(KESTREL, "small", 1))
    yield Step(
        at(84), lambda world: world.billing.extend(KESTREL.id, patience.do(world).id, until, key="patience-longer")
    )


def _ostwind(began: datetime) -> Iterator[Step]:
    """Runs ahead of its renewal: once repaid by it, and again now. Its bonus pays for the new extractor only."""
    at = _clock(began)
    yield _down_to(OSTWIND, at(58), -1150, "quarter-2", "report", "Quarterly reports, all branches")
    yield _gift(
        OSTWIND, at(97), 300, "Beta of the new extractor", "beta", timedelta(days=45), features=["extract-beta"]
    )
    yield _down_to(OSTWIND, at(111), -480, "quarter-3", "report", "Quarterly reports, all branches")


def _others(began: datetime) -> Iterator[Step]:
    """A job that is never captured, because its worker crashed; a pack bought by mistake, and refunded; what was bought
    at a price nobody mapped; and a wallet that will top itself up when its gift has run out.
    """
    at = _clock(began)
    yield _pack(TIDEWATER, 1, "large", at(31))
    yield _down_to(TIDEWATER, at(107), 320, "survey", "extract", "Survey of the whole coast")
    yield _gift(TIDEWATER, at(108), 600, "Sorry for the outage", "outage", timedelta(days=21))
    yield Step(at(110), lambda world: world.billing.set_wallet(TIDEWATER.id, auto_topup=_AUTO_TOPUP))
    yield from _job(began, FJORD, 60, "course-1", 120, 96, "Lecture series, transcribed")
    yield _aside(FJORD, at(77), 90, "course-2", "Lecture series, part 2", 900)
    yield _gift(MAPLE, at(90), 200, "Welcome back", "welcome-back", timedelta(days=60))
    yield _pack(MAPLE, 1, "small", at(94))
    yield Step(at(95), lambda world: world.refund(MAPLE, "small", 1))
    yield Step(at(109), lambda world: world.account.subscribe(TIDEWATER, UNMAPPED))


def _gift(
    customer: Customer,
    at: datetime,
    credits: int,
    reason: str,
    key: str,
    lasting: timedelta,
    features: Sequence[str] = (),
) -> Step:
    """Free credits from support, until that long afterwards."""
    return Step(
        at,
        lambda world: world.billing.grant(
            customer.id, credits, reason=reason, key=key, expires_at=at + lasting, features=features
        ),
    )


def _aside(customer: Customer, at: datetime, credits: int, key: str, text: str, seconds: int) -> Step:
    """Credits set aside for a job that begins."""
    return Step(
        at,
        lambda world: world.billing.hold(
            customer.id, credits, key=key, feature="video", expires_in=seconds, metadata={"description": text}
        ),
    )


def _job(began: datetime, customer: Customer, day: int, key: str, credits: int, used: int, text: str) -> Iterator[Step]:
    """Work of unknown size: credits are set aside, eleven minutes later what was used of them is captured."""
    at = _clock(began)
    begins = _aside(customer, at(day), credits, key, text, 3600)
    yield begins
    yield Step(at(day, 11), lambda world: world.billing.capture(customer.id, begins.do(world).id, used))


def _down_to(customer: Customer, at: datetime, left: int, key: str, feature: str, text: str) -> Step:
    """Big work that takes the wallet down to `left` credits, below zero with an overdraft: a first part, whose receipt
    tells what is there, and the rest.
    """

    def work(world: World) -> None:
        def spend(credits: int, key: str, text: str) -> Receipt:
            return world.billing.spend(
                customer.id, credits, key=key, feature=feature, member=customer.members[0], description=text
            )

        with suppress(InsufficientCredits):
            first = spend(40, f"{key}-outline", f"{text}: outline")
            if (rest := first.available - first.owed - left) > 0:
                spend(rest, key, text)

    return Step(at, work)


def _clock(began: datetime) -> Callable[..., datetime]:
    """`at(day, minutes)`: in the middle of a working day of the story."""
    noon = began.replace(hour=12, minute=0, second=0, microsecond=0)

    def at(day: int, minutes: int = 0) -> datetime:
        return noon + timedelta(days=day, minutes=minutes + pick(0, 90, day), seconds=pick(0, 59, day, "s"))

    return at
