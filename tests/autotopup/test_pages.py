"""Automatic top-up on the customer's page, over HTTP and on the command line."""

from __future__ import annotations

import re
from contextlib import nullcontext
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from tests.autotopup.saver import SMALL, Saver
from tests.web.service import Service, problem, service_on
from tests.web.test_portal_buying import portal

pytestmark = pytest.mark.quick_on("sqlite")

FORM = {"threshold": "20", "what": "small", "count": "3", "money": "50.00", "agree": "yes", "act": "on"}


@pytest.fixture
def service(team: Saver) -> Service:
    return service_on(team.billing)


def test_the_customer_switches_it_on_and_off_on_their_own_page(team: Saver, service: Service) -> None:
    page = f"{portal(service)}/auto-topup"
    first = service.client.get(page).text
    assert "Visa ending in 4242" in first and "Small: 100 credits for $10.00" in first and ">Off<" in first
    refused = service.client.post(page, data={**FORM, "agree": ""})
    assert refused.status_code == 422 and "Tick the box" in refused.text
    for wrong, words in (
        ({"threshold": "100"}, "calls for the next"),
        ({"money": "9.99"}, "never suffice"),
        ({"what": "target", "target": "20"}, "above the threshold"),
        ({"count": ""}, "At most a month, in number"),
    ):
        answer = service.client.post(page, data={**FORM, **wrong})
        assert answer.status_code == 422 and words in answer.text, (wrong, answer.text)
    assert team.stands().status == "off"
    done = service.client.post(page, data=FORM, follow_redirects=True)
    assert done.status_code == 200 and "Automatic top-up is on." in done.text and "0 of 3 times" in done.text
    assert team.stands().agreed_at == team.billing.now
    team.use(90)
    team.step()
    again = service.client.get(page).text
    assert "1 of 3 times" in again and "$10.00 of $50.00" in again and "100 credits, auto top-up" in again
    assert service.client.post(page, data=FORM, headers={"Origin": "https://evil.example"}).status_code == 403
    off = service.client.post(page, data={"act": "off"}, follow_redirects=True)
    assert "is off" in off.text and team.stands().setting is None


def test_the_dry_run_says_what_it_would_have_charged(team: Saver, service: Service) -> None:
    for days in range(1, 6):
        team.billing.clock.move(team.billing.now + timedelta(days=1))
        team.billing.grant("team", 30, reason="a gift", key=f"gift {days}")
        team.use(50)
    asked = {"threshold": "20", "what": "small", "count": "3", "money": "50.00"}
    told = service.client.get(f"{portal(service)}/auto-topup", query_string=asked).text
    assert "it would have charged once, $10.00 in all" in told and "100 credits for $10.00" in told
    over_http = service.ask("POST", "/v1/customers/team/auto-topup-preview", SMALL, key=None).get_json()
    assert [(one["available"], one["cents"]) for one in over_http["charges"]] == [(20, 1000)]
    assert (over_http["cents"], over_http["held_back"]) == (1000, [])
    assert team.stands().status == "off", "nothing was set"
    tight = {name: value for name, value in SMALL.items() if name != "pack"}
    tight |= {"threshold": 90, "target": 150, "max_count_per_month": 1}
    found = team.billing.preview_auto_topup("team", tight)
    assert (len(found.charges), [reason for _, reason in found.held_back]) == (1, ["count"])
    team.set()
    team.step()
    assert team.taken() == [1000]
    assert len(team.billing.preview_auto_topup("team", SMALL).charges) == 1, "what it has bought itself is left out"


def test_a_pause_is_shown_with_its_way_out(team: Saver, service: Service) -> None:
    team.set().use(90)
    team.shop.sandbox.decline(team.payer(), declines=True, card="4000000000009979")
    team.step()
    page = f"{portal(service)}/auto-topup"
    shown = service.client.get(page).text
    assert "Paused" in shown and "refuses this card for good" in shown and "Go on" in shown
    led = service.client.post(f"{page}/card")
    assert led.status_code in (200, 303)
    team.saved(card="5555555555554444")
    on = service.client.post(f"{page}/resume", follow_redirects=True)
    assert "goes on" in on.text and "Mastercard ending in 4444" in on.text
    (new,) = [one for one in service.client.get(f"{portal(service)}/topup").text.split("\n") if "auto top-up" in one]
    assert "100 credits" in new


