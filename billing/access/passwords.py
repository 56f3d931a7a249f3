"""Passwords of staff: Argon2id, and the same time spent whether or not there is one to compare with."""

from __future__ import annotations

from functools import lru_cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from billing.base import ids

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 12, 1024

_AT_ONCE = BoundedSemaphore(2)
"""Each takes 64 MB and a tenth of a second: many who try at once must not take all there is."""


def wrong(password: str, email: str) -> str | None:
    """Why this can't be the password, or None."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"A password has {SHORTEST} to {LONGEST:,} characters."
    if password.casefold().strip() in (email, email.partition("@")[0]) or len(set(password)) < 5:
        return "This one is too easy to guess."
    return None


def hashed(password: str) -> str:
    """The text that is kept."""
    with _AT_ONCE:
        return _hasher().hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Is this the password that was kept? Without one, the answer takes as long and is no."""
    from argon2.exceptions import InvalidHashError, VerificationError

    against = kept or _nobody()
    with _AT_ONCE:
        try:
            _hasher().verify(against, password[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False
    return kept is not None


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@lru_cache(maxsize=1)
def _nobody() -> str:
    """What those are compared with who have no password."""
    return _hasher().hash(ids.token())
