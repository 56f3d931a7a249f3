"""/v1/test_helpers/test_clocks."""

from __future__ import annotations

from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.params import PAGE, Fields, Text, Whole
from web.sandbox.resources import test_clocks
from web.sandbox.store import Object
from web.sandbox.work import shown

_AT = "/v1/test_helpers/test_clocks"


def _create(asked: Asked) -> Object:
    return shown(test_clocks.make(asked.work, asked.params))


def _retrieve(asked: Asked) -> Object:
    return shown(_clock(asked))


def _advance(asked: Asked) -> Object:
    return shown(test_clocks.advance(asked.work, _clock(asked), asked.params["frozen_time"]))


def _delete(asked: Asked) -> Object:
    return test_clocks.remove(asked.work, _clock(asked))


def _list(asked: Asked) -> Object:
    return paged(asked, _AT, matching(asked, "test_helpers.test_clock"), "test_clock")


def _clock(asked: Asked) -> Object:
    return asked.work.addressed("test_helpers.test_clock", asked.id, "test_clock")


OPERATIONS = (
    Operation(
        "POST",
        _AT,
        _create,
        takes({"customer": Text(), "frozen_time": Whole(0, 32_000_000_000), "name": Text()}, "frozen_time"),
    ),
    Operation("GET", _AT, _list, Fields(PAGE)),
    Operation("GET", _AT + "/{test_clock}", _retrieve),
    Operation("DELETE", _AT + "/{test_clock}", _delete, Fields({})),
    Operation(
        "POST",
        _AT + "/{test_clock}/advance",
        _advance,
        takes({"frozen_time": Whole(0, 32_000_000_000)}, "frozen_time"),
    ),
)
