"""The sandbox's controls, for programs (JSON) and for its own pages (forms): time, payments, what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, jsonify, redirect, request

from web.sandbox import events, faults, misdelivery, periods
from web.sandbox.acts import ACTS, yes
from web.sandbox.errors import Refused
from web.sandbox.machine import Machine
from web.sandbox.pages.common import page

_DECLINES = "4000000000000002"
_PAGES = {"payments": "/_sandbox/payments"}
"""Where a form leads that says so, in place of the overview."""
_FORM = ("email", "country", "tax_id")
_SPANS = ("months", "weeks", "days", "hours", "minutes", "seconds")


def make_controls(machine: Machine) -> Blueprint:
    controls = Blueprint("controls", __name__, url_prefix="/_sandbox")

    def control(path: str, act: Callable[[Machine, dict[str, Any]], dict[str, Any]]) -> None:
        def view() -> Any:
            by_form = bool(request.form)
            try:
                said = _said() if request.method == "POST" else {}
                back = _PAGES.get(str(said.pop("back", "")), "/_sandbox/") if by_form else ""
                answer = act(machine, said)
            except (ValueError, TypeError) as error:
                refused, status = {"message": str(error), "type": "invalid_request_error"}, 400
            except Refused as error:
                refused, status = error.error, error.status
            else:
                return redirect(back, 303) if by_form else jsonify(answer)
            if by_form:
                return page(machine, "refused.html", status=status, said=refused["message"])
            return jsonify(error=refused), status

        controls.add_url_rule(path, path, view, methods=["GET", "POST"])

    control("/clock", _clock)
    control("/fail", _fail)
    control("/deliver", _deliver)
    control("/pay", _pay)
    control("/decline", _decline)
    for path, act in ACTS.items():
        control(path, act)
    return controls


def _said() -> dict[str, Any]:
    """What a program said in JSON, or a page in a form."""
    if request.is_json:
        said = request.get_json()
        if not isinstance(said, dict):
            raise ValueError("Send a JSON object.")
        return said
    return {name: value for name, value in request.form.items() if value != ""}


def _clock(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"by": {"days": 1, "months": 1}}` or `{"to": "2027-01-31T00:00:00Z"}`; answers when all is done."""
    if request.method == "POST":
        machine.advance(_target(machine.clock.now(), said), machine.on_stop)
    now = machine.clock.now()
    return {"now": now.isoformat().replace("+00:00", "Z"), "offset_seconds": machine.clock.offset.total_seconds()}


def _target(now: datetime, said: dict[str, Any]) -> datetime:
    if set(said) == {"to"} and isinstance(said["to"], str):
        to = datetime.fromisoformat(said["to"])
        return to.replace(tzinfo=UTC) if to.tzinfo is None else to
    by = said.get("by", said)  # a form says {"months": "1", "days": "2"}
    if not isinstance(by, dict) or not by or set(by) - set(_SPANS):
        raise ValueError(f'Say {{"to": a time}}, or {{"by": …}} with some of {", ".join(_SPANS)}.')
    try:
        spans = {name: int(value) for name, value in by.items()}
        if any(value < 0 for value in spans.values()):
            raise ValueError("The clock goes forward only.")
        return periods.months_later(now, spans.pop("months", 0)) + timedelta(**spans)
    except OverflowError:
        raise ValueError("That is too far ahead.") from None


def _fail(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"how": "lost", "times": 1, "path": "/v1/checkout", "method": "POST"}`; `{"how": "none"}` takes all back."""
    if said.get("how") == "none":
        machine.faults.clear()
    elif request.method == "POST":
        unknown = set(said) - {"how", "times", "path", "method"}
        if unknown or "how" not in said:
            raise ValueError(f"Say how ({', '.join(faults.HOW)}, none), times, path and method.")
        path, method = said.get("path"), said.get("method")
        machine.faults.add(faults.Fault(said["how"], int(said.get("times", 1)), path or "/v1/", method))
    return {"faults": [vars(fault) for fault in machine.faults.coming()]}


def _deliver(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"event": "evt_…"}` sends it once more, `{"events": […]}` these in this order and at once (with `"as": "twin"`
    under new ids). What else is said goes wrong until it is said otherwise: `hold` keeps all back, `drop` loses so
    many, `twice` doubles all, `twin` sends all again under a new id, `order` (and `seed`), `delay`, `sign`, `age`,
    `live`, `account`; with `types` only to events of these types.
    """
    faults = machine.delivery.faults
    answer: dict[str, Any] = {}
    unknown = set(said) - {"event", "events", "as"} - set(vars(faults))
    if unknown:
        raise ValueError(f"Say event, events, {', '.join(vars(faults))}; not {', '.join(sorted(unknown))}.")
    machine.delivery.faults = misdelivery.told(faults, said)
    named = said.get("events", [])
    for id in [*([said["event"]] if "event" in said else []), *named]:
        with machine.store.transaction() as rows:
            if events.find(rows, str(id)) is None:
                raise ValueError(f"There is no event {id}.")
    if "event" in said:
        answer["sent_to"] = machine.delivery.resend(str(said["event"]))
    if named:
        answer["answers"] = machine.delivery.send_now([str(id) for id in named], twin=said.get("as") == "twin")
    machine.delivery.wake()
    return answer | vars(machine.delivery.faults) | {"pending": machine.delivery.pending()}


def _pay(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"session": "cs_…", "card"?: "4242…", "email"?: …, "country"?: …, "tax_id"?: …}`: what the buyer does on the
    page; with `"later": true` their bank pays, days after.
    """
    form = {name: str(said[name]) for name in _FORM if name in said}
    if "session" not in said or set(said) - {"session", "card", "later", *_FORM}:
        raise ValueError(f"Say session, and card, later, {', '.join(_FORM)} if you like.")
    if yes(said.get("later")):
        return machine.pay_later(str(said["session"]), **form)
    return machine.pay(str(said["session"]), card=str(said.get("card") or machine.CARD), **form)


def _decline(machine: Machine, said: dict[str, Any]) -> dict[str, Any]:
    """`{"session": "cs_…"}` pays with a card that is declined; `{"customer": "cus_…"}` has the customer's cards
    declined from now on (with `"card"` as that test card is), until it is said again with `"declines": false`.
    """
    if "session" in said:
        return machine.pay(str(said["session"]), card=_DECLINES)
    if "customer" not in said:
        raise ValueError("Say session, or customer.")
    declines = yes(said.get("declines", True))
    as_card = str(said["card"]) if said.get("card") else None
    cards = machine.decline(str(said["customer"]), declines=declines, card=as_card)
    return {"customer": said["customer"], "cards": cards}
