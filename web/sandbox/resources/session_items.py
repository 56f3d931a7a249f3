"""What a Checkout session offers: its lines, what coupons take off them, and who then has the coupons."""

from __future__ import annotations

from typing import Any

from web.sandbox.errors import Refused
from web.sandbox.resources import checkout_lines, coupons, discounts, invoice_items, subscriptions
from web.sandbox.store import Object
from web.sandbox.work import Work


def fill(work: Work, session: Object, given: dict[str, Any]) -> None:
    """The lines, in one currency, recurring ones only where something is subscribed to."""
    lines = [checkout_lines.make(work, one, f"line_items[{number}]") for number, one in enumerate(given["line_items"])]
    currencies = {line["currency"] for line in lines}
    if len(currencies) > 1:
        raise Refused("All line items must have the same currency.", param="line_items")
    wanted = given.get("currency")
    if wanted not in (None, *currencies):
        raise Refused(f"The price is not sold in `{wanted}`: it has no such currency option.", param="currency")
    recurring = [line["price"] for line in lines if line["price"]["recurring"] is not None]
    if session["mode"] == "payment" and recurring:
        words = "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use"
        raise Refused(f"{words} only one-time prices.", param="line_items")
    if session["mode"] == "subscription" and not recurring:
        words = "You must provide at least one recurring price in `subscription` mode when using prices."
        raise Refused(words, param="line_items")
    if given.get("discounts") and given.get("allow_promotion_codes"):
        words = "You may only specify one of these parameters: allow_promotion_codes, discounts."
        raise Refused(words, param="allow_promotion_codes")
    if _is_tried(work, session):
        for line in lines:
            if line["price"]["recurring"] is not None:
                line["amount_subtotal"] = 0
    session |= {"currency": lines[0]["currency"], "_items": lines, "_redeems": []}
    session["allow_promotion_codes"] = given.get("allow_promotion_codes")
    take_off(work, session, given.get("discounts") or [])


def take_off(work: Work, session: Object, given: list[dict[str, Any]]) -> None:
    """Takes these coupons or codes off what is due; refused where the buyer can't have them."""
    lines = session["_items"]
    subtotal = sum(line["amount_subtotal"] for line in lines)
    terms = discounts.previewed(
        work, given, customer=session["customer"], currency=session["currency"], amount=subtotal
    )
    priced = [
        {"amount": line["amount_subtotal"], "discountable": True, "pricing": invoice_items.pricing(line["price"])}
        for line in lines
    ]
    discounts.spread(priced, terms)
    for line, one in zip(lines, priced, strict=True):
        line["amount_discount"] = sum(part["amount"] for part in one["discount_amounts"])
    session["_redeems"] = given
    checkout_lines.total_up(session)
    checkout_lines.judge(session)
    session["discounts"] = [
        {"coupon": one.get("coupon"), "promotion_code": one.get("promotion_code")} for one in given
    ] or (session["discounts"] and [])


def enter_code(work: Work, session: Object, code: str) -> None:
    """What a buyer does who knows a promotion code."""
    if not session["allow_promotion_codes"]:
        raise Refused("No promotion codes are taken here.", param="code")
    promotion = coupons.by_code(work, code)
    if promotion is None:
        raise Refused("This code is invalid.", param="code")
    take_off(work, session, [{"promotion_code": promotion["id"]}])
    work.keep(session)


def redeem(work: Work, session: Object, customer: str | None, **holder: str) -> list[str]:
    """The buyer has the coupons from now on: for the subscription or the invoice (`holder`) that came of it."""
    return discounts.give(
        work,
        session["_redeems"],
        customer=customer,
        currency=session["currency"],
        session=session["id"],
        **holder,
    )


def _is_tried(work: Work, session: Object) -> bool:
    """Whether the subscription begins with a trial: nothing is due for it now."""
    given = session["_payment"]["subscription_data"]
    return bool(session["mode"] == "subscription" and subscriptions.begins(work, given).get("trial_end"))
