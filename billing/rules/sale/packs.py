"""A pack's price on an invoice's lines: one sale for each positive line, negative lines netted in cents.

Rules: the handbook's *Allocation* and *Credit part* (a pack's whole net is for credits).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from billing.rules.periods import add
from billing.rules.sale.lines import Line
from billing.rules.sale.values import Outcome, PackSale, PackTerms, Refused, waiting
from billing.rules.wallet.values import LARGEST_CENTS, LARGEST_CREDITS


def pack_sales(
    lines: Sequence[tuple[Line, PackTerms]],
    invoice_net_cents: int,
    paid_at: datetime,
    claimed: Collection[str],
) -> list[Outcome]:
    """What an invoice's lines with packs' prices bring. Reckoned as if nothing were claimed, then the claimed
    is left out: so a second look never nets a negative line against another sale than the first did.
    """
    by_price: dict[str, list[tuple[Line, PackTerms]]] = {}
    for line, terms in lines:
        by_price.setdefault(str(line.price), []).append((line, terms))
    found: list[Outcome] = []
    for price, group in by_price.items():
        refused = _price_waits(price, [line for line, _ in group], invoice_net_cents)
        if refused is not None:
            found.append(waiting([line for line, _ in group if line.id not in claimed], refused))
        else:
            found.extend(_sales_of_price(price, group, paid_at, claimed))
    return [one for one in found if one.lines]


def pack_sale(
    origin: str,
    terms: PackTerms,
    *,
    price: str,
    quantity: int,
    cents: int,
    currency: str,
    paid_at: datetime,
    lines: tuple[str, ...],
) -> PackSale | Refused:
    """One purchase of `quantity` packs for `cents` in all, living from the payment on; or why it can't be."""
    credits = terms.credits * quantity
    if credits <= 0:
        return "no_credits", f"{quantity} of pack {terms.pack} brings no credits"
    if credits > LARGEST_CREDITS or cents > LARGEST_CENTS:
        return "too_much", f"{quantity} of pack {terms.pack} is more than the books can hold"
    return PackSale(
        origin=origin,
        pack=terms.pack,
        unit=terms.unit,
        credits=credits,
        cents=cents,
        currency=currency,
        effective_at=paid_at,
        expires_at=add(paid_at, terms.valid_for) if terms.valid_for else None,
        quantity=quantity,
        price=price,
        lines=lines,
    )


def _price_waits(price: str, group: list[Line], invoice_net_cents: int) -> Refused | None:
    net = sum(line.net_cents for line in group)
    if net < 0:
        return "negative_net", f"the lines of price {price} give back more than they cost ({net} cents)"
    if invoice_net_cents < 0:
        return "negative_net", f"the invoice gives back more than it costs ({invoice_net_cents} cents)"
    if all(line.is_negative for line in group):
        return "negative_net", f"price {price} is given back and not bought on this invoice"
    return None


def _sales_of_price(
    price: str, group: list[tuple[Line, PackTerms]], paid_at: datetime, claimed: Collection[str]
) -> list[Outcome]:
    bought = [(line, terms) for line, terms in group if not line.is_negative and not line.is_free]
    free = [line for line, _ in group if line.is_free]
    negative = [line for line, _ in group if line.is_negative]
    cents = _netted([line for line, _ in bought], -sum(line.net_cents for line in negative))
    found: list[Outcome] = [
        waiting([line], ("free", f"price {price} costs nothing on line {line.id}: a trial, or a price of 0"))
        for line in free
        if line.id not in claimed
    ]
    for at, (line, terms) in enumerate(bought):
        if line.id in claimed:
            continue
        mine = [line, *(negative if at == len(bought) - 1 else ())]
        mine = [one for one in mine if one.id not in claimed]
        sale = pack_sale(
            f"topup:{line.id}",
            terms,
            price=price,
            quantity=line.count,
            cents=cents[at],
            currency=line.currency,
            paid_at=paid_at,
            lines=tuple(one.id for one in mine),
        )
        found.append(sale if isinstance(sale, PackSale) else waiting(mine, sale))
    return found


def _netted(bought: list[Line], given_back: int) -> list[int]:
    """The cents of each line bought once what was given back is taken from them, the last first, none below
    0.
    """
    cents = [line.net_cents for line in bought]
    left = max(0, given_back)
    for at in reversed(range(len(cents))):
        taken = min(left, max(0, cents[at]))
        left -= taken
        cents[at] = max(0, cents[at] - taken)
    return cents
