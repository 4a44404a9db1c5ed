"""PURE: by which names a gateway that asks for no key may be addressed.

Such a gateway trusts whoever reaches it, and on loopback that is this machine alone; but a browser
on it runs the pages of others. One whose name is made to lead here (DNS rebinding) is the gateway's
own page to the browser: it may send and read anything, and nothing but the host in its requests
tells of it. Names that strangers can make lead here are therefore not answered to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from downroute.gateway.message import Headers, made_of

ANY = "*"
_NOBODYS = (".localhost", ".local", ".internal", ".home.arpa")
"""Ends of names that no public registry gives away: RFC 6761, RFC 6762, RFC 8375, and ICANN's
reservation of `internal`."""


class Hosts:
    """``named`` are those of the settings, without a port."""

    def __init__(self, named: Iterable[str] = ()) -> None:
        self._named = frozenset(_plain(name) for name in named)

    def stranger(self, headers: Headers) -> str | None:
        """The name by which a request addresses the gateway, where it is one that a stranger may
        have made lead here."""
        host = made_of(headers, _host_of)
        if not host or host in self._named or ANY in self._named:
            return None
        return host


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_of(headers: Headers) -> str:
    """The host a request names, where it is a public name: not an address, which leads where it
    says, nor a name without a dot, which is this network's own."""
    host = _plain(next((value for name, value in headers if name == "host"), ""))
    if "." not in host or host.endswith(_NOBODYS):
        return ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return ""


def _plain(host: str) -> str:
    host = host.strip().lower()
    if host.startswith("["):
        return ""  # an IPv6 address
    return host.partition(":")[0].rstrip(".")
