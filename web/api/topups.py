"""Top-ups: packs, or any number of credits, bought through Stripe's Checkout."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.rules import asking
from web.api.addresses import ReturnAddress
from web.api.fields import Flag, Text, Time, credits_field
from web.api.paging import PageQuery, page, page_of
from web.api.resource import Resource, replayed
from web.links import fresh_link, signed, topup_page
from web.state import engine, turn_to_ask

topups = Resource(
    "top-ups", "/v1/customers/<name:customer>/topups", "Packs and credits, bought through Stripe's Checkout."
)

STATUSES = ("open", "pending", "paid", "failed", "expired", "refunded")


class TopupBody(ma.Schema):
    """A pack to be bought, or how many credits: one of both."""

    pack = Text(allow_none=True)
    credits = credits_field(
        allow_none=True, metadata={"description": "How many, without what comes on top: see `GET /v1/topups`."}
    )
    unit = Text(metadata={"description": "Of what so many are bought."})
    currency = Text(
        rule=asking.currency, shortest=3, longest=3, allow_none=True,
        metadata={"description": "One it is sold in; by default the customer's at Stripe, or the one paid in last."},
    )  # fmt: skip
    success_url = ReturnAddress(
        "Where the buyer comes back to, having paid; `{topup}` in it becomes the top-up's id. "
        "By default the customer's own page."
    )
    cancel_url = ReturnAddress("The same, not having paid.")
    save_card = Flag(
        metadata={
            "description": "The buyer has agreed that it is kept, and may be charged in their absence: what automatic "
            "top-ups are paid with."
        }
    )


class TopupAnswer(ma.Schema):
    """A purchase of a pack, or (`pack` null) of so many credits; `bonus` of the `credits` came on top. `cents`: what it
    costs; `paid_cents`: what was paid of it, before tax; `total_cents`: all that was paid, with tax; `refunded_cents`:
    what of that was given back. `checkout_url` is where it is paid, while it can be.
    """

    id = ma.fields.String(required=True)
    customer = ma.fields.String(required=True)
    unit = ma.fields.String(required=True)
    pack = ma.fields.String(required=True, allow_none=True)
    quantity = ma.fields.Integer(required=True)
    credits = ma.fields.Integer(required=True)
    bonus = ma.fields.Integer(required=True)
    cents = ma.fields.Integer(required=True)
    paid_cents = ma.fields.Integer(required=True, allow_none=True)
    total_cents = ma.fields.Integer(required=True, allow_none=True)
    refunded_cents = ma.fields.Integer(required=True)
    currency = ma.fields.String(required=True)
    status = ma.fields.String(required=True, validate=ma.validate.OneOf(STATUSES))
    checkout_url = ma.fields.String(required=True, allow_none=True)
    reason = ma.fields.String(required=True, allow_none=True)
    created_at = Time(required=True)
    expires_at = Time(required=True, allow_none=True)
    paid_at = Time(required=True, allow_none=True)
    automatic = ma.fields.Boolean(required=True, metadata={"description": "It was bought by itself."})


@topups.operation(
    "POST", "", scope="topup", body=TopupBody, answer=TopupAnswer, status=201, key="required",
    refusals=("unknown_customer", "unknown_pack", "unknown_unit", "stripe_refused", "stripe_not_configured",
              "stripe_unavailable"),
)  # fmt: skip
def open_topup(customer: str, body: dict[str, Any], key: str) -> Any:
    """Buy a pack, or so many credits: answers with where it is paid. After `stripe_unavailable` it goes on by itself,
    or sent again.
    """
    with turn_to_ask():
        opened = engine().topup(customer, **body, key=key, home=topup_page(signed(fresh_link(customer, "topup"))))
    return opened, 201, replayed(opened)


@topups.operation("GET", "", scope="read", query=PageQuery, answer=page_of(TopupAnswer, "Topups"),
                  refusals=("unknown_customer", "unknown_topup"))  # fmt: skip
def list_topups(customer: str, query: dict[str, Any]) -> Any:
    """The customer's top-ups, newest first."""
    return page(
        query, lambda after, limit: engine().topups(customer, after=after, limit=limit), lambda item: item.id, str
    )


@topups.operation("GET", "/<name:topup>", scope="read", answer=TopupAnswer,
                  refusals=("unknown_customer", "unknown_topup"))  # fmt: skip
def get_topup(customer: str, topup: str) -> Any:
    """One top-up, and what became of it."""
    return engine().find_topup(customer, topup)
