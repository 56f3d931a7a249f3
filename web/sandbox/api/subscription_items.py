"""/v1/subscription_items."""

from __future__ import annotations

from typing import Any

from web.sandbox.api.operation import Asked, Operation, paged, takes
from web.sandbox.api.subscriptions import PAYMENT, PRORATION
from web.sandbox.errors import Refused, missing
from web.sandbox.params import PAGE, Fields, Kind, Labels, Text, Whole, YesNo
from web.sandbox.resources import changing
from web.sandbox.resources import subscriptions as subs
from web.sandbox.store import Object
from web.sandbox.work import Work, shown

_HOW: dict[str, Kind] = {"payment_behavior": PAYMENT, "proration_behavior": PRORATION, "proration_date": Whole(0)}
_WHAT: dict[str, Kind] = {"metadata": Labels(), "price": Text(), "quantity": Whole(0, 999_999)}


def _create(asked: Asked) -> Object:
    work, given = asked.work, asked.params
    subscription = work.named("subscription", given["subscription"], "subscription")
    there = {item["id"] for item in subscription["items"]["data"]}
    _change(work, subscription, {name: given[name] for name in _WHAT if name in given}, given)
    return shown(next(item for item in subscription["items"]["data"] if item["id"] not in there))


def _retrieve(asked: Asked) -> Object:
    return shown(_found(asked)[1])


def _update(asked: Asked) -> Object:
    subscription, item = _found(asked)
    given = asked.params
    told = {name: given[name] for name in _WHAT if name in given}
    _change(asked.work, subscription, {"id": item["id"], **told}, given)
    return shown(_found(asked)[1])


def _delete(asked: Asked) -> Object:
    subscription, item = _found(asked)
    _change(asked.work, subscription, {"id": item["id"], "deleted": True}, asked.params)
    return {"id": item["id"], "object": "subscription_item", "deleted": True}


def _list(asked: Asked) -> Object:
    subscription = asked.work.named("subscription", asked.params["subscription"], "subscription")
    return paged(asked, "/v1/subscription_items", subscription["items"]["data"], "subscription item")


def _change(work: Work, subscription: Object, one: dict[str, Any], given: dict[str, Any]) -> None:
    if subscription["status"] in subs.ENDED:
        raise Refused("The items of a canceled subscription can't change.")
    how = {name: given[name] for name in _HOW if name in given}
    changing.apply(work, subscription, changing.Change.of(work, {**how, "items": [one]}))


def _found(asked: Asked) -> tuple[Object, Object]:
    for subscription in asked.work.rows.select("subscription"):
        for item in subscription["items"]["data"]:
            if item["id"] == asked.id:
                return subscription, item
    raise missing("subscription_item", asked.id, "id", status=404)


OPERATIONS = (
    Operation(
        "POST",
        "/v1/subscription_items",
        _create,
        takes({**_HOW, **_WHAT, "subscription": Text()}, "subscription"),
    ),
    Operation("GET", "/v1/subscription_items", _list, Fields({**PAGE, "subscription": Text()}, ["subscription"])),
    Operation("GET", "/v1/subscription_items/{item}", _retrieve),
    Operation("POST", "/v1/subscription_items/{item}", _update, takes(_HOW | _WHAT)),
    Operation("DELETE", "/v1/subscription_items/{item}", _delete, Fields({**_HOW, "clear_usage": YesNo()})),
)
