"""The catalog in time: what was bought keeps its terms until its next period, and nobody's plan is taken away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.orm import Session

from billing import Busy, Invalid, UnknownPack
from billing.base import sets
from billing.base.db import Tx
from billing.catalog.loading import parse
from billing.finance import allocations_review
from billing.stripe import payloads
from billing.testing import TestBilling
from tests.stories.books import all_entries, books
from tests.stories.story import moment

from .paid import APRIL, JUNE, MAY, Json, invoice, line, lines_of, seconds, session, session_line, tell
from .test_changes_order import Stripe

pytestmark = pytest.mark.quick_on("sqlite")

FIRST = """
[plans.basic]
name = "Basic"
credits = 100
prices = ["price_basic"]
overdraft = { limit = 10 }

[plans.rare]
name = "Rare"
credits = 1

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000 }
stripe_prices = ["price_small"]
"""
PRO = """
[plans.pro]
name = "Pro"
credits = 300
prices = ["price_pro"]
"""
MORE = FIRST.replace("credits = 100\nprices = [", "credits = 150\nprices = [").replace("limit = 10", "limit = 20")

Make = Callable[..., TestBilling]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalog.toml"


@pytest.fixture
def billing(make_billing: Make) -> TestBilling:
    engine = make_billing(catalog=parse(FIRST), start=APRIL)
    engine.customer("team", stripe_customer_id="cus_1")
    return engine


def apply(billing: TestBilling, file: Path, text: str, **more: object) -> bool:
    file.write_text(text)
    return billing.apply_catalog(file, **more) is not None  # type: ignore[arg-type]


def granted(billing: TestBilling) -> list[int]:
    return [bucket.granted for bucket in billing.buckets("team")][::-1]


def test_the_version_at_a_lines_start_counts_whenever_it_is_heard_of(billing: TestBilling, file: Path) -> None:
    apply(billing, file, FIRST)
    apply(billing, file, MORE, holds_from=MAY)
    assert billing.catalog.plans["basic"].credits == 100
    billing.advance(to=MAY + timedelta(hours=1))
    assert billing.catalog.plans["basic"].credits == 150
    tell(billing, invoice(line("price_basic", 1_000)))  # April's, heard of late
    assert billing.wallet("team").overdraft.limit == 10
    tell(billing, invoice(line("price_basic", 1_000, MAY, JUNE), paid=MAY))
    assert granted(billing) == [100, 150]
    assert billing.wallet("team").overdraft.limit == 20


def test_who_has_a_plan_keeps_its_terms_until_the_next_period(billing: TestBilling, file: Path) -> None:
    tell(billing, invoice(line("price_basic", 1_000)))
    billing.advance(by=timedelta(days=3))
    assert apply(billing, file, FIRST)
    billing.advance(by=timedelta(days=3))
    assert apply(billing, file, MORE)
    assert billing.catalog.plans["basic"].credits == 150
    assert billing.wallet("team").overdraft.limit == 10


def test_until_one_was_applied_the_file_counts_and_afterwards_no_more(
    billing: TestBilling, make_billing: Make, file: Path
) -> None:
    assert not billing.catalog_versions()
    apply(billing, file, MORE)
    assert make_billing(catalog=parse(FIRST), start=APRIL).catalog.plans["basic"].credits == 150
    assert not apply(billing, file, MORE)
    assert [one.catalog.plans["basic"].credits for one in billing.catalog_versions()] == [150]


def test_another_process_notices(billing: TestBilling, make_billing: Make, file: Path) -> None:
    other = make_billing(catalog=parse(FIRST), start=APRIL)
    assert other.catalog.plans["basic"].credits == 100
    apply(billing, file, MORE)
    other.advance(by=timedelta(seconds=10))
    assert other.catalog.plans["basic"].credits == 150


@pytest.mark.database("postgresql")
def test_of_two_at_once_one_is_told_to_look_again(
    billing: TestBilling, make_billing: Make, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would change was seen before the other one came."""
    rival = make_billing(catalog=parse(FIRST), start=APRIL)

    def overtaken(tx: Tx, table: Table, *rest: Any, **more: Any) -> int:
        monkeypatch.undo()
        assert apply(rival, file, MORE)
        return sets.insert(tx, table, *rest, **more)

    monkeypatch.setattr(sets, "insert", overtaken)
    with pytest.raises(Busy, match="See what changes now"):
        apply(billing, file.with_name("other.toml"), FIRST)
    assert [one.catalog.plans["basic"].credits for one in billing.catalog_versions()] == [150]
    assert apply(billing, file, FIRST)


