"""Takes pictures of the demo's pages in each look: `python -m tests.browser FOLDER`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.browser.demo import running
from tests.browser.visiting import LOOKS, chromium, visiting


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, running(Path(home)) as demo, chromium() as browser:
        for look, options in LOOKS.items():
            for name, url in demo.pages.items():
                with visiting(browser, (demo.url,), **options) as visit:
                    visit.page.goto(url, wait_until="networkidle")
                    picture = folder / f"{name}-{look}.png"
                    visit.page.screenshot(path=picture, full_page=True)
                    print(picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
