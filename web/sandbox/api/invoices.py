"""/v1/invoices."""

from __future__ import annotations

from typing import Any

from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.api.subscriptions import CHANGED_ITEM, DISCOUNT, PRORATION
from web.sandbox.errors import Refused
from web.sandbox.params import PAGE, SPAN, Currency, Fields, Labels, OneOf, Several, Text, Whole, Word, YesNo, merged
from web.sandbox.resources import (
    collecting,
    customers,
    discounts,
    invoice_items,
    invoices,
    payment_methods,
    previewing,
    subscription_invoices,
)
from web.sandbox.store import Object
from web.sandbox.work import Work, id_of, shown

_COLLECTION = OneOf("charge_automatically", "send_invoice")
_CREATE = takes(
    {
        "auto_advance": YesNo(),
        "collection_method": _COLLECTION,
        "currency": Currency(),
        "customer": Text(),
        "days_until_due": Whole(0),
        "default_payment_method": Text(),
        "description": Text(),
        "discounts": Several(DISCOUNT, 20),
        "due_date": Whole(0),
        "footer": Text(),
        "metadata": Labels(),
        "pending_invoice_items_behavior": OneOf("exclude", "include"),
        "subscription": Text(),
    },
    "customer",
)
_UPDATE = takes(
    {
        "auto_advance": YesNo(),
        "default_payment_method": Text(),
        "description": Text(),
        "footer": Text(),
        "metadata": Labels(),
    }
)
_ANCHOR = Fields({"type": OneOf("now", "unchanged")}, ["type"])
_PREVIEW = takes(
    {
        "customer": Text(),
        "discounts": Several(DISCOUNT, 20),
        "preview_mode": OneOf("next"),
        "subscription": Text(),
        "subscription_details": Fields(
            {
                "billing_cycle_anchor": _ANCHOR,
                "cancel_now": YesNo(),
                "items": Several(CHANGED_ITEM, 20),
                "proration_behavior": PRORATION,
                "proration_date": Whole(0),
                "trial_end": Word(("now",), Whole(0)),
            }
        ),
    }
)
_LIST = Fields(
    {
        **PAGE,
        "collection_method": _COLLECTION,
        "created": SPAN,
        "customer": Text(),
        "status": OneOf("draft", "open", "paid", "uncollectible", "void"),
        "subscription": Text(),
    }
)
_PAY = takes({"off_session": YesNo(), "paid_out_of_band": YesNo(), "payment_method": Text(), "source": Text()})


def _create(asked: Asked) -> Object:
    """A manual draft; what waits for it, the customer's or the subscription's, comes on it if that is asked for."""
    work, given = asked.work, asked.params
    customer = customers.living(work, given["customer"])
    subscription = None
    if given.get("subscription"):
        subscription = work.named("subscription", given["subscription"], "subscription")
    waiting: list[Object] = []
    if given.get("pending_invoice_items_behavior") == "include" or subscription is not None:
        waiting = invoice_items.pending(work, customer, given.get("currency"), id_of(subscription))
    currencies = {item["currency"] for item in waiting}
    if len(currencies) > 1:
        raise Refused("The customer has pending items in several currencies: say which `currency` to invoice.")
    currency = given.get("currency") or next(iter(currencies), None) or customer["currency"] or "usd"
    names = ("auto_advance", "collection_method", "description", "footer")
    told: dict[str, Any] = {name: given[name] for name in names if name in given}
    if given.get("default_payment_method"):
        method = payment_methods.named(work, given["default_payment_method"], "default_payment_method")
        told["default_payment_method"] = method["id"]
    told |= {"due_date": _due(work, given), "metadata": merged({}, given.get("metadata"))}
    if subscription is not None:
        told["parent"] = subscription_invoices.parent(subscription)
    invoice = invoices.draft(work, customer, currency, "manual", **told)
    had = {"customer": str(customer["id"]), "currency": currency}
    invoices.give(work, invoice, discounts.give(work, given.get("discounts"), invoice=invoice["id"], **had))
    for item in waiting:
        invoices.add_item(work, invoice, item)
    if invoice["auto_advance"]:
        invoice["automatically_finalizes_at"] = work.now + collecting.HOUR
        work.rows.schedule(work.now + collecting.HOUR, "finalize", invoice["id"])
    work.keep(invoice)
    work.emit("invoice.created", invoice)
    return shown(invoice)


