"""One operation of the interface: its address, what it may be told, what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from web.sandbox.errors import missing
from web.sandbox.expanding import listed
from web.sandbox.params import EXPAND, Fields, Kind
from web.sandbox.store import Object
from web.sandbox.work import Work


@dataclass
class Asked:
    """A request that was read: who it is about (`path`) and what it says (`params`)."""

    work: Work
    path: dict[str, str]
    params: dict[str, Any]

    @property
    def id(self) -> str:
        return next(iter(self.path.values()))


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    act: Callable[[Asked], Object]
    params: Fields = field(default_factory=lambda: Fields(EXPAND))
    older: frozenset[str] = frozenset()
    """What older versions say and this one no longer does: taken from who names such a version, and left aside."""


def takes(known: dict[str, Kind], *needs: str) -> Fields:
    """What an operation may be told; `expand` always."""
    return Fields({**EXPAND, **known}, needs)


def paged(asked: Asked, url: str, things: list[Object], kind: str = "") -> Object:
    """A page of what is there, newest first: `limit`, and a cursor in either direction."""
    params = asked.params
    limit = params.get("limit", 10)
    ids = [thing["id"] for thing in things]
    if params.get("ending_before"):
        stop = _index(ids, params["ending_before"], "ending_before", kind)
        start = max(stop - limit, 0)
        return listed(url, things[start:stop], has_more=start > 0)
    start = 0
    if params.get("starting_after"):
        start = _index(ids, params["starting_after"], "starting_after", kind) + 1
    return listed(url, things[start : start + limit], has_more=start + limit < len(things))


def within(span: Any, seconds: int) -> bool:
    """Whether a time fits `created=…` or a range of it."""
    if span is None:
        return True
    if isinstance(span, int):
        return seconds == span
    return bool(
        seconds > span.get("gt", seconds - 1)
        and seconds >= span.get("gte", seconds)
        and seconds < span.get("lt", seconds + 1)
        and seconds <= span.get("lte", seconds)
    )


def matching(asked: Asked, kind: str, *names: str, **equal: Any) -> list[Object]:
    """The objects of a kind that fit the filters with these names, which are fields of theirs."""
    wanted = equal | {name: asked.params[name] for name in names if name in asked.params}
    found = asked.work.rows.select(kind, **wanted)
    return [one for one in found if within(asked.params.get("created"), one.get("created", 0))]


def _index(ids: list[str], id: str, param: str, kind: str) -> int:
    if id not in ids:
        raise missing(kind or "object", id, param)
    return ids.index(id)
