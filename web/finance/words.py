"""How finance's pages put things."""

from __future__ import annotations

from datetime import datetime, timedelta

from billing.base.wording import credits_text, money_text

TONES = {"granted": "good", "missing": "bad", "mismatched": "bad", "held": "wait", "unmapped": "wait", "failed": "bad",
         "waiting": "wait", "received": "wait", "done": "good", "ignored": "still",
         "live": "good", "used": "still", "expired": "still",
         "running": "wait", "more": "wait", "late": "bad", "fails": "bad", "lost": "bad", "never ran": "still",
         "upcoming": "wait", "voided": "still"}  # fmt: skip
"""Which colour a status has."""


def age(at: datetime, now: datetime) -> str:
    """`3 days`, `5 hours`, `2 minutes`: in the largest unit there is a whole one of."""
    seconds = int((now - at) / timedelta(seconds=1))
    for size, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count:,} {noun}{'' if count == 1 else 's'}"
    return "just now"


def money(cents: int | None, currency: str | None) -> str:
    """An amount, or a dash where there is none to say."""
    return "–" if cents is None or not currency else money_text(cents, currency)


def credits(count: int | None, scale: int) -> str:
    return "–" if count is None else credits_text(count, scale)
