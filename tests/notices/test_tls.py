"""In private: mail by STARTTLS and smtps with a password, webhooks by https, each held against the name it goes to."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from billing.base.addresses import Smtp
from billing.notices.channels import webhooks
from billing.notices.channels.mail import Envelope, Letter, Post, message
from billing.notices.values import Endpoint
from tests.notices.receivers import FROM, Hooks, Mails, hook_server
from tests.notices.test_guard import event
from tests.notices.test_letters import NOW

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For `localhost` alone, signed by itself; the key beside it."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem"


@pytest.fixture
def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine trusts the certificate, as an administrator would have it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    webhooks._tls.cache_clear()
    yield
    webhooks._tls.cache_clear()


def letter() -> Any:
    return message(Letter("Hello", "text", "<p>html</p>"), Envelope("evt_1", "a@b.example", None, NOW, None), FROM)


def checked(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"me", b"pa:ss"), handled=False)


@pytest.mark.filterwarnings("ignore::UserWarning:aiosmtpd")  # it does not see that smtps is TLS
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_in_private_with_a_password(security: Any, trusted: None, server_side: ssl.SSLContext) -> None:
    mails = Mails()
    given: dict[str, Any] = {"ssl_context": server_side} if security == "tls" else {
        "tls_context": server_side, "require_starttls": True,
    }  # fmt: skip
    controller = Controller(mails, hostname="localhost", port=mails.port, authenticator=checked, auth_required=True,
                            auth_require_tls=security == "starttls", **given)  # fmt: skip
    controller.start()
    try:
        for password, reason in (("pa:ss", None), ("wrong", "the mail server refuses SMTP_URL's user: 535")):
            post = Post(Smtp("localhost", mails.port, security, "me", password))
            outcome = post.send(letter())
            post.close()
            assert outcome.reason == reason
        other_name = Post(Smtp("127.0.0.1", mails.port, security, "me", "pa:ss"))
        assert other_name.send(letter()).reason == "the mail server can't be spoken to in private: TLS fails"
    finally:
        controller.stop()
    assert len(mails.taken) == 1


@pytest.fixture
def hooks(server_side: ssl.SSLContext) -> Iterator[Hooks]:
    with hook_server(server_side) as hooks:
        yield hooks


def post_to(url: str) -> str | None:
    endpoint = Endpoint("whe_1", url, ("whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQ=",))
    return webhooks.send(endpoint, event(), ("localhost", "127.0.0.1")).reason


def test_webhooks_in_private(hooks: Hooks, trusted: None) -> None:
    assert post_to(f"https://localhost:{hooks.port}/") is None
    assert hooks.calls[0][1]["host"] == f"localhost:{hooks.port}"
    assert "certificate can't be trusted" in str(post_to(f"https://127.0.0.1:{hooks.port}/"))
    assert len(hooks.calls) == 1


def test_nobody_trusts_what_signs_itself(hooks: Hooks) -> None:
    webhooks._tls.cache_clear()
    assert "certificate can't be trusted" in str(post_to(f"https://localhost:{hooks.port}/"))
    assert hooks.calls == []
