"""The demo's mailbox as pages: what was sent to its customers, as it looks, as text and as it crossed the network."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from flask import Blueprint, Response, abort, make_response, render_template

from billing.base.wording import time_text
from web.demo.mailbox import Mailbox
from web.pages import POLICY

SHOWN = 200

LETTER_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""For what somebody sent: it runs nothing, loads nothing, and opens its links elsewhere."""


@dataclass(frozen=True, slots=True)
class Line:
    """A letter in the list."""

    name: str
    to: str
    subject: str
    when: str


def mail_pages(mailbox: Mailbox) -> Blueprint:
    """To be registered with the demo's application only."""
    pages = Blueprint("mail", __name__, url_prefix="/demo/mail")

    @pages.get("/")
    def every() -> str:
        names = mailbox.names()
        lines = [_line(name, letter) for name in names[:SHOWN] if (letter := mailbox.letter(name)) is not None]
        return render_template("demo/mailbox.html", letters=lines, number=len(names))

    @pages.get("/<name>")
    def one(name: str) -> Response:
        letter = _found(name)
        text, stop = letter.get_body(("plain",)), letter["List-Unsubscribe"]
        response = make_response(
            render_template(
                "demo/letter.html",
                letter=_line(name, letter),
                sender=str(letter["From"]),
                text="" if text is None else text.get_content(),
                unsubscribe=None if stop is None else str(stop).strip("<>"),
            )
        )
        response.headers["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"
        return response

    @pages.get("/<name>/html")
    def html(name: str) -> Response:
        body = _found(name).get_body(("html",))
        response = make_response("" if body is None else body.get_content())
        response.headers["Content-Security-Policy"] = LETTER_POLICY
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response

    @pages.get("/<name>/raw")
    def raw(name: str) -> Response:
        found = mailbox.raw(name)
        return Response(found, mimetype="text/plain") if found is not None else abort(404)

    def _found(name: str) -> EmailMessage:
        return mailbox.letter(name) or abort(404)

    return pages


def _line(name: str, letter: EmailMessage) -> Line:
    return Line(name, str(letter["To"]), str(letter["Subject"]), time_text(parsedate_to_datetime(str(letter["Date"]))))
