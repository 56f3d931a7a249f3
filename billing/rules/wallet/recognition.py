"""Recognition: which cents move along with credits. Whole numbers, and the last credit takes the last cent."""

from __future__ import annotations


def keeps(cents: int, basis_cents: int, basis_credits: int, left: int) -> int:
    """Cents that stay behind when `left` credits do: `min(cents, ⌈basis_cents × left ⁄ basis_credits⌉)`.

    So every one-credit spend is within one cent of exact, and 7 credits for 100 cents keep 86, 72, 58, 43, 29, 15, 0.
    """
    return min(cents, -(-basis_cents * left // basis_credits))


def counts_from(got: tuple[int, int], had: tuple[int, int] | None, cents: int, left: int) -> tuple[int, int]:
    """What (cents, credits) are counted from: what the bucket got, or what was counted from before (`had`), if it holds
    what it would have anyway; else what it holds.
    """
    for basis in (got, had):
        if basis is not None and keeps(basis[0], *basis, left) == cents:
            return basis
    return cents, max(left, 1)


def comes_back(slice_cents: int, slice_credits: int, reversed_credits: int, reversed_cents: int, now: int) -> int:
    """Cents that come back with `now` credits of a slice of which some may have come back before.

    What stays taken keeps its cents by the same rule, so a slice wholly reversed brings back exactly what it took.
    """
    stays = slice_credits - reversed_credits - now
    return slice_cents - reversed_cents - keeps(slice_cents - reversed_cents, slice_cents, slice_credits, stays)
