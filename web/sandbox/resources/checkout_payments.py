"""How a Checkout session in payment mode is paid: at once or after days, with an invoice or without."""

from __future__ import annotations

from web.sandbox.errors import Refused
from web.sandbox.params import merged
from web.sandbox.resources import (
    bank_debits,
    collecting,
    customers,
    invoice_items,
    invoice_payments,
    invoices,
    payment_intents,
    payment_methods,
    session_items,
    taxes,
)
from web.sandbox.resources.cards import Decline, TestCard
from web.sandbox.store import Object
from web.sandbox.work import Work, id_of


def buy(work: Work, session: Object, customer: Object | None, card: TestCard, email: str) -> Decline | None:
    """One payment; with `invoice_creation`, of an invoice."""
    if card.decline is None:
        customer = _customer(work, session, customer, email)
    if not session["amount_total"] and not _wants_invoice(session):
        session_items.redeem(work, session, id_of(customer))
        return None
    method = payment_methods.make(work, card, {"email": email})
    given = session["_payment"]["payment_intent_data"]
    if customer is not None and given.get("setup_future_usage") and card.decline is None:
        payment_methods.attach(work, method, customer)
        work.keep(method | {"_authenticated": True})
    if _wants_invoice(session) and customer is not None and card.decline is None:
        invoice = _invoice(work, session, customer)
        decline = collecting.attempt(work, invoice, method, present=True)
        if decline is None:
            session |= {"invoice": invoice["id"], "payment_intent": id_of(invoices.intent_of(work, invoice))}
        return decline
    intent = _intent(work, session, customer)
    decline = payment_intents.charge(work, intent, method)
    if decline is None:
        session_items.redeem(work, session, id_of(customer))
        session["payment_intent"] = intent["id"]
    return decline


def begin(work: Work, session: Object, customer: Object | None, email: str) -> None:
    """The buyer is done; their bank pays in some days, or does not."""
    customer = _customer(work, session, customer, email)
    account = bank_debits.method(work, session["currency"], {"email": email, "name": "Buyer"})
    if _wants_invoice(session) and customer is not None:
        invoice = _invoice(work, session, customer)
        intent = invoices.intent_of(work, invoice)
        assert intent is not None, "something is to be paid"
        session["invoice"] = invoice["id"]
    else:
        intent = _intent(work, session, customer)
        session_items.redeem(work, session, id_of(customer))
    bank_debits.begin(work, intent, account)
    session["payment_intent"] = intent["id"]


def arrive(work: Work, session: Object, *, fails: bool) -> None:
    """What the bank says after all: it has paid, or not."""
    intent = work.find("payment_intent", session["payment_intent"])
    if session["status"] != "complete" or intent is None or intent["status"] != "processing":
        raise Refused("No payment of this Checkout Session is on its way.")
    if fails:
        bank_debits.fail(work, intent)
        work.emit("checkout.session.async_payment_failed", session)
        return
    invoice = work.find("invoice", session["invoice"])
    if invoice is not None:
        invoice_payments.note_paid(work, invoice)
    bank_debits.arrive(work, intent)
    if invoice is not None:
        invoices.settle(work, invoice, by_card=True)
    session["payment_status"] = "paid"
    work.keep(session)
    work.emit("checkout.session.async_payment_succeeded", session)


def _customer(work: Work, session: Object, customer: Object | None, email: str) -> Object | None:
    """The buyer, who becomes a customer if that was wanted."""
    if customer is None and session["customer_creation"] == "always":
        customer = customers.make(work, {"email": email})
        session["customer"] = customer["id"]
    return customer


def _wants_invoice(session: Object) -> bool:
    return bool((session["invoice_creation"] or {}).get("enabled"))


def _intent(work: Work, session: Object, customer: Object | None) -> Object:
    """The session's one intent, however often a card is declined."""
    intent = work.find("payment_intent", session["_intent"])
    given = session["_payment"]["payment_intent_data"]
    if intent is None:
        intent = payment_intents.make(
            work,
            session["amount_total"],
            session["currency"],
            customer=id_of(customer),
            description=given.get("description"),
            metadata=merged({}, given.get("metadata")),
            receipt_email=given.get("receipt_email"),
            setup_future_usage=given.get("setup_future_usage"),
        )
        session["_intent"] = intent["id"]
    else:
        intent |= {"amount": session["amount_total"], "customer": id_of(customer) or intent["customer"]}
    return intent


def _invoice(work: Work, session: Object, customer: Object) -> Object:
    """An open invoice for what the session sells."""
    told = session["invoice_creation"]["invoice_data"]
    fields = {name: told.get(name) for name in ("description", "footer")} | {"metadata": told.get("metadata") or {}}
    invoice = work.keep(invoices.draft(work, customer, session["currency"], "manual", **fields))
    invoices.give(work, invoice, session_items.redeem(work, session, customer["id"], invoice=invoice["id"]))
    for line in session["_items"]:
        once = {"pricing": {"price": line["price"]["id"]}, "quantity": line["quantity"]}
        invoices.add_item(work, invoice, invoice_items.make(work, customer, once, invoice))
    taxes.as_in_session(invoice, session)
    work.keep(invoice)
    work.emit("invoice.created", invoice)
    invoices.finalize(work, invoice, balance=False)
    intent = invoices.intent_of(work, invoice)
    if intent is not None:
        given = session["_payment"]["payment_intent_data"]
        intent["metadata"] = merged({}, given.get("metadata"))
        work.keep(intent)
    return invoice
