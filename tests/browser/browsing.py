"""A browser that looks at the real demo: each page is held to what a person, and a strict policy, may expect of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.demo.test_served import environment, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
LOOKS: dict[str, tuple[str, ViewportSize]] = {
    "light": ("light", WIDE),
    "dark": ("dark", WIDE),
    "phone": ("light", PHONE),
    "phone-dark": ("dark", PHONE),
}
"""By name: the colours that the reader's system prefers, and the width."""

# 2.2 AA and what it builds on.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@contextmanager
def browser() -> Iterator[Browser]:
    """The machine's own Chromium."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found is not None, "No browser is here: install Chromium (Debian: apt install chromium)."
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=found, args=FLAGS)
        try:
            yield running
        finally:
            running.close()


@dataclass
class Demo:
    """The demo that is being served in `folder`."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def kept(self) -> dict[str, Any]:
        """`var/demo.json`."""
        found: dict[str, Any] = json.loads((self.folder / "var" / "demo.json").read_text())
        return found

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serves it until it is ready."""
        with (self.folder / "said").open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "billing", "demo"], cwd=self.folder, env=environment(PORT=str(self.port)),
                stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        ends = time.monotonic() + 120
        while not self._ready():
            assert self.process.poll() is None, (self.folder / "said").read_text()
            assert time.monotonic() < ends
            time.sleep(0.1)

    def stop(self) -> None:
        """Ctrl-C, as a terminal sends it."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            self.process.wait(30)

    def _ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False


@contextmanager
def served(folder: Path) -> Iterator[Demo]:
    """A new demo in that folder."""
    demo = Demo(folder, free_port())
    demo.start()
    try:
        yield demo
    finally:
        demo.stop()


@dataclass
class Reader:
    """Somebody with a browser. `complaints`: what went wrong on the pages they saw; there should be none."""

    context: BrowserContext
    own: tuple[str, ...]
    complaints: list[str] = field(default_factory=list)

    def open(self, url: str) -> Page:
        """A new tab on `url`."""
        page = self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("request", self._watch)
        page.goto(url)
        return page

    def look(self, page: Page, name: str = "") -> None:
        """Held to the accessibility rules, and nothing sticks out at the side."""
        where = f"{name or page.title()} ({page.url.partition('/portal/')[0]})"
        for violation in Axe().run(page, options=RULES).response["violations"]:
            nodes = [node["html"][:160] for node in violation["nodes"][:3]]
            self.complaints.append(f"{where}: {violation['id']}: {violation['help']}: {nodes}")
        too_wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        if (pixels := page.evaluate(too_wide)) > 0:
            self.complaints.append(f"{where}: {pixels} pixels wider than the screen")

    def _hear(self, message: ConsoleMessage) -> None:
        # A page that is answered with 402 (declined) or 404 (no such link) is what it is, and the browser says so.
        told = re.search(r"the server responded with a status of (402|404)", message.text)
        if message.type in ("error", "warning") and told is None:
            self.complaints.append(f"console: {message.text}")

    def _watch(self, request: Request) -> None:
        if not request.url.startswith((*self.own, "data:")):
            self.complaints.append(f"asked elsewhere: {request.url}")


@contextmanager
def reader(running: Browser, demo: Demo, look: str = "light", *, javascript: bool = True) -> Iterator[Reader]:
    """Somebody who prefers that look. Fails at the end with all that went wrong on the way."""
    colours, size = LOOKS[look]
    context = running.new_context(
        color_scheme="dark" if colours == "dark" else "light", viewport=size, java_script_enabled=javascript
    )
    context.set_default_timeout(20_000)
    one = Reader(context, (demo.url, demo.kept["sandbox_url"]))
    try:
        yield one
    finally:
        context.close()
    assert one.complaints == [], "\n".join(one.complaints)
