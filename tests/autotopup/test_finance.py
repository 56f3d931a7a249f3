"""What finance sees of purchases without a Checkout session: they tie like any other, whoever told of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.finance import at_stripe
from billing.finance.reconciliation import Reconciliation, reconcile
from billing.testing import START
from tests.autotopup.saver import Saver

pytestmark = pytest.mark.quick_on("sqlite")


def looked(team: Saver) -> Reconciliation:
    since, until = START, START + timedelta(days=31)
    paid = at_stripe.paid(team.billing.gateway, since, until)
    back = at_stripe.returned(team.billing.gateway, since, until)
    with team.billing.database.read() as tx:
        return reconcile(tx, team.billing.catalog, since, until, at_stripe=paid, back=back)


def test_the_money_ties(team: Saver) -> None:
    team.shop.told()
    team.set().use(90)
    team.step()
    team.use(100)
    team.step()
    team.shop.told()
    found = looked(team)
    assert found.differences == ()
    (tie,) = found.ties
    assert (tie.paid_cents, tie.granted_cents, tie.booked_cents) == (3_000, 3_000, 3_000)
    team.shop.sandbox.dashboard.refund(team.charges()[-1].id, 1_000)
    team.shop.told()
    assert looked(team).differences == ()


def test_what_never_arrived_is_listed_and_healed(team: Saver) -> None:
    team.shop.told()
    team.shop.events = False
    team.set().use(90)
    team.shop.fail("lost", times=3, path="/v1/payment_intents")
    team.step()
    team.shop.sandbox.faults.clear()
    (difference,) = looked(team).differences
    assert (difference.kind, difference.customer, difference.paid_cents) == ("never_arrived", "team", 1_000)
    assert difference.where.startswith("pi_")
    found = list(team.billing.look_through_stripe(team.billing.now - timedelta(days=60)))
    assert "payment_intent.succeeded" in [one.type for some in found for one in some.healed]
    assert looked(team).differences == ()
    assert (team.available(), team.bought()) == (110, ["paid"])
    team.later(minutes=1)
    assert (team.available(), team.taken()) == (110, [1000])
