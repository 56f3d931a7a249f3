"""Topping up by itself: what may be set, how much is bought, what the caps allow, and what follows a decline.

Credits and cents are whole numbers. A month is one of UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from billing.rules.wallet.values import LARGEST_CENTS, LARGEST_CREDITS

FIELDS = ("threshold", "pack", "target", "max_cents_per_month", "max_count_per_month", "currency")
MOST_A_MONTH = 1_000
"""More purchases a month than this are no top-up any more, but a mistake."""

DELAYS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""After the first, the second, the third decline in a row: how long the card is left alone."""

MOST_DECLINES = 3
"""After so many in a row nothing is tried until somebody says so."""

A_DAY = timedelta(days=1)

_NEVER_AGAIN = frozenset(
    ("lost_card", "stolen_card", "pickup_card", "restricted_card", "revocation_of_authorization",
     "revocation_of_all_authorizations", "security_violation", "stop_payment_order")
)  # fmt: skip
_USELESS = frozenset(
    ("expired_card", "invalid_account", "incorrect_number", "invalid_number", "new_account_information_available",
     "invalid_expiry_month", "invalid_expiry_year", "card_not_supported")
)  # fmt: skip
_BUYER = ("authentication_required", "authentication_not_handled", "payment_intent_authentication_failure")

Why = Literal["declined", "authentication_required", "no_card", "card_refused"]


@dataclass(frozen=True, slots=True)
class Setting:
    """Buy `pack`, or up to `target`, when `threshold` credits or fewer are there; at most `max_count` times and for
    `max_cents` (of `currency`) in a month. `credits` for `cents`: the most that one purchase came to when it was set.
    """

    threshold: int
    pack: str | None
    target: int | None
    max_cents: int
    max_count: int
    currency: str
    credits: int = 0
    cents: int = 0

    def document(self) -> dict[str, Any]:
        """As it stands with the wallet."""
        bought = {"pack": self.pack} if self.pack is not None else {"target": self.target}
        return {"threshold": self.threshold, **bought, "max_cents_per_month": self.max_cents,
                "max_count_per_month": self.max_count, "currency": self.currency,
                "sold": {"credits": self.credits, "cents": self.cents}}  # fmt: skip

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Setting:
        """One that was taken before."""
        return cls(document["threshold"], document.get("pack"), document.get("target"),
                   document["max_cents_per_month"], document["max_count_per_month"], document["currency"],
                   **document.get("sold", {}))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Steps:
    """In which numbers credits are sold: from `least` to `most`, a multiple of `step`."""

    least: int
    most: int
    step: int


def wrong_fields(given: object) -> dict[str, list[str]]:
    """What is wrong with a setting by itself, field by field."""
    if not isinstance(given, Mapping):
        return {"auto_topup": [f"Must be null, or an object of {', '.join(FIELDS)}."]}
    wrong: dict[str, str] = {
        f"auto_topup.{name}": f"There is no such field: say {', '.join(FIELDS)}."
        for name in given
        if name not in FIELDS
    }
    for name, least, most in (
        ("threshold", 0, LARGEST_CREDITS),
        ("target", 1, LARGEST_CREDITS),
        ("max_cents_per_month", 1, LARGEST_CENTS),
        ("max_count_per_month", 1, MOST_A_MONTH),
    ):
        value = given.get(name)
        if value is None:
            if name != "target":
                wrong[f"auto_topup.{name}"] = "Is needed: without it nobody knows where it ends."
        elif isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            wrong[f"auto_topup.{name}"] = f"Must be a whole number from {least:,} to {most:,}."
    pack, currency = given.get("pack"), given.get("currency")
    if (pack is None) == (given.get("target") is None):
        wrong["auto_topup.pack"] = "Name a pack, or a target up to which is bought: one of both."
    elif pack is not None and not isinstance(pack, str):
        wrong["auto_topup.pack"] = "Must be the id of a pack."
    if currency is not None and not isinstance(currency, str):
        wrong["auto_topup.currency"] = "Must be a currency of three lower-case letters, such as usd."
    return {name: [message] for name, message in wrong.items()}


def loops(setting: Setting, brings: int, steps: Steps | None) -> tuple[str, str] | None:
    """Why a purchase would call for the next at once: the field and what is wrong with it. `brings`: the pack's
    credits, or the most that are sold at once.
    """
    if setting.target is not None and setting.target <= setting.threshold:
        return "target", f"Must lie above the threshold of {setting.threshold:,}: else it would never be reached."
    if brings <= setting.threshold:
        what = "the pack brings" if steps is None else "are sold at once"
        return "threshold", f"Must lie below the {brings:,} credits that {what}: else one purchase calls for the next."
    if steps is not None and setting.target is not None and setting.target - setting.threshold < steps.step:
        return "target", f"Must lie at least {steps.step:,} above the threshold: credits are sold in such steps."
    return None


def wanted(setting: Setting, available: int, owed: int, steps: Steps) -> int:
    """How many credits are bought now towards the target: never beyond it but by the least that is sold."""
    assert setting.target is not None
    missing = setting.target - available + owed
    return min(max(missing // steps.step * steps.step, steps.least), steps.most)


def over_cap(setting: Setting, count: int, cents: int, more_cents: int) -> Literal["count", "cap"] | None:
    """Which cap a purchase of `more_cents` would pass, after `count` for `cents` in this month."""
    if count + 1 > setting.max_count:
        return "count"
    return "cap" if cents + more_cents > setting.max_cents else None


def dearer(setting: Setting, credits: int, cents: int) -> bool:
    """Does one purchase, `credits` for `cents` by now, cost more than when it was set, or bring less for its price? Not
    where nobody knows what it came to then.
    """
    if setting.credits == 0:
        return False
    return cents > setting.cents or cents * setting.credits > setting.cents * credits


def month_of(at: datetime) -> tuple[datetime, datetime]:
    """The month of UTC that the instant lies in: its beginning and its end."""
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return start, (start + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True, slots=True)
class Follows:
    """What follows a payment that failed: why, after how long another may be tried, and whether nothing is tried at all
    until somebody says so.
    """

    reason: Why
    delay: timedelta
    paused: bool


def after_decline(failures: int, code: str | None, decline_code: str | None, advice: str | None) -> Follows:
    """`failures`: declines in a row, this one included. What the bank says is for good is never tried again."""
    said = {code, decline_code}
    if said & set(_BUYER):
        return Follows("authentication_required", A_DAY, paused=failures >= MOST_DECLINES)
    if said & _USELESS:
        return Follows("no_card", A_DAY, paused=True)
    if advice == "do_not_try_again" or said & _NEVER_AGAIN:
        return Follows("card_refused", A_DAY, paused=True)
    delay = DELAYS[min(failures, len(DELAYS)) - 1]
    return Follows("declined", delay, paused=failures >= MOST_DECLINES)
