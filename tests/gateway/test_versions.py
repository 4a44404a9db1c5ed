"""Evidence that its models or its prompt have outlived."""

from __future__ import annotations

from downroute.routing.measured_on import prompt_mark

from .running import Start, wait_until
from .upstream import Answered, Asked, Upstream, chat_body, plain


def policy(snapshot: str, prompts: str = "") -> str:
    return f"""
version: 1
routes:
  - task: triage
    models: [small]
    baseline: large
    evidence: {{study: s/1, snapshots: {{small: {snapshot}}}{prompts}}}
"""


def newer(asked: Asked) -> Answered:
    answered = plain(asked.model)
    return Answered(answered.body.replace(b"-2026", b"-2027"))


def test_a_new_version_of_the_model_ends_the_route(start: Start, upstream: Upstream) -> None:
    gateway = start(policy("small-2026"))
    assert gateway.chat(chat_body(), "triage").said("model") == "small"
    assert gateway.chat(chat_body(), "triage").said("model") == "small"
    upstream.answer = newer
    first = gateway.chat(chat_body(), "triage")
    assert first.said("model") == "small"
    after = gateway.chat(chat_body(), "triage")
    assert (after.said("model"), after.said("decision")) == ("large", "passthrough")
    assert "small-2027 now" in str(after.said("reason"))
    gateway.policy.write_text(policy("small-2027"))
    upstream.asked.clear()
    wait_until(lambda: gateway.chat(chat_body(), "triage").said("model") == "small")


def test_other_instructions_than_those_measured_stay_on_the_baseline(
    start: Start, upstream: Upstream
) -> None:
    mark = prompt_mark(chat_body())
    gateway = start(policy("small-2026", f", prompts: ['{mark}']"))
    assert gateway.chat(chat_body(), "triage").said("model") == "small"
    changed = chat_body()
    changed["messages"][0]["content"] = "Sort the ticket. Be creative."
    got = gateway.chat(changed, "triage")
    assert got.said("model") == "large"
    assert "instructions" in str(got.said("reason"))
    assert {a.model for a in upstream.asked} == {"small", "large"}
