"""/v1/checkout/sessions."""

from __future__ import annotations

from web.sandbox.api.catalog import PRODUCT_DATA, RECURRING, TAX_BEHAVIOR, UNIT
from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.api.subscriptions import BILLING_MODE, DISCOUNT, TRIAL_SETTINGS
from web.sandbox.params import PAGE, SPAN, Currency, Fields, Labels, OneOf, Several, Text, Whole, YesNo
from web.sandbox.resources import checkout
from web.sandbox.store import Object
from web.sandbox.work import shown

_LINE = Fields(
    {
        "price": Text(),
        "price_data": Fields(
            {
                **UNIT,
                "currency": Currency(),
                "product": Text(),
                "product_data": PRODUCT_DATA,
                "recurring": RECURRING,
                "tax_behavior": TAX_BEHAVIOR,
            },
            ["currency"],
        ),
        "quantity": Whole(1, 999_999),
    }
)
_INVOICE_DATA = Fields({"description": Text(), "footer": Text(), "metadata": Labels()})
_CREATE = takes(
    {
        "allow_promotion_codes": YesNo(),
        "allowed_payment_method_types": Several(OneOf("card", "sepa_debit", "us_bank_account")),
        "automatic_tax": Fields({"enabled": YesNo()}, ["enabled"]),
        "cancel_url": Text(),
        "client_reference_id": Text(),
        "currency": Currency(),
        "customer": Text(),
        "customer_creation": OneOf("always", "if_required"),
        "customer_email": Text(),
        "discounts": Several(DISCOUNT, 1),
        "customer_update": Fields({name: OneOf("auto", "never") for name in ("address", "name")}),
        "expires_at": Whole(0),
        "invoice_creation": Fields({"enabled": YesNo(), "invoice_data": _INVOICE_DATA}, ["enabled"]),
        "line_items": Several(_LINE),
        "metadata": Labels(),
        "mode": OneOf("payment", "subscription"),
        "payment_intent_data": Fields(
            {
                "description": Text(),
                "metadata": Labels(),
                "receipt_email": Text(),
                "setup_future_usage": OneOf("off_session", "on_session"),
            }
        ),
        "payment_method_collection": OneOf("always", "if_required"),
        "subscription_data": Fields(
            {
                "billing_cycle_anchor": Whole(0),
                "billing_mode": BILLING_MODE,
                "description": Text(),
                "metadata": Labels(),
                "proration_behavior": OneOf("create_prorations", "none"),
                "trial_end": Whole(0),
                "trial_period_days": Whole(1, 730),
                "trial_settings": TRIAL_SETTINGS,
            }
        ),
        "success_url": Text(),
        "tax_id_collection": Fields({"enabled": YesNo(), "required": OneOf("if_supported", "never")}, ["enabled"]),
        "ui_mode": OneOf("hosted_page"),
    },
    "mode",
    "line_items",
    "success_url",
)
_LIST = Fields(
    {
        **PAGE,
        "created": SPAN,
        "customer": Text(),
        "payment_intent": Text(),
        "status": OneOf("open", "complete", "expired"),
        "subscription": Text(),
    }
)


def _create(asked: Asked) -> Object:
    return shown(checkout.make(asked.work, asked.params))


def _retrieve(asked: Asked) -> Object:
    return shown(_session(asked))


def _list(asked: Asked) -> Object:
    found = matching(asked, "checkout.session", "customer", "payment_intent", "status", "subscription")
    return paged(asked, "/v1/checkout/sessions", found, "checkout.session")


def _expire(asked: Asked) -> Object:
    return shown(checkout.expire(asked.work, _session(asked)))


def _line_items(asked: Asked) -> Object:
    session = _session(asked)
    return paged(asked, f"/v1/checkout/sessions/{session['id']}/line_items", checkout.items(session), "item")


def _session(asked: Asked) -> Object:
    return asked.work.addressed("checkout.session", asked.id, "session")


OPERATIONS = (
    Operation("POST", "/v1/checkout/sessions", _create, _CREATE, frozenset({"payment_method_types"})),
    Operation("GET", "/v1/checkout/sessions", _list, _LIST),
    Operation("GET", "/v1/checkout/sessions/{session}", _retrieve),
    Operation("POST", "/v1/checkout/sessions/{session}/expire", _expire),
    Operation("GET", "/v1/checkout/sessions/{session}/line_items", _line_items, Fields(PAGE)),
)
