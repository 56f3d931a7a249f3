"""The demo's pages, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping

import requests
from playwright.sync_api import Page

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
        "auto-topup": f"{lumen}/auto-topup?threshold=1500&what=small&count=2&money=50",
        "plans": f"{lumen}/plans",
        "plans-change": f"{lumen}/subscription/change?plan=basic",
        "plans-cancel": f"{lumen}/subscription/cancel",
        "notices": f"{lumen}/notices",
        **_mail(demo),
        "newcomer": newcomer.group(1),
        "newcomer-plans": f"{newcomer.group(1)}/plans",
        "finance-sign-in": f"{kept['finance_url']}sign-in",
        "no-such-link": f"{demo.url}/portal/who-knows",
        "sandbox": f"{kept['sandbox_url']}/_sandbox/",
        "sandbox-payments": f"{kept['sandbox_url']}/_sandbox/payments",
        "sandbox-portal": _at_stripe(lumen),
    }


def _mail(demo: Demo) -> dict[str, str]:
    """The mailbox, and the way out of the newest letter that tells of new credits. A letter itself runs no scripts, not
    even those that look for faults: `test_mail` looks at one.
    """
    mailbox = f"{demo.url}/demo/mail/"
    letter = re.search(r'href="([^"]*)">[^<]* have arrived', requests.get(mailbox, timeout=20).text)
    assert letter is not None
    url = f"{demo.url}{letter.group(1)}"
    leave = re.search(r'href="([^"]*/unsubscribe/[^"]*)"', requests.get(url, timeout=20).text)
    assert leave is not None
    return {"mailbox": mailbox, "unsubscribe": leave.group(1)}


def _at_stripe(wallet: str) -> str:
    """The customer's own page at Stripe, as their page of plans leads there."""
    sent = requests.post(f"{wallet}/subscription", allow_redirects=False, timeout=20)
    return sent.headers["Location"]


def for_staff(demo: Demo) -> Mapping[str, str]:
    """Those that are seen once somebody has signed in."""
    finance = demo.kept["finance_url"]
    return {
        "finance-allocations": f"{finance}allocations",
        "finance-inbox": f"{finance}inbox",
        "finance-inbox-done": f"{finance}inbox?status=done",
        "finance-customers": f"{finance}customers",
        "finance-customer": f"{finance}customers/{demo.kept['customers'][0]}",
        "finance-jobs": f"{finance}jobs",
        "finance-reconciliation": f"{finance}reconciliation?ask=1",
    }


def sign_in(page: Page, demo: Demo) -> None:
    """By the form, as the demo's member of staff."""
    page.goto(demo.kept["finance_url"])
    said = demo.kept["finance_sign_in"]
    page.get_by_label("E-mail").fill(said["email"])
    page.get_by_label("Password").fill(said["password"])
    page.get_by_role("button", name="Sign in").click()
