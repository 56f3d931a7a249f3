"""What the demo keeps beside its database: `var/demo.json`, for people and programs that want to play with it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from billing.base import ids

FOLDER = Path("var")
FILE = FOLDER / "demo.json"
CATALOG = FOLDER / "catalog.toml"
SANDBOX = FOLDER / "sandbox.sqlite3"
MAILBOX = FOLDER / "mailbox"

STAFF = "finance@example.com"
"""Who looks at the demo's books."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Secrets of this demo alone. `secret_key` signs its links and keys, `webhook_secret` its Stripe events; `api_key`
    is empty until the demo is ready. `sandbox_url` is where the sandbox was, so that links to it stay good; `database`
    whose customers the sandbox knows; `finance_password` is that of the demo's one member of staff.
    """

    secret_key: str
    webhook_secret: str
    api_key: str = ""
    sandbox_url: str = ""
    database: str = ""
    finance_password: str = ""


def read(file: Path = FILE) -> Kept:
    """What is kept, or new secrets where that is nothing, or not to be read."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    found = found if isinstance(found, dict) else {}
    return Kept(
        secret_key=_text(found.get("secret_key")) or ids.token(),
        webhook_secret=_text(found.get("webhook_secret")) or f"whsec_{ids.token(24)}",
        api_key=_text(found.get("api_key")),
        sandbox_url=_text(found.get("sandbox_url")),
        database=_text(found.get("database")),
        finance_password=_text(_mapping(found.get("finance_sign_in")).get("password")) or ids.token(12),
    )


def write(kept: Kept, url: str, customers: Sequence[str], portal_url: str, file: Path = FILE) -> None:
    """Writes all of it at once, for its owner's eyes only."""
    content = {
        "url": url,
        "sandbox_url": kept.sandbox_url or None,
        "portal_url": portal_url,
        "finance_url": f"{url}/finance/",
        "mailbox_url": f"{url}/demo/mail/",
        "finance_sign_in": {"email": STAFF, "password": kept.finance_password},
        "customers": list(customers),
        "api_key": kept.api_key,
        "webhook_secret": kept.webhook_secret,
        "secret_key": kept.secret_key,
        "database": kept.database,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    begun = file.with_name(f".{file.name}.{os.getpid()}")
    begun.unlink(missing_ok=True)
    with os.fdopen(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(json.dumps(content, indent=2) + "\n")
    begun.replace(file)


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.strip() else ""
