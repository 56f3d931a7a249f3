"""Overdraft: permission to go below zero in credits, and what becomes of the debt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Debt = Literal["repay", "carry", "forgive"]
DEBTS: tuple[Debt, ...] = ("repay", "carry", "forgive")
MOST_CREDITS = 10**15


@dataclass(frozen=True, slots=True)
class Overdraft:
    """How far below zero a wallet may go (`limit` in credits, 0 = not at all, None = without limit).

    `debt`: `repay` by any general credits as they arrive or become free; `carry` to the period's end and repay then;
    `forgive` at the period's end. Rule: the handbook's *Overdraft*.
    """

    limit: int | None = 0
    debt: Debt = "repay"

    @property
    def policy(self) -> str:
        return "unlimited" if self.limit is None else "limit" if self.limit else "none"

    def document(self) -> dict[str, object]:
        """As the REST wallet shows it: `{policy, limit, debt}`; `limit` is null when there is none."""
        return {"policy": self.policy, "limit": self.limit, "debt": self.debt}

    def setting(self) -> object:
        """The catalog's form, which `parse` reads back."""
        return (
            "none" if self == NONE else {"limit": "unlimited" if self.limit is None else self.limit, "debt": self.debt}
        )


NONE = Overdraft()
UNLIMITED = Overdraft(limit=None)


def parse(value: Any) -> Overdraft | str:
    """The catalog's form (`"none"`, `"unlimited"`, `{limit = 100, debt = "repay"}`) → Overdraft, or what is wrong."""
    if value == "none":
        return NONE
    if value == "unlimited":
        return UNLIMITED
    if not isinstance(value, dict):
        return 'Write "none", "unlimited" or { limit = 100, debt = "repay" }.'
    unknown = [key for key in value if key not in ("limit", "debt")]
    if unknown:
        return f"Unknown key {unknown[0]!r}: an overdraft has limit and debt."
    limit, debt = value.get("limit"), value.get("debt", "repay")
    if debt not in DEBTS:
        return f"debt is one of {', '.join(DEBTS)}."
    if limit == "unlimited":
        return Overdraft(limit=None, debt=debt)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 <= limit <= MOST_CREDITS:
        return 'limit is a whole number of credits from 0, or "unlimited".'
    return Overdraft(limit=limit, debt=debt)
