"""Nasty values for every argument of every verb and question: a refusal or a documented answer, and nothing moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from billing import Invalid, Refusal, Spend
from billing.testing import TestBilling

pytestmark = pytest.mark.quick_on("sqlite")


class Nowhere(tzinfo):
    """A zone that doesn't say how far it is from UTC."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    dst = utcoffset

    def tzname(self, _: datetime | None) -> str:
        return "Nowhere"


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def cycle() -> dict[str, Any]:
    around: dict[str, Any] = {}
    around["a"] = around
    return around


NASTY: dict[str, Any] = {
    "None": None,
    "True": True,
    "-1": -1,
    "0": 0,
    "just too many": 10**15 + 1,
    "10^30": 10**30,
    "a fraction": 1.5,
    "a whole float": 5.0,
    "a decimal": Decimal(5),
    "NaN": float("nan"),
    "infinity": float("inf"),
    "no text": "",
    "spaces": "  ",
    "a NUL": "a\0b",
    "half a pair": "a\ud800b",
    "300 characters": "x" * 300,
    "100,000 characters": "x" * 100_000,
    "two lines": "a\nb",
    "bytes": b"x",
    "a list": [1],
    "lists": [[1], [2]],
    "a set": {1},
    "a generator": (letter for letter in "ab"),
    "an object": object(),
    "a naive time": datetime(2025, 2, 1),  # noqa: DTZ001 - that is the point
    "a date": date(2025, 2, 1),
    "a time nowhere": datetime(2025, 2, 1, tzinfo=Nowhere()),
    "the last year": datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
    "the first year": datetime(1, 1, 1, tzinfo=UTC),
    "a mapping": {"a": 1},
    "a proxy": MappingProxyType({"a": 1}),
    "a proxy inside": {"a": MappingProxyType({"b": 1})},
    "keys of two kinds": {1: 2, "x": 3},
    "a huge number inside": {"a": 2**70},
    "NaN inside": {"a": float("nan")},
    "half a pair inside": {"a\ud800": "b"},
    "bytes inside": {"a": b"x"},
    "too deep": deep(100),
    "a circle": cycle(),
    "a word": "zzz",
    "a far id": "bkt_999999999999999999_999999999999999999",
}

_NO_NAMES = ("keys of two kinds", "half a pair inside")

NONE: frozenset[str] = frozenset()
MAYBE = frozenset({"None"})
TEXT = frozenset({"a word", "a far id", "spaces"})
NAME = TEXT - {"spaces"}
FREE_TEXT = MAYBE | TEXT | {"no text", "300 characters", "two lines"}
JSON = MAYBE | {"a mapping", "a proxy"}
NUMBER = MAYBE | {"0", "just too many"}
KEYS = frozenset(name for name, value in NASTY.items() if isinstance(value, Mapping) and name not in _NO_NAMES)
"""A mapping's keys are a list of names like any other."""


Arguments = Callable[[TestBilling, dict[str, str]], dict[str, Any]]
"""What the call is given otherwise, by an engine and the ids of what is there."""


class Case(NamedTuple):
    """One argument of a call that would be fine otherwise; `fine`: the nasty values that it takes all the same."""

    verb: str
    good: Arguments
    argument: str
    fine: frozenset[str]


def cases(verb: str, good: Arguments, **fine: frozenset[str]) -> list[Case]:
    return [Case(verb, good, argument, values) for argument, values in fine.items()]


