"""/v1/billing_portal."""

from __future__ import annotations

from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.api.subscriptions import PRORATION
from web.sandbox.params import PAGE, Fields, Kind, Labels, OneOf, Several, Text, YesNo
from web.sandbox.resources import portal
from web.sandbox.store import Object
from web.sandbox.work import shown

_SWITCH = Fields({"enabled": YesNo()}, ["enabled"])
_FEATURES = Fields(
    {
        "invoice_history": _SWITCH,
        "payment_method_update": _SWITCH,
        "subscription_cancel": Fields(
            {"enabled": YesNo(), "mode": OneOf("at_period_end", "immediately"), "proration_behavior": PRORATION},
            ["enabled"],
        ),
        "subscription_update": Fields(
            {
                "billing_cycle_anchor": OneOf("now", "unchanged"),
                "default_allowed_updates": Several(OneOf("price", "promotion_code", "quantity")),
                "enabled": YesNo(),
                "products": Several(Fields({"prices": Several(Text()), "product": Text()}, ["prices", "product"])),
                "proration_behavior": PRORATION,
                "trial_update_behavior": OneOf("continue_trial", "end_trial"),
            },
            ["enabled"],
        ),
    }
)
_SETUP: dict[str, Kind] = {"default_return_url": Text(), "features": _FEATURES, "metadata": Labels(), "name": Text()}
_AT = "/v1/billing_portal/configurations"


def _open(asked: Asked) -> Object:
    return shown(portal.open_for(asked.work, asked.params))


def _configure(asked: Asked) -> Object:
    return shown(portal.configure(asked.work, asked.params))


def _retrieve(asked: Asked) -> Object:
    return shown(_configuration(asked))


def _reconfigure(asked: Asked) -> Object:
    return shown(portal.reconfigure(asked.work, _configuration(asked), asked.params))


def _list(asked: Asked) -> Object:
    found = matching(asked, "billing_portal.configuration", "active", "is_default")
    return paged(asked, _AT, found, "configuration")


def _configuration(asked: Asked) -> Object:
    return asked.work.addressed("billing_portal.configuration", asked.id, "configuration")


OPERATIONS = (
    Operation(
        "POST",
        "/v1/billing_portal/sessions",
        _open,
        takes({"configuration": Text(), "customer": Text(), "return_url": Text()}, "customer"),
    ),
    Operation("POST", _AT, _configure, takes(_SETUP, "features")),
    Operation("GET", _AT, _list, Fields({**PAGE, "active": YesNo(), "is_default": YesNo()})),
    Operation("GET", _AT + "/{configuration}", _retrieve),
    Operation("POST", _AT + "/{configuration}", _reconfigure, takes(_SETUP | {"active": YesNo()})),
)
