"""The page of payments: what a merchant, a buyer and their banks do, by plain forms."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlencode

import pytest
import requests

from tests.sandbox.shop import Shop
from tests.sandbox.test_payments import intent
from tests.sandbox.test_refunds import bought
from web.sandbox import Sandbox

pytestmark = pytest.mark.slow  # a stand-in's own ways: what the engine stands on is tried by its tests

Form = dict[str, str]


class Page:
    """Reads the page's forms and sends them, as a browser does."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._url = f"{sandbox.url}/_sandbox/payments"
        self.text = ""
        self.read()

    def read(self) -> None:
        answer = requests.get(self._url, timeout=10)
        assert answer.status_code == 200
        self.text = answer.text

    def press(self, words: str, **typed: str) -> None:
        """The first button with these words, with what is typed into its form; leads back here."""
        for action, body in re.findall(r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', self.text, re.DOTALL):
            buttons = {unescape(text): own for own, text in re.findall(r"<button([^>]*)>([^<]*)</button>", body)}
            if words not in buttons:
                continue
            pressed = re.findall(r'name="(\w+)" value="([^"]*)"', buttons[words])
            hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body)
            origin = self._url.rsplit("/_sandbox", 1)[0]
            form = urlencode({**dict(hidden), **dict(pressed), **typed})
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
            sent = requests.post(origin + action, data=form, headers=headers, timeout=10, allow_redirects=False)
            assert (sent.status_code, sent.headers.get("Location")) == (303, "/_sandbox/payments"), sent.text
            self.read()
            return
        raise AssertionError(f"no button says {words}")


def test_refunds_and_disputes(shop: Shop, sandbox: Sandbox) -> None:
    charge = bought(shop)
    page = Page(sandbox)
    page.press("Refund", amount="300", status="pending")
    assert "$3.00 refunded" in page.text and "Refunds on their way" in page.text
    page.press("It fails")
    assert "refunded" not in page.text and "Refunds on their way" not in page.text
    page.press("Inquiry", amount="700")
    page.press("It becomes a chargeback")
    assert "Disputed over $7.00" in page.text
    page.press("Send evidence")
    page.press("Lose it")
    page.press("Reinstate it")
    assert shop.v1.disputes.list({"charge": charge.id}).data[0].status == "won"


def test_what_is_on_its_way(shop: Shop, sandbox: Sandbox) -> None:
    first, second, ends = shop.session(shop.pack()), shop.session(shop.pack()), shop.session(shop.pack())
    sandbox.pay_later(first.id)
    sandbox.pay_later(second.id)
    asked = intent(shop, "pm_card_authenticationRequired")
    page = Page(sandbox)
    page.press("It fails")
    page.press("It arrives")
    page.press("They confirm it")
    page.press("Expire it now")
    now = [shop.v1.checkout.sessions.retrieve(one.id) for one in (first, second, ends)]
    assert sorted(one.payment_status for one in now) == ["paid", "unpaid", "unpaid"] and now[2].status == "expired"
    assert shop.v1.payment_intents.retrieve(asked.id).status == "succeeded"
    assert not re.search(r"<script|style=|\son\w+=", page.text)


def test_it_is_empty_at_first_and_linked(shop: Shop, sandbox: Sandbox) -> None:
    assert "None yet." in Page(sandbox).text
    assert "/_sandbox/payments" in requests.get(f"{sandbox.url}/_sandbox/", timeout=10).text
    refused = requests.post(f"{sandbox.url}/_sandbox/refund", data={"payment": "ch_no", "back": "payments"}, timeout=10)
    assert refused.status_code in (400, 404) and "No such charge" in unescape(refused.text)
