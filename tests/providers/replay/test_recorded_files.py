"""Real recordings, where they stand next to the checkout."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import openai
import pytest

from downroute.answers.openai_chat import completion_from_chunks
from downroute.prompts import request_digest
from downroute.providers.replay.completions import completion_body
from downroute.providers.replay.lookup import find_answer
from downroute.providers.replay.recordings import Recordings, load
from downroute.providers.replay.requests import Asked, Refusal

FOLDER = Path(__file__).resolve().parents[3] / ".." / "shared" / "recorded"
FILES = sorted(FOLDER.glob("*.jsonl.gz"))

pytestmark = pytest.mark.skipif(not FILES, reason="no recordings in ../shared/recorded")

SAMPLE_PER_FILE = 3


@cache
def recorded() -> Recordings:
    return load(FILES)


def rows(file: Path) -> Iterator[Any]:
    with gzip.open(file) as lines:
        yield from map(json.loads, lines)


def test_every_row_of_every_model_is_found_by_its_own_request_and_spelled_out_whole() -> None:
    first: dict[tuple[str, str], Any] = {}
    for file in FILES:
        for row in rows(file):
            digest = request_digest(row["request"])
            for model, response in row["responses"].items():
                first.setdefault((digest, model), (row["request"], response["completion"]))
    assert recorded().bad_rows == 0
    for (digest, model), (_, completion) in first.items():
        asked = Asked(model=model, digest=digest, body={}, logprobs=True, top_logprobs=20)
        answer = find_answer(recorded(), asked)
        assert not isinstance(answer, Refusal)
        body = completion_body(answer, asked, completion_id="c", created=1)
        assert body["choices"][0]["message"] == completion["choices"][0]["message"]
        assert body["usage"] == completion["usage"]
        assert body["model"] == completion["model"]


def sample(file: Path) -> list[tuple[str, Any, Any]]:
    """(model, request, completion) of a few rows; the first of equal requests answers."""
    seen: set[str] = set()
    unique = []
    for row in rows(file):
        digest = request_digest(row["request"])
        if digest not in seen:
            unique.append(row)
        seen.add(digest)
    picked = random.Random(1).sample(unique, SAMPLE_PER_FILE)
    return [
        (model, row["request"], response["completion"])
        for row in picked
        for model, response in row["responses"].items()
    ]


def test_the_official_client_gets_the_recorded_answers_plain_and_streamed(
    replay: Callable[..., Any],
) -> None:
    with (
        replay(FILES) as url,
        openai.OpenAI(
            base_url=url, api_key="any", max_retries=0, _strict_response_validation=True
        ) as client,
    ):
        for model, request, completion in (s for file in FILES for s in sample(file)):
            expected = completion["choices"][0]["message"]
            ask: Any = client.chat.completions.create
            plain = ask(model=model, logprobs=True, **request).to_dict()
            assert said(plain) == said(completion)
            assert plain["usage"] == completion["usage"]
            options = {"include_usage": True}
            parts = ask(model=model, stream=True, stream_options=options, **request)
            streamed = completion_from_chunks([p.to_dict() for p in parts])
            assert streamed["choices"][0]["message"] == expected
            assert streamed["usage"] == completion["usage"]


def said(completion: Any) -> Any:
    choice = completion["choices"][0]
    message = {k: v for k, v in choice["message"].items() if v is not None}
    logprobs = (choice.get("logprobs") or {}).get("content")
    tokens = [(t["token"], t["logprob"]) for t in logprobs] if logprobs else None
    return message, choice["finish_reason"], tokens
