"""Customers: who is billed, by the SaaS's own ids."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.base.addresses import refuse_address
from web.api.fields import Metadata, Text, Time
from web.api.paging import PageQuery, page, page_of
from web.api.resource import Resource
from web.state import engine

customers = Resource("customers", "/v1/customers", "Who is billed. The id is your own.")


class CustomerBody(ma.Schema):
    """What is known of a customer. What is left out stays as it is."""

    name = Text()
    email = Text(
        rule=refuse_address,
        metadata={"format": "email", "description": "Where letters go: one address, in ASCII."},
    )
    locale = Text()
    timezone = Text(metadata={"description": "An IANA name, such as Europe/Lisbon."})
    stripe_customer_id = Text(metadata={"description": "The Stripe customer whose payments are this one's."})
    metadata = Metadata()
    plan = Text(
        allow_none=True,
        metadata={"description": "A plan without a price; its credits come by the calendar. null: none any more."},
    )


class CustomerAnswer(ma.Schema):
    """A customer."""

    id = ma.fields.String(required=True)
    name = ma.fields.String(required=True, allow_none=True)
    email = ma.fields.String(required=True, allow_none=True)
    locale = ma.fields.String(required=True, allow_none=True)
    timezone = ma.fields.String(required=True, allow_none=True)
    stripe_customer_id = ma.fields.String(required=True, allow_none=True)
    metadata = ma.fields.Dict(required=True)
    created_at = Time(required=True)
    plan = ma.fields.String(required=True, allow_none=True, metadata={"description": "The free plan that was set."})


@customers.operation(
    "PUT", "/<name:customer>", scope="admin", body=CustomerBody, answer=CustomerAnswer, also=201,
    refusals=("stripe_customer_taken", "unknown_plan", "plan_needs_checkout"),
)  # fmt: skip
def put_customer(customer: str, body: dict[str, Any]) -> Any:
    """Make a customer, or change one.

    Answers 201 when it was made now.
    """
    made, new = engine().put_customer(customer, **body)
    return made, 201 if new else 200


@customers.operation("GET", "/<name:customer>", scope="read", answer=CustomerAnswer, refusals=("unknown_customer",))
def get_customer(customer: str) -> Any:
    """One customer."""
    return engine().find_customer(customer)


@customers.operation("GET", "", scope="read", query=PageQuery, answer=page_of(CustomerAnswer, "Customers"))
def list_customers(query: dict[str, Any]) -> Any:
    """All customers, in the order of their ids."""
    return page(query, lambda after, limit: engine().customers(after=after, limit=limit), lambda item: item.id, str)