CASES = [
    *cases("customer", lambda b, ids: {"id": "c"}, id=NAME, name=MAYBE | TEXT, email=MAYBE,
           locale=MAYBE | TEXT, timezone=MAYBE | TEXT, stripe_customer_id=MAYBE | TEXT, metadata=JSON),
    *cases("spend", lambda b, ids: {"customer": "c", "credits": 1, "key": "k"}, customer=NONE, credits=NONE, key=TEXT,
           unit=NONE, feature=MAYBE | TEXT, member=MAYBE | TEXT, description=FREE_TEXT, metadata=JSON),
    *cases("reverse", lambda b, ids: {"customer": "c", "spend": ids["spend"], "credits": 1, "key": "k"},
           customer=NONE, spend=NONE, credits=MAYBE, key=TEXT),
    *cases("hold", lambda b, ids: {"customer": "c", "credits": 1, "key": "k"}, customer=NONE, credits=NONE, key=TEXT,
           unit=NONE, feature=MAYBE | TEXT, expires_in=NONE, metadata=JSON, attempt=NONE),
    *cases("find_hold", lambda b, ids: {"customer": "c", "hold": ids["hold"]}, customer=NONE, hold=NONE),
    *cases("capture", lambda b, ids: {"customer": "c", "hold": ids["hold"]}, customer=NONE, hold=NONE, credits=MAYBE),
    *cases("release", lambda b, ids: {"customer": "c", "hold": ids["hold"]}, customer=NONE, hold=NONE),
    *cases("grant", lambda b, ids: {"customer": "c", "credits": 1, "reason": "r", "key": "k"}, customer=NONE,
           credits=NONE, reason=TEXT, key=TEXT, unit=NONE, effective_at=MAYBE, expires_at=MAYBE,
           priority=frozenset({"0"}), features=KEYS, paid_cents=frozenset({"0"}), currency=MAYBE | {"a word"},
           metadata=JSON),
    *cases("void", lambda b, ids: {"customer": "c", "bucket": ids["bucket"], "reason": "r", "key": "k"},
           customer=NONE, bucket=NONE, reason=TEXT, key=TEXT),
    *cases("extend", lambda b, ids: {"customer": "c", "bucket": ids["bucket"], "key": "k",
                                     "expires_at": b.now + timedelta(days=99)},
           customer=NONE, bucket=NONE, expires_at=NONE, key=TEXT),
    *cases("set_wallet", lambda b, ids: {"customer": "c"}, customer=NONE, unit=NONE, overdraft=MAYBE,
           frozen=frozenset({"True"})),
    *cases("find_customer", lambda b, ids: {}, id=NONE),
    *cases("customers", lambda b, ids: {}, after=MAYBE | TEXT, limit=NONE),
    *cases("wallet", lambda b, ids: {"customer": "c"}, customer=NONE, unit=NONE, at=MAYBE, as_of=MAYBE),
    *cases("bucket", lambda b, ids: {"customer": "c", "bucket": ids["bucket"]}, customer=NONE, bucket=NONE),
    *cases("buckets", lambda b, ids: {"customer": "c"}, customer=NONE, unit=MAYBE, status=MAYBE,
           after=MAYBE | {"a far id"}, limit=NONE),
    *cases("entries", lambda b, ids: {"customer": "c"}, customer=NONE, unit=NONE, kind=MAYBE, since=MAYBE, until=MAYBE,
           cause=MAYBE | TEXT, before=NUMBER, limit=NONE),
    *cases("catch_up", lambda b, ids: {}, limit=NONE),
    *cases("warn_low", lambda b, ids: {}, limit=NONE, window=NONE),
    *cases("charge", lambda b, ids: {"customer": "c", "credits": 1, "key": "k"}, customer=NONE, credits=NONE, key=TEXT,
           unit=NONE, feature=MAYBE | TEXT, expires_in=NONE, metadata=JSON),
    *cases("stripe_events", lambda b, ids: {}, status=MAYBE, after=MAYBE, limit=NONE),
    *cases("replay_stripe_event", lambda b, ids: {}, id=NONE),
    *cases("handle_stripe_events", lambda b, ids: {}, limit=NONE),
]  # fmt: skip


class Undone(Exception):
    """Ends a transaction that must leave nothing."""


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    billing = make_billing()
    billing.customer("c")
    return billing


@pytest.fixture
def ids(billing: TestBilling) -> dict[str, str]:
    """A bucket, a spend and a hold that could be ended, in a wallet in which every other request would be fine."""
    bucket = billing.grant("c", 100, reason="r", key="g", expires_at=billing.now + timedelta(days=50))
    spend, hold = billing.spend("c", 9, key="s"), billing.hold("c", 9, key="h")
    return {"bucket": bucket.id, "spend": spend.id, "hold": hold.id}


@pytest.fixture
def unchanged(database_url: str, ids: dict[str, str], rows: Callable[[str], object]) -> Iterator[None]:
    """Not a row of any table is another one afterwards."""
    assert ids
    before = rows(database_url)
    yield
    assert rows(database_url) == before


def call(on: object, verb: str, arguments: dict[str, Any]) -> None:
    answer = getattr(on, verb)(**arguments)
    if verb == "charge":
        with answer:
            raise Undone


@pytest.mark.usefixtures("unchanged")
def test_nasty_values(billing: TestBilling, ids: dict[str, str]) -> None:
    wrong: list[str] = []
    for case in CASES:
        verb = case.verb
        for name, value in NASTY.items():
            what = f"{verb}({case.argument}={name})"
            arguments = case.good(billing, ids) | {case.argument: value}
            try:
                if name in case.fine:
                    undone(billing, verb, arguments)
                    continue
                call(billing, verb, arguments)
            except Refusal as refusal:
                if name in case.fine or not str(refusal) or refusal.code == "unavailable":
                    wrong.append(f"{what}: {refusal!r}")
                refusal.explain()
            except Exception as error:  # noqa: BLE001 - all of them are shown at once
                wrong.append(f"{what}: {error!r}"[:200])
            else:
                wrong.append(f"{what}: taken")
    assert not wrong, "\n".join(wrong)


def undone(billing: TestBilling, verb: str, arguments: dict[str, Any]) -> None:
    """A call that is fine, without leaving anything."""
    with suppress(Undone), billing.transaction() as tx:
        call(billing if "stripe" in verb else tx, "hold" if verb == "charge" else verb, arguments)
        raise Undone


@pytest.mark.usefixtures("unchanged")
def test_what_is_no_list_of_spends(billing: TestBilling) -> None:
    no_lists: list[Any] = [None, 5, "ab", b"ab", [None], ["x"], [{}], {}, [Spend("c", 1, "k")] * 1001]
    for spends in no_lists:
        with pytest.raises(Invalid):
            billing.spend_many(spends)


@pytest.mark.usefixtures("unchanged")
def test_nasty_values_in_a_batch_are_judged_alone(billing: TestBilling) -> None:
    spends: list[Any] = []
    for case in (case for case in CASES if case.verb == "spend"):
        spends += [
            Spend(**{"customer": "c", "credits": 1, "key": "k", case.argument: value})
            for name, value in NASTY.items()
            if name not in case.fine
        ]
    answers = billing.spend_many(spends)
    assert len(answers) == len(spends)
    assert all(isinstance(answer, Refusal) for answer in answers)
