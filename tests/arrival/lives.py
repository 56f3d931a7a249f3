"""Whole lives at Stripe, in chapters: what the customer does stands between them, and nothing of it within."""

from __future__ import annotations

from .happening import (
    arrives,
    buys,
    cancels,
    cancels_in_the_portal,
    changes,
    chapter,
    disputes,
    disputes_invoice,
    ends,
    judged,
    months,
    pays,
    pays_later,
    refunds,
    refunds_invoice,
    renews,
    some_days,
    spends,
    subscribes,
    tops_up,
)
from .stage import Life

TOPS_UP = (tops_up, chapter(pays))

SHORT = Life(
    "renew and upgrade, refund and cancel",
    *(chapter(subscribes("basic")), spends(30)),
    *(chapter(renews, changes(price="pro")), spends(40)),
    chapter(refunds_invoice(-1, 300), cancels),
)

LIVES = [
    SHORT,
    Life(
        "subscribe, renew, upgrade, refund, cancel",
        *(buys("basic"), chapter(pays), spends(30)),
        *(chapter(renews), spends(40)),
        *(chapter(changes(price="pro")), spends(60)),
        *(chapter(refunds_invoice(-1, 300)), spends(10)),
        chapter(cancels),
    ),
    Life(
        "top up, spend, dispute, win",
        *(*TOPS_UP, spends(30), chapter(disputes()), chapter(judged("respond"), judged("win")), spends(20)),
    ),
    Life(
        "top up, spend, dispute and win at once, refund",
        *(*TOPS_UP, spends(30), chapter(disputes(), judged("win")), spends(20), chapter(some_days, refunds(500))),
    ),
    Life(
        "top up, spend, inquiry, dispute, lose",
        *(*TOPS_UP, spends(30), chapter(disputes(inquiry=True), judged("escalate")), chapter(judged("lose"))),
    ),
    Life(
        "top up, spend, refund and dispute, lose",
        *(*TOPS_UP, spends(30), chapter(refunds(400), disputes(600), judged("lose"))),
    ),
    Life(
        "pay later, refund in parts",
        *(tops_up, chapter(pays_later), chapter(arrives), spends(30)),
        *(chapter(refunds(300)), spends(5)),
        *(chapter(refunds(200, status="pending")), spends(3), chapter(some_days)),
        *(chapter(refunds(100, status="pending", fails=True)), spends(2), chapter(some_days), spends(4)),
    ),
    Life(
        "pay later, refund in parts that fail",
        *(tops_up, chapter(pays_later, arrives), spends(30)),
        *(chapter(refunds(300, status="pending"), refunds(200, status="pending", fails=True), some_days), spends(5)),
    ),
    Life(
        "yearly, seats up and down",
        *(chapter(subscribes("yearly")), spends(30)),
        *(chapter(changes(quantity=3)), spends(80)),
        *(chapter(changes(quantity=2)), spends(20)),
        *(chapter(refunds_invoice(0, 2_000)), chapter(cancels_in_the_portal), chapter(months(12))),
    ),
    Life(
        "yearly, seats up and down, at once",
        *(chapter(subscribes("yearly")), spends(30)),
        *(chapter(changes(quantity=3), changes(quantity=2)), spends(50)),
        *(chapter(months(2), refunds_invoice(0, 2_000), cancels), spends(1)),
    ),
    Life(
        "yearly, a part back, ended",
        *(chapter(subscribes("yearly")), spends(30)),
        *(chapter(months(1), refunds_invoice(0, 2_000), ends), spends(20)),
    ),
    Life(
        "disputed while it changes",
        *(chapter(subscribes("pro")), spends(20)),
        *(chapter(disputes_invoice(0, 500), changes(price="basic")), spends(10), chapter(judged("lose"))),
    ),
    Life(
        "roll over twice, refund",
        *(chapter(subscribes("rolling")), spends(30)),
        *(chapter(renews), spends(20)),
        *(chapter(refunds_invoice(0, 500)), spends(5)),
        *(chapter(renews, refunds_invoice(-1, 400)), spends(5)),
    ),
    Life(
        "trial, first period, upgrade, cancel",
        *(chapter(subscribes("trying", trial_period_days=14)), spends(10)),
        *(chapter(renews), spends(20)),
        *(chapter(changes(price="pro")), spends(5)),
        chapter(cancels),
    ),
]
"""Told in every order."""

LONG = [
    Life(
        "a subscription's year",
        *(buys("basic"), chapter(pays), spends(10)),
        chapter(
            renews, changes(price="pro"), refunds_invoice(-1, 200), renews, changes(quantity=2), months(2), cancels
        ),
    ),
    Life(
        "from the first day",
        buys("basic"),
        chapter(pays, renews, refunds_invoice(0, 250), changes(price="pro"), changes(price="basic"), renews, cancels),
    ),
    Life(
        "seats of a year",
        *(chapter(subscribes("yearly")), spends(10)),
        chapter(changes(quantity=3), refunds_invoice(-1, 2_000), months(2), changes(quantity=2), months(1), cancels),
    ),
    Life(
        "a top-up's trouble",
        *(*TOPS_UP, spends(10)),
        chapter(
            *(refunds(100), refunds(200, status="pending", fails=True), disputes(300, inquiry=True)),
            *(judged("escalate"), some_days, judged("win"), refunds(150, status="pending"), some_days),
        ),
    ),
    Life(
        "lost when the next change was paid",
        *(chapter(subscribes("basic")), spends(10)),
        chapter(
            *(changes(price="pro"), disputes_invoice(-1, None), changes(price="basic"), judged("lose")),
            *(changes(price="pro"), judged("reinstate"), renews),
        ),
    ),
    Life(
        "rolled over and taken back",
        *(chapter(subscribes("rolling")), spends(10)),
        chapter(renews, refunds_invoice(0, 400), renews, changes(price="pro"), refunds_invoice(-1, 100), renews),
    ),
]
"""Whose last chapter is heard in time or late, mixed and with repetition."""
