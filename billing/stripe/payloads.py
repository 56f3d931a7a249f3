"""Every shape Stripe's API has given its events, invoices and Checkout sessions since 2019 → our values.

An event keeps the API version it was made with for ever, and some carry old and new fields together. So each
field is read from where it stands today (2025-03-31.basil and later), and from where it stood before when
that is null or missing. Enums are open: an unknown value passes as it is. Whatever can't be read raises
`PayloadInvalid`, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.rules.sale.lines import Line
from billing.stripe import reading as read
from billing.stripe.values import Event, Invoice, PayloadInvalid, Session, SessionLine

_KINDS = {
    "subscription_item_details": "subscription",
    "subscription": "subscription",
    "invoice_item_details": "invoice_item",
    "invoiceitem": "invoice_item",
}
_PRICE = ("pricing.price_details.price", "price", "plan")
# Real prorations of a subscription stand under subscription_item_details and yet name an invoice item.
_PARENTS = ("parent.subscription_item_details", "parent.invoice_item_details")


def decode(body: bytes) -> dict[str, Any]:
    """The raw body → its JSON object, for `event`, `invoice` or `session`."""
    return read.decode(body)


def event(document: object) -> Event:
    """A webhook's event. A thin one (`v2.core.event`) carries no object and is refused."""
    found = read.mapping(document, "event")
    if found.get("object") == "v2.core.event":
        raise PayloadInvalid("event: a thin event carries no object; send snapshot events here.")
    if found.get("object") != "event":
        raise PayloadInvalid('event: its "object" is not "event".')
    held = read.mapping(read.dig(found, "data.object", "event"), "event.data.object")
    before = read.dig(found, "data.previous_attributes", "event")
    return Event(
        id=read.text(found.get("id"), "event.id"),
        type=read.text(found.get("type"), "event.type"),
        created=read.time(found.get("created"), "event.created"),
        livemode=read.flag(found.get("livemode"), "event.livemode"),
        api_version=read.maybe_text(found.get("api_version"), "event.api_version"),
        account=read.maybe_text(found.get("account"), "event.account"),
        object_id=read.maybe_text(held.get("id"), "event.data.object.id"),
        object=held,
        previous=before if isinstance(before, dict) else {},
    )


def invoice(document: object) -> Invoice:
    """An invoice with its lines, as it stands in an event or as the API answers."""
    found = read.mapping(document, "invoice")
    _check_object(found, "invoice")
    listed = read.mapping(found.get("lines"), "invoice.lines")
    currency = read.currency(found.get("currency"), "invoice.currency")
    held = _reference(found, ("parent.subscription_details.subscription", "subscription"), "invoice")
    inherited = {
        **_metadata(found, "subscription_details.metadata", "invoice"),
        **_metadata(found, "parent.subscription_details.metadata", "invoice"),
    }
    return Invoice(
        id=read.text(found.get("id"), "invoice.id"),
        customer=read.reference(found.get("customer"), "invoice.customer"),
        subscription=held,
        metadata={**inherited, **_metadata(found, "metadata", "invoice")},
        status=read.maybe_text(found.get("status"), "invoice.status"),
        currency=currency,
        created=read.time(found.get("created"), "invoice.created"),
        paid_at=read.maybe_time(*_at(found, "status_transitions.paid_at", "invoice")),
        billing_reason=read.maybe_text(found.get("billing_reason"), "invoice.billing_reason"),
        lines=lines(listed, currency, held, "invoice.lines"),
        has_more=_has_more(listed, "invoice.lines"),
        total_cents=read.maybe_whole(found.get("total"), "invoice.total"),
        amount_paid_cents=read.maybe_whole(found.get("amount_paid"), "invoice.amount_paid"),
    )


def lines(listed: object, currency: str, subscription: str | None = None, where: str = "lines") -> tuple[Line, ...]:
    """A page of an invoice's lines, as it stands in the invoice or as `GET /v1/invoices/…/lines` answers.

    `currency` and `subscription` are the invoice's, for lines that don't name their own.
    """
    data = read.mapping(listed, where).get("data")
    if not isinstance(data, list):
        raise PayloadInvalid(f"{where}.data: a list is wanted.")
    return tuple(_line(one, currency, subscription, f"{where}.data[{at}]") for at, one in enumerate(data))


