"""What the catalog says of warnings: what may be written, what it comes to, and what is said of anything else."""

from __future__ import annotations

import pytest

from billing.catalog.loading import parse
from billing.catalog.terms import Policy
from billing.rules.periods import Span
from billing.rules.watching import Unusual
from tests.catalog.written import errors, pack, plan

HOUR = 3_600
WEEK, DAY = Span(seconds=168 * HOUR), Span(seconds=24 * HOUR)


def test_what_is_left_out() -> None:
    policy = parse("").policy
    assert (policy.expiring, policy.runway, policy.unusual) == ((WEEK, DAY), WEEK, Unusual(5))
    pro, small = parse(plan()).plans["pro"], parse(pack()).packs["pro"]
    assert (pro.expiring, pro.runway, small.expiring) == (None, None, None)


@pytest.mark.parametrize(
    ("written", "leads"),
    [
        ("[]", ()),
        ('["1 day", "7 days"]', (WEEK, DAY)),
        ('["36 hours", "2 weeks"]', (Span(seconds=336 * HOUR), Span(seconds=36 * HOUR))),
        ('["366 days"]', (Span(seconds=366 * 24 * HOUR),)),
    ],
)
def test_leads(written: str, leads: tuple[Span, ...]) -> None:
    catalog = parse(f"[policy]\nexpiring = {written}\n" + plan(expiring=written) + pack(expiring=written))
    assert (catalog.policy.expiring, catalog.plans["pro"].expiring, catalog.packs["pro"].expiring) == (leads,) * 3


def test_runway_and_unusual() -> None:
    catalog = parse('[policy]\nrunway = "none"\nunusual = { times = 10, least = 7 }\n' + plan(runway='"1 month"'))
    assert catalog.policy == Policy(runway=Span(), unusual=Unusual(10, 7))
    assert catalog.plans["pro"].runway == Span(months=1)
    assert parse("[policy]\nunusual = 3").policy.unusual == Unusual(3)
    assert parse('[policy]\nunusual = "none"').policy.unusual is None
    assert parse("[policy]\nunusual = { least = 1 }").policy.unusual == Unusual(5, 1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('expiring = "7 days"', 'policy.expiring: Write a list of up to 5 spans, such as ["7 days", "1 day"], or []'),
        ('expiring = ["1 day", 7]', "policy.expiring[1]: 7 is no span of time"),
        ('expiring = ["1 month"]', "policy.expiring[0]: Write hours, days or weeks"),
        ('expiring = ["59 minutes"]', "policy.expiring[0]: Write hours, days or weeks"),
        ('expiring = ["0 days"]', "policy.expiring[0]: Write a span longer than nothing."),
        ('expiring = ["24 hours", "1 day"]', "policy.expiring[1]: The same as the one at position 0."),
        ('expiring = ["1 day", "2 days", "3 days", "4 days", "5 days", "6 days"]', "policy.expiring: Write a list"),
        ('runway = "never"', 'policy.runway: Write how long credits should last, such as "7 days", or "none"'),
        ("runway = []", "policy.runway: Write how long"),
        ("unusual = 1", "policy.unusual: Write a whole number from 2 to 1,000."),
        ("unusual = 2.5", "policy.unusual: Write a number of times, such as 5, or"),
        ("unusual = true", "policy.unusual: Write a number of times"),
        ("unusual = { times = 0 }", "policy.unusual.times: Write a whole number from 2 to 1,000."),
        ("unusual = { least = 0 }", "policy.unusual.least: Write a whole number from 1 to"),
        ("unusual = { most = 3 }", "policy.unusual.most: Unknown key 'most': known here: times, least."),
    ],
)
def test_anything_else_is_refused_where_it_stands(line: str, said: str) -> None:
    (found,) = errors(f"[policy]\n{line}\n")
    assert found.startswith(f"line 2: {said}")


def test_plans_and_packs_say_where_too() -> None:
    found = errors(plan(expiring='["soon"]', runway='"soon"') + pack(expiring="3"))
    assert [text.split(": ")[1] for text in found] == [
        "plans.pro.expiring[0]",
        "plans.pro.runway",
        "packs.pro.expiring",
    ]
