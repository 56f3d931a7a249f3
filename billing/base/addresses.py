"""Where mail and webhooks may go, as the settings say it. ValueError says what is wrong, and repeats no password."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import getaddresses
from typing import Literal
from urllib.parse import unquote, urlsplit

_PORTS = {"plain": 25, "starttls": 587, "tls": 465}
_LOCAL = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?", re.IGNORECASE)
_MAILBOX = re.compile(r"[^@\s<>\"(),:;\[\]\\\x00-\x1f\x7f]{1,64}@[^@\s<>\"(),:;\[\]\\\x00-\x1f\x7f]{1,190}")

EVERYWHERE = "*"
"""In a list of private places: all of them."""


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server, and how it is spoken to."""

    host: str
    port: int
    security: Literal["plain", "starttls", "tls"] = "plain"
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def smtp(text: str) -> Smtp:
    """`smtp://user:password@host:port`, `smtps://…`, `smtp://…?starttls`."""
    form = "Write smtp://host:25, smtp://user:password@host:587?starttls or smtps://user:password@host:465."
    try:
        url = urlsplit(text.strip())
        port = url.port
    except ValueError:
        raise ValueError(form) from None
    extra = url.path.strip("/") or url.fragment or url.query not in ("", "starttls", "starttls=1", "starttls=true")
    if url.scheme not in ("smtp", "smtps") or not url.hostname or extra or (url.scheme == "smtps" and url.query):
        raise ValueError(form)
    security: Literal["plain", "starttls", "tls"] = "plain"
    if url.scheme == "smtps":
        security = "tls"
    elif url.query:
        security = "starttls"
    user, password = (unquote(part) if part else None for part in (url.username, url.password))
    if password is not None and security == "plain" and url.hostname not in _LOCAL:
        raise ValueError("The password would cross the network unprotected: write smtps://… or add ?starttls.")
    if user is not None and password is None:
        raise ValueError("There is a user without a password: write user:password@host.")
    return Smtp(url.hostname, port or _PORTS[security], security, user, password)


def mailbox(text: str) -> Address:
    """`billing@example.com`, `Example <billing@example.com>`: one address, its name if it has one."""
    found = getaddresses([text])
    name, address = found[0] if len(found) == 1 else ("", "")
    if not text.isprintable() or not is_address(address):
        raise ValueError("Write an address such as billing@example.com or Example <billing@example.com>.")
    return Address(name, addr_spec=address)


def is_address(text: object) -> bool:
    """Is this something that mail can be sent to? Plain ASCII, one address, nothing that a header could be made of."""
    if not isinstance(text, str) or not text.isascii() or not _MAILBOX.fullmatch(text):
        return False
    try:
        Address(addr_spec=text)
    except Exception:  # noqa: BLE001 - the library's parser fails in many ways
        return False
    return True


def refuse_address(text: object) -> str | None:
    """Why no mail can be sent to it; None: it can."""
    form = "Must be an address that mail can be sent to, such as ada@example.com, in ASCII (xn--… for other domains)."
    return None if is_address(text) else form


def private_places(texts: Sequence[str]) -> tuple[str, ...]:
    """Which private addresses webhooks may go to: all (`true`), none (`false`), or networks and hosts by name."""
    given = [text.strip().lower() for text in texts]
    if len(given) == 1 and given[0] in ("true", "1", "yes", "on"):
        return (EVERYWHERE,)
    if not given or (len(given) == 1 and given[0] in ("false", "0", "no", "off")):
        return ()
    for one in given:
        try:
            ipaddress.ip_network(one)
        except ValueError:
            digits = one.replace(".", "").replace("/", "").isdigit()
            if digits or not _HOST.fullmatch(one):
                raise ValueError(
                    "Write true, false, or networks and hosts such as 10.0.0.0/8,hooks.internal, with single commas."
                ) from None
    return tuple(given)
