"""Automatic top-ups as people meet them, through the sandbox and the real SDK."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing import Invalid
from tests.autotopup.saver import SMALL, Saver


def test_it_buys_when_the_threshold_is_reached(team: Saver) -> None:
    team.set()
    team.use(79)
    team.step()
    assert (team.available(), team.taken()) == (21, []), "21 lie above the threshold of 20"
    team.use(1)
    team.step()
    assert (team.available(), team.taken(), team.bought()) == (120, [1000], ["paid"]), "landing on it counts"
    team.step()
    team.shop.told()
    team.later(days=1)
    assert (team.taken(), team.stands().status) == ([1000], "on")
    (told,) = team.facts("charged")
    (bought,) = [one for one in team.billing.topups("team") if one.automatic]
    assert told == {"customer": "team", "unit": "credits", "topup": bought.id, "credits": 100, "cents": 1000,
                    "currency": "usd"}  # fmt: skip
    stands = team.stands()
    assert (stands.count_this_month, stands.cents_this_month, stands.pending) == (1, 1000, None)
    team.billing.set_wallet("team", auto_topup=stands.setting)  # what it shows can be set again
    assert team.stands() == stands and stands.sold == (100, 1000)
    (bucket,) = [one for one in team.billing.buckets("team") if one.origin == f"topup:{bought.id}"]
    assert (bucket.granted, bucket.paid_cents) == (100, 1000) and bucket.expires_at is not None


def test_a_target_is_bought_up_to_and_one_purchase_may_call_for_the_next(team: Saver) -> None:
    team.set(pack=None, target=480, threshold=50, max_cents_per_month=10_000)
    team.use(63)
    team.step()
    assert team.taken() == [4_000], "37 are there, 443 missing: 400, in steps of 50"
    assert team.available() == 437
    team.set(threshold=90, max_cents_per_month=10_000)
    team.use(437)
    team.step()
    assert (team.available(), team.taken()) == (100, [4_000, 1_000])
    team.billing.set_wallet("team", overdraft="unlimited")
    team.use(250)
    team.step()
    team.step()
    assert team.available() == 0 and team.billing.wallet("team").owed == 50, "one more within the caps, and no more"
    assert (team.taken(), team.stands().status, team.stands().reason) == ([4_000, 1_000, 1_000], "held_back", "count")


def test_caps_are_kept_to_the_cent_and_begin_anew_with_the_month(team: Saver) -> None:
    team.to(2025, 1, 30)
    team.set(max_cents_per_month=2_000, max_count_per_month=9)
    for _ in range(3):
        team.use(90)
        team.step()
    assert (team.taken(), team.available()) == ([1000, 1000], 30)
    team.use(20)
    team.later(hours=1)
    team.later(hours=7)
    stands = team.stands()
    assert (team.taken(), stands.status, stands.reason) == ([1000, 1000], "held_back", "cap")
    (told,) = team.facts("held_back")
    assert (told["reason"], told["topup"], told["cents"]) == ("cap", None, 1000)
    assert told["next_attempt_at"] == "2025-02-01T00:00:00Z"
    team.to(2025, 1, 31, 23, 59, 59)
    team.step()
    assert team.taken() == [1000, 1000]
    team.to(2025, 2, 1)
    team.step()
    assert (team.taken(), team.stands().count_this_month) == ([1000] * 3, 1)
    team.use(100)
    team.set(max_cents_per_month=1_000, max_count_per_month=9)
    team.step()
    assert (team.taken(), team.stands().reason) == ([1000] * 3, "cap")
    team.set(max_cents_per_month=9_000, max_count_per_month=9)
    team.step()
    assert team.taken() == [1000] * 4, "a cap that is raised holds nothing back any more"


def test_a_pack_that_has_shrunk_below_the_threshold_is_not_bought_again_and_again(team: Saver) -> None:
    team.set(max_count_per_month=9).use(90)
    catalog = team.billing.catalog
    packs = {**catalog.packs, "small": replace(catalog.packs["small"], credits=5)}
    team.billing.catalog = replace(catalog, packs=packs)
    team.step()
    team.step()
    stands = team.stands()
    assert (team.taken(), stands.status, stands.reason) == ([], "paused", "not_sold")
    assert "choose again" in str(stands.message) and len(team.facts("paused")) == 1
    team.set(threshold=4, max_count_per_month=9)
    assert team.stands().status == "on"
    team.use(8)
    team.step()
    assert (team.taken(), team.available()) == ([1000], 7)


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"max_cents_per_month": None}, "max_cents_per_month", "needed"),
        ({"max_count_per_month": 0}, "max_count_per_month", "whole number"),
        ({"threshold": -1}, "threshold", "whole number"),
        ({"threshold": 2.5}, "threshold", "whole number"),
        ({"pack": None}, "pack", "one of both"),
        ({"target": 500}, "pack", "one of both"),
        ({"pack": "nothing"}, "pack", "no pack"),
        ({"pack": "pictures"}, "pack", "images"),
        ({"pack": "listed"}, "pack", "price of Stripe's"),
        ({"threshold": 100}, "threshold", "calls for the next"),
        ({"pack": None, "target": 20}, "target", "above the threshold"),
        ({"pack": None, "target": 60}, "target", "steps"),
        ({"max_cents_per_month": 999}, "max_cents_per_month", "never"),
        ({"currency": "chf"}, "currency", "usd"),
        ({"currency": 5}, "currency", "three"),
        ({"when": 5}, "when", "no such field"),
    ],
)
@pytest.mark.database("sqlite")
def test_nonsense_is_refused_before_anything_is_set(
    make_billing: Any, given: dict[str, Any], field: str, words: str
) -> None:
    from tests.autotopup.saver import CATALOG

    billing = make_billing(catalog=CATALOG)
    billing.customer("team")
    wanted = {name: value for name, value in (SMALL | given).items() if value is not None}
    with pytest.raises(Invalid) as refused:
        billing.set_wallet("team", auto_topup=wanted)
    (messages,) = [refused.value.errors[f"auto_topup.{field}"]]
    assert words in messages[0], messages
    assert billing.auto_topup("team").status == "off"
