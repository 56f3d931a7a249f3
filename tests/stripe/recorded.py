"""The recorded payloads in `STRIPE_EVENTS_DIR`, if there are any: real ones, read where they lie."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

WHERE = os.environ.get("STRIPE_EVENTS_DIR")

needed = pytest.mark.skipif(
    not WHERE, reason="STRIPE_EVENTS_DIR is not set: set it to a folder of recorded Stripe payloads to run these"
)

Json = dict[str, Any]


def documents() -> dict[str, Any]:
    """What each file holds, by its name."""
    folder = Path(WHERE) if WHERE else None
    files = sorted(folder.rglob("*.json")) if folder else []
    return {str(file.relative_to(folder)): json.loads(file.read_text()) for file in files if folder}


def objects(document: Any, kind: str) -> Iterator[Json]:
    """Every object of that kind in it, however deep."""
    if isinstance(document, dict):
        if document.get("object") == kind:
            yield document
        for part in document.values():
            yield from objects(part, kind)
    elif isinstance(document, list):
        for part in document:
            yield from objects(part, kind)
