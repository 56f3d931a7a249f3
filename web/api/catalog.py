"""What is on sale."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.base.wording import span_text
from billing.catalog.terms import Amounts, Pack, Plan
from billing.rules.wallet.endterms import RollOver
from web.api.paging import PageQuery, page, page_of
from web.api.resource import Resource
from web.state import engine

catalog = Resource("catalog", "/v1", "What is on sale.")


class PlanAnswer(ma.Schema):
    """A plan: what a subscription brings for each `every`."""

    id = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    description = ma.fields.String(required=True)
    credits = ma.fields.Integer(required=True)
    unit = ma.fields.String(required=True)
    every = ma.fields.String(required=True, validate=ma.validate.OneOf(["day", "week", "month", "year"]))
    prices = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "Stripe prices or lookup keys."}
    )
    at_period_end = ma.fields.Raw(
        required=True,
        metadata={
            "oneOf": [{"type": "string", "enum": ["expire", "keep"]}, {"type": "object"}],
            "description": 'What becomes of what is left: `"expire"`, `"keep"` or '
            '`{"roll_over": {"max": 2000, "periods": 1}}`, `max` in credits or as a share such as `"50%"`.',
        },
    )
    grace = ma.fields.String(required=True)
    late_grace = ma.fields.String(required=True)


class PackAnswer(ma.Schema):
    """A pack: what can be bought once. `prices`: currency → cents."""

    id = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    description = ma.fields.String(required=True)
    credits = ma.fields.Integer(required=True)
    unit = ma.fields.String(required=True)
    prices = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer(), required=True)
    valid_for = ma.fields.String(required=True, allow_none=True)


class BonusAnswer(ma.Schema):
    """Who buys `least` or more gets so many per cent, or so many credits, on top."""

    least = ma.fields.Integer(required=True)
    percent = ma.fields.Integer(required=True)
    credits = ma.fields.Integer(required=True)


class AmountsAnswer(ma.Schema):
    """A unit of which any number can be bought, from `min` to `max` in steps of `step`. `price`: currency → cents for
    each `per` credits, rounded up. Of `bonus` the highest step that is reached counts.
    """

    unit = ma.fields.String(required=True, attribute="id")
    name = ma.fields.String(required=True)
    description = ma.fields.String(required=True)
    min = ma.fields.Integer(required=True)
    max = ma.fields.Integer(required=True)
    step = ma.fields.Integer(required=True)
    per = ma.fields.Integer(required=True)
    price = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer(), required=True)
    bonus = ma.fields.List(ma.fields.Nested(BonusAnswer), required=True)
    valid_for = ma.fields.String(required=True, allow_none=True)


@catalog.operation("GET", "/plans", scope="read", query=PageQuery, answer=page_of(PlanAnswer, "Plans"))
def list_plans(query: dict[str, Any]) -> Any:
    """The plans, in the catalog's order."""
    plans = engine().catalog.plans_on_sale
    return _listed(query, list(plans), lambda id: _plan(plans[id]))


@catalog.operation("GET", "/packs", scope="read", query=PageQuery, answer=page_of(PackAnswer, "Packs"))
def list_packs(query: dict[str, Any]) -> Any:
    """The packs, in the catalog's order."""
    packs = engine().catalog.packs_on_sale
    return _listed(query, list(packs), lambda id: _pack(packs[id]))


@catalog.operation("GET", "/topups", scope="read", query=PageQuery, answer=page_of(AmountsAnswer, "Amounts"))
def list_amounts(query: dict[str, Any]) -> Any:
    """Of what any number can be bought, in the catalog's order."""
    topups = engine().catalog.topups
    return _listed(query, list(topups), lambda unit: _amounts(topups[unit]))


def _listed(query: dict[str, Any], ids: list[str], shown: Any) -> dict[str, Any]:
    def read(after: int | None, limit: int) -> list[tuple[int, str]]:
        start = 0 if after is None else after + 1
        return list(enumerate(ids))[start : start + limit]

    found = page(query, read, lambda item: item[0], int)
    return {"data": [shown(id) for _, id in found["data"]], "next_cursor": found["next_cursor"]}


def _plan(plan: Plan) -> dict[str, Any]:
    same = ("id", "name", "description", "credits", "unit", "every", "prices")
    ends = plan.at_period_end.document() if isinstance(plan.at_period_end, RollOver) else plan.at_period_end
    spans = {"grace": span_text(plan.grace), "late_grace": span_text(plan.late_grace)}
    return {name: getattr(plan, name) for name in same} | spans | {"at_period_end": ends}


def _pack(pack: Pack) -> dict[str, Any]:
    same = ("id", "name", "description", "credits", "unit", "prices")
    return {name: getattr(pack, name) for name in same} | {
        "valid_for": span_text(pack.valid_for) if pack.valid_for else None
    }


def _amounts(amounts: Amounts) -> dict[str, Any]:
    same = ("id", "name", "description", "min", "max", "step", "per", "price", "bonus")
    return {name: getattr(amounts, name) for name in same} | {
        "valid_for": span_text(amounts.valid_for) if amounts.valid_for else None
    }
