"""What was known then stays what was known then, and what was true then is shown, whatever comes back later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from billing import Wallet
from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.sales.paid import APRIL, invoice, line, session, tell
from tests.sales.returning import Money
from tests.sales.sold import year
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

CATALOG = parse("""
[plans.rolling]
name = "Rolling"
credits = 100
prices = ["price_rolling"]
at_period_end = { roll_over = { max = 150, periods = 2 } }

[plans.yearly]
name = "Yearly"
credits = 100
prices = ["price_yearly"]

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000 }
valid_for = "30 days"
""")

Figures = tuple[int, int, int]


class Diary:
    """What the wallet was at each instant that somebody looked."""

    def __init__(self, billing: TestBilling, *, late: bool) -> None:
        self.billing, self.late = billing, late
        self.seen: dict[datetime, Figures] = {}

    def look(self) -> None:
        self.seen[self.billing.now] = figures(self.billing.wallet("team"))

    def until(self, when: str) -> None:
        """Six hours before it, and at it, somebody looks; whatever is due then is done before."""
        for at in (moment(when) - timedelta(hours=6), moment(when)):
            if at > self.billing.now:
                self.go(at)
            self.look()
        self.go(self.billing.now + timedelta(minutes=1))  # what happens next happens after that

    def go(self, at: datetime) -> None:
        self.billing.clock.move(at) if self.late else self.billing.advance(to=at)

    def wrong(self) -> dict[str, tuple[Figures, ...]]:
        """Where it is not the same when it is asked again: as it was known then, and as it was."""
        found: dict[str, tuple[Figures, ...]] = {}
        for at, seen in self.seen.items():
            known = figures(self.billing.wallet("team", at=at))
            true = figures(self.billing.wallet("team", as_of=at))
            if not seen == known == true:
                found[str(at)] = (seen, known, true)
        return found


def figures(wallet: Wallet) -> Figures:
    return wallet.available, wallet.held, wallet.owed


def packs_life(diary: Diary) -> None:
    """A pack: a refund pending and failed, a dispute past its end and won, another lost and reinstated."""
    billing, money = diary.billing, Money(diary.billing, by_events=True)
    tell(billing, session())
    billing.spend("team", 20, key="s1")
    diary.until("3 Apr 00:00")
    money.refund("re_1", 300, "pending")
    diary.until("5 Apr 00:00")
    money.becomes("re_1", "failed")
    diary.until("7 Apr 00:00")
    money.dispute("dp_1", 700)
    diary.until("20 Apr 00:00")
    diary.until("4 May 00:00")
    money.becomes("dp_1", "won", 0)
    diary.until("6 May 00:00")
    billing.spend("team", 10, key="s2")
    money.dispute("dp_2", 1_000)
    diary.until("8 May 00:00")
    money.becomes("dp_2", "lost")
    diary.until("10 May 00:00")
    money.becomes("dp_2", "lost", 0)
    diary.until("12 May 00:00")
    money.refund("re_2", 500)
    diary.until("12 Jun 00:00")


def rolling_life(diary: Diary) -> None:
    """What rolled over is refunded, held and free again, two periods on."""
    billing, money = diary.billing, Money(diary.billing, by_events=True)
    money.invoice("pi_1", "in_1", 1_000)
    money.invoice("pi_2", "in_2", 1_000)
    tell(billing, invoice(line("price_rolling", 1_000), id="in_1", total=1_000))
    billing.spend("team", 40, key="s1")
    diary.until("20 Apr 00:00")
    diary.until("1 May 01:00")
    tell(billing, invoice(line("price_rolling", 1_000, "1 May 00:00", "1 Jun 00:00"), paid="1 May 01:00", id="in_2",
                          total=1_000))  # fmt: skip
    diary.until("3 May 00:00")
    money.dispute("dp_1", 500)
    diary.until("5 May 00:00")
    money.refund("re_2", 250, of="pi_2")
    diary.until("20 May 00:00")
    money.becomes("dp_1", "won", 0)
    diary.until("25 May 00:00")
    billing.spend("team", 100, key="s2")
    money.refund("re_1", 1_000)
    diary.until("10 Jun 00:00")


def years_life(diary: Diary) -> None:
    """A year of which parts go back: months to come go, and come again."""
    billing, money = diary.billing, Money(diary.billing, by_events=True)
    year(billing, APRIL)
    money.invoice("pi_1", "in_y1", 10_000)
    billing.spend("team", 30, key="s1")
    diary.until("20 Apr 00:00")
    money.refund("re_1", 9_500, "pending")
    diary.until("10 May 00:00")
    money.becomes("re_1", "succeeded")
    diary.until("15 May 00:00")
    diary.until("15 Jun 00:00")
    money.becomes("re_1", "failed")
    diary.until("20 Jun 00:00")
    money.dispute("dp_1", 10_000)
    diary.until("15 Jul 00:00")
    money.becomes("dp_1", "lost")
    diary.until("20 Jul 00:00")
    money.becomes("dp_1", "won", 0)
    diary.until("5 Aug 00:00")


@pytest.mark.parametrize(
    "late", [pytest.param(False, marks=pytest.mark.slow, id="in time"), pytest.param(True, id="late")]
)
@pytest.mark.parametrize("life", [packs_life, rolling_life, years_life])
def test_nothing_that_was_seen_changes(
    make_billing: Callable[..., TestBilling], life: Callable[[Diary], None], late: bool
) -> None:
    """`late`: nobody does what is due, but who changes something."""
    billing = make_billing(catalog=CATALOG, start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    diary = Diary(billing, late=late)
    life(diary)
    assert diary.wrong() == {}
