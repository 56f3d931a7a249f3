"""A visitor: Debian's or anybody's Chromium, found by its name, that notices what it should not have to see."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK = {"width": 1280, "height": 900}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESK, "color_scheme": "light"},
    "dark": {"viewport": DESK, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "light",
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}
"""How pages are looked at; `java_script_enabled=False` and the like go beside them."""


class NoChromium(Exception):
    """There is none to be found by its name."""


@dataclass
class Visit:
    """A page in a browser of its own: nothing of another visit is remembered.

    `complaints` are errors on the console (a breach of the content security policy among them), errors that no script
    caught, and requests to anywhere but `homes`.
    """

    page: Page
    homes: tuple[str, ...]
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", self._failed)
        self.page.on("request", self._asked)

    def axe(self) -> str:
        """What axe-core has against the page as it stands, element by element; nothing of a page that is for all."""
        found = Axe().run(self.page).response["violations"]
        return "\n".join(
            f"{one['id']} ({one['impact']}): {one['help']}\n    {node['html'][:200]}\n    {node['failureSummary']}"
            for one in found
            for node in one["nodes"]
        )

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(wider))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def _failed(self, error: Error) -> None:
        self.complaints.append(f"script: {error}")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" not in self.homes:
            self.complaints.append(f"asked {request.url}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, without a window. Raises NoChromium."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise NoChromium("no Chromium is here: install it (Debian: apt install chromium)")
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, headless=True, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, homes: tuple[str, ...], **look: Any) -> Iterator[Visit]:
    """A visit with one of LOOKS."""
    context = browser.new_context(**look)
    try:
        yield Visit(context.new_page(), homes)
    finally:
        context.close()
