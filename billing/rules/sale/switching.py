"""When a change of plan, price or number that a customer asks for takes effect.

Rule: the handbook's *Our own changes*. Who pays more has it at once and pays the difference; who pays less, or as much
for fewer credits, has it from the next period on, so that no money has to go back and nothing that was paid for is
lost. During a trial nothing has been paid, and nothing waits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

When = Literal["at_once", "anew", "next_period", "unpaid", "never"]
"""`at_once`: the rest of the running period is billed now. `anew`: a period begins now. `next_period`: with the next.
`unpaid`: at once, and nothing is billed for it now. `never`: it can't wait for the period's end, and would give money
back now.
"""

_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


@dataclass(frozen=True, slots=True)
class Having:
    """What somebody subscribes to: `quantity` of a plan at a price. `cents` (of one) None: it depends. `credits` are
    those of one for a full period; `every` is how often it is billed, as (`month`, 1).
    """

    plan: str | None
    price: str
    quantity: int
    cents: int | None
    every: tuple[str, int] | None
    credits: int = 0

    @property
    def kept(self) -> dict[str, Any]:
        """As it is written down."""
        every = None if self.every is None else list(self.every)
        return {"plan": self.plan, "price": self.price, "quantity": self.quantity, "cents": self.cents,
                "every": every, "credits": self.credits}  # fmt: skip

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Having:
        every = kept["every"]
        its = {field.name: kept[field.name] for field in fields(cls) if field.name in kept}
        return cls(**{**its, "every": None if every is None else (every[0], every[1])})

    def same(self, other: Having) -> bool:
        """Is it the same price, as many times?"""
        return (self.price, self.quantity) == (other.price, other.quantity)


def when(was: Having, will: Having, *, trying: bool, waits: bool, now: bool) -> When:
    """`waits`: the new plan's credits come with its next period (`on_upgrade`), and so does what it costs. `now`: the
    customer wants it at once, whatever it gives back.
    """
    if trying:
        return "unpaid"
    if was.every != will.every:
        longer = _length(will) > _length(was)
        return "anew" if longer or now else "never"
    if now:
        return "at_once"
    less = _less(was, will)
    begins_to_cost = was.cents == 0 and will.cents != 0  # Stripe begins a period with it, whatever is asked
    return "next_period" if less or (waits and not begins_to_cost) else "at_once"


def _less(was: Having, will: Having) -> bool:
    """Does it cost less from then on, or as much for fewer credits? Where no figure says what it costs, credits do."""
    fewer = will.credits * will.quantity < was.credits * was.quantity
    if was.cents is None or will.cents is None:
        return fewer
    before, after = was.cents * was.quantity, will.cents * will.quantity
    return after < before or (after == before and fewer)


def _length(having: Having) -> int:
    every, count = having.every or ("month", 1)
    return _DAYS.get(every, 30) * count
