"""The audit of months: what is to come and what was taken back, against the entries that name them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from billing.credits.rows import month_state
from billing.finance.auditing.books import Books
from billing.finance.auditing.breach import Breach
from billing.rules.wallet.values import MonthState

_Sums = dict[tuple[str, str, str], list[int]]
_ON_TRUST = ("overdraft", "consumed")


def of_wallet(books: Books) -> Iterator[Breach]:
    """All that is wrong with the months of one wallet."""
    sums: _Sums = defaultdict(lambda: [0, 0])
    for row in books.movements:
        figures = sums[row.kind, row.source, row.destination]
        figures[0], figures[1] = figures[0] + int(row.credits), figures[1] + int(row.cents)
    months = [month_state(row) for row in books.months]
    open_ones = {row.number: row.is_open for row in books.months}
    known = {month.number for month in months}
    for month in months:
        for found in (*_figures(sums, month), *_taken_back(sums, month, months)):
            yield Breach("6 months", f"{books.where}, month {month.number} of {month.sale}", found)
        if open_ones[month.number] != month.is_open:
            yield Breach("6 months", f"{books.where}, month {month.number}", f"is_open is {open_ones[month.number]}")
    yield from _named(books, known)
    sold = sum(figures[1] for (kind, _, _), figures in sums.items() if kind == "sell")
    ahead = sum(month.cents for month in months if not _at_once(sums, month))
    if sold != ahead:
        yield Breach("6 months", books.where, f"{sold} cents were sold to prepaid, its months cost {ahead}")


def _at_once(sums: _Sums, month: MonthState) -> bool:
    """Was its bucket granted when it was sold? Then nothing of it ever lay in prepaid."""
    return ("grant", "issued", f"bucket:{month.bucket}") in sums


def _moved(sums: _Sums, kind: str, source: str, destination: str) -> tuple[int, int]:
    """Σ credits and cents of a kind; an account that ends on `:` stands for all that begin so."""
    credits = cents = 0
    for (name, left, right), figures in sums.items():
        if name == kind and _is(left, source) and _is(right, destination):
            credits, cents = credits + figures[0], cents + figures[1]
    return credits, cents


def _is(account: str, wanted: str) -> bool:
    return account.startswith(wanted) if wanted.endswith(":") else account == wanted


def _figures(sums: _Sums, month: MonthState) -> Iterator[str]:
    prepaid, unused = f"prepaid:{month.number}", f"expired:month:{month.number}"
    if _at_once(sums, month):
        allotted, went = sums["grant", "issued", f"bucket:{month.bucket}"]
    else:
        allotted, went = _moved(sums, "grant", prepaid, "bucket:")
    taken, taken_cents = _moved(sums, "clawback", prepaid, "clawed_back:")
    back, back_cents = _moved(sums, "restore", "clawed_back:", prepaid)
    counted, counted_cents = _moved(sums, "clawback", unused, "clawed_back:")
    uncounted, uncounted_cents = _moved(sums, "restore", "clawed_back:", unused)
    broken = _moved(sums, "expire", prepaid, "expired")[1]
    credited = _moved(sums, "credit_back", prepaid, "credited:")[1]
    written_off = _moved(sums, "credit_back", unused, "credited:")[1]
    figures = (
        ("allotted", month.allotted, allotted),
        ("taken", month.taken, taken - back + counted - uncounted),
        ("left_cents", month.left_cents, month.cents - went - taken_cents + back_cents - broken - credited),
        ("broken_cents", month.broken_cents, broken - counted_cents + uncounted_cents - written_off),
    )
    for name, kept, truth in figures:
        if kept != truth:
            yield f"{name} is {kept}, by the entries {truth}"
    if month.broken_cents and month.cancelled_at is None:
        yield f"{month.broken_cents} cents are broken, and it was not cancelled"


def _taken_back(sums: _Sums, first: MonthState, months: list[MonthState]) -> Iterator[str]:
    """What was taken of a sale is named by its first month; never more than it brought."""
    accounts = {f"clawed_back:{first.number}", f"clawed_back:change:{first.number}"}
    taken = owed = taken_cents = unearned = 0
    for (kind, source, destination), (credits, cents) in sums.items():
        if not accounts & {source, destination}:
            continue
        sign = 1 if destination in accounts else -1
        taken, taken_cents = taken + sign * credits, taken_cents + sign * cents
        if kind == "owe" or destination in _ON_TRUST:
            owed, unearned = owed + sign * credits, unearned + sign * cents
    if first.place != 1:
        if taken or taken_cents or first.owed or first.unearned_cents:
            yield "what was taken of its sale is named by it, and it is not the first"
        return
    if (first.owed, first.unearned_cents) != (owed, unearned):
        yield f"takings made the wallet owe {(first.owed, first.unearned_cents)}, by the entries {(owed, unearned)}"
    its = [month for month in months if month.sale == first.sale]
    brought = (sum(month.credits for month in its), sum(month.cents for month in its))
    if not (0 <= taken <= brought[0] and 0 <= taken_cents <= brought[1]):
        yield f"{(taken, taken_cents)} were taken back, the sale brought {brought}"


def _named(books: Books, known: set[int]) -> Iterator[Breach]:
    for account in list(books.accounts):
        head, _, tail = account.rpartition(":")
        if (
            head in ("prepaid", "expired:month", "clawed_back", "clawed_back:change", "credited")
            and int(tail) not in known
        ):
            yield Breach("6 months", books.where, f"entries name {account}, which is not there")
