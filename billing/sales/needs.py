"""Needs: a verb that has to know more is rolled back, Stripe is asked with nothing open, and it is called again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from billing.base.db import Database, Tx
from billing.sales.values import Applied
from billing.stripe.gateway import Gateway
from billing.stripe.questions import Known, PaidInvoices, Question

MOST_ROUNDS = 6
"""How often a verb may ask for more before it is a bug."""


class MoreNeeded(Exception):
    """Rolls an attempt back: these questions have to be answered first."""

    def __init__(self, needs: tuple[Question, ...]) -> None:
        self.needs = needs


def unanswered(answer: Applied, known: Known) -> tuple[Question, ...]:
    """The questions of an answer that nobody has answered yet."""
    return tuple(dict.fromkeys(question for question in answer.needs if question not in known))


def ask(gateway: Gateway, question: Question, start: datetime | None) -> Any:
    """Stripe's answer. Of what a subscription paid, what was paid before our time brings nothing and is left out."""
    answer = gateway.answer(question)
    if isinstance(question, PaidInvoices) and start is not None:
        return tuple(one for one in answer if (one.paid_at or one.created) >= start)
    return answer


def settled(
    db: Database, gateway: Gateway, start: datetime | None, verb: Callable[[Tx, Known], Applied]
) -> tuple[Applied, list[tuple[str, dict[str, Any]]]]:
    """The verb's answer in a transaction of its own, and the facts to be told of it. Raises what asking raises."""
    known: dict[Question, Any] = {}
    for _ in range(MOST_ROUNDS):
        try:
            with db.write() as tx:
                answer = verb(tx, known)
                needs = unanswered(answer, known)
                if needs:
                    raise MoreNeeded(needs)
            return answer, tx.told
        except MoreNeeded as more:
            known |= {question: ask(gateway, question, start) for question in more.needs}
    raise AssertionError(f"it had to know more again and again: {list(known)}")
