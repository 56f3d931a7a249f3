"""What the environment says: read once, at the door, and all that is wrong with it reported at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from environs import Env, EnvValidationError, ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from billing.base import addresses
from billing.base.addresses import Smtp
from billing.base.keep import LEAST, Keep

DEFAULT_DATABASE = "sqlite:///var/billing.sqlite3"
DEFAULT_CATALOG = "catalog.toml"


class SettingsInvalid(Exception):
    """Settings that can't be used: `errors` names each variable with what is wrong. Values are never
    repeated, some are secrets.
    """

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        self.errors = dict(errors)
        super().__init__("\n".join(f"{name}: {' '.join(texts)}" for name, texts in sorted(self.errors.items())))


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, checked. `catalog` is None when none is named and there is no `catalog.toml`: the default
    one holds. Secrets stay out of the repr.
    """

    database_url: str = field(repr=False)
    host: str
    port: int
    public_url: str
    catalog: Path | None
    stripe_webhook_secrets: tuple[str, ...] = field(repr=False)
    secret_keys: tuple[str, ...] = field(repr=False)
    demo: bool
    stripe_secret_key: str | None = field(default=None, repr=False)
    stripe_api_base: str | None = None
    allowed_origins: tuple[str, ...] = ()
    sandbox_port: int | None = None
    stripe_start: datetime | None = None
    keep: Keep = field(default_factory=Keep)
    metrics_token: str | None = field(default=None, repr=False)
    smtp: Smtp | None = None
    mail_from: str | None = None
    staff_notify_urls: tuple[str, ...] = field(default=(), repr=False)
    allow_private_webhooks: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, demo: bool = False) -> Settings:
        """Read from `environ` (default: the process's). A variable set to nothing counts as unset.

        In the demo `SECRET_KEYS` may be missing: it makes its own. Raises SettingsInvalid.
        """
        env = _Env(os.environ if environ is None else environ)
        database = env.str("DATABASE_URL", DEFAULT_DATABASE, validate=_check_database)
        host = env.str("HOST", "127.0.0.1", validate=_check_host)
        port = env.int("PORT", 8000, validate=_check_port)
        public = env.str("PUBLIC_URL", "", validate=_check_public)
        catalog = env.str("BILLING_CATALOG", "", validate=_check_catalog)
        webhook_secrets: list[str] = env.list("STRIPE_WEBHOOK_SECRETS", [], validate=_check_list)
        secret_key = env.str("STRIPE_SECRET_KEY", "", validate=_check_stripe_key)
        api_base = env.str("STRIPE_API_BASE", "", validate=_check_public)
        origins: list[str] = env.list("ALLOWED_ORIGINS", [], validate=_check_origins)
        sandbox_port = env.int("SANDBOX_PORT", 0, validate=_check_port)
        needed: Any = ... if _is_live(secret_key) else ""
        start = env.str("STRIPE_START", needed, validate=_check_time)
        usual = Keep()
        keep = {
            "stripe_events": env.int("KEEP_STRIPE_EVENTS_DAYS", usual.stripe_events, validate=_days("stripe_events")),
            "outbox": env.int("KEEP_OUTBOX_DAYS", usual.outbox, validate=_days("outbox")),
            "conversations": env.int("KEEP_CONVERSATIONS_DAYS", usual.conversations, validate=_days("conversations")),
        }
        token = env.str("METRICS_TOKEN", "", validate=_check_token)
        keys: Any = env.list("SECRET_KEYS", [] if demo else ..., validate=_check_list)
        smtp = env.str("SMTP_URL", "", validate=_checked_by(addresses.smtp))
        with_mail: Any = ... if smtp else ""
        mail_from = env.str("MAIL_FROM", with_mail, validate=_checked_by(addresses.mailbox))
        staff: list[str] = env.list("STAFF_NOTIFY_URLS", [], validate=_check_staff)
        private: list[str] = env.list("ALLOW_PRIVATE_WEBHOOKS", [], validate=_checked_by(addresses.private_places))
        try:
            env.seal()
        except EnvValidationError as error:
            raise SettingsInvalid(cast("Mapping[str, list[str]]", error.error_messages)) from None
        named = Path(catalog or DEFAULT_CATALOG)
        public_url = (public or f"http://{_reachable(host)}:{port}").rstrip("/")
        return cls(
            database_url=database_url(database),
            host=host,
            port=port,
            public_url=public_url,
            catalog=named if catalog or named.is_file() else None,
            stripe_webhook_secrets=tuple(secret.strip() for secret in webhook_secrets),
            secret_keys=tuple(key.strip() for key in keys),
            demo=demo,
            stripe_secret_key=secret_key or None,
            stripe_api_base=api_base.rstrip("/") or None,
            allowed_origins=tuple(dict.fromkeys(origin_of(one.strip()) for one in [public_url, *origins])),
            sandbox_port=sandbox_port or None,
            stripe_start=_time(start) if start else None,
            keep=Keep(**keep),
            metrics_token=token or None,
            smtp=addresses.smtp(smtp) if smtp else None,
            mail_from=mail_from or None,
            staff_notify_urls=tuple(one.strip() for one in staff),
            allow_private_webhooks=addresses.private_places(private),
        )


