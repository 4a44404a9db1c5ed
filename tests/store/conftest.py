from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from downroute.records import (
    Answer,
    Attempt,
    Call,
    Decision,
    Purpose,
    TokenLogprob,
    ToolCall,
    Usage,
)
from downroute.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def make_call() -> Callable[..., Call]:
    """A plain call; any field can be given."""

    def make(id: str, **fields: object) -> Call:
        given: dict[str, object] = {
            "source": "test",
            "model": "large",
            "fingerprint": "f1",
            "request": {"messages": [{"role": "user", "content": f"question {id}"}]},
            "answer": Answer(text=f"reply {id}"),
        }
        return Call(id=id, **{**given, **fields})  # type: ignore[arg-type]

    return make


@pytest.fixture
def full_call(make_call: Callable[..., Call]) -> Call:
    """A call with every field set."""
    usage = Usage(100, 20, 60, 5, estimated=True, apart=(("audio_input", 4),))
    return make_call(
        "full",
        task="triage",
        row="r1",
        reference={"label": "bug"},
        slice="de",
        requested_model="large",
        snapshot="large-2024-08-06",
        started_at=1_700_000_000.25,
        latency_s=1.5,
        first_byte_s=0.25,
        usage=usage,
        cost_usd=0.0125,
        status=200,
        error="HTTP 500: overloaded",
        stream=True,
        decision=Decision.ESCALATED,
        reason="check one_of failed",
        policy_digest="sha256:1",
        session="s1",
        subject="person 7",
        answer=Answer(
            text="bug",
            tool_calls=(ToolCall("file", '{"a":1}', "c1"),),
            finish_reason="stop",
            refusal="no",
            logprobs=(TokenLogprob("bug", -0.1, (("bug", -0.1), ("ok", -2.5))),),
        ),
        attempts=(
            Attempt(
                model="small",
                status=200,
                usage=usage,
                cost_usd=0.001,
                latency_s=0.5,
                first_byte_s=0.1,
                finish_reason="length",
                snapshot="small-1",
                checks={"one_of": False, "json_schema": None},
                signals={"mean_logprob": -0.5, "self_check": None},
                score=0.75,
            ),
            Attempt(model="large", purpose=Purpose.SHADOW, error="timeout: after 3 s"),
        ),
    )
