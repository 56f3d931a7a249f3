"""Which letters a customer gets."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.notices.kinds import KINDS
from web.api.fields import Flag
from web.api.resource import Resource
from web.state import engine

notices = Resource("notices", "/v1/customers/<name:customer>/notices", "Which letters a customer gets.")

_ABOUT = {
    name: kind.about + ("." if kind.optional else ". About their money: it can't be done without.")
    for name, kind in KINDS.items()
}

NoticeKinds = ma.Schema.from_dict(
    {name: Flag(required=True, metadata={"description": text}) for name, text in _ABOUT.items()}, name="NoticeKinds"
)
NoticeWishes = ma.Schema.from_dict(
    {name: Flag(metadata={"description": text}) for name, text in _ABOUT.items()}, name="NoticeWishes"
)


class NoticesBody(ma.Schema):
    """Kinds that are wanted from now on, or not; others stay as they are."""

    notices = ma.fields.Nested(NoticeWishes, required=True)


class NoticesAnswer(ma.Schema):
    """What the customer gets, and where to; without an address nothing."""

    customer = ma.fields.String(required=True)
    email = ma.fields.String(required=True, allow_none=True)
    notices = ma.fields.Nested(NoticeKinds, required=True)


@notices.operation("GET", "", scope="read", answer=NoticesAnswer, refusals=("unknown_customer",))
def get_notices(customer: str) -> Any:
    """Which letters the customer gets."""
    return engine().notice_preferences(customer)


@notices.operation(
    "PATCH", "", scope="admin", body=NoticesBody, answer=NoticesAnswer, refusals=("unknown_customer",)
)  # fmt: skip
def change_notices(customer: str, body: dict[str, Any]) -> Any:
    """Subscribe the customer to letters, or unsubscribe them."""
    return engine().set_notice_preferences(customer, body["notices"])
