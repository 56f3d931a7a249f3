"""What plans allot, and what their low balances come to: by the version that the period began with, month by month."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.low_told import hearing
from tests.sales.paid import APRIL, JUNE, MAY, invoice, line, tell
from tests.sales.returning import CATALOG as RETURNING
from tests.sales.returning import Money
from tests.sales.sold import year
from tests.sales.test_changes import CATALOG, CATALOG_TEXT, UP, basic, changes
from tests.sales.told import Told
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

Make = Callable[..., TestBilling]
HALF = CATALOG_TEXT.replace('"price_yearly"]', '"price_yearly"]\nlow_balance = ["50%"]')
TENTH = HALF.replace("50%", "10%").replace("credits = 100", "credits = 200")


@pytest.fixture
def heard() -> Iterator[list[str]]:
    with hearing() as told:
        yield told


def test_the_version_that_the_period_began_with(make_billing: Make, tmp_path: Path, heard: list[str]) -> None:
    billing = make_billing(catalog=parse(HALF), start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    file = tmp_path / "catalog.toml"
    for text, day in ((HALF, 0), (TENTH, 2)):
        file.write_text(text)
        billing.apply_catalog(file, holds_from=APRIL + timedelta(days=day))
    tell(billing, invoice(line("price_basic", 1_000)))
    billing.advance(to=moment("10 Apr 00:00"))
    assert billing.wallet("team").low_balance == ("50%",)
    billing.spend("team", 49, key="a")
    billing.spend("team", 1, key="b")
    billing.advance(to=MAY)
    tell(billing, invoice(line("price_basic", 1_000, MAY, JUNE), paid=MAY))
    assert billing.wallet("team").low_balance == ("10%",)
    billing.spend("team", 229, key="c")
    billing.spend("team", 1, key="d")
    assert heard == ["low 50%=50 at 50", "low 10%=20 at 20"]


def test_where_the_plan_ends_the_catalogs_hold_again(make_billing: Make, heard: list[str]) -> None:
    """With the last of its credits; so a purse that was filled before does not outlast it."""
    billing = make_billing(catalog=parse(HALF + "[policy]\nlow_balance = [450]\n"), start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    tell(billing, invoice(line("price_basic", 1_000)))
    billing.grant("team", 500, reason="-", key="g", priority=1)
    billing.clock.move(moment("1 May 12:00"))
    billing.spend("team", 10, key="a")
    assert heard == []
    billing.clock.move(moment("2 May 00:00"))
    billing.spend("team", 39, key="b")
    assert heard == []
    billing.spend("team", 1, key="c")
    assert heard == ["low 450=450 at 450"]


def test_what_a_change_brings_counts(make_billing: Make, heard: list[str]) -> None:
    story = basic(Told(make_billing(catalog=CATALOG, start=APRIL)))
    story.at("5 Apr 10:00").spend(80)
    story.at("11 Apr 00:00").paid(changes("11 Apr 00:00", *UP)).shows("120 · 0 · 0", "866 · 800 · 0")
    story.at("11 Apr 10:00").spend(79).at("12 Apr 00:00").spend(1)
    assert heard == ["low 20%=20 at 20", "low 20%=40 at 40"]


def test_each_month_of_a_year_anew(make_billing: Make, heard: list[str]) -> None:
    billing = make_billing(catalog=RETURNING, start=moment("1 Jan 2025 00:00"))
    billing.customer("team", stripe_customer_id="cus_1")
    year(billing, moment("1 Jan 2025 00:00"))
    billing.advance(to=moment("10 Jan 2025 00:00"))
    for month in range(3):
        billing.spend("team", 85, key=f"a{month}")
        billing.spend("team", 1, key=f"b{month}")
        billing.advance(by=timedelta(days=31))
    assert heard == ["low 20%=20 at 15"] * 3


def test_what_goes_back_and_what_comes_again(make_billing: Make, heard: list[str]) -> None:
    """A refund takes, and gives back where it fails; a dispute holds, and releases where it is won."""
    billing = make_billing(catalog=RETURNING, start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    money = Money(billing, by_events=True)
    tell(billing, invoice(line("price_basic", 1_000), id="in_1"))
    money.invoice("pi_1", "in_1", 1_000)
    money.refund("re_1", 1_000)
    assert heard == ["exhausted 0=0 at 0"]
    money.becomes("re_1", "failed")
    billing.spend("team", 80, key="a")
    assert heard[1:] == ["low 20%=20 at 20"]
    money.dispute("dp_1", 1_000)
    assert heard[2:] == ["exhausted 0=0 at 0"]
    money.becomes("dp_1", "won", 0)
    assert billing.wallet("team").available == 20
    billing.spend("team", 20, key="b")
    assert heard[3:] == ["exhausted 0=0 at 0"]
