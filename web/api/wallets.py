"""Wallets: a customer's credits in one unit, and the entries behind them."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.credits.entries import KINDS
from billing.rules.wallet import overdraft as overdrafts
from billing.rules.wallet import thresholds
from billing.rules.wallet.values import LARGEST_CREDITS
from web.api.auto_topups import AutoTopupAnswer, AutoTopupBody, UnitQuery, given, shown
from web.api.buckets import BucketAnswer
from web.api.fields import Flag, Text, Time
from web.api.paging import PageQuery, page, page_of
from web.api.resource import Resource
from web.state import engine

wallets = Resource("wallets", "/v1/customers/<name:customer>", "A customer's credits in one unit.")

_LIMIT = {"oneOf": [{"type": "integer", "minimum": 0, "maximum": LARGEST_CREDITS}, {"const": "unlimited"}]}
_DEBT = {"type": "string", "enum": list(overdrafts.DEBTS)}
_SETTING = {
    "oneOf": [
        {"type": "string", "enum": ["none", "unlimited"]},
        {
            "type": "object",
            "properties": {"limit": _LIMIT, "debt": _DEBT | {"default": "repay"}},
            "required": ["limit"],
            "additionalProperties": False,
        },
        {"type": "null"},
    ]
}


_SHARE = {"type": "string", "pattern": r"^(?!0+(\.0+)?%$)([0-9]{1,2}(\.[0-9]{1,9})?|100(\.0{1,9})?)%$"}
_LOW = {
    "type": "array",
    "items": {"oneOf": [{"type": "integer", "minimum": 0, "maximum": LARGEST_CREDITS}, _SHARE]},
    "maxItems": thresholds.MOST_THRESHOLDS,
    "example": ["20%", 0],
}
"""Lists of thresholds, as the catalog writes them."""


class OverdraftAnswer(ma.Schema):
    """How far below zero spends may go; `limit` is null when there is none to it."""

    policy = ma.fields.String(required=True, validate=ma.validate.OneOf(["none", "limit", "unlimited"]))
    limit = ma.fields.Integer(required=True, allow_none=True)
    debt = ma.fields.String(required=True, metadata=_DEBT)


class WalletAnswer(ma.Schema):
    """The wallet. `available` are live general credits; `spendable` what a spend for a feature could take."""

    customer = ma.fields.String(required=True)
    unit = ma.fields.String(required=True)
    scale = ma.fields.Integer(required=True, metadata={"description": "Decimals that people see."})
    available = ma.fields.Integer(required=True)
    held = ma.fields.Integer(required=True)
    owed = ma.fields.Integer(required=True)
    overdraft = ma.fields.Nested(OverdraftAnswer, required=True)
    frozen = ma.fields.Boolean(required=True)
    spendable = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer(), required=True)
    buckets = ma.fields.List(
        ma.fields.Nested(BucketAnswer),
        required=True,
        metadata={"description": "Live ones in the order in which they are used, then upcoming ones."},
    )
    next_expiry = Time(required=True, allow_none=True)
    low_balance = ma.fields.List(
        ma.fields.Raw(),
        required=True,
        metadata=_LOW | {"description": "At which balances people are told: the wallet's own thresholds, its plan's or "
                         "the catalog's. A share is of what the plan allots for the running period."},
    )  # fmt: skip
    auto_topup = ma.fields.Nested(
        AutoTopupAnswer,
        required=True,
        metadata={"description": "What is bought by itself, and how that stands now, whatever past is asked for."},
    )


class Setting(ma.fields.Raw):
    """An overdraft in the catalog's form; `overdrafts.parse` says what is wrong with it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("limit"), float) and value["limit"].is_integer():
            value = value | {"limit": int(value["limit"])}
        parsed = overdrafts.parse(value) if value is not None else None
        if isinstance(parsed, str):
            raise ma.ValidationError(parsed)
        return value


