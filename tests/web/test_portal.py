"""The customer's pages, over a real engine."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

import pytest

from billing import Transaction
from billing.access.tokens import PortalLink, sign_portal_link
from billing.testing import START
from tests.web.service import Service, settings
from web.portal import balance
from web.portal.words import kind_of

pytestmark = pytest.mark.quick_on("sqlite")

INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", re.IGNORECASE)


def link(service: Service, *, customer: str = "team_42", until: datetime | None = None) -> str:
    until = until or service.billing.now + timedelta(hours=1)
    return "/portal/" + sign_portal_link(settings().secret_keys, PortalLink(customer, "wallet", until))


def lived(service: Service) -> None:
    """Some weeks of a team's life, until 20 February 2025."""
    billing = service.billing
    start = billing.now
    billing.grant("team_42", 1000, reason="Winter bonus", key="g1", expires_at=start + timedelta(days=57))
    billing.grant("team_42", 500, reason="Bought at the fair", key="g2", paid_cents=500, currency="usd")
    billing.grant(
        "team_42", 80, reason="Trial images", key="g3", features=["image"], expires_at=start + timedelta(days=20)
    )
    for day in range(1, 41):
        billing.advance(to=start + timedelta(days=day, hours=9))
        billing.spend("team_42", 20, key=f"s{day}", feature="image" if day % 8 == 0 else "chat", member="ann")
    spend = billing.spend("team_42", 30, key="failed", description="Render of the harbour")
    billing.reverse("team_42", spend.id, key="back")
    billing.advance(to=start + timedelta(days=50))
    billing.hold("team_42", 40, key="h1", feature="video", expires_in=3600)


def test_what_the_wallet_shows(service: Service) -> None:
    lived(service)
    answer = service.client.get(link(service))
    page = answer.text
    assert answer.status_code == 200
    wallet = service.billing.wallet("team_42")
    assert f'<p class="big">{wallet.available:,}</p>' in page
    assert "Balance as of" in page
    assert "20 Feb 2025, 00:00 UTC" in page
    assert "Set aside for now" in page
    assert page.index("Winter bonus") < page.index("Bought at the fair")
    assert "27 Feb 2025" in page
    assert "in 7 days" in page
    assert "expire in 7 days" in page
    assert "Set aside: video" in page
    assert "Given back: Render of the harbour" in page
    assert "See all" in page
    assert page.count('<svg class="chart') == 2


def test_all_activity_a_page_at_a_time(service: Service) -> None:
    lived(service)
    for n in range(120):
        service.billing.spend("team_42", 1, key=f"more{n}")
    seen, path = 0, f"{link(service)}/activity"
    pages, text = 0, ""
    while path:
        page = service.client.get(path).text
        pages, text = pages + 1, text + page
        seen += page.count('<td role="cell" class="what"')
        older = re.search(r'href="([^"]+)">Older', page)
        path = older[1].replace("&amp;", "&") if older else ""
    causes = {entry.cause for n in (None, 101) for entry in service.billing.entries("team_42", before=n, limit=300)}
    assert pages > 1
    assert seen == len(causes)
    assert "Winter bonus" in text
    assert "Expired: Trial images" in text


def test_a_wallet_in_which_nothing_has_happened(service: Service) -> None:
    page = service.client.get(link(service)).text
    assert '<p class="big">0</p>' in page
    assert "Nothing here yet." in page
    assert "Recent activity" not in page
    assert "Nothing has happened yet." in service.client.get(f"{link(service)}/activity").text


def test_debt_and_a_frozen_wallet(service: Service) -> None:
    service.billing.set_wallet("team_42", overdraft={"limit": 100, "debt": "carry"})
    page = service.client.get(link(service)).text
    service.billing.spend("team_42", 40, key="s1")
    service.billing.hold("team_42", 20, key="h1").capture()
    service.billing.set_wallet("team_42", frozen=True)
    assert "<dd>by 100</dd>" in page
    page = service.client.get(link(service)).text
    assert "This wallet is frozen." in page
    assert "<dd>60</dd>" in page
    assert "<dd>40 of 100 left</dd>" in page
    assert "40 on credit" in page
    assert "Nothing is left to use." in page


def test_a_unit_with_decimals(service: Service) -> None:
    service.billing.grant("team_42", 12345, reason="Tokens", key="g1", unit="tokens")
    page = service.client.get(f"{link(service)}?unit=tokens").text
    assert '<p class="big">123.45</p>' in page
    assert 'class="units"' not in page
    service.billing.grant("team_42", 1, reason="One", key="g2")
    page = service.client.get(f"{link(service)}?unit=tokens").text
    assert 'aria-current="true">tokens' in page
    assert service.client.get(f"{link(service)}?unit=shells").status_code == 404


def test_links_that_open_nothing(service: Service) -> None:
    expired = service.client.get(link(service, until=service.billing.now))
    assert expired.status_code == 410
    assert "This link has expired" in expired.text
    assert "you will get a fresh one" in expired.text
    assert "day" not in expired.text
    for path in (
        link(service)[:-1],
        "/portal/junk",
        link(service, customer="nobody"),
        f"{link(service)[:-1]}/activity",
    ):
        wrong = service.client.get(path)
        assert wrong.status_code == 404
        assert "This link does not work" in wrong.text
        assert wrong.mimetype == "text/html"


