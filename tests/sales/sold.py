"""Sales made past Stripe: a plan's year or a pack, as an invoice would bring it, to see what becomes of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from billing.credits import grants
from billing.credits.writing import write
from billing.rules.periods import Span, add
from billing.rules.sale.months import Month
from billing.rules.sale.values import Allocation
from billing.sales.claims import Sold, Source, record
from billing.sales.values import open_units
from billing.testing import TestBilling

GRACE = timedelta(hours=24)


def year(
    billing: TestBilling,
    start: datetime,
    *,
    cents: int = 10_000,
    credits: int = 100,
    invoice: str = "in_y1",
    customer: str = "team",
) -> str:
    """Twelve months of `credits`, the last of which sweeps the cents. Says the sale's origin."""
    starts = [add(start, Span(months=number)) for number in range(13)]
    parts = [cents // 12] * 11 + [cents - cents // 12 * 11]
    lots = [
        grants.Lot(
            credits, f"Month {number + 1}", origin=None, effective_at=starts[number],
            expires_at=starts[number + 1] + GRACE, paid_cents=parts[number], currency="usd", series=f"plan:si_{invoice}",
            period_end=starts[number + 1],
        )
        for number in range(12)
    ]  # fmt: skip
    origin = f"allocation:si_{invoice}:price_yearly:{starts[0].isoformat().replace('+00:00', 'Z')}"
    sale = Allocation(
        origin, "yearly", "credits", credits * 12, cents, "usd", starts[0], starts[12], 1, "sub_y", f"si_{invoice}",
        "price_yearly", (f"il_{invoice}",),
        tuple(Month(starts[at], starts[at + 1], credits, parts[at], starts[at + 1] + GRACE) for at in range(12)),
        credits, "month",
    )  # fmt: skip
    with billing.database.write() as tx:
        wallet = open_units(tx, billing.catalog, customer, {"credits"})["credits"]
        grants.sell(wallet, origin, lots)
        write(tx, [wallet])
        record(tx, Source(tx.now, invoice=invoice, total_cents=cents), [Sold(wallet, sale, {f"il_{invoice}": cents})])
    return origin
