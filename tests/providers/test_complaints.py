from __future__ import annotations

import json
from typing import Any

import pytest

from downroute.providers.complaints import Complaint, read_complaint

REQUEST = {"model": "m", "messages": [], "max_tokens": 5, "temperature": 0.1, "stop": ["x"]}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (
            {"error": {"message": "no", "param": "seed", "code": "bad", "type": "t"}},
            Complaint("no", "seed", "bad", spoken=True),
        ),
        (
            {"error": {"message": "Unsupported parameter: 'max_tokens' here.", "param": None}},
            Complaint("Unsupported parameter: 'max_tokens' here.", "max_tokens", spoken=True),
        ),
        (
            {"type": "error", "error": {"type": "t", "message": "temperature: range: 0..1"}},
            Complaint("temperature: range: 0..1", "temperature", spoken=True),
        ),
        (
            [{"error": {"code": 400, "message": "bad key", "status": "INVALID"}}],
            Complaint("bad key", code="400", spoken=True),
        ),
        ({"error": "please stop asking"}, Complaint("please stop asking", spoken=True)),
        (
            {"object": "error", "message": "too long", "param": None, "code": 40303},
            Complaint("too long", code="40303", spoken=True),
        ),
        (
            {"detail": [{"loc": ["body", "temperature"], "msg": "too hot"}]},
            Complaint("body.temperature: too hot", "temperature", spoken=True),
        ),
        (
            {"message": {"detail": [{"loc": ["body", "foo"], "msg": "extra"}]}},
            Complaint("body.foo: extra", "foo", spoken=True),
        ),
        ({"detail": "Not Found"}, Complaint("Not Found")),
        ({"weird": 1}, Complaint('{"weird": 1}')),
    ],
)
def test_the_usual_error_shapes_are_read(body: Any, complaint: Complaint) -> None:
    assert read_complaint(json.dumps(body).encode(), REQUEST) == complaint


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "nothing"),
        (b"upstream connect error", "upstream connect error"),
        (b"<html><head><title>\n502 Bad Gateway</title>", "an HTML page, “502 Bad Gateway”"),
        (b"  <!doctype html>", "an HTML page"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 100_000, "[" * 100_000),
    ],
)
def test_a_body_that_is_no_apis_error_is_shown_as_text(raw: bytes, message: str) -> None:
    assert read_complaint(raw, REQUEST) == Complaint(message)