def session(document: object) -> Session:
    """A Checkout session; its lines only where they were expanded."""
    found = read.mapping(document, "session")
    _check_object(found, "checkout.session")
    totals = read.maybe_mapping(found.get("total_details"), "session.total_details")
    listed = found.get("line_items")
    currency = found.get("currency")
    return Session(
        id=read.text(found.get("id"), "session.id"),
        mode=read.maybe_text(found.get("mode"), "session.mode"),
        status=read.maybe_text(found.get("status"), "session.status"),
        payment_status=read.maybe_text(found.get("payment_status"), "session.payment_status"),
        customer=read.reference(found.get("customer"), "session.customer"),
        client_reference_id=read.maybe_text(found.get("client_reference_id"), "session.client_reference_id"),
        metadata=_metadata(found, "metadata", "session"),
        currency=None if currency is None else read.currency(currency, "session.currency"),
        amount_total_cents=read.maybe_whole(found.get("amount_total"), "session.amount_total"),
        amount_subtotal_cents=read.maybe_whole(found.get("amount_subtotal"), "session.amount_subtotal"),
        tax_cents=_cents_or_0(totals, "amount_tax", "session.total_details"),
        shipping_cents=_shipping(found, totals),
        created=read.maybe_time(found.get("created"), "session.created"),
        invoice=read.reference(found.get("invoice"), "session.invoice"),
        subscription=read.reference(found.get("subscription"), "session.subscription"),
        payment_intent=read.reference(found.get("payment_intent"), "session.payment_intent"),
        lines=None if listed is None else session_lines(listed),
        has_more=listed is not None and _has_more(read.mapping(listed, "line_items"), "session.line_items"),
        discount_cents=_cents_or_0(totals, "amount_discount", "session.total_details"),
    )


def session_lines(listed: object) -> tuple[SessionLine, ...]:
    """A page of a session's lines, expanded or as `GET /v1/checkout/sessions/…/line_items` answers."""
    where = "session.line_items"
    data = read.mapping(listed, where).get("data")
    if not isinstance(data, list):
        raise PayloadInvalid(f"{where}.data: a list is wanted.")
    return tuple(_session_line(one, f"{where}.data[{at}]") for at, one in enumerate(data))


def _line(document: object, currency: str, subscription: str | None, where: str) -> Line:
    found = read.mapping(document, where)
    amount = read.whole(found.get("amount"), f"{where}.amount")
    period = read.mapping(found.get("period"), f"{where}.period")
    price, lookup_key = _price(found, where)
    named = found.get("currency")
    item = _of_parent(found, "subscription_item", where)
    return Line(
        id=read.text(found.get("id"), f"{where}.id"),
        amount_cents=amount,
        net_cents=amount - _discounts(found, where) - _inclusive_taxes(found, where),
        currency=currency if named is None else read.currency(named, f"{where}.currency"),
        start=read.time(period.get("start"), f"{where}.period.start"),
        end=read.time(period.get("end"), f"{where}.period.end"),
        quantity=read.quantity(found, where),
        price=price,
        lookup_key=lookup_key,
        subscription=_of_parent(found, "subscription", where) or (subscription if item else None),
        item=item,
        invoice_item=_of_parent(found, "invoice_item", where),
        proration=_proration(found, where),
        returns=_returns(found, where),
        kind=_kind(found, where),
        metadata=_metadata(found, "metadata", where),
    )


def _session_line(document: object, where: str) -> SessionLine:
    found = read.mapping(document, where)
    subtotal = read.whole(found.get("amount_subtotal"), f"{where}.amount_subtotal")
    total = read.whole(found.get("amount_total"), f"{where}.amount_total")
    price, lookup_key = _price(found, where)
    currency = found.get("currency")
    return SessionLine(
        id=read.text(found.get("id"), f"{where}.id"),
        price=price,
        lookup_key=lookup_key,
        quantity=read.quantity(found, where),
        currency=None if currency is None else read.currency(currency, f"{where}.currency"),
        amount_subtotal_cents=subtotal,
        amount_total_cents=total,
        net_cents=total - _cents_or_0(found, "amount_tax", where),
    )


