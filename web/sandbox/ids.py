"""Ids as Stripe's look, and secrets. Nothing else here asks for randomness."""

from __future__ import annotations

import secrets
import string

_LETTERS = string.ascii_letters + string.digits

_SHAPES = {
    "customer": ("cus_", 14),
    "product": ("prod_", 14),
    "price": ("price_1", 23),
    "payment_method": ("pm_1", 23),
    "checkout.session": ("cs_test_a1", 56),
    "item": ("li_1", 23),
    "subscription": ("sub_1", 23),
    "subscription_item": ("si_", 14),
    "invoice": ("in_1", 23),
    "line_item": ("il_1", 23),
    "invoiceitem": ("ii_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "payment_intent": ("pi_3", 23),
    "charge": ("ch_3", 23),
    "balance_transaction": ("txn_3", 23),
    "coupon": ("", 8),
    "promotion_code": ("promo_1", 23),
    "discount": ("di_1", 23),
    "billing_portal.configuration": ("bpc_1", 23),
    "billing_portal.session": ("bps_1", 23),
    "test_helpers.test_clock": ("clock_1", 23),
    "refund": ("re_3", 23),
    "dispute": ("du_1", 23),
    "credit_note": ("cn_1", 23),
    "credit_note_line_item": ("cnli_1", 23),
    "customer_balance_transaction": ("cbtxn_1", 23),
    "event": ("evt_1", 23),
    "webhook_endpoint": ("we_1", 23),
    "request": ("req_", 14),
}


def new(kind: str) -> str:
    """A fresh id for an object of this kind."""
    head, length = _SHAPES[kind]
    return head + letters(length)


def letters(length: int) -> str:
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in secrets.token_bytes(length))


def webhook_secret() -> str:
    return "whsec_" + letters(32)