def _due(work: Work, given: dict[str, Any]) -> int | None:
    if given.get("collection_method") != "send_invoice":
        return None
    if ("days_until_due" in given) == ("due_date" in given):
        raise Refused("Say `days_until_due` or `due_date` for an invoice that is sent.", param="days_until_due")
    due: int = given.get("due_date") or work.now + given["days_until_due"] * collecting.DAY
    return due


def _preview(asked: Asked) -> Object:
    return previewing.preview(asked.work, asked.params)


def _update(asked: Asked) -> Object:
    work, given = asked.work, asked.params
    invoice = _invoice(asked)
    if invoice["status"] != "draft" and set(given) - {"auto_advance", "metadata", "expand"}:
        raise Refused("Finalized invoices can't be updated in this way.")
    with work.changing(invoice, "invoice.updated"):
        for name in ("auto_advance", "default_payment_method", "description", "footer"):
            if name in given:
                invoice[name] = given[name]
        invoice["metadata"] = merged(invoice["metadata"], given.get("metadata"))
        if invoice["status"] == "draft" and "auto_advance" in given:
            at = work.now + collecting.HOUR if given["auto_advance"] else None
            invoice["automatically_finalizes_at"] = at
            work.rows.unschedule("finalize", invoice["id"])
            if at is not None:
                work.rows.schedule(at, "finalize", invoice["id"])
    return shown(invoice)


def _delete(asked: Asked) -> Object:
    """A manual draft is gone; its items wait for the next."""
    invoice = _invoice(asked)
    if invoice["status"] != "draft" or invoice["parent"] is not None:
        raise Refused("You can only delete draft invoices that are no subscription's.")
    for item in asked.work.rows.select("invoiceitem", invoice=invoice["id"]):
        asked.work.keep(item | {"invoice": None})
    asked.work.emit("invoice.deleted", invoice)
    asked.work.rows.unschedule("finalize", invoice["id"])
    asked.work.rows.remove(invoice["id"])
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


def _void(asked: Asked) -> Object:
    invoice = _invoice(asked)
    if invoice["status"] not in ("open", "uncollectible"):
        words = f"You can only pass in open invoices. This invoice isn't open: it is {invoice['status']}."
        raise Refused(words, code="invoice_not_open")
    invoices.void(asked.work, invoice)
    return shown(invoice)


def _mark_uncollectible(asked: Asked) -> Object:
    invoice = _invoice(asked)
    if invoice["status"] != "open":
        raise Refused(f"You can only pass in open invoices. This one is {invoice['status']}.", code="invoice_not_open")
    invoices.mark_uncollectible(asked.work, invoice)
    return shown(invoice)


def _send(asked: Asked) -> Object:
    invoice = _invoice(asked)
    if invoice["collection_method"] != "send_invoice":
        raise Refused("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice["status"] == "draft":
        invoices.finalize(asked.work, invoice)
    asked.work.emit("invoice.sent", invoice)
    return shown(invoice)


def _invoice(asked: Asked) -> Object:
    return asked.work.addressed("invoice", asked.id, "invoice")


def _retrieve(asked: Asked) -> Object:
    return shown(asked.work.addressed("invoice", asked.id, "invoice"))


def _list(asked: Asked) -> Object:
    found = matching(asked, "invoice", "collection_method", "customer", "status")
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


def _subscription(invoice: Object) -> str | None:
    parent = invoice["parent"]
    return parent["subscription_details"]["subscription"] if parent else None


OPERATIONS = (
    Operation("POST", "/v1/invoices", _create, _CREATE),
    Operation("GET", "/v1/invoices", _list, _LIST),
    Operation("POST", "/v1/invoices/create_preview", _preview, _PREVIEW),
    Operation("GET", "/v1/invoices/{invoice}", _retrieve),
    Operation("POST", "/v1/invoices/{invoice}", _update, _UPDATE),
    Operation("DELETE", "/v1/invoices/{invoice}", _delete, Fields({})),
    Operation("GET", "/v1/invoices/{invoice}/lines", _lines, Fields(PAGE)),
    Operation("POST", "/v1/invoices/{invoice}/finalize", _finalize, takes({"auto_advance": YesNo()})),
    Operation("POST", "/v1/invoices/{invoice}/pay", _pay, _PAY),
    Operation("POST", "/v1/invoices/{invoice}/void", _void),
    Operation("POST", "/v1/invoices/{invoice}/mark_uncollectible", _mark_uncollectible),
    Operation("POST", "/v1/invoices/{invoice}/send", _send),
)
