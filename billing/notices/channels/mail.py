"""Mail: letters by SMTP, several over one connection. A letter's Message-ID is made from its event: what comes twice is
one letter to whoever keeps it.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_LINES
from email.utils import format_datetime

from billing.base.addresses import Smtp, mailbox
from billing.notices.channels.deadlines import within
from billing.notices.values import SENT, Outcome

SECONDS = 30.0
"""For one letter in all."""

_WAIT = 10.0
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as it is read: both forms say the same."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whom it goes to, and what machines read of it. `unsubscribe`: where one click ends such letters; None where it is
    about the receiver's money.
    """

    event: str
    to: str
    name: str | None
    sent_at: datetime
    unsubscribe: str | None


def message(letter: Letter, envelope: Envelope, mail_from: str) -> EmailMessage:
    """The letter as it crosses the network. What names and subjects hold can't become a header of its own."""
    sender = mailbox(mail_from)
    made = EmailMessage(policy=SMTP_LINES)
    made["From"] = sender
    made["To"] = Address(one_line(envelope.name or "")[:_LONGEST_NAME], addr_spec=envelope.to)
    made["Subject"] = one_line(letter.subject.replace("\u00a0", " "))
    made["Date"] = format_datetime(envelope.sent_at)
    made["Message-ID"] = f"<{envelope.event}.mail@{sender.domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made["X-Auto-Response-Suppress"] = "All"
    if envelope.unsubscribe is not None:
        made["List-Unsubscribe"] = f"<{envelope.unsubscribe}>"
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    made.set_content(letter.text, cte="quoted-printable")
    made.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return made


class Post:
    """A connection to the mail server for a turn, opened with the first letter."""

    def __init__(self, server: Smtp) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None
        self._opening: smtplib.SMTP | None = None

    def send(self, made: EmailMessage) -> Outcome:
        """One letter. `lane` where the server can't be talked to, `final` where it will never take this letter."""
        with within(SECONDS, self._socket) as deadline:
            try:
                self._open().send_message(made)
            except smtplib.SMTPRecipientsRefused as refused:
                code, said = next(iter(refused.recipients.values()))
                self._reset()
                return Outcome("failed", f"the address is refused: {code} {_said(said)}", final=code >= 500)
            except smtplib.SMTPDataError as refused:
                self._reset()
                code = refused.smtp_code
                return Outcome(
                    "failed", f"the letter is refused: {code} {_said(refused.smtp_error)}", final=code >= 500
                )
            except smtplib.SMTPAuthenticationError as refused:
                self.close()
                return Outcome("failed", f"the mail server refuses SMTP_URL's user: {refused.smtp_code}", lane=True)
            except smtplib.SMTPSenderRefused as refused:
                self.close()
                text = f"the mail server refuses MAIL_FROM: {refused.smtp_code} {_said(refused.smtp_error)}"
                return Outcome("failed", text, lane=True)
            except (smtplib.SMTPException, OSError) as error:
                self.close()
                if deadline.passed:
                    return Outcome("failed", f"the mail server took longer than {SECONDS:.0f} seconds", lane=True)
                return Outcome("failed", _why(error), lane=True)
        return SENT

    def close(self) -> None:
        """Ends the connection; that it is broken already is nothing new."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            with suppress(smtplib.SMTPException, OSError), within(_WAIT, lambda: smtp.sock):
                smtp.quit()
            smtp.close()

    def _open(self) -> smtplib.SMTP:
        if self._smtp is not None:
            return self._smtp
        server = self._server
        smtp: smtplib.SMTP
        if server.security == "tls":
            context = ssl.create_default_context()
            smtp = smtplib.SMTP_SSL(local_hostname=_our_name(), timeout=_WAIT, context=context)
        else:
            smtp = smtplib.SMTP(local_hostname=_our_name(), timeout=_WAIT)
        smtp._host = server.host  # type: ignore[attr-defined]  # what the certificate is held against
        self._opening = smtp
        try:
            code, text = smtp.connect(server.host, server.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, text)
            if server.security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            if server.user is not None and server.password is not None:
                smtp.login(server.user, server.password)
        except BaseException:
            smtp.close()
            raise
        self._smtp = smtp
        return smtp

    def _reset(self) -> None:
        """The letter is refused, the connection goes on; where not even that is possible, with a new one."""
        try:
            if self._smtp is not None:
                self._smtp.rset()
        except (smtplib.SMTPException, OSError):
            self.close()

    def _socket(self) -> socket.socket | None:
        found = self._smtp or self._opening
        return None if found is None else found.sock


def _our_name() -> str:
    """As we introduce ourselves; the library would ask a name server, which may take its time."""
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"


def one_line(text: str) -> str:
    """Without what could begin another line, or turn the direction in which this one is read."""
    signs = (sign if sign.isprintable() or sign == "\u00a0" else " " for sign in text)
    return re.sub(" +", " ", "".join(signs)).strip()


def _said(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server says {error.smtp_code} {_said(error.smtp_error)}"
    if isinstance(error, socket.gaierror):
        return "the mail server's name can't be looked up"
    if isinstance(error, ssl.SSLError):
        return "the mail server can't be spoken to in private: TLS fails"
    if isinstance(error, smtplib.SMTPException):
        return f"the mail server cut the connection: {type(error).__name__}"
    return f"the mail server can't be reached: {getattr(error, 'strerror', None) or type(error).__name__}"
