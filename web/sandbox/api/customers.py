"""/v1/customers."""

from __future__ import annotations

from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.errors import missing
from web.sandbox.params import ADDRESS, PAGE, SPAN, Fields, Kind, Labels, OneOf, Several, Text, Whole
from web.sandbox.resources import customers, leaving
from web.sandbox.store import Object
from web.sandbox.work import shown

_PLAIN: dict[str, Kind] = {
    **{name: Text() for name in customers.PLAIN},
    "address": ADDRESS,
    "balance": Whole(),
    "invoice_settings": Fields({"default_payment_method": Text()}),
    "metadata": Labels(),
    "preferred_locales": Several(Text()),
    "source": Text(),
    "tax_exempt": OneOf("exempt", "none", "reverse"),
}


def _create(asked: Asked) -> Object:
    return shown(customers.make(asked.work, asked.params))


def _retrieve(asked: Asked) -> Object:
    return shown(asked.work.addressed("customer", asked.id))


def _update(asked: Asked) -> Object:
    return shown(customers.change(asked.work, _living(asked), asked.params))


def _delete(asked: Asked) -> Object:
    return leaving.leave(asked.work, _living(asked))


def _list(asked: Asked) -> Object:
    living = [one for one in matching(asked, "customer", "email") if not one.get("deleted")]
    return paged(asked, "/v1/customers", living, "customer")


def _methods(asked: Asked) -> Object:
    owned = matching(asked, "payment_method", "type", customer=_living(asked)["id"])
    return paged(asked, f"/v1/customers/{asked.id}/payment_methods", owned, "PaymentMethod")


def _living(asked: Asked) -> Object:
    customer = asked.work.addressed("customer", asked.id)
    if customer.get("deleted"):
        raise missing("customer", asked.id, "id", status=404)
    return customer


OPERATIONS = (
    Operation("POST", "/v1/customers", _create, takes(_PLAIN | {"payment_method": Text()})),
    Operation("GET", "/v1/customers", _list, Fields({**PAGE, "email": Text(), "created": SPAN})),
    Operation("GET", "/v1/customers/{customer}", _retrieve),
    Operation("POST", "/v1/customers/{customer}", _update, takes(_PLAIN)),
    Operation("DELETE", "/v1/customers/{customer}", _delete, Fields({})),
    Operation("GET", "/v1/customers/{customer}/payment_methods", _methods, Fields({**PAGE, "type": OneOf("card")})),
)
