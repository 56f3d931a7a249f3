"""How a story is told: dates on the left, what happens, what must be true right after it.

    story.at("2 Apr 10:00").spend("x", 50, paid_by="A 30, B 20").shows("80 · 0 · 0", "800 · 400 · 0")

The first figures are credits: available · held · owed; the others are cents: deferred · earned · broken.
Dates are UTC, in 2025 unless they name a year. Who plays the story (the engine, its model) is a `Player`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol


class Figures(NamedTuple):
    """What is compared after each row; held and owed count the overdraft part of holds and debts, too."""

    available: int
    held: int
    owed: int
    deferred: int
    earned: int
    broken: int


class Lot(NamedTuple):
    """What is left of a bucket, its free and held credits together."""

    credits: int
    cents: int
    ends: datetime | None


class Refusal(Exception):
    """A player's way to say that a verb was refused, with its stable code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Player(Protocol):
    """Plays one wallet; things are known by the story's names for them."""

    def advance(self, to: datetime) -> None: ...
    def grant(
        self,
        name: str,
        credits: int,
        cents: int,
        begins: datetime | None,
        ends: datetime | None,
        priority: int,
        features: tuple[str, ...],
    ) -> None: ...
    def overdraft(self, limit: int, debt: str) -> None: ...
    def spend(self, name: str, credits: int, feature: str | None) -> dict[str, int]: ...
    def reverse(self, name: str, credits: int | None) -> None: ...
    def hold(self, name: str, credits: int, minutes: int) -> dict[str, int]: ...
    def capture(self, name: str, credits: int) -> dict[str, int]: ...
    def release(self, name: str) -> None: ...
    def figures(self) -> Figures: ...
    def lot(self, name: str) -> Lot: ...


def moment(text: str) -> datetime:
    """`1 Apr 09:00`, in 2025, or `1 Jan 2026 00:00`."""
    words = text.split()
    if len(words) == 3:
        words.insert(2, "2025")
    return datetime.strptime(" ".join(words), "%d %b %Y %H:%M").replace(tzinfo=UTC)


def counted(text: str) -> tuple[int, ...]:
    """The figures of `1,420 · 580 · 0`."""
    return tuple(int(figure.replace(",", "")) for figure in text.split("·"))


class Story:
    def __init__(self, player: Player) -> None:
        self.player = player
        self.now = moment("1 Jan 2025 00:00")
        self.was_refused: str | None = None

    def at(self, when: str) -> Story:
        """What is due by then is done; what follows on the row happens then."""
        self.now = moment(when)
        self.player.advance(self.now)
        return self

    def act(self, verb: Callable[[], dict[str, int] | None], paid_by: str = "") -> Story:
        self.was_refused = None
        try:
            paid = verb()
        except Refusal as refusal:
            self.was_refused = refusal.code
            return self
        if paid_by:
            parts = (part.rsplit(" ", 1) for part in paid_by.split(", "))
            expected = {name: int(credits) for name, credits in parts}
            assert paid == expected, f"{self.now}: paid by {paid}, not by {expected}"
        return self

    def pack(
        self,
        name: str,
        credits: int,
        cents: int,
        *,
        days: int | None = None,
        feature: str = "",
        since: str = "",
    ) -> Story:
        begins = moment(since) if since else self.now
        ends = begins + timedelta(days=days) if days else None
        features = (feature,) if feature else ()
        return self.act(lambda: self.player.grant(name, credits, cents, begins, ends, 50, features))

    def plan(self, name: str, credits: int, cents: int, *, begins: str, ends: str) -> Story:
        """A plan's bucket for a period, its end being the period's and its grace."""
        return self.act(
            lambda: self.player.grant(name, credits, cents, moment(begins), moment(ends), 50, ()),
        )

    def gift(self, name: str, credits: int, *, priority: int = 50) -> Story:
        return self.act(lambda: self.player.grant(name, credits, 0, None, None, priority, ()))

    def overdraft(self, limit: int, debt: str = "repay") -> Story:
        return self.act(lambda: self.player.overdraft(limit, debt))

    def spend(self, name: str, credits: int, *, feature: str | None = None, paid_by: str = "") -> Story:
        return self.act(lambda: self.player.spend(name, credits, feature), paid_by)

    def reverse(self, name: str, credits: int | None = None) -> Story:
        return self.act(lambda: self.player.reverse(name, credits))

    def hold(self, name: str, credits: int, *, minutes: int = 15, paid_by: str = "") -> Story:
        return self.act(lambda: self.player.hold(name, credits, minutes), paid_by)

    def capture(self, name: str, credits: int, paid_by: str = "") -> Story:
        return self.act(lambda: self.player.capture(name, credits), paid_by)

    def release(self, name: str) -> Story:
        return self.act(lambda: self.player.release(name))

    def refused(self, code: str) -> Story:
        assert self.was_refused == code, f"{self.now}: expected {code}, not {self.was_refused}"
        self.was_refused = None
        return self

    def shows(self, credits: str, cents: str) -> Story:
        assert self.was_refused is None, f"{self.now}: {self.was_refused}"
        expected = Figures(*counted(credits), *counted(cents))
        assert self.player.figures() == expected, f"{self.now}: {self.player.figures()}, not {expected}"
        return self

    def ends_with(self, name: str, credits: int, cents: int, ends: str = "") -> Story:
        """What a bucket has at the end of the story, and the end of its validity."""
        lot = self.player.lot(name)
        assert lot == Lot(credits, cents, moment(ends) if ends else None), f"{name}: {lot}"
        return self
