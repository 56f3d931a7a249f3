"""One answer of Stripe's, read whole: within its time, of a size, and of the shape that every answer of Stripe's has.

The SDK's own reading has no end where bytes drip in one by one, and runs into errors of Python's where what it reads is
no answer of Stripe's: a proxy's page, a list, a number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from time import monotonic
from typing import Any

LARGEST = 32 * 1024 * 1024
"""Bytes. A page of a hundred invoices with their first lines is a few of them."""

_PIECE = 64 * 1024


def read_whole(client: Any, ask: Any, until: float) -> tuple[bytes, int, Mapping[str, str]]:
    """`ask` makes the request by `client`, one of the SDK's for `requests`, and leaves the body to be read. Raises
    the SDK's APIConnectionError where that takes longer than until then (of `monotonic`), or is no answer of Stripe's.
    """
    from stripe import APIConnectionError

    failed: Any = APIConnectionError
    if getattr(client._thread_local, "session", None) is None:
        client._thread_local.session = client.requests.Session()
        client._thread_local.session.max_redirects = 0  # Stripe sends nobody elsewhere, least of all with a key
    raw, status, headers = ask()
    try:
        content = _body(raw, until)
    except Exception as error:
        raw.close()
        raise failed(f"its answer broke off: {type(error).__name__}", should_retry=True) from error
    if status >= 400:
        return content if _is_error(content) else b"{}", status, headers
    if not _is_object(content):
        raise failed(f"what came with status {status} is no answer", should_retry=False)
    return content, status, headers


def _body(raw: Any, until: float) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := raw.read1(_PIECE, decode_content=True):
        size += len(piece)
        if size > LARGEST or monotonic() > until:
            raise TimeoutError
        pieces.append(piece)
    raw.release_conn()
    return b"".join(pieces)


def _is_object(content: bytes) -> bool:
    found = _decoded(content)
    if not isinstance(found, dict) or not isinstance(found.get("object"), str):
        return False
    return found["object"] != "list" or _is_list(found.get("data"))


def _is_list(held: Any) -> bool:
    return isinstance(held, list) and all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in held)


def _is_error(content: bytes) -> bool:
    found = _decoded(content)
    return isinstance(found, dict) and isinstance(found.get("error"), dict)


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