def test_spends_go_on_over_a_change(billing: TestBilling, file: Path) -> None:
    billing.grant("team", 100, reason="gift", key="g")
    billing.spend("team", 1, key="1")
    apply(billing, file, MORE)
    billing.spend("team", 1, key="2")
    apply(billing, file, FIRST, holds_from=MAY)
    billing.advance(to=MAY)
    assert billing.spend("team", 1, key="3").available == 97


def test_what_somebody_has_is_retired_never_removed(billing: TestBilling, file: Path) -> None:
    tell(billing, invoice(line("price_basic", 1_000), line("price_small", 1_000, item=None)))
    with pytest.raises(Invalid) as refused:
        apply(billing, file, '[plans.rare]\nname = "Rare"\ncredits = 1\n')
    plan, pack = refused.value.errors["catalog"]
    assert plan == (
        "Plan basic has 1 period that runs: keep [plans.basic] and write retired = true, then nobody new can buy it."
    )
    assert pack.startswith("Pack small has 1 buyer with credits left: keep [packs.small] and write retired = true")
    assert not billing.catalog_versions()

    gone = FIRST.replace('prices = ["price_basic"]', 'prices = ["price_basic"]\nretired = true')
    gone = gone.replace('stripe_prices = ["price_small"]', 'stripe_prices = ["price_small"]\nretired = true')
    assert apply(billing, file, gone.replace('[plans.rare]\nname = "Rare"\ncredits = 1\n', ""))
    assert (list(billing.catalog.plans_on_sale), list(billing.catalog.packs_on_sale)) == ([], [])
    with pytest.raises(UnknownPack):
        billing.topup("team", "small", key="t", success_url="https://app.example.com/")
    billing.advance(to=MAY)
    tell(billing, invoice(line("price_basic", 1_000, MAY, JUNE), paid=MAY))
    assert granted(billing) == [100, 100, 100]


def test_what_is_on_sale_until_then_is_not_removed_for_later(billing: TestBilling, file: Path) -> None:
    with pytest.raises(Invalid, match="Nothing was applied yet"):
        apply(billing, file, FIRST, holds_from=MAY)
    apply(billing, file, FIRST)
    with pytest.raises(Invalid, match="Plan rare is on sale until then"):
        apply(billing, file, FIRST.replace("[plans.rare]", "[plans.other]"), holds_from=MAY)


def test_a_free_plan_has_holders_and_its_next_period_the_next_version(billing: TestBilling, file: Path) -> None:
    apply(billing, file, FIRST)
    billing.customer("team", plan="rare")
    with pytest.raises(Invalid, match="Plan rare has 1 customer who has it free: keep"):
        apply(billing, file, FIRST.replace("[plans.rare]", "[plans.other]"))
    billing.advance(by=timedelta(days=3))
    apply(billing, file, FIRST.replace('name = "Rare"\ncredits = 1\n', 'name = "Rare"\ncredits = 2\nretired = true\n'))
    assert billing.customer("team", plan="rare").plan == "rare"
    billing.advance(to=MAY)
    assert granted(billing) == [1, 2]


def test_within_a_hosts_session_the_present_version_counts(billing: TestBilling, file: Path) -> None:
    with Session(billing.database.engine) as session:
        tx = billing.within(session)
        tx.customer("team")
        session.commit()
        apply(billing, file, FIRST.replace("[plans.rare]", "[plans.other]"))
        assert tx.customer("team", plan="other").plan == "other"
        session.commit()


def test_units_stay_while_they_are_held(billing: TestBilling, file: Path) -> None:
    tell(billing, invoice(line("price_basic", 1_000)))
    other = FIRST.replace('name = "Basic"', 'name = "Basic"\nunit = "tokens"') + "[units.tokens]\n"
    with pytest.raises(Invalid, match="its unit stays credits"):
        apply(billing, file, other)


def test_no_version_holds_from_the_past(billing: TestBilling, file: Path) -> None:
    with pytest.raises(Invalid, match="holds_from"):
        apply(billing, file, FIRST, holds_from=APRIL - timedelta(seconds=1))


def test_a_price_that_was_mapped_later_is_found(billing: TestBilling, file: Path) -> None:
    apply(billing, file, FIRST.replace("price_basic", "price_other"))
    billing.advance(to=MAY)
    apply(billing, file, FIRST.replace('"price_basic"', '"price_other", "price_basic"'))
    tell(billing, invoice(line("price_basic", 1_000)))
    assert granted(billing) == [100]