def test_a_card_is_saved_without_buying_anything(team: Saver, service: Service) -> None:
    team.billing.customer("new")
    team.billing.grant("new", 30, reason="welcome", key="w")
    team.set("new").use(20, "new")
    team.step()
    page = f"{portal(service, 'new')}/auto-topup"
    shown = service.client.get(page).text
    assert "No card is saved that could be charged" in shown and "Save a card" in shown and "Buy by hand" in shown
    no = service.client.post(f"{page}/resume")
    assert no.status_code == 422 and "A card is needed" in no.text
    sent = service.client.post(f"{page}/card")
    assert sent.status_code in (200, 303)
    session = re.search(r"bps_\w+", f"{sent.location} {sent.text}")
    assert session is not None
    team.shop.sandbox.portal.act(session[0], "card", card="4242424242424242")
    again = service.client.get(page).text
    assert "Visa ending in 4242" in again and "Save another card" in again and team.taken("new") == []
    assert "goes on" in service.client.post(f"{page}/resume", follow_redirects=True).text
    team.step()
    assert team.taken("new") == [1000]
    assert team.billing.card_page("new", return_url="https://app.example.com/") and len(team.shop.customers()) == 2


def test_going_on_with_the_card_that_was_declined_says_that_it_waits(team: Saver, service: Service) -> None:
    team.set().use(90)
    team.shop.sandbox.decline(team.payer(), declines=True, card="4000000000009979")
    team.step()
    on = service.client.post(f"{portal(service)}/auto-topup/resume", follow_redirects=True).text
    assert "Save another one to go on at once" in on and "held back for now" in on


def test_over_http(team: Saver, service: Service) -> None:
    path = "/v1/customers/team/wallet"
    assert service.ask("GET", path).get_json()["auto_topup"]["status"] == "off"
    team.billing.resume_auto_topup("team")
    set_ = service.ask("PATCH", path, {"auto_topup": SMALL}).get_json()["auto_topup"]
    assert (set_["status"], set_["threshold"], set_["pack"], set_["target"], set_["currency"]) == (
        "on", 20, "small", None, "usd",
    )  # fmt: skip
    for wrong, field in (
        ({**SMALL, "threshold": 100}, "auto_topup.threshold"),
        ({**SMALL, "max_cents_per_month": 1}, "auto_topup.max_cents_per_month"),
    ):
        told = problem(service.ask("PATCH", path, {"auto_topup": wrong}), 422, "invalid")
        assert field in told["errors"], told
    problem(service.ask("PATCH", path, {"auto_topup": {"threshold": 5, "pack": "small"}}), 422, "invalid")
    team.use(90)
    team.step()
    stands = service.ask("GET", path).get_json()["auto_topup"]
    assert (stands["count_this_month"], stands["cents_this_month"], stands["failures"]) == (1, 1000, 0)
    listed = service.ask("GET", "/v1/customers/team/topups").get_json()["data"]
    assert sorted(one["automatic"] for one in listed) == [False, True]
    assert service.ask("POST", "/v1/customers/team/auto-topup-resume", key=None).get_json()["status"] == "on"
    off = service.ask("PATCH", path, {"auto_topup": None, "frozen": True}).get_json()
    assert (off["auto_topup"]["status"], off["frozen"]) == ("off", True)


def test_on_the_command_line(team: Saver, monkeypatch: pytest.MonkeyPatch) -> None:
    from web.cli import auto_topup

    monkeypatch.setattr(auto_topup, "engine", lambda: nullcontext(team.billing))

    def run(*more: str) -> Result:
        return CliRunner().invoke(auto_topup.auto_topup, ["team", *more])

    words = ("--threshold", "20", "--pack", "small", "--max-cents", "5000", "--max-count", "3")
    assert "it would have charged 0 times, $0.00" in run(*words, "--dry-run").output
    assert "team, credits: off" in run().output
    assert "this month: 0 of 3, $0.00 of $50.00" in run(*words).output
    assert "it would have charged 0 times, $0.00" in run("--dry-run").output, "of what is set"
    assert run("--off", *words).exit_code == 2 and team.stands().status == "on"
    assert "off" in run("--off").output and team.stands().setting is None
    assert run("--threshold", "20").exit_code == 1
