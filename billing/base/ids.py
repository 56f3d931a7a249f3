"""Ids. Those of books encode where the thing stands, all others are random; nothing else asks for randomness."""

from __future__ import annotations

import secrets
from time import monotonic_ns


def of(kind: str, wallet: int, number: int) -> str:
    """The id of what began at an entry: `bkt_12_7` is the bucket granted by entry 7 of wallet 12."""
    return f"{kind}_{wallet}_{number}"


def read(kind: str, text: object) -> tuple[int, int] | None:
    """`(wallet, number)` of such an id; None if it isn't one of that kind."""
    if not isinstance(text, str):
        return None
    head, _, tail = text.partition("_")
    wallet, _, number = tail.partition("_")
    if head != kind or not _plain(wallet) or not _plain(number):
        return None
    return int(wallet), int(number)


def _plain(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18 and text[0] != "0"


def token(size: int = 32) -> str:
    """A random secret of `size` bytes, URL-safe."""
    return secrets.token_urlsafe(size)


def secret_bytes(size: int) -> bytes:
    """Random bytes, for what signs."""
    return secrets.token_bytes(size)


def new(kind: str) -> str:
    """The id of something that stands in no wallet's books: `top_`, and 24 random digits."""
    return f"{kind}_{secrets.token_hex(12)}"


def new_in_order(kind: str) -> str:
    """The same, of a process each behind the one before it: what one transaction writes is read as it was written."""
    return f"{kind}_{monotonic_ns():016x}{secrets.token_hex(4)}"
