"""The demo's mail server takes what a real client sends, and its pages show it without letting it do anything."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask

from web.demo.mailbox import Mailbox, serve
from web.demo.mailpages import mail_pages


def letter(number: int) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Lantern <a@b.example>", "Ada <c@d.example>", f"Nummer {number} – über"
    made["Date"], made["Message-ID"] = "Fri, 27 Nov 2026 10:00:00 +0000", f"<evt_{number}@b.example>"
    made.set_content("Hello\n.\n..dots\n" + "long " * 50)
    made.add_alternative("<p>Hello</p><script>alert(1)</script>", subtype="html")
    return made


def test_letters_are_kept_once_and_shown_safely(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mailbox")
    with smtplib.SMTP("127.0.0.1", serve(mailbox), timeout=10) as client:
        for number in (1, 2, 1):
            client.send_message(letter(number))
        client.rset()
        with pytest.raises(smtplib.SMTPDataError):
            client.data(b"to nobody")
    assert len(mailbox.names()) == 2
    found = mailbox.letter(mailbox.names()[0])
    assert found is not None and found["Subject"] == "Nummer 2 – über"
    text = found.get_body(("plain",))
    assert text is not None and "\r\n.\r\n..dots\r\n" in text.get_content()
    app = Flask(__name__)
    app.register_blueprint(mail_pages(mailbox))
    html = app.test_client().get(f"/demo/mail/{mailbox.names()[0]}/html")
    policy = html.headers["Content-Security-Policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy and "allow-scripts" not in policy
    assert app.test_client().get("/demo/mail/..%2f..%2fdemo.json/raw").status_code == 404
    mailbox.empty()
    assert mailbox.names() == []
