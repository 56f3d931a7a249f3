"""The list of what a customer has bought: what was really paid, and what came back of it."""

from __future__ import annotations

import pytest

from tests.buying.shop import Shop
from tests.buying.test_ways_to_pay import CODES, code, open_as
from tests.web import test_portal_buying as shared
from tests.web.service import Service
from tests.web.test_portal_buying import portal, press

shop = shared.shop
service = shared.service


@pytest.mark.database("sqlite")
def test_what_was_really_paid_and_what_came_back_of_it(service: Service, shop: Shop) -> None:
    open_as(shop, CODES)
    press(service, f"{portal(service)}/topup", pack="small")
    [opened] = shop.billing.topups("team")
    assert opened.session is not None
    shop.sandbox.enter_code(opened.session, code(shop, 25, "LESS"))
    shop.pay(opened.session)
    assert shop.billing.settle(opened.session).granted or shop.available() == 100
    page = service.client.get(f"{portal(service)}/topup").text
    assert '$7.50<span class="more">instead of $10.00</span>' in page
    shop.billing.refund("team", opened.id, 300, key="r")
    page = service.client.get(f"{portal(service)}/topup").text
    assert 'Paid<span class="more">refunded $3.00 of $7.50</span>' in page
    outcome = service.client.get(f"{portal(service)}/topups/{opened.id}").text
    assert "<dt>Refunded</dt><dd>$3.00 of $7.50</dd>" in outcome
    [found] = shop.billing.topups("team")
    assert (found.paid_cents, found.total_cents, found.refunded_cents) == (750, 750, 300)
    assert found == shop.billing.find_topup("team", opened.id)
    shop.billing.refund("team", opened.id, key="r2")
    assert "refunded $" not in service.client.get(f"{portal(service)}/topup").text, "all of it: the state says so"