def test_what_would_change_is_shown_first(billing: TestBilling, file: Path) -> None:
    any_number = "[topups.credits]\nmin = 1\nmax = 9\nprice = { usd = 60 }\n"
    apply(billing, file, FIRST + any_number)
    text = MORE.replace("[plans.rare]", "[plans.rich]").replace("{ usd = 1000 }", "{ usd = 900 }\nretired = true")
    file.write_text(text + any_number.replace("60", "70") + "[checkout]\ninvoice = true\n")
    found = [(one.what, one.kind, one.id, one.keys) for one in billing.catalog_changes(file)]
    assert found == [
        ("changed", "checkout", "invoice", ()),
        ("added", "plan", "rich", ()),
        ("removed", "plan", "rare", ()),
        ("changed", "plan", "basic", ("credits", "overdraft")),
        ("retired", "pack", "small", ("prices", "retired")),
        ("changed", "topup", "credits", ("price",)),
    ]


def test_what_was_expected_and_what_a_session_bought_are_of_the_version_then(billing: TestBilling, file: Path) -> None:
    """Heard of when another version holds: the page finance looks at says the same as what was granted."""
    apply(billing, file, FIRST)
    dearer = MORE.replace("credits = 100\nprices = { usd = 1000 }", "credits = 70\nprices = { usd = 1200 }")
    apply(billing, file, dearer, holds_from=MAY)
    billing.advance(to=MAY + timedelta(hours=1))
    assert (billing.catalog.plans["basic"].credits, billing.catalog.packs["small"].credits) == (150, 70)
    tell(billing, invoice(line("price_basic", 1_000)))
    tell(billing, invoice(line("price_basic", 1_000, MAY, JUNE), paid=MAY))
    tell(billing, session(id="cs_1", created=seconds(APRIL)))
    told = {"metadata": {}, "line_items": lines_of(session_line("price_small", 1_200))}
    tell(billing, session(id="cs_2", created=seconds(MAY), amount_subtotal=1_200, amount_total=1_200, **told))
    assert granted(billing) == [100, 150, 100, 70]
    with billing.database.read() as tx:
        found = allocations_review.reviewed(tx, billing.catalog, APRIL, JUNE)
    assert sorted((one.expected, one.granted, one.status) for one in found) == [
        (100, 100, "granted"),
        (150, 150, "granted"),
    ]


def seats(at: datetime, *lines: tuple[int, int]) -> list[Json]:
    return [line("price_basic", cents, at, MAY, proration=True, quantity=count) for cents, count in lines]


@pytest.mark.parametrize("heard", ["in order", pytest.param("the change first", marks=pytest.mark.slow)])
def test_what_is_bought_more_of_is_what_there_is(billing: TestBilling, file: Path, heard: str) -> None:
    """A seat that is bought in the middle of a period brings what the others do, whatever a seat brings by now; and
    given up it takes its money out as it came in. Another plan is bought as it is now.
    """
    apply(billing, file, FIRST + PRO)
    billing.advance(by=timedelta(days=3))
    less = FIRST.replace("credits = 100\nprices = [", 'credit_share = "50%"\ncredits = 40\nprices = [')
    apply(billing, file, less + PRO.replace("300", "200"))
    half = moment("16 Apr 00:00")
    billing.advance(to=half)
    seat = seats(half, (-500, 1), (1_000, 2))
    first, second = invoice(line("price_basic", 1_000), id="in_1"), invoice(*seat, id="in_2", paid=half)
    if heard == "in order":
        tell(billing, first)
        tell(billing, second)
    else:
        Stripe([first, second]).tell(billing, payloads.invoice(second))
    assert sorted(granted(billing)) == [50, 100]
    last = half + timedelta(days=7, hours=12)
    billing.advance(to=last)
    tell(billing, invoice(*seats(last, (-500, 2), (250, 1)), id="in_3", paid=last))
    sums = books(all_entries(billing, "team"))
    assert sums.deferred + sums.earned + sums.broken == 1_000 + 500 - 250
    assert billing.wallet("team").available == 125
    pro = [
        line(price, cents, last, MAY, proration=True) for price, cents in (("price_basic", -250), ("price_pro", 500))
    ]
    tell(billing, invoice(*pro, id="in_4", paid=last))
    assert billing.wallet("team").available == 125 + (200 - 100) // 4
    if heard == "in order":  # finance has heard of all of it, and expects the same
        with billing.database.read() as tx:
            found = allocations_review.reviewed(tx, billing.catalog, APRIL, JUNE)
        assert [(one.granted_cents, one.status) for one in found] == [
            (250, "granted"),
            (-250, "granted"),
            (500, "granted"),
            (1_000, "granted"),
        ]