def _price(found: Mapping[str, Any], where: str) -> tuple[str | None, str | None]:
    """The price's id, and its lookup key where any of the places holds the expanded price."""
    value, at = read.either(found, _PRICE, where)
    lookup_key = None
    for path in _PRICE:
        expanded = read.dig(found, path, where)
        if lookup_key is None and isinstance(expanded, dict):
            lookup_key = read.maybe_text(expanded.get("lookup_key"), f"{where}.{path}.lookup_key")
    return read.reference(value, at), lookup_key


def _of_parent(found: Mapping[str, Any], name: str, where: str) -> str | None:
    return _reference(found, (*(f"{parent}.{name}" for parent in _PARENTS), name), where)


def _proration(found: Mapping[str, Any], where: str) -> bool:
    value, at = read.either(found, (*(f"{parent}.proration" for parent in _PARENTS), "proration"), where)
    return False if value is None else read.flag(value, at)


def _returns(found: Mapping[str, Any], where: str) -> bool:
    """Does it name the lines that it takes back? Where they cost nothing its amount has no sign to tell it by."""
    named = "proration_details.credited_items"
    return read.either(found, (*(f"{parent}.{named}" for parent in _PARENTS), named), where)[0] is not None


def _kind(found: Mapping[str, Any], where: str) -> str:
    value, at = read.either(found, ("parent.type", "type"), where)
    kind = read.maybe_text(value, at)
    return "unknown" if kind is None else _KINDS.get(kind, kind)


def _discounts(found: Mapping[str, Any], where: str) -> int:
    at = f"{where}.discount_amounts"
    return sum(_amount(one, at) for one in read.items(found.get("discount_amounts"), at))


def _inclusive_taxes(found: Mapping[str, Any], where: str) -> int:
    """Taxes that stand inside the line's amount; `taxes` since basil, `tax_amounts` before."""
    at = f"{where}.taxes"
    taxes = read.items(found.get("taxes"), at)
    if taxes:
        marked = [(one, read.mapping(one, at).get("tax_behavior") == "inclusive") for one in taxes]
    else:
        at = f"{where}.tax_amounts"
        old = read.items(found.get("tax_amounts"), at)
        marked = [(one, read.mapping(one, at).get("inclusive") is True) for one in old]
    return sum(_amount(one, at) for one, inclusive in marked if inclusive)


def _amount(document: object, where: str) -> int:
    return read.whole(read.mapping(document, where).get("amount"), f"{where}.amount")


def _shipping(found: Mapping[str, Any], totals: Mapping[str, Any]) -> int:
    """Shipping without its tax, which `total_details.amount_tax` holds already, whether inclusive or not."""
    cost = read.maybe_mapping(found.get("shipping_cost"), "session.shipping_cost")
    if cost.get("amount_total") is None:
        return _cents_or_0(totals, "amount_shipping", "session.total_details")
    where = "session.shipping_cost"
    return _cents_or_0(cost, "amount_total", where) - _cents_or_0(cost, "amount_tax", where)


def _cents_or_0(found: Mapping[str, Any], name: str, where: str) -> int:
    return read.maybe_whole(found.get(name), f"{where}.{name}") or 0


def _reference(found: Mapping[str, Any], paths: tuple[str, ...], where: str) -> str | None:
    return read.reference(*read.either(found, paths, where))


def _metadata(found: Mapping[str, Any], path: str, where: str) -> dict[str, str]:
    return read.metadata(*_at(found, path, where))


def _at(found: Mapping[str, Any], path: str, where: str) -> tuple[Any, str]:
    return read.dig(found, path, where), f"{where}.{path}"


def _has_more(listed: Mapping[str, Any], where: str) -> bool:
    value = listed.get("has_more")
    return False if value is None else read.flag(value, f"{where}.has_more")


def _check_object(found: Mapping[str, Any], name: str) -> None:
    if found.get("object") != name:
        raise PayloadInvalid(f'{name}: its "object" is not "{name}".')
