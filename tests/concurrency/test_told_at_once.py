"""Money that goes back, and money that comes, in several processes at the same instant: never another end than one after
the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from billing import Billing
from billing.stripe.values import Dispute, Refund
from tests.concurrency.told_at_once import Books, Spend, Tell, at_once
from tests.sales import returning
from tests.sales.paid import APRIL, MAY, Json, body, event, invoice, line, session
from tests.sales.test_changes import CATALOG as CHANGES
from tests.sales.test_changes import changes
from tests.stories.books import all_entries, books
from tests.stories.story import moment

ROUNDS = 4
NOW = moment("17 Apr 00:00")


@pytest.fixture
def here(fresh_database_url: str, auditor: Any) -> Iterator[Books]:
    auditor.catalog = returning.CATALOG
    yield Books(fresh_database_url, returning.CATALOG, NOW)


def bought(billing: Billing, name: str) -> None:
    billing.customer(name, stripe_customer_id=f"cus_{name}")
    told = session(
        id=f"cs_{name}", payment_intent=f"pi_{name}", customer=f"cus_{name}", client_reference_id=name,
        metadata={"pack": "plain"},
    )  # fmt: skip
    assert billing.take_stripe_event(body(event(told, id=f"evt_cs_{name}"))).status == "done"


def finish(billing: Billing) -> None:
    """What was left to the step: nothing waits for ever."""
    while billing.handle_stripe_events():
        pass
    left = [(one.id, one.status, one.reason) for one in billing.stripe_events(limit=1000)
            if one.status not in ("done", "ignored")]  # fmt: skip
    assert left == []
    assert billing.audit() == []


def ending(billing: Billing, name: str) -> Any:
    wallet = billing.wallet(name)
    lots = sorted((one.granted, one.remaining, one.status) for one in billing.buckets(name))
    return (wallet.available, wallet.held, wallet.owed), tuple(books(all_entries(billing, name))), lots


def refund(name: str, id: str, cents: int, status: str = "succeeded") -> Json:
    held = Refund(f"re_{id}_{name}", None, f"pi_{name}", cents, "usd", status, NOW, {})
    return event(returning.refund_object(held), "refund.updated", id=f"evt_{id}_{status}_{name}")


def refunds_at_once(here: Books, rounds: int) -> None:
    billing = here.open()
    names = [f"team{number}" for number in range(rounds)]
    for name in names:
        bought(billing, name)
    told = [refund(name, "a", 300) for name in names]
    twins = [{**one, "id": one["id"] + "_twin"} for one in told]
    acts = [
        (Tell(body(one)), Tell(body(one)), Tell(body(twin)), Tell(body(refund(name, "b", 200))), Spend(name, 80))
        for name, one, twin in zip(names, told, twins, strict=True)
    ]
    found = at_once(here, acts)
    finish(billing)
    for name, answers in zip(names, found, strict=True):
        assert set(answers[:4]) <= {"done", "received"}, answers
        wallet, cents, _ = ending(billing, name)
        spent = answers[4] == "spent"
        assert spent or answers[4] == "refused", answers
        # Half went back: of what was spent before, thirty credits are owed for; or nothing could be spent any more.
        assert wallet == ((0, 0, 30) if spent else (50, 0, 0)), (answers, wallet)
        assert cents[:1] + cents[3:4] == ((0, 500) if spent else (500, 500)), (answers, cents)
    billing.close()


def test_refunds_their_twins_and_a_spend(here: Books) -> None:
    refunds_at_once(here, ROUNDS)


@pytest.mark.slow
def test_refunds_their_twins_and_a_spend_often(here: Books) -> None:
    refunds_at_once(here, 40)


def disputed(name: str, status: str) -> Json:
    lost = Dispute(f"dp_{name}", None, f"pi_{name}", 600, "usd", status, "fraudulent", moment("16 Apr 00:00"), 600)
    kind = "charge.dispute.created" if status == "needs_response" else "charge.dispute.closed"
    at = moment("16 Apr 00:00" if status == "needs_response" else "16 Apr 10:00")
    return event(returning.dispute_object(lost), kind, id=f"evt_{status}_{name}", at=at)


def dispute_at_once(here: Books, how: str, rounds: int) -> None:
    """Beside a refund that is pending and then succeeds: one payment, all at once."""
    billing = here.open()
    whole, *names = [f"team{number}" for number in range(rounds + 1)]

    def told(name: str) -> list[Json]:
        return [disputed(name, "needs_response"), disputed(name, how), refund(name, "a", 200, "pending"),
                refund(name, "a", 200)]  # fmt: skip

    bought(billing, whole)
    for one in told(whole):
        billing.take_stripe_event(body(one))
    for name in names:
        bought(billing, name)
    found = at_once(here, [[Tell(body(one)) for one in told(name)] for name in names])
    finish(billing)
    for name, answers in zip(names, found, strict=True):
        assert ending(billing, name) == ending(billing, whole), answers
    billing.close()


@pytest.mark.parametrize("how", ["lost", "won"])
def test_a_dispute_begins_and_ends(here: Books, how: str) -> None:
    dispute_at_once(here, how, ROUNDS)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["lost", "won"])
def test_a_dispute_begins_and_ends_often(here: Books, how: str) -> None:
    dispute_at_once(here, how, 40)


def upgrades_at_once(here: Books, rounds: int) -> None:
    """Up, up again by a second seat, a refund of the first: the subscription's invoices, with nobody to ask."""
    here = replace(here, catalog=CHANGES)
    billing = here.open()
    whole, *names = [f"team{number}" for number in range(rounds + 1)]
    first = invoice(line("price_basic", 1_000, APRIL, MAY), paid=APRIL, id="i1", total=1_000)
    up = changes("11 Apr 00:00", ("price_basic", -667), ("price_pro", 1_333), id="i2")
    again = changes("13 Apr 00:00", ("price_pro", -1_200), ("price_pro", 2_400), id="i3")
    again["lines"]["data"][1]["quantity"] = 2

    def of(name: str, held: Json) -> bytes:
        text = json.dumps(held)
        for id in ("i1", "i2", "i3", "cus_1", "sub_1", "si_1", "il_", "evt_"):
            text = text.replace(f'"{id}', f'"{name}_{id}')
        return body({**event(json.loads(text)), "id": f"evt_{name}_{held['id']}"})

    for name in (whole, *names):
        billing.customer(name, stripe_customer_id=f"{name}_cus_1")
        assert billing.take_stripe_event(of(name, first)).status == "done"
    for held in (up, again):
        assert billing.take_stripe_event(of(whole, held)).status == "done"
    found = at_once(here, [[Tell(of(name, held)) for held in (up, again)] + [Spend(name, 30)] for name in names])
    billing.spend(whole, 30, key="spend")
    finish(billing)
    for name, answers in zip(names, found, strict=True):
        assert ending(billing, name)[0] == ending(billing, whole)[0], answers
        assert sum(ending(billing, name)[1]) == sum(ending(billing, whole)[1]), answers
    billing.close()


def test_two_upgrades(here: Books, auditor: Any) -> None:
    auditor.catalog = CHANGES
    upgrades_at_once(here, ROUNDS)


@pytest.mark.slow
def test_two_upgrades_often(here: Books, auditor: Any) -> None:
    auditor.catalog = CHANGES
    upgrades_at_once(here, 40)
