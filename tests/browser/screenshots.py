"""`make screenshots`: every page in light, dark and at a phone's width, into var/screenshots/."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.browser.browsing import LOOKS, browser, served
from tests.browser.places import for_staff, places, sign_in

FOLDER = Path("var") / "screenshots"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="billing-demo-") as folder, served(Path(folder)) as demo, browser() as one:
        for look, (colours, size) in LOOKS.items():
            context = one.new_context(color_scheme="dark" if colours == "dark" else "light", viewport=size)
            sign_in(page := context.new_page(), demo)
            page.close()
            anyone = one.new_context(color_scheme="dark" if colours == "dark" else "light", viewport=size)
            for name, url in {**places(demo), **for_staff(demo)}.items():
                page = (context if name in for_staff(demo) else anyone).new_page()
                page.goto(url)
                page.screenshot(path=FOLDER / f"{name}-{look}.png", full_page=True)
                page.close()
            anyone.close()
            context.close()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


if __name__ == "__main__":
    main()
