"""The lines of plans, taken apart by item and period and judged in order of time.

Rules: the handbook's *Allocation*, *Its end*, *Plan change mid-period*. What an earlier period brings makes a later
line that ends with it a change, on one invoice as on two.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from billing.rules.money import credit_part
from billing.rules.periods import add
from billing.rules.sale.assumed import after_change, before_change
from billing.rules.sale.groups import Group, Owned, by_item, groups_of, new_lines, place, restarted_by, span, written
from billing.rules.sale.lines import Line
from billing.rules.sale.months import Month, months, spans_of
from billing.rules.sale.planchange import PastSale, PeriodHistory, begun_inside, give_back, judge
from billing.rules.sale.values import Allocation, Outcome, PlanChange, PlanTerms, Refused, waiting
from billing.rules.wallet.values import LARGEST_CENTS, LARGEST_CREDITS


def plan_sales(
    priced: Sequence[Owned],
    paid_at: datetime,
    invoice: str,
    claimed: Collection[str],
    histories: Sequence[PeriodHistory],
    trials: Mapping[str, datetime | None],
) -> list[Outcome]:
    """What the lines with plans' prices bring, in the order in which it is to be applied."""
    found: list[Outcome] = []
    for line, owner in priced:
        if isinstance(owner, PlanTerms) and line.item is None and line.id not in claimed:
            outside = f"line {line.id} has the price of plan {owner.plan}, but belongs to no subscription"
            found.append(waiting([line], ("no_item", outside)))
    judging = _Judging(paid_at, invoice, claimed, list(histories), trials)
    judging.strange = {(line.item, line.start): line for line, owner in priced if owner is None}
    groups = groups_of(priced)
    beside = by_item(groups)
    for group in sorted(groups, key=lambda group: place(group, beside[group.item])):
        found.extend(judging.judge(group, beside[group.item]))
    return found


