"""Credits that will end: who is warned of which, when, how often, and of how many."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from billing import signals
from billing.catalog.loading import parse
from billing.testing import TestBilling
from jobs.running import run
from jobs.timetable import TIMETABLE
from tests.insight.noticed import facts, named, subscribed, warned
from tests.sales.paid import invoice, line, lines_of, seconds, session, session_line, tell
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

CATALOG = parse("""
[units.images]

[plans.month]
name = "Month"
credits = 100
prices = ["price_month"]

[plans.told]
name = "Told"
credits = 100
prices = ["price_told"]
expiring = ["3 days"]

[plans.roll]
name = "Roll"
credits = 100
prices = ["price_roll"]
at_period_end = { roll_over = { max = 60 } }
expiring = ["3 days"]

[plans.free]
name = "Free"
credits = 50
every = "year"

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000 }
stripe_prices = ["price_small"]
valid_for = "12 months"
expiring = ["30 days"]
""")

START = moment("1 Apr 00:00")
Make = Callable[..., TestBilling]


@pytest.fixture
def billing(make_billing: Make) -> TestBilling:
    engine = make_billing(catalog=CATALOG, start=START)
    engine.customer("team", stripe_customer_id="cus_1")
    return engine


def grant(billing: TestBilling, name: str, credits: int, ends: str | datetime | None, **more: Any) -> str:
    at = moment(ends) if isinstance(ends, str) else ends
    return billing.grant("team", credits, reason=name, key=name, expires_at=at, **more).id


def at(billing: TestBilling, when: str) -> list[tuple[str, int, list[str], str]]:
    billing.advance(to=moment(when))
    return named(warned(billing))


def test_each_end_is_told_once_under_each_lead(billing: TestBilling) -> None:
    grant(billing, "gift", 100, "20 Apr 10:00")
    grant(billing, "for ever", 100, None)
    heard: list[dict[str, Any]] = []
    receiver = lambda _, **fact: heard.append(fact)  # noqa: E731
    with signals.credits_expiring.connected_to(receiver, sender=billing):
        assert at(billing, "13 Apr 09:59") == []
        assert at(billing, "13 Apr 10:00") == [("7 days", 100, ["gift"], "2025-04-20T10:00:00Z")]
    assert [one["ends_at"] for one in heard] == [moment("20 Apr 10:00")]
    assert at(billing, "13 Apr 10:15") == at(billing, "19 Apr 09:59") == []
    billing.spend("team", 30, key="some of it, from the purse")
    assert billing.wallet("team").next_expiry == moment("20 Apr 10:00")
    assert at(billing, "19 Apr 10:00") == [("1 day", 70, ["gift"], "2025-04-20T10:00:00Z")]
    assert at(billing, "20 Apr 09:59") == at(billing, "20 Apr 10:00") == []
    (first, second) = facts(billing, "credits.expiring")
    assert first["buckets"] == [{**second["buckets"][0], "credits": 100}]
    assert (second["customer"], second["unit"], second["credits"]) == ("team", "credits", 70)
    assert second["buckets"][0]["bucket"] == billing.buckets("team")[1].id


def test_a_lead_that_was_missed_is_made_good_as_long_as_the_end_lies_ahead(billing: TestBilling) -> None:
    grant(billing, "gift", 100, "20 Apr 10:00")
    grant(billing, "other", 5, "21 Apr 10:00")
    grant(billing, "gone", 5, "20 Apr 09:00")
    told = at(billing, "20 Apr 09:30")
    assert told == [
        ("1 day", 100, ["gift"], "2025-04-20T10:00:00Z"),
        ("7 days", 5, ["other"], "2025-04-21T10:00:00Z"),
    ]
    assert at(billing, "20 Apr 12:00") == [("1 day", 5, ["other"], "2025-04-21T10:00:00Z")]


def test_what_ends_on_the_same_day_is_one_warning_of_each_wallet(billing: TestBilling) -> None:
    grant(billing, "early", 1, "20 Apr 10:00")
    grant(billing, "late", 2, "20 Apr 23:59")
    grant(billing, "next", 4, "21 Apr 00:00")
    grant(billing, "pictures", 8, "20 Apr 11:00", unit="images")
    told = at(billing, "13 Apr 10:00")
    assert told == [("7 days", 3, ["early", "late"], "2025-04-20T10:00:00Z")]
    assert at(billing, "13 Apr 11:00") == [("7 days", 8, ["pictures"], "2025-04-20T11:00:00Z")]
    assert facts(billing, "credits.expiring")[1]["unit"] == "images"
    assert at(billing, "14 Apr 00:00") == [("7 days", 4, ["next"], "2025-04-21T00:00:00Z")]
    assert at(billing, "18 Apr 00:00") == []


def test_one_that_is_extended_is_warned_of_again(billing: TestBilling) -> None:
    bucket = grant(billing, "gift", 100, "20 Apr 10:00")
    assert len(at(billing, "14 Apr 00:00")) == 1
    billing.extend("team", bucket, moment("20 Apr 20:00"), key="a little")
    assert at(billing, "14 Apr 01:00") == [("7 days", 100, ["gift"], "2025-04-20T20:00:00Z")]
    assert at(billing, "14 Apr 02:00") == []
    billing.extend("team", bucket, moment("20 May 10:00"), key="later")
    assert at(billing, "19 Apr 10:00") == at(billing, "1 May 00:00") == []
    assert at(billing, "13 May 10:00") == [("7 days", 100, ["gift"], "2025-05-20T10:00:00Z")]
    assert at(billing, "19 May 10:00") == [("1 day", 100, ["gift"], "2025-05-20T10:00:00Z")]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        pytest.param(lambda b: b.spend("team", 100, key="all"), [], id="used up"),
        pytest.param(lambda b: b.hold("team", 100, key="all", expires_in=30 * 86_400), [], id="held"),
        pytest.param(lambda b: b.hold("team", 40, key="some", expires_in=30 * 86_400), [60], id="partly held"),
        pytest.param(lambda b: b.hold("team", 40, key="some", expires_in=3600), [100], id="held, and given back"),
        pytest.param(lambda b: b.spend("team", 40, key="some"), [60], id="partly used"),
        pytest.param(lambda b: b.void("team", b.buckets("team")[0].id, reason="no", key="no"), [], id="voided"),
        pytest.param(lambda b: b.set_wallet("team", frozen=True), [100], id="frozen"),
        pytest.param(lambda b: b.reverse("team", b.spend("team", 100, key="all").id, key="back"), [100], id="reversed"),
    ],
)
def test_of_as_many_as_could_still_be_spent(billing: TestBilling, what: Callable[..., Any], told: list[int]) -> None:
    grant(billing, "gift", 100, "20 Apr 10:00")
    what(billing)
    assert [one[1] for one in at(billing, "14 Apr 00:00")] == told
    ends = billing.wallet("team").next_expiry
    assert (ends is not None) == bool(told)


def test_what_lives_no_longer_than_a_lead_is_not_told_at_birth(billing: TestBilling) -> None:
    billing.advance(to=moment("10 Apr 00:00"))
    grant(billing, "a week", 1, "17 Apr 00:00")
    grant(billing, "a day", 2, "11 Apr 00:00")
    grant(billing, "more", 4, "17 Apr 00:01")
    grant(billing, "later", 8, "22 Apr 00:00", effective_at=moment("20 Apr 00:00"))
    assert at(billing, "10 Apr 00:00") == []
    assert at(billing, "10 Apr 00:01") == [("7 days", 4, ["more"], "2025-04-17T00:01:00Z")]
    assert at(billing, "16 Apr 00:00") == [("1 day", 5, ["a week", "more"], "2025-04-17T00:00:00Z")]
    assert at(billing, "19 Apr 00:00") == []
    assert at(billing, "21 Apr 00:00") == [("1 day", 8, ["later"], "2025-04-22T00:00:00Z")]


def test_leads_of_plans_and_packs(billing: TestBilling) -> None:
    """A month's credits are not told of unless the plan says so, a year's are; the date has its grace."""
    tell(billing, invoice(line("price_month", 1000, START, "1 May 00:00"), id="in_1"))
    tell(billing, invoice(line("price_told", 1000, START, "1 May 00:00", item="si_2"), id="in_2"))
    tell(billing, session(line_items=lines_of(session_line("price_small", 1000))))
    billing.customer("other", plan="free")
    told = at(billing, "28 Apr 23:59")
    assert told == []
    assert at(billing, "29 Apr 00:00") == [("3 days", 100, ["Told plan, April 2025"], "2025-05-02T00:00:00Z")]
    wallet = billing.wallet("team")
    assert [bucket.expires_at for bucket in wallet.buckets[:2]] == [moment("2 May 00:00")] * 2
    assert wallet.next_expiry == moment("2 May 00:00")
    assert at(billing, "1 May 23:00") == []
    assert at(billing, "2 Mar 2026 00:00") == [("30 days", 100, ["Small pack"], "2026-04-01T00:00:00Z")]
    assert at(billing, "26 Mar 2026 00:00") == [("7 days", 50, ["Free plan"], "2026-04-02T00:00:00Z")]
    assert facts(billing, "credits.expiring")[-1]["customer"] == "other"
    assert at(billing, "31 Mar 2026 23:59") == []
    assert at(billing, "1 Apr 2026 12:00") == [("1 day", 50, ["Free plan"], "2026-04-02T00:00:00Z")]


def roll(billing: TestBilling, start: str, end: str, **more: Any) -> None:
    tell(billing, invoice(line("price_roll", 1000, moment(start), moment(end), **more), paid=moment(start)))


def test_of_what_rolls_over_only_that_which_the_cap_cuts_off(billing: TestBilling) -> None:
    roll(billing, "1 Apr 00:00", "1 May 00:00")
    billing.spend("team", 10, key="some")
    assert at(billing, "29 Apr 00:00") == [("3 days", 30, ["Roll plan, April 2025"], "2025-05-02T00:00:00Z")]
    billing.advance(to=moment("1 May 00:00"))
    roll(billing, "1 May 00:00", "1 Jun 00:00")
    billing.advance(to=moment("2 May 00:00"))
    assert billing.wallet("team").available == 160
    # Sixty of these were rolled as far as they go; of May's own, 60 go on, and 40 would be lost.
    (told,) = at(billing, "30 May 00:00")
    assert told == ("3 days", 100, told[2], "2025-06-02T00:00:00Z")
    assert [bucket["credits"] for bucket in facts(billing, "credits.expiring")[-1]["buckets"]] == [40, 60]


def test_within_the_cap_nothing_is_lost_and_without_a_next_period_all_of_it(billing: TestBilling) -> None:
    roll(billing, "1 Apr 00:00", "1 May 00:00")
    billing.spend("team", 50, key="some")
    assert at(billing, "29 Apr 00:00") == []
    billing.advance(to=moment("1 May 00:00"))
    roll(billing, "1 May 00:00", "1 Jun 00:00")
    tell(billing, subscribed(cancel_at=seconds("1 Jun 00:00")), "customer.subscription.updated")
    (told,) = at(billing, "30 May 00:00")
    assert told[:2] == ("3 days", 150)


def test_the_plans_leads_are_those_of_the_version_that_the_wallet_holds(billing: TestBilling, tmp_path: Path) -> None:
    for number, (holds_from, leads) in enumerate([(None, '["3 days"]'), ("20 Apr 00:00", "[]")]):
        file = tmp_path / f"{number}.toml"
        text = (
            f'[units.images]\n[plans.told]\nname = "Told"\ncredits = 100\nprices = ["price_told"]\nexpiring = {leads}\n'
        )
        file.write_text(text)
        billing.apply_catalog(file, moment(holds_from) if holds_from else None)
    tell(billing, invoice(line("price_told", 1000, START, "1 May 00:00"), id="in_1"))
    assert [one[0] for one in at(billing, "29 Apr 00:00")] == ["3 days"]
    tell(billing, invoice(line("price_told", 1000, "1 May 00:00", "1 Jun 00:00"), id="in_2", paid="1 May 00:00"))
    assert at(billing, "30 May 00:00") == []


def test_no_leads_are_no_warnings(make_billing: Make) -> None:
    billing = make_billing(catalog=parse("[policy]\nexpiring = []"), start=START)
    billing.customer("team")
    grant(billing, "gift", 1, "20 Apr 10:00")
    assert at(billing, "19 Apr 23:00") == []


def test_what_time_has_done_is_done_before(billing: TestBilling) -> None:
    """Nobody has caught up: the wallet waits until somebody does, rather than being told what is no longer so."""
    grant(billing, "gift", 100, "20 Apr 10:00")
    billing.hold("team", 60, key="a while", expires_in=3600)
    billing.clock.move(moment("14 Apr 00:00"))
    assert warned(billing) == []
    assert [one[1] for one in at(billing, "14 Apr 00:00")] == [100]


def test_two_at_once_tell_once(make_billing: Make, fresh_database_url: str) -> None:
    ones = [make_billing(url=fresh_database_url, start=START) for _ in range(2)]
    for number in range(40):
        ones[0].customer(f"c{number}")
        ones[0].grant(f"c{number}", 1, reason="gift", key="g", expires_at=moment("20 Apr 10:00"))
    for one in ones:
        one.clock.move(moment("14 Apr 00:00"))

    def all_of_it(one: TestBilling) -> None:
        for _ in range(30):
            one.warn_expiring(4)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(all_of_it, ones))
    told = [one["customer"] for one in facts(ones[0], "credits.expiring")]
    assert sorted(told) == sorted(f"c{number}" for number in range(40))


def test_the_job_goes_on_until_all_are_warned(billing: TestBilling) -> None:
    for name in ("a", "b", "c"):
        billing.customer(name)
        billing.grant(name, 1, reason="gift", key="g", expires_at=moment("20 Apr 10:00"))
    billing.advance(to=moment("14 Apr 00:00"))
    assert [billing.warn_expiring(1).more for _ in range(4)] == [True, True, True, False]
    done = run(billing, TIMETABLE["warn_expiring"])
    assert getattr(done, "status", None) == "done"
    assert len(facts(billing, "credits.expiring")) == 3
