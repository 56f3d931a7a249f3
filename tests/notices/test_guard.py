"""Webhooks go nowhere where only we can reach, however the place is written and whatever a name server says."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import pytest

from billing import Invalid, Sending
from billing.notices.channels import guard
from billing.notices.channels.webhooks import send
from billing.notices.values import Endpoint, Event
from billing.testing import TestBilling
from tests.notices.receivers import Hooks
from tests.notices.test_letters import NOW
from tests.notices.told import tell

PRIVATE = """127.0.0.1 127.8.8.8 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 224.0.0.1 240.0.0.1
255.255.255.255 ::1 :: fe80::1 fc00::1 fd00:ec2::254 ff02::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::a00:1
2002:7f00:1:: 2001:db8::1 fec0::1 192.0.0.192 192.88.99.1 3fff::1 64:ff9b:1::a00:1""".split()
PUBLIC = "93.184.215.14 2606:2800:21f:cb07:6820:80da:af6b:8b2c 64:ff9b::5db8:d70e ::ffff:93.184.215.14".split()


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert guard.refuse_address(ipaddress.ip_address(address), ())
    assert guard.refuse_address(ipaddress.ip_address(address), ("203.0.113.0/24", "hooks.internal"))
    assert guard.refuse_address(ipaddress.ip_address(address), ("*",)) is None
    assert guard.refuse_address(ipaddress.ip_address(address), (f"{address}",)) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert guard.refuse_address(ipaddress.ip_address(address), ()) is None


@pytest.mark.parametrize(
    ("url", "allowed", "good"),
    [
        ("https://example.com/hook", (), True),
        ("http://example.com/hook", (), False),
        ("https://127.0.0.1/", (), False),
        ("https://2130706433/", (), False),  # 127.0.0.1, as the system reads it
        ("https://0x7f.1/", (), False),
        ("https://[::1]/", (), False),
        ("https://[::ffff:10.0.0.1]:8443/", (), False),
        ("http://10.0.0.7/", ("10.0.0.0/8",), True),
        ("http://10.0.0.7/", ("10.1.0.0/16",), False),
        ("http://hooks.internal/", ("hooks.internal",), True),
        ("http://example.com/", ("hooks.internal",), False),
        ("https://example.com/#x", (), False),
        ("https://example.com:0/", (), False),
        ("https://example.com:99999/", (), False),
        ("https://example.com\\@127.0.0.1/", (), False),
        ("https://", (), False),
    ],
)
def test_what_may_stand_in_an_address(url: str, allowed: tuple[str, ...], good: bool) -> None:
    assert (guard.refuse_url(url, allowed) is None) is good


def looked_up(answers: list[str]) -> Callable[..., list[Any]]:
    """A name server that says something else each time."""

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    return getaddrinfo


def test_a_name_for_a_private_address_is_refused_where_it_is_sent(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []
    endpoint = Endpoint("whe_1", f"https://hooks.example.com:{hooks.port}/", ("whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQ=",))
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: tried.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", looked_up(["127.0.0.1"]))
    outcome = send(endpoint, event(), ())
    assert "not on the public internet" in str(outcome.reason) and tried == [] and hooks.calls == []


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is not looked up a second time: what it says then would go unchecked."""
    tried: list[Any] = []

    def connect(_: socket.socket, address: Any) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    endpoint = Endpoint("whe_1", "https://hooks.example.com/", ("whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQ=",))
    answers = ["93.184.215.14", "127.0.0.1"]
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", looked_up(answers))
    outcome = send(endpoint, event(), ())
    assert tried == [("93.184.215.14", 443)] and answers == ["127.0.0.1"]
    assert outcome.reason == "it can't be reached: the connection is refused"


@pytest.mark.database("sqlite")
def test_what_was_allowed_once_is_looked_at_again(make_billing: Callable[..., TestBilling], hooks: Hooks) -> None:
    billing = make_billing()
    billing.customer("team_42")
    with pytest.raises(Invalid):
        billing.add_webhook_endpoint(hooks.url())
    billing.sending = Sending(private=("127.0.0.0/8",))
    billing.add_webhook_endpoint(hooks.url())
    billing.sending = Sending()
    tell(billing, "low")
    billing.spread_notices()
    billing.deliver_notices()
    assert hooks.calls == []
    assert "not on the public internet" in str(billing.notices()[0].reason)


def event() -> Event:
    return Event("evt_1", "credits.low", "team_42", {}, NOW)
