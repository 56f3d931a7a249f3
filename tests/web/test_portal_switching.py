"""The customer's own page changes a plan, cancels it and keeps it: looked at first, and done once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from billing.testing import TestBilling
from tests.buying.shop import open_shop
from tests.buying.subscriber import CATALOG, START, Subscriber
from tests.sandbox.serving import Watch
from tests.web.service import Service, service_on
from tests.web.test_portal_buying import Forms, portal

pytestmark = pytest.mark.quick_on("sqlite")


@pytest.fixture
def team(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Subscriber]:
    with open_shop(make_billing, tmp_path, watch, start=START, catalog=CATALOG) as shop:
        yield Subscriber(shop)


@pytest.fixture
def service(team: Subscriber) -> Service:
    return service_on(team.shop.billing)


def page(service: Service, path: str = "/plans") -> str:
    return " ".join(service.client.get(f"{portal(service)}{path}").text.split())


def sent(service: Service, page: str, way: str, **headers: str) -> TestResponse:
    """The form that leads there, sent as it stands."""
    (form,) = [fields for action, fields in Forms(page).forms if action.endswith(way)]
    return service.client.post(f"{portal(service)}{way}", data=form, headers=headers)


def test_up_and_down_and_away_and_back_on_the_page(service: Service, team: Subscriber) -> None:
    team.subscribe("basic_monthly")
    team.until("16 Apr 00:00")
    assert re.search(r'<a class="btn" href="[^"]*/subscription/change\?plan=pro">Change to Pro</a>', page(service))
    look = page(service, "/subscription/change?plan=pro")
    for said in ("Change to Pro?", "<dd>$5.00</dd>", "<dd>+75</dd>", "<dd>1 May 2025</dd>", "<dd>250</dd>", "at once"):
        assert said in look, look
    done = [sent(service, look, "/subscription/change") for _ in range(2)]
    assert [(one.status_code, one.location.rpartition("=")[2]) for one in done] == [(303, "changed")] * 2
    assert "You are on the Pro plan, which renews on 1 May 2025." in page(service)
    team.hear()
    assert team.shop.available() == 175
    assert [one.total for one in team.v1.invoices.list({"limit": 9}).data] == [500, 1_000]

    look = page(service, "/subscription/change?plan=basic")
    assert "with your next period" in look and "Charged now" not in look and "<dd>$10.00, before taxes" in look
    down = sent(service, look, "/subscription/change")
    assert "comes with your next period" in service.client.get(down.location).text
    plans = page(service)
    assert "You are on the Pro plan. On 1 May 2025 it changes to Basic." in plans and "Undo the change" in plans
    assert sent(service, plans, "/subscription/resume").location.endswith("done=kept")
    assert "On 1 May 2025 it changes" not in page(service)

    look = page(service, "/subscription/cancel")
    assert "Cancel the Pro plan?" in look and "<dd>1 May 2025</dd>" in look
    assert sent(service, look, "/subscription/cancel").status_code == 303
    plans = page(service)
    assert "which ends on 1 May 2025" in plans and "Keep my plan" in plans and "Cancel plan" not in plans
    assert service.client.get(f"{portal(service)}/subscription/cancel").status_code == 303
    sent(service, plans, "/subscription/resume")
    assert "which renews on 1 May 2025" in page(service)


def test_what_can_go_wrong_is_said(service: Service, team: Subscriber) -> None:
    nothing = service.client.get(f"{portal(service)}/subscription/change?plan=pro")
    assert (nothing.status_code, "You have no plan that this could be" in nothing.text) == (409, True)
    team.subscribe("basic_monthly", items=[{"price": team.prices["basic_monthly"], "quantity": 3}])
    assert "on the Basic plan with 3 seats" in page(service) and 'name="quantity" value="3"' in page(service)
    assert "You have that already" in page(service, "/subscription/change?quantity=3")
    assert "You have that already" in page(service, "/subscription/change?quantity=many")
    look = page(service, "/subscription/change?quantity=5")
    assert "Have 5 seats" in look and "<dd>$20.00</dd>" in look and "<dd>+200</dd>" in look
    assert sent(service, look, "/subscription/change", Origin="https://evil.example.com").status_code == 403
    team.shop.sandbox.decline(team.customer, declines=True)
    declined = sent(service, look, "/subscription/change")
    assert (declined.status_code, "You were not charged" in declined.text) == (409, True)
    team.shop.sandbox.decline(team.customer, declines=False)
    team.shop.fail("500", times=3)
    silent = sent(service, page(service, "/subscription/cancel"), "/subscription/cancel")
    assert (silent.status_code, "One moment" in silent.text) == (503, True)
    team.shop.sandbox.faults.clear()
    team.shop.later(minutes=1)
    assert "3 seats, which ends on 1 May 2025" in page(service)
    assert [one.total for one in team.v1.invoices.list({"limit": 9}).data] == [3_000]


@pytest.mark.database("sqlite")
def test_nobody_elses_plan_is_touched_and_a_look_changes_nothing(service: Service, team: Subscriber) -> None:
    """Neither by another customer's link or path, nor by a key that may not, nor from another site."""
    team.subscribe("basic_monthly")
    billing, id = team.shop.billing, team.subscription.id
    billing.customer("eve")
    had = billing.subscription("team")
    ways = ("/subscription/change", "/subscription/cancel", "/subscription/resume")
    data = {"plan": "pro", "key": "k", "subscription": id, "customer": "team"}
    asked = {"subscription": id}
    weak = f"Bearer {service.new_key('read', 'spend')}"
    for way in ways:
        assert service.client.post(f"{portal(service, 'eve')}{way}", data=data).status_code == 409
        for sent_from in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            answer = service.client.post(f"{portal(service)}{way}", data=data, headers=sent_from)
            assert answer.status_code == 403, (way, sent_from)
        method, rest, body = ("PATCH", "", {**asked, "plan": "pro"}) if "change" in way else ("POST", way[13:], asked)
        assert service.ask(method, f"/v1/customers/eve/subscription{rest}", body).status_code == 409
        assert (
            service.ask(method, f"/v1/customers/team/subscription{rest}", body, Authorization=weak).status_code == 403
        )
    for look in ("/subscription/change?plan=pro&key=a", "/subscription/change?quantity=5", "/subscription/cancel"):
        assert service.client.get(f"{portal(service)}{look}").status_code == 200
    assert (billing.subscription("team"), billing.conversations()) == (had, [])
