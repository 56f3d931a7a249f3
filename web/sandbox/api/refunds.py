"""/v1/refunds and /v1/disputes: money that goes back."""

from __future__ import annotations

from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.params import PAGE, SPAN, Fields, Labels, OneOf, Text, Whole, YesNo, merged
from web.sandbox.resources import disputes, refunds
from web.sandbox.store import Object
from web.sandbox.work import shown

_CREATE = takes(
    {
        "amount": Whole(1),
        "charge": Text(),
        "metadata": Labels(),
        "payment_intent": Text(),
        "reason": OneOf("duplicate", "fraudulent", "requested_by_customer"),
    }
)
_LIST = Fields({**PAGE, "charge": Text(), "created": SPAN, "payment_intent": Text()})
_DISPUTE = takes(
    {
        "evidence": Fields({name: Text() for name in disputes.EVIDENCE}),
        "metadata": Labels(),
        "submit": YesNo(),
    }
)


def _create(asked: Asked) -> Object:
    work, given = asked.work, asked.params
    charge = refunds.charge_of(work, charge=given.get("charge"), intent=given.get("payment_intent"))
    refund = refunds.make(
        work,
        charge,
        given.get("amount"),
        reason=given.get("reason"),
        metadata=merged({}, given.get("metadata")),
    )
    return shown(refund)


def _retrieve(asked: Asked) -> Object:
    return shown(_refund(asked))


def _update(asked: Asked) -> Object:
    return shown(refunds.change(asked.work, _refund(asked), asked.params))


def _cancel(asked: Asked) -> Object:
    return shown(refunds.cancel(asked.work, _refund(asked)))


def _list(asked: Asked) -> Object:
    return paged(asked, "/v1/refunds", matching(asked, "refund", "charge", "payment_intent"), "refund")


def _refund(asked: Asked) -> Object:
    return asked.work.addressed("refund", asked.id, "refund")


def _retrieve_dispute(asked: Asked) -> Object:
    return shown(_dispute(asked))


def _update_dispute(asked: Asked) -> Object:
    return shown(disputes.change(asked.work, _dispute(asked), asked.params))


def _close_dispute(asked: Asked) -> Object:
    return shown(disputes.close(asked.work, _dispute(asked)))


def _list_disputes(asked: Asked) -> Object:
    return paged(asked, "/v1/disputes", matching(asked, "dispute", "charge", "payment_intent"), "dispute")


def _dispute(asked: Asked) -> Object:
    return asked.work.addressed("dispute", asked.id, "dispute")


OPERATIONS = (
    Operation("POST", "/v1/refunds", _create, _CREATE),
    Operation("GET", "/v1/refunds", _list, _LIST),
    Operation("GET", "/v1/refunds/{refund}", _retrieve),
    Operation("POST", "/v1/refunds/{refund}", _update, takes({"metadata": Labels()})),
    Operation("POST", "/v1/refunds/{refund}/cancel", _cancel),
    Operation("GET", "/v1/disputes", _list_disputes, _LIST),
    Operation("GET", "/v1/disputes/{dispute}", _retrieve_dispute),
    Operation("POST", "/v1/disputes/{dispute}", _update_dispute, _DISPUTE),
    Operation("POST", "/v1/disputes/{dispute}/close", _close_dispute),
)
