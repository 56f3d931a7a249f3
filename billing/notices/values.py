"""What the room speaks in: how this installation sends, what is to be sent, what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from billing.base.addresses import Smtp

if TYPE_CHECKING:
    from billing.base.settings import Settings

MAIL, WEBHOOK, STAFF = "mail", "webhook", "staff"


@dataclass(frozen=True, slots=True)
class Sending:
    """How this installation sends. Without a mail server no mail is sent, without addresses staff is told nothing;
    webhooks go to the endpoints there are, to private places only where these are allowed.
    """

    smtp: Smtp | None = None
    mail_from: str | None = None
    staff_urls: tuple[str, ...] = field(default=(), repr=False)
    private: tuple[str, ...] = ()
    public_url: str = "http://127.0.0.1:8000"
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Sending:
        """As the environment says."""
        return cls(
            settings.smtp,
            settings.mail_from,
            settings.staff_notify_urls,
            settings.allow_private_webhooks,
            settings.public_url,
            settings.secret_keys,
        )

    @property
    def no_mail(self) -> str | None:
        """Why no mail is sent; None: it is."""
        if self.smtp is None or self.mail_from is None:
            return "No mail is sent to customers: set SMTP_URL and MAIL_FROM."
        if not self.secrets:
            return "No mail is sent to customers: the links in it are signed with SECRET_KEYS. Set it."
        return None


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the outbox: what is told."""

    id: str
    type: str
    customer: str | None
    facts: Mapping[str, Any]
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """One event for one receiver. `channel`: mail, webhook or staff; `target`: whose it is, an endpoint's id, or the
    digest of one of staff's addresses. `status`: waiting, sent, dropped (it would be of no use any more) or given_up.
    """

    id: str
    event: str
    type: str
    channel: str
    target: str
    customer: str | None
    kind: str | None
    status: str
    reason: str | None
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Leased:
    """A notice that this process alone may send until its lease is over."""

    id: str
    lease: str
    lane: str
    channel: str
    target: str
    kind: str | None
    attempts: int
    created_at: datetime
    event: Event


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. `final`: another would end the same way. `lane`: it says something of the receiver as
    a whole, so that what else waits for it had better wait, too. `gone`: the receiver wants no more, ever.
    """

    status: Literal["sent", "dropped", "failed"]
    reason: str | None = None
    final: bool = False
    lane: bool = False
    gone: bool = False
    rest: timedelta | None = None


SENT = Outcome("sent")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What sends to a program needs: `secrets`, the newest first; the older ones for as long as a rotation lasts."""

    id: str
    url: str
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Where a program wants to be told, of which events. `secret` is given once, when it is made.

    `failing_since`: since when nothing has got through. `old_secret_until`: till when both secrets sign.
    """

    id: str
    url: str
    events: tuple[str, ...]
    description: str | None
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: str | None
    old_secret_until: datetime | None
    failing_since: datetime | None = None
    failing_reason: str | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which letters a customer gets, and where to. `email` None: none at all."""

    customer: str
    email: str | None
    notices: Mapping[str, bool]
