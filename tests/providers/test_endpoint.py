from __future__ import annotations

import pytest

from downroute.errors import ConfigError
from downroute.providers.endpoint import endpoint


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://127.0.0.1:8800", "http://127.0.0.1:8800/v1/chat/completions"),
        ("http://127.0.0.1:8800/", "http://127.0.0.1:8800/v1/chat/completions"),
        ("http://127.0.0.1:8800/v1", "http://127.0.0.1:8800/v1/chat/completions"),
        (" http://127.0.0.1:8800/v1// ", "http://127.0.0.1:8800/v1/chat/completions"),
        ("http://h/v1/chat/completions", "http://h/v1/chat/completions"),
        ("http://h/chat/completions/", "http://h/chat/completions"),
        ("https://h/api/v1", "https://h/api/v1/chat/completions"),
        ("https://h/api", "https://h/api/v1/chat/completions"),
        ("https://h/v1beta/openai/", "https://h/v1beta/openai/chat/completions"),
        ("https://h/api/paas/v4", "https://h/api/paas/v4/chat/completions"),
        ("https://h/vision", "https://h/vision/v1/chat/completions"),
        ("https://h/v1?api-version=2", "https://h/v1/chat/completions?api-version=2"),
        (
            "https://h/openai/deployments/gpt-4o?api-version=2024-10-21",
            "https://h/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        ),
        ("https://h/v1/messages", "https://h/v1/chat/completions"),
        ("https://h/messages", "https://h/messages/v1/chat/completions"),
        ("http://[::1]:80", "http://[::1]:80/v1/chat/completions"),
    ],
)
def test_every_way_to_write_a_base_url_ends_at_the_one_address(base_url: str, url: str) -> None:
    assert endpoint(base_url).url == url


@pytest.mark.parametrize(
    "base_url", ["", "api.example.com", "ftp://h", "http://", "http://h:99999"]
)
def test_what_is_no_url_names_the_setting(base_url: str) -> None:
    with pytest.raises(ConfigError, match=r"upstreams\.a\.base_url: .* is no URL"):
        endpoint(base_url, "upstreams.a.base_url")


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as refused:
        endpoint("https://me:s3cret@h/v1")
    assert "s3cret" not in str(refused.value)
