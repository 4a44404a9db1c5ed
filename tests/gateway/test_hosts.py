"""Names by which a gateway that asks for no key is addressed."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from downroute import config
from downroute.errors import ConfigError
from downroute.gateway.hosts import is_loopback

from .running import Gateway, Start
from .test_keys import OWN, serve
from .upstream import Upstream, chat_body

BODY = json.dumps(chat_body()).encode()
CONFIG = """
upstreams: {main: {base_url: UPSTREAM}}
gateway: {hosts: HOSTS}
"""
STRANGE = ["evil.example", "evil.example:8080", "EVIL.example.", "127.0.0.1.evil.example", "a.b:x"]
OWN_NAMES = ["localhost", "LocalHost:8080", "127.0.0.1", "[::1]:8080", "10.1.2.3", "gateway"]
OWN_NAMES += ["downroute:80", "host.docker.internal:8080", "box.local", "a.localhost"]


def told(gateway: Gateway, host: str, path: str = "/v1/chat/completions") -> tuple[int, str]:
    method = "GET" if path != "/v1/chat/completions" else "POST"
    got = gateway.request(method, path, BODY if method == "POST" else b"", {"host": host})
    return got.status, got.json["error"]["code"] if got.status == 403 else ""


@pytest.mark.parametrize("host", STRANGE)
def test_a_page_whose_name_is_made_to_lead_here_learns_and_spends_nothing(
    start: Start, upstream: Upstream, host: str
) -> None:
    gateway = start()
    for path in ("/v1/chat/completions", "/v1/models", "/v1/files/7", "/ready", "/metrics"):
        assert told(gateway, host, path) == (403, "host_not_allowed")
    assert upstream.asked == []


@pytest.mark.parametrize("host", OWN_NAMES)
def test_names_that_no_stranger_can_give_away_are_answered_to(start: Start, host: str) -> None:
    assert told(start(), host) == (200, "")


def test_a_client_that_names_no_host_is_no_browser(start: Start) -> None:
    address = urlsplit(start().url)
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def test_public_names_of_a_proxy_on_this_machine_can_be_named(start: Start) -> None:
    gateway = start(None, CONFIG.replace("HOSTS", "[llm.example.com]"))
    assert told(gateway, "LLM.example.com:443") == (200, "")
    assert told(gateway, "other.example.com") == (403, "host_not_allowed")
    assert told(start(None, CONFIG.replace("HOSTS", "['*']")), "any.example.com") == (200, "")


def test_the_refusal_says_what_to_do_in_the_shape_of_the_api(start: Start) -> None:
    gateway = start()
    got = gateway.request("POST", "/v1/messages", BODY, {"host": "llm.example.com"})
    assert got.json["type"] == "error"
    assert "put 'llm.example.com' under `gateway.hosts`" in got.json["error"]["message"]


def test_with_keys_it_is_the_key_that_counts(start: Start) -> None:
    gateway, key = serve(start)
    sent = {"host": "llm.example.com", "authorization": f"Bearer {key}"}
    assert gateway.request("POST", "/v1/chat/completions", BODY, sent).status == 200
    assert told(gateway, "llm.example.com")[0] == 401
    assert OWN not in str(gateway.ready())


@pytest.mark.parametrize("name", ["http://a.example", "a.example:80", "", "a b", "*.example.com"])
def test_a_name_that_is_none_is_refused_with_its_place(name: str) -> None:
    with pytest.raises(ConfigError, match=r"f:1:\d+: 'gateway.hosts.0'"):
        config.parse(f"gateway: {{hosts: ['{name}']}}", "f")


def test_only_this_machines_own_addresses_are_loopback() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.0.1", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.com")))