class Lows(ma.fields.Raw):
    """Thresholds in the catalog's form; `thresholds.parse` says what is wrong with them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, list):
            value = [int(one) if isinstance(one, float) and one.is_integer() else one for one in value]
        parsed = thresholds.parse(value) if value is not None else None
        if isinstance(parsed, str):
            raise ma.ValidationError(parsed)
        return value


class WalletBody(ma.Schema):
    """What can be set. What is left out stays as it is."""

    overdraft = Setting(
        allow_none=True,
        metadata=_SETTING | {"description": "The wallet's own; null leaves it to the plan and the catalog again."},
    )
    low_balance = Lows(
        allow_none=True,
        metadata=_LOW | {"type": ["array", "null"], "description": "The wallet's own thresholds; [] for none, null "
                         "leaves them to the plan and the catalog again."},
    )  # fmt: skip
    frozen = Flag(metadata={"description": "A frozen wallet refuses spends and holds, and buys nothing by itself."})
    auto_topup = ma.fields.Nested(
        AutoTopupBody,
        allow_none=True,
        metadata={
            "description": "What is bought by itself; null switches it off. After a decline the same setting again "
            "tries nothing: resume it."
        },
    )


class WalletQuery(UnitQuery):
    """Which wallet, and when."""

    at = Time(metadata={"description": "As we knew it at that past instant: by the entries recorded until then."})
    as_of = Time(metadata={"description": "As it was in truth at that past instant."})


class EntryAnswer(ma.Schema):
    """One movement in the books, never changed. `number` counts 1, 2, 3 … in its wallet, without a gap."""

    number = ma.fields.Integer(required=True)
    kind = ma.fields.String(required=True)
    source = ma.fields.String(required=True)
    destination = ma.fields.String(required=True)
    credits = ma.fields.Integer(required=True)
    cents = ma.fields.Integer(required=True)
    currency = ma.fields.String(required=True, allow_none=True)
    cause = ma.fields.String(required=True)
    key = ma.fields.String(required=True, allow_none=True)
    member = ma.fields.String(required=True, allow_none=True)
    feature = ma.fields.String(required=True, allow_none=True)
    description = ma.fields.String(required=True, allow_none=True)
    details = ma.fields.Dict(required=True, allow_none=True)
    available_after = ma.fields.Integer(required=True)
    owed_after = ma.fields.Integer(required=True)
    effective_at = Time(required=True)
    recorded_at = Time(required=True)
    posted_at = Time(required=True)


class EntryQuery(PageQuery):
    """Which entries: effective in [from, to)."""

    unit = Text(load_default="credits")
    kind = ma.fields.String(validate=ma.validate.OneOf(KINDS))
    since = Time(data_key="from")
    until = Time(data_key="to")
    cause = Text()


@wallets.operation(
    "GET", "/wallet", scope="read", query=WalletQuery, answer=WalletAnswer,
    refusals=("unknown_customer", "unknown_unit"),
)  # fmt: skip
def get_wallet(customer: str, query: dict[str, Any]) -> Any:
    """The wallet, now or at a past instant."""
    return _shown(engine().wallet(customer, query.pop("unit"), **query))


@wallets.operation(
    "PATCH", "/wallet", scope="admin", query=UnitQuery, body=WalletBody, answer=WalletAnswer,
    refusals=("unknown_customer", "unknown_unit"),
)  # fmt: skip
def change_wallet(customer: str, query: dict[str, Any], body: dict[str, Any]) -> Any:
    """Set the wallet's own overdraft or the balances at which people are told, freeze or thaw it, say what is bought
    for it by itself.
    """
    if "auto_topup" in body:
        body["auto_topup"] = given(body["auto_topup"])
    return _shown(engine().set_wallet(customer, query["unit"], **body))


@wallets.operation(
    "GET", "/entries", scope="read", query=EntryQuery, answer=page_of(EntryAnswer, "Entries"),
    refusals=("unknown_customer", "unknown_unit"),
)  # fmt: skip
def list_entries(customer: str, query: dict[str, Any]) -> Any:
    """The wallet's entries, newest first."""
    wanted = {name: query[name] for name in ("unit", "kind", "since", "until", "cause") if name in query}
    return page(
        query,
        lambda before, limit: engine().entries(customer, before=before, limit=limit, **wanted),
        lambda item: item.number,
        int,
    )


def _shown(wallet: Any) -> dict[str, Any]:
    made = {"overdraft": wallet.overdraft.document(), "auto_topup": shown(wallet.customer, wallet.unit)}
    return {name: getattr(wallet, name) for name in WalletAnswer().fields if name not in made} | made
