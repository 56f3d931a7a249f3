"""What a customer has bought, as the list of top-ups shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from billing.base.wording import credits_text, date_text, money_text

if TYPE_CHECKING:
    from billing import Catalog, Topup

STATUS_NAMES = {
    "open": ("Not paid yet", "still"),
    "pending": ("On its way", "still"),
    "paid": ("Paid", "in"),
    "failed": ("Failed", "out"),
    "expired": ("Expired", "still"),
    "refunded": ("Refunded", "still"),
}


@dataclass(frozen=True, slots=True)
class Bought:
    """One top-up in the list of them. `url`: where it can still be paid."""

    id: str
    when: str
    at: datetime
    what: str
    price: str
    instead_of: str | None
    status: str
    refunded: str | None
    tone: str


def bought(topup: Topup, catalog: Catalog) -> Bought:
    name, tone = STATUS_NAMES[topup.status]
    unit = catalog.units.get(topup.unit)
    credits = credits_text(topup.credits, unit.scale if unit else 0)
    return Bought(
        id=topup.id,
        when=date_text(topup.created_at),
        at=topup.created_at,
        what=f"{credits} {topup.unit}{', auto top-up' if topup.automatic else ''}",
        price=money_text(topup.cents if topup.paid_cents is None else topup.paid_cents, topup.currency),
        instead_of=money_text(topup.cents, topup.currency) if topup.paid_cents not in (None, topup.cents) else None,
        status=name,
        refunded=refunded(topup) if topup.status == "paid" else None,
        tone=tone,
    )


def refunded(topup: Topup) -> str | None:
    """`$3.00 of $10.00`, where a part of what was paid was given back."""
    paid_cents = topup.total_cents if topup.total_cents is not None else topup.paid_cents
    if not topup.refunded_cents or paid_cents is None:
        return None
    return f"{money_text(topup.refunded_cents, topup.currency)} of {money_text(paid_cents, topup.currency)}"
