"""Coupons and promotion codes: what takes something off, and who may have it."""

from __future__ import annotations

from typing import Any

from web.sandbox import ids
from web.sandbox.errors import Refused, missing, needed
from web.sandbox.params import merged
from web.sandbox.store import Object
from web.sandbox.work import Work


def make(work: Work, given: dict[str, Any]) -> Object:
    """So many percent, or an amount, off one invoice, those of some months, or all."""
    if ("percent_off" in given) == ("amount_off" in given):
        if "percent_off" not in given:
            raise needed("percent_off")
        raise Refused("You may only specify one of these parameters: amount_off, percent_off.", param="percent_off")
    if "amount_off" in given and "currency" not in given:
        raise needed("currency")
    duration = given.get("duration", "once")
    if (duration == "repeating") != ("duration_in_months" in given):
        raise Refused("`duration_in_months` is for `duration=repeating`, which needs it.", param="duration_in_months")
    if given.get("id") and work.rows.find(given["id"]) is not None:
        raise Refused("Coupon already exists.", code="resource_already_exists", param="id")
    percent = given.get("percent_off")
    coupon = work.new("coupon")
    coupon |= {
        "id": given.get("id") or coupon["id"],
        "amount_off": given.get("amount_off"),
        "currency": given.get("currency") if "amount_off" in given else None,
        "duration": duration,
        "duration_in_months": given.get("duration_in_months"),
        "max_redemptions": given.get("max_redemptions"),
        "metadata": merged({}, given.get("metadata")),
        "name": given.get("name"),
        "percent_off": None if percent is None else float(percent),
        "redeem_by": given.get("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
        "_percent": percent,
        "_products": (given.get("applies_to") or {}).get("products") or [],
    }
    if percent is not None and not 0 < float(percent) <= 100:
        raise Refused("Invalid decimal: more than 0, and 100 at most.", param="percent_off")
    work.keep(coupon)
    work.emit("coupon.created", coupon)
    return coupon


def remove(work: Work, coupon: Object) -> Object:
    """Nobody can have it any more; those who have it keep it."""
    with work.changing(coupon):
        coupon |= {"valid": False, "_gone": True}
    work.emit("coupon.deleted", coupon)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


def make_code(work: Work, given: dict[str, Any]) -> Object:
    """A word that gives a coupon to who knows it."""
    coupon = named(work, given["promotion"].get("coupon") or "", "promotion[coupon]")
    code = given.get("code") or ids.letters(8).upper()
    if by_code(work, code) is not None:
        raise Refused("An active promotion code with this code already exists.", param="code")
    told = given.get("restrictions") or {}
    promotion = work.new(
        "promotion_code",
        active=given.get("active", True),
        code=code,
        customer=given.get("customer"),
        customer_account=None,
        expires_at=given.get("expires_at"),
        max_redemptions=given.get("max_redemptions"),
        metadata=merged({}, given.get("metadata")),
        promotion={"coupon": coupon["id"], "type": "coupon"},
        restrictions={
            "first_time_transaction": told.get("first_time_transaction", False),
            "minimum_amount": told.get("minimum_amount"),
            "minimum_amount_currency": told.get("minimum_amount_currency"),
        },
        times_redeemed=0,
    )
    work.keep(promotion)
    work.emit("promotion_code.created", promotion)
    return promotion


def by_code(work: Work, code: str) -> Object | None:
    """The code that can be used, however it is written."""
    active = work.rows.select("promotion_code", active=True)
    return next((one for one in active if one["code"].lower() == code.strip().lower()), None)


def named(work: Work, id: str, param: str) -> Object:
    coupon = work.find("coupon", id)
    if coupon is None or coupon.get("_gone"):
        raise missing("coupon", id, param)
    return coupon


def redeemable(
    work: Work, given: dict[str, Any], param: str, *, customer: str | None, currency: str, amount: int | None = None
) -> tuple[Object, Object | None]:
    """The coupon that `{coupon}` or `{promotion_code}` names, and the code; refused where they can't have it."""
    promotion = None
    if given.get("promotion_code"):
        promotion = work.named("promotion_code", given["promotion_code"], f"{param}[promotion_code]")
        coupon = named(work, promotion["promotion"]["coupon"], f"{param}[promotion_code]")
        _check_code(work, promotion, f"{param}[promotion_code]", customer, currency, amount)
    elif given.get("coupon"):
        coupon = named(work, given["coupon"], f"{param}[coupon]")
    else:
        raise needed(f"{param}[coupon]")
    if not coupon["valid"] or not _left(work, coupon, "redeem_by"):
        raise Refused(f"Coupon expired: {coupon['id']}", code="coupon_expired", param=f"{param}[coupon]")
    if coupon["currency"] not in (None, currency):
        words = f"The coupon is in `{coupon['currency']}`, this in `{currency}`."
        raise Refused(words, param=f"{param}[coupon]")
    return coupon, promotion


def note_redeemed(work: Work, coupon: Object, promotion: Object | None) -> None:
    """Once more used; it may have been the last time."""
    with work.changing(coupon, "coupon.updated"):
        coupon["times_redeemed"] += 1
        coupon["valid"] = coupon["valid"] and _left(work, coupon, "redeem_by")
    if promotion is not None:
        with work.changing(promotion, "promotion_code.updated"):
            promotion["times_redeemed"] += 1
            promotion["active"] = promotion["active"] and _left(work, promotion, "expires_at")


def _check_code(
    work: Work, promotion: Object, param: str, customer: str | None, currency: str, amount: int | None
) -> None:
    bound = promotion["restrictions"]
    if not promotion["active"] or not _left(work, promotion, "expires_at"):
        raise Refused("This promotion code is not active, or has expired.", param=param)
    if promotion["customer"] not in (None, customer):
        raise Refused("This promotion code is another customer's.", param=param)
    least = bound["minimum_amount"]
    if least is not None and amount is not None and (bound["minimum_amount_currency"] != currency or amount < least):
        raise Refused("This promotion code is for dearer purchases.", param=param)
    if bound["first_time_transaction"] and customer is not None:
        paid = [one for one in work.rows.select("invoice", customer=customer) if one["status"] == "paid"]
        if paid or work.rows.select("charge", customer=customer, paid=True):
            raise Refused("This promotion code is for first-time customers only.", param=param)


def _left(work: Work, thing: Object, until: str) -> bool:
    most = thing["max_redemptions"]
    in_time = thing[until] is None or thing[until] > work.now
    return in_time and (most is None or thing["times_redeemed"] < most)
