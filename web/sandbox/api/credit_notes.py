"""/v1/credit_notes."""

from __future__ import annotations

from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.params import PAGE, SPAN, Fields, Labels, OneOf, Several, Text, Whole
from web.sandbox.resources import credit_notes
from web.sandbox.store import Object
from web.sandbox.work import shown

_LINE = Fields(
    {
        "amount": Whole(0),
        "description": Text(),
        "invoice_line_item": Text(),
        "quantity": Whole(1, 999_999),
        "type": OneOf("custom_line_item", "invoice_line_item"),
        "unit_amount": Whole(),
    },
    ["type"],
)
_CREATE = takes(
    {
        "amount": Whole(1),
        "credit_amount": Whole(0),
        "effective_at": Whole(0),
        "invoice": Text(),
        "lines": Several(_LINE),
        "memo": Text(),
        "metadata": Labels(),
        "out_of_band_amount": Whole(0),
        "reason": OneOf("duplicate", "fraudulent", "order_change", "product_unsatisfactory"),
        "refund_amount": Whole(0),
        "refunds": Several(Fields({"amount_refunded": Whole(1), "refund": Text(), "type": OneOf("refund")})),
    },
    "invoice",
)


def _create(asked: Asked) -> Object:
    invoice = asked.work.named("invoice", asked.params["invoice"], "invoice")
    return shown(credit_notes.make(asked.work, invoice, asked.params))


def _retrieve(asked: Asked) -> Object:
    return shown(_note(asked))


def _update(asked: Asked) -> Object:
    return shown(credit_notes.change(asked.work, _note(asked), asked.params))


def _void(asked: Asked) -> Object:
    return shown(credit_notes.void(asked.work, _note(asked)))


def _list(asked: Asked) -> Object:
    return paged(asked, "/v1/credit_notes", matching(asked, "credit_note", "customer", "invoice"), "credit_note")


def _lines(asked: Asked) -> Object:
    note = _note(asked)
    return paged(asked, f"/v1/credit_notes/{note['id']}/lines", note["_lines"], "credit_note_line_item")


def _note(asked: Asked) -> Object:
    return asked.work.addressed("credit_note", asked.id, "id")


OPERATIONS = (
    Operation("POST", "/v1/credit_notes", _create, _CREATE),
    Operation(
        "GET", "/v1/credit_notes", _list, Fields({**PAGE, "created": SPAN, "customer": Text(), "invoice": Text()})
    ),
    Operation("GET", "/v1/credit_notes/{id}", _retrieve),
    Operation("POST", "/v1/credit_notes/{id}", _update, takes({"memo": Text(), "metadata": Labels()})),
    Operation("POST", "/v1/credit_notes/{id}/void", _void),
    Operation("GET", "/v1/credit_notes/{credit_note}/lines", _lines, Fields(PAGE)),
)
