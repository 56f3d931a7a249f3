"""The demo's pages, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping

import requests

from tests.browser.browsing import Demo


def places(demo: Demo) -> Mapping[str, str]:
    """Those that can be opened at any time."""
    kept = demo.kept
    lumen = kept["portal_url"]
    newcomer = re.search(r'href="([^"]*)/plans"', requests.get(f"{demo.url}/demo", timeout=20).text)
    assert newcomer is not None
    return {
        "home": f"{demo.url}/",
        "wallet": lumen,
        "activity": f"{lumen}/activity",
        "topup": f"{lumen}/topup",
        "plans": f"{lumen}/plans",
        "newcomer": newcomer.group(1),
        "newcomer-plans": f"{newcomer.group(1)}/plans",
        "no-such-link": f"{demo.url}/portal/who-knows",
        "sandbox": f"{kept['sandbox_url']}/_sandbox/",
    }
