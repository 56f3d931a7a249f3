"""Spends: one, a thousand, and given back."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing import Receipt, Refusal, Spend
from billing.rules import asking
from billing.rules.wallet.values import LARGEST_CREDITS
from web.api.fields import Metadata, Slices, Text, Time, Whole, credits_field
from web.api.parsing import invalid
from web.api.resource import Resource, replayed
from web.errors import problem_of
from web.state import engine

spends = Resource("spends", "/v1", "Credits used.")
LARGEST_BATCH = 1000


class ReceiptAnswer(ma.Schema):
    """What a spend took, or a reversal gave back. `available` and `owed` are the wallet's right after it."""

    id = ma.fields.String(required=True)
    customer = ma.fields.String(required=True)
    unit = ma.fields.String(required=True)
    credits = ma.fields.Integer(required=True)
    slices = Slices(required=True)
    overdraft_credits = ma.fields.Integer(required=True)
    available = ma.fields.Integer(required=True)
    owed = ma.fields.Integer(required=True)
    recorded_at = Time(required=True)


class SpendBody(ma.Schema):
    """Credits to take."""

    credits = credits_field(required=True)
    unit = Text(load_default="credits")
    feature = Text(metadata={"description": "What for; also opens the buckets that are for it alone."}, allow_none=True)
    member = Text(metadata={"description": "Who of the customer's people."}, allow_none=True)
    description = Text(
        rule=asking.description, shortest=0, longest=1000, allow_none=True, metadata={"pattern": r"^[^\u0000]*$"}
    )
    metadata = Metadata(allow_none=True)


class SpendItem(SpendBody):
    """One spend of many."""

    customer = Text(required=True, rule=asking.name)
    key = Text(required=True, rule=asking.key, metadata={"description": "The idempotency key of this spend."})


class SpendsBody(ma.Schema):
    """Up to 1,000 spends."""

    spends = ma.fields.List(
        ma.fields.Raw(allow_none=True, metadata={"anyOf": [{"$ref": "#/components/schemas/SpendItem"}, {}]}),
        required=True,
        validate=ma.validate.Length(1, LARGEST_BATCH),
        metadata={"description": "Each is judged alone: one that is not a SpendItem is a 422 in its own result."},
    )


class SpendResult(ma.Schema):
    """What became of one spend: a receipt, or a problem."""

    status = ma.fields.Integer(required=True)
    receipt = ma.fields.Nested(ReceiptAnswer)
    replayed = ma.fields.Boolean(metadata={"description": "The key had been used before for the same spend."})
    problem = ma.fields.Dict(metadata={"$ref": "#/components/schemas/Problem"})


class SpendsAnswer(ma.Schema):
    """The results, in the order of the spends."""

    results = ma.fields.List(ma.fields.Nested(SpendResult), required=True)


class ReversalBody(ma.Schema):
    """How much to give back; all that is left of the spend by default."""

    credits = Whole(validate=ma.validate.Range(1, LARGEST_CREDITS), allow_none=True)


@spends.operation(
    "POST", "/customers/<name:customer>/spends", scope="spend", body=SpendBody, answer=ReceiptAnswer, status=201,
    key="required", refusals=("insufficient_credits", "wallet_frozen", "unknown_customer", "unknown_unit"),
)  # fmt: skip
def spend(customer: str, body: dict[str, Any], key: str) -> Any:
    """Spend credits, all or nothing."""
    receipt = engine().spend(customer, key=key, **body)
    return receipt, 201, replayed(receipt)


@spends.operation("POST", "/spends", scope="spend", body=SpendsBody, answer=SpendsAnswer)
def spend_many(body: dict[str, Any]) -> Any:
    """Spend up to 1,000 times at once, each judged alone.

    Answers 200 with a result for each, in order: its own status, and a receipt or a problem.
    """
    judged: list[Receipt | Refusal | Spend] = [_read(item) for item in body["spends"]]
    wanted = [item for item in judged if isinstance(item, Spend)]
    answers = iter(engine().spend_many(wanted) if wanted else [])
    return {
        "results": [
            _result(next(answers), item.customer) if isinstance(item, Spend) else _result(item, None) for item in judged
        ]
    }


@spends.operation(
    "POST", "/customers/<name:customer>/spends/<name:spend>/reversals", scope="spend", body=ReversalBody,
    answer=ReceiptAnswer, status=201, key="required",
    refusals=("unknown_customer", "unknown_spend", "already_reversed"),
)  # fmt: skip
def reverse(customer: str, spend: str, body: dict[str, Any], key: str) -> Any:
    """Give back a spend, wholly or in part: its last slice first, to the buckets that paid."""
    receipt = engine().reverse(customer, spend, body.get("credits"), key=key)
    return receipt, 201, replayed(receipt)


def _read(item: Any) -> Spend | Refusal:
    try:
        return Spend(**SpendItem().load(item))
    except ma.ValidationError as error:
        return invalid(error.messages)


def _result(answer: Receipt | Refusal | Spend, customer: str | None) -> dict[str, Any]:
    if isinstance(answer, Refusal):
        problem = problem_of(answer, customer)
        return {"status": problem["status"], "problem": problem}
    return {"status": 201, "receipt": answer} | ({"replayed": True} if getattr(answer, "replayed", False) else {})
