from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from billing.access.tokens import PortalLink, read_portal_link, sign_portal_link

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LINK = PortalLink("team 42/ö", "wallet", NOW + timedelta(hours=1))


def test_a_link_says_who_where_and_until_when() -> None:
    token = sign_portal_link(["s"], LINK)
    assert read_portal_link(["s"], token, NOW) == LINK
    assert token.isascii()
    assert "/" not in token


def test_a_link_ends() -> None:
    token = sign_portal_link(["s"], LINK)
    assert read_portal_link(["s"], token, LINK.expires_at - timedelta(microseconds=1)) == LINK
    assert read_portal_link(["s"], token, LINK.expires_at) == "expired"


def test_secrets_rotate() -> None:
    old = sign_portal_link(["old"], LINK)
    assert read_portal_link(["new", "old"], old, NOW) == LINK
    new = sign_portal_link(["new", "old"], LINK)
    assert read_portal_link(["new"], new, NOW) == LINK
    assert read_portal_link(["old"], new, NOW) == "wrong"


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t[1:], lambda t: "", lambda t: "x.y.z", lambda t: t.swapcase()]
)
def test_a_link_that_was_tampered_with_or_cut_off(change: object) -> None:
    assert callable(change)
    token = change(sign_portal_link(["s"], LINK))
    assert read_portal_link(["s"], token, NOW) == "wrong"


def test_an_unknown_page_opens_nothing() -> None:
    token = sign_portal_link(["s"], PortalLink("team", "admin", LINK.expires_at))
    assert read_portal_link(["s"], token, NOW) == "wrong"