def database_url(text: str) -> str:
    """The address as SQLAlchemy wants it: `postgres://` and `postgresql://` both mean psycopg 3.

    ValueError if it is neither PostgreSQL's nor a SQLite file's; the text is not repeated, it may hold a
    password.
    """
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        url = None
    if url is not None and url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if url is not None and url.drivername in ("sqlite", "sqlite+pysqlite"):
        if url.database and url.database != ":memory:":
            return url.set(drivername="sqlite").render_as_string(hide_password=False)
        raise ValueError("SQLite needs a file that several connections can open: sqlite:///var/billing.sqlite3.")
    raise ValueError("Write postgresql://user:password@host/name or sqlite:///path/to/file.")


def origin_of(address: str) -> str:
    """Scheme, host and port of an http(s) address, as a browser names an origin. ValueError if it has none.

    What a browser would read otherwise than we do (a backslash, a space, a user before the host) has none.
    """
    if not address.isprintable() or "\\" in address or " " in address:
        raise ValueError("Write an address such as https://app.example.com.")
    url = urlsplit(address)
    scheme, host, port = url.scheme, url.hostname, url.port
    if scheme not in ("http", "https") or not host or "@" in url.netloc:
        raise ValueError("Write an address such as https://app.example.com.")
    usual = port is None or port == {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{'' if usual else f':{port}'}"


class _Env(Env):
    """environs over any mapping; a variable set to nothing (`PORT=` in a compose file) counts as unset."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(eager=False)
        self._given = environ

    def _get_value(self, env_key: str, default: Any) -> Any:
        return self._given.get(env_key, "").strip() or default


def _checked_by(read: Callable[[Any], object]) -> Callable[[Any], None]:
    """What the reader of a value says is wrong with it."""

    def check(value: Any) -> None:
        try:
            read(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None

    return check


def _check_staff(texts: list[str]) -> None:
    """Understood by apprise, which is asked only here and where it sends."""
    try:
        from apprise import Apprise
    except ImportError:
        raise ValidationError("apprise sends these, and is not installed: pip install 'billing[notify]'.") from None
    for place, text in enumerate(texts, 1):
        if not text.strip() or not Apprise().add(text.strip()):
            raise ValidationError(f"apprise does not understand the address at place {place} of the list.")


def _check_database(text: str) -> None:
    try:
        database_url(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _check_host(text: str) -> None:
    if any(sign.isspace() or sign in "/@?#" for sign in text):
        raise ValidationError("Write a name or an address to listen on, such as 127.0.0.1.")


def _check_port(port: int) -> None:
    if not 1 <= port <= 65_535:
        raise ValidationError("Write a whole number from 1 to 65535.")


def _check_public(text: str) -> None:
    try:
        url = urlsplit(text)
        extra = url.query or url.fragment or url.username or url.port == 0
        good = url.scheme in ("http", "https") and bool(url.hostname) and not extra
    except ValueError:
        good = False
    if not good:
        raise ValidationError("Write the address people open, such as https://billing.example.com.")


def _days(name: str) -> Callable[[int], None]:
    least = LEAST[name]

    def check(days: int) -> None:
        if not least <= days <= 36_500:
            raise ValidationError(f"Write a whole number of days, from {least} on.")

    return check


def _check_token(text: str) -> None:
    if len(text) < 16 or not text.isascii() or not text.isprintable() or " " in text:
        raise ValidationError("Write at least 16 letters, digits and signs, without spaces.")


def _check_stripe_key(text: str) -> None:
    if not text.startswith(("sk_", "rk_")) or not text.isascii() or not text.isprintable() or " " in text:
        raise ValidationError("Write a secret or restricted key of Stripe's: sk_test_…, rk_test_…, sk_live_….")


def _is_live(secret_key: object) -> bool:
    return isinstance(secret_key, str) and secret_key.startswith(("sk_live_", "rk_live_"))


def _time(text: str) -> datetime:
    """A time, in UTC where it names no zone. ValueError if it is none."""
    at = datetime.fromisoformat(text.strip())
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _check_time(text: str) -> None:
    try:
        good = 1970 < _time(text).year < 3000
    except (ValueError, OverflowError):
        good = False
    if not good:
        raise ValidationError("Write a time such as 2026-11-01T00:00:00Z: what was paid before it grants nothing.")


def _check_origins(texts: list[str]) -> None:
    for text in texts:
        try:
            good = origin_of(text.strip()) == text.strip().rstrip("/").lower()
        except ValueError:
            good = False
        if not good:
            raise ValidationError("Write origins such as https://app.example.com, with single commas between.")


def _check_catalog(text: str) -> None:
    if not Path(text).is_file():
        raise ValidationError("There is no such file.")


def _check_list(texts: list[str]) -> None:
    if not all(text.strip() for text in texts):
        raise ValidationError("One of the list is empty: write them with single commas between.")


def _reachable(host: str) -> str:
    """A host to put into a link: what listens on every address is reached on this machine's own."""
    if host in ("0.0.0.0", "::"):  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
