"""The demo's mail server: takes whatever is sent to this machine's own address and keeps it, a file a letter.

Plain SMTP, as much of it as a sender needs (RFC 5321, 4.5.1), on a port of its own that only this machine can reach.
"""

from __future__ import annotations

import hashlib
import os
import socketserver
import threading
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

MOST = 10 * 1024 * 1024
_LONGEST_LINE = 4096
_MOST_KEPT = 2000
_SECONDS = 30.0


class Mailbox:
    """The letters in a folder, one file each, named by the order in which they came and by their Message-ID: one that
    comes twice is there once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._lock = folder, threading.Lock()

    def keep(self, raw: bytes) -> None:
        known = str(message_from_bytes(raw, policy=policy.default)["Message-ID"] or raw)
        name = hashlib.sha256(known.encode("utf-8", "replace")).hexdigest()[:16]
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            if any(self.folder.glob(f"*-{name}.eml")):
                return
            files = sorted(self.folder.glob("*.eml"))
            number = int(files[-1].name.partition("-")[0]) + 1 if files else 1
            for old in files[: max(0, len(files) + 1 - _MOST_KEPT)]:
                old.unlink()
            begun = self.folder / f".{name}.{os.getpid()}"
            begun.write_bytes(raw)
            begun.replace(self.folder / f"{number:08}-{name}.eml")

    def empty(self) -> None:
        for file in self.folder.glob("*.eml"):
            file.unlink()

    def names(self) -> list[str]:
        """The newest first."""
        return sorted((file.stem for file in self.folder.glob("*.eml")), reverse=True)

    def raw(self, name: str) -> bytes | None:
        """A letter as it came; None where there is none of that name."""
        return (self.folder / f"{name}.eml").read_bytes() if name in self.names() else None

    def letter(self, name: str) -> EmailMessage | None:
        raw = self.raw(name)
        return None if raw is None else message_from_bytes(raw, policy=policy.default)


class _Conversation(socketserver.StreamRequestHandler):
    timeout = _SECONDS
    server: _Server

    def handle(self) -> None:
        self._say(220, "the demo's mailbox")
        sender, to = False, 0
        while line := self.rfile.readline(_LONGEST_LINE):
            verb = line.strip().upper()
            if verb.startswith((b"HELO", b"EHLO")):
                self._say(250, "at your service")
            elif verb.startswith(b"MAIL FROM:"):
                sender, to = True, 0
                self._say(250, "yes")
            elif verb.startswith(b"RCPT TO:"):
                to += sender
                self._say(*((250, "yes") if sender else (503, "from whom?")))
            elif verb == b"DATA" and to:
                self._say(354, "go on")
                letter = self._letter()
                sender, to = False, 0
                if letter is None:
                    return
                self.server.keep(letter)
                self._say(250, "kept")
            elif verb == b"QUIT":
                self._say(221, "goodbye")
                return
            elif verb in (b"RSET", b"NOOP"):
                sender, to = (sender, to) if verb == b"NOOP" else (False, 0)
                self._say(250, "yes")
            else:
                self._say(503 if verb == b"DATA" else 502, "not here")

    def _letter(self) -> bytes | None:
        """Up to the dot that stands alone; None where it is cut off, or too long."""
        lines: list[bytes] = []
        size = 0
        while (line := self.rfile.readline(_LONGEST_LINE)) and size < MOST:
            if line in (b".\r\n", b".\n"):
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)
            size += len(line)
        return None

    def _say(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    keep: Callable[[bytes], None]


def serve(mailbox: Mailbox, host: str = "127.0.0.1") -> int:
    """Takes letters from now on, in threads of its own. The port it listens on."""
    server = _Server((host, 0), _Conversation)
    server.keep = mailbox.keep
    threading.Thread(target=server.serve_forever, name="demo mailbox", daemon=True).start()
    return int(server.server_address[1])