def test_names_are_text_and_nothing_else(service: Service) -> None:
    service.billing.customer("team_42", name="<script>alert(1)</script>")
    service.billing.grant("team_42", 5, reason='"><img src=x onerror=alert(1)>', key="g1")
    page = service.client.get(link(service)).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("read", [1500, 10, 1])
def test_the_balance_by_day_is_what_the_wallet_was(
    service: Service, read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balance, "READ", read)
    lived(service)
    now = service.billing.now
    with service.billing.database.read() as tx:
        within = Transaction(tx, service.billing.catalog)
        points = balance.by_day(within, "team_42", "credits", within.wallet("team_42").available)
    assert (points[-1].day, points[-1].value) == (now.date(), 700)
    assert all(bool(point.parts) == (read == 1500) for point in points)
    if read == 1500:
        assert points[-1].parts == {"plan": 0, "topup": 0, "bonus": 200, "grant": 500}
    assert points[0].day in (START.date(), START.date() + timedelta(days=1), START.date() + timedelta(days=2))
    for point in points[:-1]:
        end = datetime.combine(point.day + timedelta(days=1), time(), UTC) - timedelta(microseconds=1)
        then = service.billing.wallet("team_42", as_of=end)
        assert point.value == then.available, point
        for kind, credits in point.parts.items():
            general = [bucket for bucket in then.buckets if bucket.status == "live" and not bucket.features]
            assert credits == sum(b.remaining - b.held for b in general if kind_of(b) == kind), (point, kind)
    assert len(points) > (49 if read == 1500 else 16)


@pytest.mark.database("sqlite")
def test_credits_that_start_are_in_the_balance_from_then_on(service: Service) -> None:
    billing, start = service.billing, service.billing.now
    billing.grant("team_42", 30, reason="Later", key="g1", effective_at=start + timedelta(days=2))
    billing.grant("team_42", 5, reason="Now", key="g2", paid_cents=5, currency="usd")
    billing.advance(by=timedelta(days=4))
    page = service.client.get(link(service)).text
    assert "2 Jan: 5<" in page
    assert "3 Jan: 35<" in page
    assert '<ul class="kinds">' in page
    assert "Highest: 35 on 3 Jan" in page


@pytest.mark.database("sqlite")
def test_credits_that_the_balance_does_not_count_say_where_they_were(service: Service) -> None:
    billing = service.billing
    billing.grant("team_42", 10, reason="Image launch bonus", key="g1", features=["image"])
    billing.grant("team_42", 100, reason="General", key="g2")
    spend = billing.spend("team_42", 4, key="s1", feature="image", member="ann")
    billing.spend("team_42", 20, key="s2", feature="image")
    billing.reverse("team_42", spend.id, key="r1")
    billing.hold("team_42", 3, key="h1", feature="image", metadata={"description": "Poster"}).release()
    page = service.client.get(f"{link(service)}/activity").text
    more = re.findall(r'class="what">([^<]*)(?:<span class="more">([^<]*)</span>)?', page)
    assert more == [
        ("Set aside, now free again: Poster", "back to Image launch bonus"),
        ("Set aside: Poster", "image · from Image launch bonus"),
        ("Given back: image", "back to Image launch bonus"),
        ("image", "6 from Image launch bonus"),
        ("image", "ann · from Image launch bonus"),
        ("General", ""),
        ("Image launch bonus", "only for image"),
    ]
    billing.hold("team_42", 3, key="h2", feature="image", metadata={"description": "Banner"}).capture(2)
    page = service.client.get(f"{link(service)}/activity").text
    assert 'Banner<span class="more">from what was set aside' in page


@pytest.mark.database("sqlite")
def test_no_page_has_inline_code(service: Service) -> None:
    lived(service)
    for path in (link(service), f"{link(service)}/activity", "/portal/junk", "/docs"):
        answer = service.client.get(path)
        assert not INLINE.search(answer.text), path
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        for address in re.findall(r'(?:href|src|action)="([^"]*)"', answer.text):
            assert address.startswith(("/", "#")), f"{path} leads to {address}"
            if address.startswith(("/static", "/docs/")):
                with service.client.get(address) as file:
                    assert file.status_code == 200


@pytest.mark.database("sqlite")
def test_the_theme_is_chosen_without_a_script(service: Service) -> None:
    path = link(service)
    assert "data-bs-theme" not in service.client.get(path).text
    chosen = service.client.post("/theme", data={"theme": "dark", "back": path})
    assert chosen.status_code == 303
    assert chosen.headers["Location"] == path
    assert 'data-bs-theme="dark"' in service.client.get(path).text
    service.client.post("/theme", data={"theme": "", "back": path})
    assert "data-bs-theme" not in service.client.get(path).text
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "/\tx", ""):
        assert service.client.post("/theme", data={"theme": "light", "back": elsewhere}).headers["Location"] == "/"