class _Judging:
    """The invoice's groups, one after the other, each against what the ones before it came to."""

    def __init__(
        self,
        paid_at: datetime,
        invoice: str,
        claimed: Collection[str],
        histories: list[PeriodHistory],
        trials: Mapping[str, datetime | None],
    ) -> None:
        self.paid_at, self.invoice, self.claimed, self.trials = paid_at, invoice, claimed, trials
        self.of = by_item(histories)  # no item's periods have to do with another's
        self.strange: dict[tuple[str | None, datetime], Line] = {}

    def judge(self, group: Group, groups: Sequence[Group]) -> list[Outcome]:
        left = [line for line, _ in group.lines if line.id not in self.claimed]
        if not left:
            self._know_claimed(group)
            return []
        units: dict[str, list[tuple[Line, PlanTerms]]] = {}
        for line, owner in group.lines:
            if not isinstance(owner, PlanTerms):
                return [waiting(left, ("unknown_price", f"unknown price {line.price}"))]
            units.setdefault(owner.unit, []).append((line, owner))
        instead = self.strange.get((group.item, group.start))
        if instead is not None and not group.brings:  # what takes the place of what is given back may be a plan's, too
            return [waiting(left, ("unknown_price", f"unknown price {instead.price}"))]
        changes = group.gives_back or (group.prorated and self._had(group.item, None, group.end) is not None)
        found: list[Outcome] = []
        for unit, lines in units.items():
            if len(left) < len(group.lines) and any(line.id in self.claimed for line, _ in lines):
                answer: list[Outcome] | Refused | None = (
                    "granted_before",
                    f"another part of {span(group)} was granted before",
                )
            elif changes and (self._had(group.item, unit, group.end) or any(line.is_negative for line, _ in lines)):
                answer = self._change(group, unit, lines, ends=restarted_by(group, groups))
            else:
                answer = self._prices(group, lines)
            if isinstance(answer, tuple):
                answer = [waiting([line for line, _ in lines if line.id not in self.claimed], answer)]
            found.extend(answer or [])
        return found

    def _had(self, item: str, unit: str | None, end: datetime) -> PeriodHistory | None:
        for history in self.of.get(item, ()):
            its = history.end == end and unit in (None, history.unit)
            if its and not history.ended and not history.assumed:
                return history
        return None

    def _had_ended(self, group: Group, unit: str) -> PeriodHistory | None:
        its = [one for one in self.of.get(group.item, ()) if (one.unit, one.end) == (unit, group.end)]
        return max(its, key=lambda history: history.start, default=None)

    def _know_claimed(self, group: Group) -> None:
        """What was granted by another look at this invoice is a period, though nobody gave its history."""
        for line, owner in group.lines:
            if isinstance(owner, PlanTerms) and self._had_ended(group, owner.unit) is None:
                level = line.count * owner.credits
                self._begin(group, owner, f"claimed:{line.id}", level, 0, line.currency)

    def _prices(self, group: Group, lines: Sequence[tuple[Line, PlanTerms]]) -> list[Outcome]:
        """Lines of one item, price and period are one allocation."""
        prices: dict[str, list[tuple[Line, PlanTerms]]] = {}
        for line, terms in lines:
            prices.setdefault(str(line.price), []).append((line, terms))
        found: list[Outcome] = []
        for price, its in prices.items():
            answer = self._allocate(group, price, [line for line, _ in its], its[0][1])
            found.extend([waiting([line for line, _ in its], answer)] if isinstance(answer, tuple) else answer)
        return found

    def _allocate(self, group: Group, price: str, lines: list[Line], terms: PlanTerms) -> list[Outcome] | Refused:
        """What the lines of one item, price and period bring; an empty list if that is nothing at all."""
        origin = f"allocation:{group.item}:{price}:{written(group.start)}"
        refused = self._waits(group, price, lines, terms)
        if refused is not None:
            return refused
        if any(sale.origin == origin for history in self.of.get(group.item, ()) for sale in history.sales):
            return "granted_before", f"{origin} was granted before, until another time"
        trial = all(line.is_free for line in lines) and self._in_trial(lines[0])
        quantity = sum(line.count for line in lines)
        level = quantity * (terms.trial_credits if trial else terms.credits)
        cents = sum(credit_part(line.net_cents, terms.credit_share) for line in lines)
        stub = group.prorated and not trial
        spans = spans_of(group.start, group.end, terms.every, stub=group.prorated, trial=trial)
        brought = tuple(self._lived(month, group.start, terms) for month in months(spans, level, cents))
        credits = sum(month.credits for month in brought)
        figures = f"{credits} credits of plan {terms.plan} for {cents} cents on item {group.item}"
        if cents < 0:
            return "negative_net", f"{figures}: the discount is larger than the price"
        if credits > LARGEST_CREDITS or cents > LARGEST_CENTS:
            return "too_much", f"{figures}: more than the books can hold"
        origin = f"allocation:{group.item}:{price}:{written(group.start)}"
        if self._is_there(group.item, terms.unit, origin):
            return "granted_before", f"{origin} was granted before"
        cut = self._cut(group, lines[0]) if not trial else []
        if not credits and not cents:
            return cut
        self._begin(group, terms, origin, level, cents, lines[0].currency, trial=trial)
        allocation = Allocation(
            origin, terms.plan, terms.unit, credits, cents, lines[0].currency, group.start, group.end, quantity,
            lines[0].subscription, group.item, price, tuple(line.id for line in lines),
            tuple(month for month in brought if month.credits), level, terms.every, stub, trial,
        )  # fmt: skip
        return [*cut, allocation, *self._cut_short(self.of[group.item][-1], lines[0])]

    def _waits(self, group: Group, price: str, lines: list[Line], terms: PlanTerms) -> Refused | None:
        if group.start >= group.end:
            return "no_period", f"price {price} on item {group.item} is for no length of time ({span(group)})"
        if all(line.is_free for line in lines) and lines[0].subscription not in self.trials:
            return (
                "free",
                f"price {price} on item {group.item} costs nothing for {span(group)}: a trial, or a price of 0",
            )
        if self._had(group.item, terms.unit, group.end) is not None:
            return "granted_before", f"item {group.item}: its period that ends {written(group.end)} was granted before"
        return None

    def _in_trial(self, line: Line) -> bool:
        until = self.trials.get(line.subscription or "")
        return until is not None and line.start < until

    def _begin(
        self,
        group: Group,
        terms: PlanTerms,
        origin: str,
        level: int,
        cents: int,
        currency: str,
        *,
        trial: bool = False,
    ) -> None:
        spans = spans_of(group.start, group.end, terms.every, stub=group.prorated, trial=trial)
        brought = months(spans, level, cents)
        money = [month.cents for month in brought]
        money[0] += cents - sum(money)
        first = PastSale(origin, group.start, level, tuple(month.credits for month in brought), tuple(money))
        self.of.setdefault(group.item, []).append(
            PeriodHistory(group.item, terms.unit, terms.every, spans, (first,), paid_at=self.paid_at, currency=currency)
        )

    def _lived(self, month: Month, start: datetime, terms: PlanTerms) -> Month:
        """`grace` beyond its end, or `late_grace` from a payment that came late."""
        if terms.at_period_end == "keep":
            return month
        ends = add(month.ends_at, terms.grace)
        if self.paid_at > add(start, terms.grace):
            ends = max(ends, add(self.paid_at, terms.late_grace))
        return replace(month, expires_at=ends)

    def _cut(self, group: Group, line: Line) -> list[Outcome]:
        """Periods of the item that still ran when this one began end there, with nothing given back."""
        return [
            self._end(history, group.start, line)
            for history in list(self.of.get(group.item, ()))
            if history.start < group.start < history.end != group.end and not history.ended
        ]  # fmt: skip

    def _cut_short(self, own: PeriodHistory, line: Line) -> list[Outcome]:
        """This one, or what changes it, was learnt late: another that began in the middle of it is known already."""
        begins = begun_inside(own, self.of[own.item])
        return [self._end(own, begins, line)] if begins is not None else []

    def _end(self, history: PeriodHistory, at: datetime, line: Line) -> PlanChange:
        origin = f"end:{history.item}:{history.unit}:{written(history.end)}"
        _, after = judge(history, origin, at, 0, 0)
        self._now(history, replace(after, ended=True))
        return PlanChange(
            origin, "", history.unit, 0, line.currency, at, history.start, history.end, 0, line.subscription,
            history.item, None, (), None, history.every, (), (), 0, ends=True,
        )  # fmt: skip

    def _now(self, before: PeriodHistory, after: PeriodHistory) -> None:
        its = self.of.setdefault(before.item, [])
        if before.assumed:
            its[:] = [one for one in its if not one.assumed or _key(one) != _key(before)]
            its.append(after_change(after))
        else:
            its[its.index(before)] = after

    def _level(self, lines: Sequence[tuple[Line, PlanTerms]]) -> int:
        trial = all(line.amount_cents == 0 and self._in_trial(line) for line, _ in lines)
        return sum(line.count * (terms.trial_credits if trial else terms.credits) for line, terms in lines)

    def _assumed(
        self, group: Group, unit: str, lines: Sequence[tuple[Line, PlanTerms]], cents: int
    ) -> PeriodHistory | None:
        """A period that was not granted here, or was paid later than this, by the level that these lines give up. Money
        that goes back waits for it, unless other changes of it have brought something.
        """
        its = (one for one in self.of.get(group.item, ()) if one.assumed and not one.ended)
        there = next((one for one in its if (one.unit, one.end) == (unit, group.end)), None)
        old = [(line, terms) for line, terms in lines if line.is_negative]
        every = {terms.every for _, terms in lines}
        brought = there is not None and any(sale.counts and sale.at <= group.start for sale in there.sales)
        if not old or len(every) > 1 or group.start >= group.end or (cents < 0 and not brought):
            return None
        return before_change(group.item, unit, every.pop(), group.start, group.end, self._level(old), there)

    def _is_there(self, item: str, unit: str, origin: str) -> bool:
        """Two periods of one item that begin, or are changed by one invoice, at one instant would have one name."""
        return any(sale.origin == origin for one in self.of.get(item, ()) if one.unit == unit for sale in one.sales)

    def _change(
        self, group: Group, unit: str, lines: Sequence[tuple[Line, PlanTerms]], *, ends: bool
    ) -> list[Outcome] | Refused:
        new = new_lines(lines)
        if not new and not group.gives_back:
            return []
        cents = sum(credit_part(line.net_cents, terms.credit_share) for line, terms in lines)
        history = self._had(group.item, unit, group.end) or self._had_ended(group, unit)
        if history is not None and group.start < history.start:
            history = None  # what began before it is of another period that was to end with it
        paid_later = history is not None and cents >= 0 and (history.paid_at or self.paid_at) > self.paid_at
        if history is None or paid_later or (history.assumed and not history.ended):
            history = self._assumed(group, unit, lines, cents) or (history if paid_later else None)
        origin = f"change:{self.invoice}:{group.item}:{written(group.start)}"
        if history is None or (history.ended and new) or self._is_there(group.item, unit, origin):
            return "change", f"item {group.item} was changed in a period that was never granted here ({span(group)})"
        if history.currency not in (None, lines[0][0].currency):
            paid = f"was paid for in {history.currency}, and changed in {lines[0][0].currency}"
            return "change", f"item {group.item} {paid} ({span(group)})"
        if any(terms.every != history.every for _, terms in new):
            return "change", f"item {group.item} changed to a plan with periods of another length ({span(group)})"
        level = self._level(new)
        terms = (new or lines)[0][1]
        if level > LARGEST_CREDITS or abs(cents) > LARGEST_CENTS:
            return (
                "too_much",
                f"{level} credits of plan {terms.plan} on item {group.item}: more than the books can hold",
            )
        later = terms.on_upgrade == "next_period"
        if history.ended:
            moves, after = give_back(history, origin, group.start, cents)
        else:
            moves, after = judge(history, origin, group.start, level, cents, waits_for_period=later)
        after = replace(after, ended=ends or history.ended)
        self._now(history, after)
        change = PlanChange(
            origin, terms.plan, unit, cents, lines[0][0].currency, group.start, history.start, group.end,
            sum(line.count for line, _ in new), lines[0][0].subscription, group.item, new[0][0].price if new else None,
            tuple(line.id for line, _ in lines), moves.level, history.every,
            tuple(self._lived(month, group.start, terms) for month in moves.months), moves.takes, moves.earned_cents,
            ends,
        )  # fmt: skip
        return [change] if after.ended else [change, *self._cut_short(after, lines[0][0])]


def _key(history: PeriodHistory) -> tuple[str, datetime]:
    return history.unit, history.end
