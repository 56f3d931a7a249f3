"""A small world in which all that is built has happened: what the audit must find in order, and then not."""

from __future__ import annotations

from datetime import timedelta

from billing.sales import sessions
from billing.sales.packs import topup_rows
from billing.sales.packs.topup_rows import Offer
from billing.sales.sessions import Return
from billing.sales.tables import topups
from billing.stripe.values import OpenedSession
from billing.testing import TestBilling
from tests.sales.paid import CATALOG, invoice, line, session, tell

DAY = timedelta(days=1)


def live(billing: TestBilling) -> dict[str, int]:
    """`team` has bought, `ada` used, `bob` owed. Returns the wallets' numbers by customer."""
    tell(billing, invoice(line("price_pro", 1_000, id="il_pro")))
    tell(billing, session())
    _top_up(billing)
    billing.spend("team", 300, key="s1", member="kim")
    _owe(billing)
    _use(billing)
    billing.advance(by=DAY)
    billing.set_wallet("ada", frozen=True)
    return {name: _wallet(billing, name) for name in ("team", "ada", "bob")}


def _top_up(billing: TestBilling) -> None:
    """One that was opened here and paid, one that is open."""
    offer = Offer(CATALOG.packs["a"], "A pack", 800, "usd", None)
    for key, id in (("paid", "cs_paid"), ("open", "cs_open")):
        with billing.database.write() as tx:
            row = topup_rows.begin(tx, "team", offer, Return("https://app.example.com", None), key, key)
            opened = OpenedSession(id, "https://checkout.example.com", billing.now + DAY)
            sessions.record(tx, topups, row.id, opened)
        if key == "paid":
            mark = {topup_rows.MARK: row.id}
            tell(billing, session(id=id, metadata=mark, amount_subtotal=800, amount_total=800))


def _use(billing: TestBilling) -> None:
    """Spends over two currencies, all that may become of a hold, a reversal, an extended, a voided, a scoped bucket."""
    billing.customer("ada")
    billing.grant("ada", 7, reason="paid", key="g1", paid_cents=100, currency="usd", expires_at=billing.now + 100 * DAY)
    billing.grant("ada", 50, reason="paid", key="g2", paid_cents=501, currency="eur", priority=60)
    first = billing.spend("ada", 3, key="s1", feature="chat", member="kim", description="a talk")
    billing.advance(by=DAY)
    spend = billing.spend("ada", 20, key="s2", feature="chat")
    billing.reverse("ada", spend.id, 3, key="r1")
    billing.reverse("ada", first.id, 2, key="r2")
    billing.grant("ada", 10, reason="images only", key="g3", features=("images",))
    billing.spend("ada", 4, key="s3", feature="images")
    for n, credits in enumerate((2, 3, 4, 5)):
        held = billing.hold("ada", credits, key=f"h{n}", feature="chat", expires_in=600 if n == 3 else 3_600 * 24 * 20)
        if n == 1:
            billing.capture("ada", held.id, 2)
        elif n == 2:
            billing.release("ada", held.id)
    billing.advance(by=DAY)
    short = billing.grant("ada", 8, reason="for a while", key="g4", expires_at=billing.now + DAY, priority=90)
    billing.extend("ada", short.id, billing.now + 2 * DAY, key="x1")
    billing.extend("ada", short.id, billing.now + 3 * DAY, key="x2")
    wrong = billing.grant("ada", 9, reason="by mistake", key="g5", paid_cents=3, currency="usd", priority=90)
    billing.void("ada", wrong.id, reason="a mistake", key="v1")
    billing.advance(by=4 * DAY)
    billing.grant("ada", 5, reason="to come", key="g6", effective_at=billing.now + 30 * DAY)


def _owe(billing: TestBilling) -> None:
    """A debt repaid, then undone; one forgiven, then undone; one that waits."""
    billing.customer("bob")
    billing.set_wallet("bob", overdraft={"limit": 100, "debt": "repay"})
    trusted = billing.spend("bob", 30, key="s1")
    billing.grant("bob", 20, reason="paid", key="g1", paid_cents=333, currency="usd")
    billing.reverse("bob", trusted.id, 15, key="r1")
    billing.set_wallet("bob", overdraft={"limit": 100, "debt": "forgive"})
    trusted = billing.spend("bob", 40, key="s2")
    billing.advance(by=31 * DAY)
    billing.reverse("bob", trusted.id, 10, key="r2")
    billing.set_wallet("bob", overdraft={"limit": 100, "debt": "carry"})
    billing.spend("bob", 25, key="s3")
    billing.hold("bob", 6, key="h1", expires_in=3_600 * 24 * 20)


def _wallet(billing: TestBilling, customer: str) -> int:
    bucket = billing.buckets(customer, unit="credits")[0].id
    return int(bucket.split("_")[1])
