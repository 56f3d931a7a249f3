"""/v1/invoiceitems and /v1/invoice_payments."""

from __future__ import annotations

from typing import Any

from web.sandbox.api.catalog import TAX_BEHAVIOR, UNIT
from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.errors import Refused
from web.sandbox.params import PAGE, SPAN, Currency, Fields, Labels, OneOf, Text, Whole, YesNo
from web.sandbox.resources import customers, invoice_items, invoices
from web.sandbox.store import Object
from web.sandbox.work import shown

_PERIOD = Fields({"start": Whole(0), "end": Whole(0)}, ["start", "end"])
_ITEM = takes(
    {
        "amount": Whole(),
        "currency": Currency(),
        "customer": Text(),
        "description": Text(),
        "discountable": YesNo(),
        "invoice": Text(),
        "metadata": Labels(),
        "period": _PERIOD,
        "price_data": Fields(
            {**UNIT, "currency": Currency(), "product": Text(), "tax_behavior": TAX_BEHAVIOR}, ["currency", "product"]
        ),
        "pricing": Fields({"price": Text()}),
        "quantity": Whole(1, 999_999),
        "subscription": Text(),
    },
    "customer",
)
_CHANGED = takes({"amount": Whole(), "description": Text(), "discountable": YesNo(), "metadata": Labels()})
_PAYMENT = Fields({"payment_intent": Text(), "type": OneOf("payment_intent", "payment_record")}, ["type"])


def _create_item(asked: Asked) -> Object:
    work, given = asked.work, asked.params
    customer = customers.living(work, given["customer"])
    invoice = work.named("invoice", given["invoice"], "invoice") if given.get("invoice") else None
    if invoice is not None and (invoice["status"] != "draft" or invoice["customer"] != customer["id"]):
        raise Refused("Items can only be added to a draft invoice of the same customer.", param="invoice")
    if given.get("subscription"):
        work.named("subscription", given["subscription"], "subscription")
    told: dict[str, Any] = dict(given)
    if invoice is not None and "amount" in given:
        told.setdefault("currency", invoice["currency"])
    item = invoice_items.make(work, customer, told, invoice)
    if invoice is not None:
        if item["currency"] != invoice["currency"]:
            raise Refused("The item's currency is not the invoice's.", param="currency")
        with work.changing(invoice, "invoice.updated"):
            invoices.add_item(work, invoice, item)
    return shown(item)


def _retrieve_item(asked: Asked) -> Object:
    return shown(asked.work.addressed("invoiceitem", asked.id, "invoiceitem"))


def _update_item(asked: Asked) -> Object:
    return shown(invoice_items.change(asked.work, _waiting(asked), asked.params))


def _delete_item(asked: Asked) -> Object:
    item = _waiting(asked)
    asked.work.emit("invoiceitem.deleted", item)
    asked.work.rows.remove(item["id"])
    return {"id": item["id"], "object": "invoiceitem", "deleted": True}


def _waiting(asked: Asked) -> Object:
    """One that is on no invoice yet."""
    item = asked.work.addressed("invoiceitem", asked.id, "invoiceitem")
    if item["invoice"] is not None:
        raise Refused("The sandbox changes invoice items only as long as they are on no invoice.")
    return item


def _list_items(asked: Asked) -> Object:
    found = matching(asked, "invoiceitem", "customer", "invoice")
    if "pending" in asked.params:
        found = [one for one in found if (one["invoice"] is None) == asked.params["pending"]]
    return paged(asked, "/v1/invoiceitems", found, "invoiceitem")


def _list_payments(asked: Asked) -> Object:
    found = matching(asked, "invoice_payment", "invoice", "status")
    wanted = asked.params.get("payment")
    if wanted is not None:
        found = [
            one
            for one in found
            if one["payment"]["type"] == wanted["type"]
            and wanted.get("payment_intent") in (None, one["payment"].get("payment_intent"))
        ]
    return paged(asked, "/v1/invoice_payments", found, "invoice_payment")


def _retrieve_payment(asked: Asked) -> Object:
    return shown(asked.work.addressed("invoice_payment", asked.id, "invoice_payment"))


OPERATIONS = (
    Operation("POST", "/v1/invoiceitems", _create_item, _ITEM),
    Operation(
        "GET",
        "/v1/invoiceitems",
        _list_items,
        Fields({**PAGE, "customer": Text(), "invoice": Text(), "pending": YesNo()}),
    ),
    Operation("GET", "/v1/invoiceitems/{invoiceitem}", _retrieve_item),
    Operation("POST", "/v1/invoiceitems/{invoiceitem}", _update_item, _CHANGED),
    Operation("DELETE", "/v1/invoiceitems/{invoiceitem}", _delete_item, Fields({})),
    Operation(
        "GET",
        "/v1/invoice_payments",
        _list_payments,
        Fields(
            {
                **PAGE,
                "created": SPAN,
                "invoice": Text(),
                "payment": _PAYMENT,
                "status": OneOf("canceled", "open", "paid"),
            }
        ),
    ),
    Operation("GET", "/v1/invoice_payments/{invoice_payment}", _retrieve_payment),
)
