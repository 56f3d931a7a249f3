"""Discounts: coupons that somebody has, and what they take off the lines of an invoice."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from web.sandbox import ids, periods
from web.sandbox.errors import Refused
from web.sandbox.resources import coupons, prices
from web.sandbox.store import Object
from web.sandbox.work import Work


def give(
    work: Work,
    given: list[dict[str, Any]] | None,
    *,
    customer: str | None,
    currency: str,
    subscription: str | None = None,
    invoice: str | None = None,
    session: str | None = None,
) -> list[str]:
    """A discount for each coupon or code; their ids."""
    made = []
    for number, one in enumerate(given or []):
        coupon, promotion = coupons.redeemable(work, one, f"discounts[{number}]", customer=customer, currency=currency)
        months = coupon["duration_in_months"]
        end = None
        if months is not None:
            end = int(periods.months_later(datetime.fromtimestamp(work.now, UTC), months).timestamp())
        discount: Object = {
            "id": ids.new("discount"),
            "object": "discount",
            "checkout_session": session,
            "customer": customer,
            "customer_account": None,
            "end": end,
            "invoice": invoice,
            "invoice_item": None,
            "promotion_code": promotion and promotion["id"],
            "source": {"coupon": coupon["id"], "type": "coupon"},
            "start": work.now,
            "subscription": subscription,
            "subscription_item": None,
            "_once": coupon["duration"] == "once",
        }
        work.keep(discount)
        work.emit("customer.discount.created", discount)
        coupons.note_redeemed(work, coupon, promotion)
        made.append(str(discount["id"]))
    return made


def take_away(work: Work, ids: list[str]) -> None:
    for id in ids:
        discount = work.find("discount", id)
        if discount is not None:
            work.emit("customer.discount.deleted", discount)


def running(work: Work, ids: list[str]) -> list[Object]:
    """What these discounts take off by now: an invoice remembers it, whatever becomes of them."""
    found = []
    for id in ids:
        discount = work.find("discount", id)
        assert discount is not None
        if discount["end"] is not None and discount["end"] <= work.now:
            continue
        found.append(_terms(work, id, discount["source"]["coupon"]))
    return found


def spread(lines: list[Object], terms: list[Object]) -> None:
    """Takes off: each discount of what the ones before it left, an amount in proportion to the lines."""
    for line in lines:
        line |= {"discount_amounts": [], "pretax_credit_amounts": []}
    for one in terms:
        open_to_it = [line for line in lines if line["discountable"] and line["amount"] > 0 and _fits(line, one)]
        left = [line["amount"] - _taken(line) for line in open_to_it]
        if one["percent"] is not None:
            off = [_rounded(Decimal(amount) * Decimal(one["percent"]) / 100) for amount in left]
        else:
            off = _portions(min(one["amount"], sum(left)), left)
        for line, amount in zip(open_to_it, off, strict=True):
            line["discount_amounts"].append({"amount": amount, "discount": one["id"]})
            line["pretax_credit_amounts"].append({"amount": amount, "discount": one["id"], "type": "discount"})


def totals(lines: list[Object]) -> list[Object]:
    """What each discount takes off the whole invoice."""
    sums: dict[str, int] = {}
    for line in lines:
        for one in line["discount_amounts"]:
            sums[one["discount"]] = sums.get(one["discount"], 0) + one["amount"]
    return [{"amount": amount, "discount": id} for id, amount in sums.items()]


def net(work: Work, subscription: Object, item: Object) -> int:
    """What an item's whole period costs by now: its prorations are shares of that."""
    lasting = [id for id in subscription["discounts"] if not (work.find("discount", id) or {})["_once"]]
    lines = [
        {
            "id": one["id"],
            "amount": prices.total(one["price"], one["quantity"]),
            "discountable": True,
            "pricing": {"price_details": {"product": one["price"]["product"]}},
        }
        for one in subscription["items"]["data"]
    ]
    spread(lines, running(work, lasting))
    return sum(line["amount"] - _taken(line) for line in lines if line["id"] == item["id"])


def use_up(work: Work, subscription: Object, invoice: Object) -> None:
    """What is for one invoice is gone with the one it took something off; what has ended is gone, too."""
    used = {one["discount"] for one in invoice["total_discount_amounts"] if one["amount"] > 0}
    kept: list[str] = []
    gone: list[str] = []
    for id in subscription["discounts"]:
        discount = work.find("discount", id)
        assert discount is not None
        ended = discount["end"] is not None and discount["end"] <= work.now
        (gone if ended or (discount["_once"] and id in used) else kept).append(id)
    if gone:
        subscription["discounts"] = kept
        take_away(work, gone)


def previewed(
    work: Work, given: list[dict[str, Any]], *, customer: str | None, currency: str, amount: int
) -> list[Object]:
    """What coupons that nobody has yet would take off; refused where they can't be had."""
    if len(given) > 1:
        raise Refused("Only one discount can be given here.", param="discounts")
    found = []
    for number, one in enumerate(given):
        param = f"discounts[{number}]"
        coupon, _ = coupons.redeemable(work, one, param, customer=customer, currency=currency, amount=amount)
        found.append(_terms(work, coupon["id"], coupon["id"]))
    return found


def _terms(work: Work, id: str, coupon_id: str) -> Object:
    coupon = work.find("coupon", coupon_id)
    assert coupon is not None
    return {
        "id": id,
        "percent": coupon["_percent"],
        "amount": coupon["amount_off"],
        "products": coupon["_products"],
    }


def _fits(line: Object, terms: Object) -> bool:
    details = (line["pricing"] or {}).get("price_details") or {}
    return not terms["products"] or details.get("product") in terms["products"]


def _taken(line: Object) -> int:
    return sum(one["amount"] for one in line["discount_amounts"])


def _rounded(exact: Decimal) -> int:
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _portions(amount: int, weights: list[int]) -> list[int]:
    """In proportion, each sum from the first rounded down, so that they come to the whole."""
    whole, before, found = sum(weights), 0, []
    for weight in weights:
        upto = before + weight
        found.append(amount * upto // whole - amount * before // whole if whole else 0)
        before = upto
    return found
