"""/v1/invoices, /v1/invoiceitems and /v1/invoice_payments."""

from __future__ import annotations

from typing import Any

from web.sandbox.api.catalog import TAX_BEHAVIOR, UNIT
from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.errors import Refused
from web.sandbox.params import PAGE, SPAN, Currency, Fields, Labels, OneOf, Text, Whole, YesNo, merged
from web.sandbox.resources import collecting, customers, invoice_items, invoices, payment_methods
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
    },
    "customer",
)
_CREATE = takes(
    {
        "auto_advance": YesNo(),
        "collection_method": OneOf("charge_automatically"),
        "currency": Currency(),
        "customer": Text(),
        "default_payment_method": Text(),
        "description": Text(),
        "footer": Text(),
        "metadata": Labels(),
        "pending_invoice_items_behavior": OneOf("exclude", "include"),
    },
    "customer",
)
_LIST = Fields(
    {
        **PAGE,
        "created": SPAN,
        "customer": Text(),
        "status": OneOf("draft", "open", "paid", "uncollectible", "void"),
        "subscription": Text(),
    }
)
_PAY = takes({"off_session": YesNo(), "paid_out_of_band": YesNo(), "payment_method": Text(), "source": Text()})
_PAYMENT = Fields({"payment_intent": Text(), "type": OneOf("payment_intent", "payment_record")}, ["type"])


def _create(asked: Asked) -> Object:
    """A manual draft; the customer's waiting items come on it if that is asked for."""
    work, given = asked.work, asked.params
    customer = customers.living(work, given["customer"])
    waiting: list[Object] = []
    if given.get("pending_invoice_items_behavior") == "include":
        waiting = invoice_items.pending(work, customer, given.get("currency"))
    currencies = {item["currency"] for item in waiting}
    if len(currencies) > 1:
        raise Refused("The customer has pending items in several currencies: say which `currency` to invoice.")
    currency = given.get("currency") or next(iter(currencies), None) or customer["currency"] or "usd"
    told: dict[str, Any] = {name: given[name] for name in ("auto_advance", "description", "footer") if name in given}
    if given.get("default_payment_method"):
        method = payment_methods.named(work, given["default_payment_method"], "default_payment_method")
        told["default_payment_method"] = method["id"]
    invoice = invoices.draft(work, customer, currency, "manual", metadata=merged({}, given.get("metadata")), **told)
    for item in waiting:
        invoices.add_item(work, invoice, item)
    if invoice["auto_advance"]:
        invoice["automatically_finalizes_at"] = work.now + collecting.HOUR
        work.rows.schedule(work.now + collecting.HOUR, "finalize", invoice["id"])
    work.keep(invoice)
    work.emit("invoice.created", invoice)
    return shown(invoice)


def _retrieve(asked: Asked) -> Object:
    return shown(asked.work.addressed("invoice", asked.id, "invoice"))


def _list(asked: Asked) -> Object:
    found = matching(asked, "invoice", "customer", "status")
    if "subscription" in asked.params:
        found = [one for one in found if _subscription(one) == asked.params["subscription"]]
    return paged(asked, "/v1/invoices", found, "invoice")


def _lines(asked: Asked) -> Object:
    invoice = asked.work.addressed("invoice", asked.id, "invoice")
    return paged(asked, f"/v1/invoices/{invoice['id']}/lines", invoice["_lines"], "line_item")


def _finalize(asked: Asked) -> Object:
    invoice = asked.work.addressed("invoice", asked.id, "invoice")
    if invoice["status"] != "draft":
        raise Refused("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    if "auto_advance" in asked.params:
        invoice["auto_advance"] = asked.params["auto_advance"]
    invoices.finalize(asked.work, invoice)
    if invoice["amount_due"] == 0:
        collecting.attempt(asked.work, invoice, None)
    return shown(invoice)


def _pay(asked: Asked) -> Object:
    work, given = asked.work, asked.params
    invoice = work.addressed("invoice", asked.id, "invoice")
    instrument = None
    if given.get("payment_method"):
        instrument = payment_methods.named(work, given["payment_method"], "payment_method")
    elif given.get("source"):
        instrument = work.named("card", given["source"], "source")
    return shown(collecting.pay(work, invoice, instrument, out_of_band=given.get("paid_out_of_band", False)))


def _create_item(asked: Asked) -> Object:
    work, given = asked.work, asked.params
    customer = customers.living(work, given["customer"])
    invoice = work.named("invoice", given["invoice"], "invoice") if given.get("invoice") else None
    if invoice is not None and (invoice["status"] != "draft" or invoice["customer"] != customer["id"]):
        raise Refused("Items can only be added to a draft invoice of the same customer.", param="invoice")
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


def _subscription(invoice: Object) -> str | None:
    parent = invoice["parent"]
    return parent["subscription_details"]["subscription"] if parent else None


OPERATIONS = (
    Operation("POST", "/v1/invoices", _create, _CREATE),
    Operation("GET", "/v1/invoices", _list, _LIST),
    Operation("GET", "/v1/invoices/{invoice}", _retrieve),
    Operation("GET", "/v1/invoices/{invoice}/lines", _lines, Fields(PAGE)),
    Operation("POST", "/v1/invoices/{invoice}/finalize", _finalize, takes({"auto_advance": YesNo()})),
    Operation("POST", "/v1/invoices/{invoice}/pay", _pay, _PAY),
    Operation("POST", "/v1/invoiceitems", _create_item, _ITEM),
    Operation(
        "GET",
        "/v1/invoiceitems",
        _list_items,
        Fields({**PAGE, "customer": Text(), "invoice": Text(), "pending": YesNo()}),
    ),
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
