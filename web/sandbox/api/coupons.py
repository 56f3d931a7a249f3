"""/v1/coupons and /v1/promotion_codes."""

from __future__ import annotations

from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.errors import missing
from web.sandbox.params import PAGE, SPAN, Currency, Fields, Labels, Number, OneOf, Several, Text, Whole, YesNo, merged
from web.sandbox.resources import coupons
from web.sandbox.store import Object
from web.sandbox.work import shown

_COUPON = takes(
    {
        "amount_off": Whole(1),
        "applies_to": Fields({"products": Several(Text())}),
        "currency": Currency(),
        "duration": OneOf("forever", "once", "repeating"),
        "duration_in_months": Whole(1),
        "id": Text(),
        "max_redemptions": Whole(1),
        "metadata": Labels(),
        "name": Text(),
        "percent_off": Number(),
        "redeem_by": Whole(0),
    }
)
_CODE = takes(
    {
        "active": YesNo(),
        "code": Text(),
        "customer": Text(),
        "expires_at": Whole(0),
        "max_redemptions": Whole(1),
        "metadata": Labels(),
        "promotion": Fields({"coupon": Text(), "type": OneOf("coupon")}, ["type"]),
        "restrictions": Fields(
            {"first_time_transaction": YesNo(), "minimum_amount": Whole(1), "minimum_amount_currency": Currency()}
        ),
    },
    "promotion",
)
_CODES = Fields({**PAGE, "active": YesNo(), "code": Text(), "coupon": Text(), "created": SPAN, "customer": Text()})


def _create(asked: Asked) -> Object:
    return shown(coupons.make(asked.work, asked.params))


def _retrieve(asked: Asked) -> Object:
    return shown(_coupon(asked))


def _delete(asked: Asked) -> Object:
    return coupons.remove(asked.work, _coupon(asked))


def _list(asked: Asked) -> Object:
    living = [one for one in matching(asked, "coupon") if not one.get("_gone")]
    return paged(asked, "/v1/coupons", living, "coupon")


def _create_code(asked: Asked) -> Object:
    return shown(coupons.make_code(asked.work, asked.params))


def _retrieve_code(asked: Asked) -> Object:
    return shown(asked.work.addressed("promotion_code", asked.id, "promotion_code"))


def _update_code(asked: Asked) -> Object:
    promotion = asked.work.addressed("promotion_code", asked.id, "promotion_code")
    with asked.work.changing(promotion, "promotion_code.updated"):
        promotion["active"] = asked.params.get("active", promotion["active"])
        promotion["metadata"] = merged(promotion["metadata"], asked.params.get("metadata"))
    return shown(promotion)


def _list_codes(asked: Asked) -> Object:
    found = matching(asked, "promotion_code", "active", "code", "customer")
    coupon = asked.params.get("coupon")
    found = [one for one in found if coupon in (None, one["promotion"]["coupon"])]
    return paged(asked, "/v1/promotion_codes", found, "promotion_code")


def _coupon(asked: Asked) -> Object:
    coupon = asked.work.addressed("coupon", asked.id, "coupon")
    if coupon.get("_gone"):
        raise missing("coupon", asked.id, "coupon", status=404)
    return coupon


OPERATIONS = (
    Operation("POST", "/v1/coupons", _create, _COUPON),
    Operation("GET", "/v1/coupons", _list, Fields({**PAGE, "created": SPAN})),
    Operation("GET", "/v1/coupons/{coupon}", _retrieve),
    Operation("DELETE", "/v1/coupons/{coupon}", _delete, Fields({})),
    Operation("POST", "/v1/promotion_codes", _create_code, _CODE),
    Operation("GET", "/v1/promotion_codes", _list_codes, _CODES),
    Operation("GET", "/v1/promotion_codes/{promotion_code}", _retrieve_code),
    Operation(
        "POST", "/v1/promotion_codes/{promotion_code}", _update_code, takes({"active": YesNo(), "metadata": Labels()})
    ),
)
