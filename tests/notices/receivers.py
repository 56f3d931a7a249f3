"""Who is told in these tests: a mail server and endpoints, real ones, on this machine."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from billing.base.addresses import EVERYWHERE, Smtp
from billing.notices.values import Sending

SECRETS = ("a secret that signs links",)
FROM = "Lumen Cloud <billing@cloud.example>"
PUBLIC = "https://billing.example.com"


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Mails:
    """A mail server. `answers` are given to the next letters instead of taking them; `refused`: addresses it does not
    know.
    """

    port: int = field(default_factory=free_port)
    taken: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return "550 5.1.1 nobody here by that name"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 kept"

    @property
    def subjects(self) -> list[str]:
        return [str(one["Subject"]).replace("\u00a0", " ") for one in self.taken]

    def sending(self, **more: Any) -> Sending:
        """An installation that sends its mail here, and webhooks to this machine."""
        given: dict[str, Any] = {"private": (EVERYWHERE,), "public_url": PUBLIC, "secrets": SECRETS} | more
        return Sending(Smtp("127.0.0.1", self.port), FROM, **given)


@contextmanager
def mail_server() -> Iterator[Mails]:
    mails = Mails()
    controller = Controller(mails, hostname="127.0.0.1", port=mails.port)
    controller.start()
    try:
        yield mails
    finally:
        controller.stop()


@contextmanager
def talking(converse: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does with each connection what it is told; gives its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(0.1)
        over = threading.Event()
        opened: list[socket.socket] = []

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                opened.append(connection)
                threading.Thread(target=_quietly, args=(converse, connection), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            over.set()
            thread.join()
            for one in opened:
                one.close()


def _quietly(converse: Callable[[socket.socket], None], connection: socket.socket) -> None:
    try:
        converse(connection)
    except OSError:
        pass
    finally:
        connection.close()


@dataclass
class Hooks:
    """An endpoint. `answers` are the next statuses, then it says 200; `calls`: (path, headers, body). `retry_after`
    stands in each answer.
    """

    port: int = 0
    answers: list[int] = field(default_factory=list)
    calls: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    on_call: Callable[[], object] = lambda: None
    retry_after: str | None = None

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.calls]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up is no news."""


@contextmanager
def hook_server(tls: ssl.SSLContext | None = None) -> Iterator[Hooks]:
    hooks = Hooks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            hooks.calls.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            hooks.on_call()
            status = hooks.answers.pop(0) if hooks.answers else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            if hooks.retry_after is not None:
                self.send_header("Retry-After", hooks.retry_after)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"well")

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    hooks.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hooks
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
