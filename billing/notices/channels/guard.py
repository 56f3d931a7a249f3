"""Where webhooks may go: never into the business's own network, unless that place is allowed by name.

Whoever can name an endpoint must not be able to make us ask what only we can reach. A name is looked up once, its
addresses are checked, and the connection is made to a checked address: what a name server says later changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from billing.base.addresses import EVERYWHERE

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_ELSEWHERE = tuple(
    ipaddress.ip_network(one) for one in ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10", "3fff::/20", "64:ff9b:1::/48")
)
"""What is nobody's on the public internet, though not every release of the standard library says so."""

_LONGEST = 2000


class Forbidden(Exception):
    """Why nothing is sent there; for people."""


def refuse_url(url: str, allowed: Sequence[str]) -> str | None:
    """What is wrong with an endpoint's address as it is written; None: nothing. Nobody is asked about its name."""
    if not url.isascii() or not url.isprintable() or len(url) > _LONGEST or " " in url or "\\" in url:
        return f"Must be an address of up to {_LONGEST:,} printable ASCII characters."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "Must be an address such as https://example.com/hooks."
    if parts.scheme not in ("https", "http") or not host or port == 0:
        return "Must be an address such as https://example.com/hooks."
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "Must hold no user, no password and no fragment: who we are is proved by the signature."
    literal = _literal(host)
    if literal is not None:
        wrong = refuse_address(literal, allowed)
        if wrong is not None:
            return wrong
    if parts.scheme == "http" and not _host_allowed(host, literal, allowed):
        return "Must begin with https://. Plain http is for places that ALLOW_PRIVATE_WEBHOOKS names."
    return None


def reach(host: str, port: int, allowed: Sequence[str]) -> list[tuple[int, str]]:
    """The checked addresses of a host, as (family, address): connect to these, not to the name.

    Raises Forbidden if one of them is none of the public internet; OSError where the name is unknown.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses = list(dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found))
    by_name = _host_allowed(host, None, allowed)
    for _, text in addresses:
        wrong = None if by_name else refuse_address(ipaddress.ip_address(text.partition("%")[0]), allowed)
        if wrong is not None:
            raise Forbidden(wrong)
    return addresses


def refuse_address(address: _Address, allowed: Sequence[str]) -> str | None:
    """Why nothing may be sent to this address; None: it may."""
    if EVERYWHERE in allowed or any(_within(address, one) for one in allowed):
        return None
    inner = _inner(address)
    tunnels = [] if isinstance(address, ipaddress.IPv4Address) else [address.sixtofour, *(address.teredo or ())]
    for one in (inner or address, *(through for through in tunnels if through is not None)):
        nobodys = any(one in network for network in _ELSEWHERE)
        if nobodys or not one.is_global or one.is_multicast or one.is_reserved or one.is_unspecified:
            return (
                f"{address} is not on the public internet, and webhooks are sent nowhere else. "
                "ALLOW_PRIVATE_WEBHOOKS allows it, a network or a host."
            )
    return None


def _inner(address: _Address) -> _Address | None:
    """The address of version 4 that one of version 6 stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped


def _host_allowed(host: str, literal: _Address | None, allowed: Sequence[str]) -> bool:
    if EVERYWHERE in allowed or host.lower() in allowed:
        return True
    return literal is not None and any(_within(literal, one) for one in allowed)


def _within(address: _Address, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network)
    except ValueError:  # a host by name
        return False


def _literal(host: str) -> _Address | None:
    """An address that is written as one, in any of the ways in which the system would read it."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
