"""The gateway that is fuzzed: both APIs, and routes with every kind of check; used by
`gateway_fuzz.py`."""

from __future__ import annotations

from fuzz_inputs import ROUTES

CONFIG = """
upstreams:
  chat: {{base_url: "http://127.0.0.1:{port}/v1", {limits}}}
  claude: {{base_url: "http://127.0.0.1:{port}/v1", api: anthropic, {limits}}}
models:
  small: {{upstream: chat, drop: [user], rename: {{max_tokens: max_completion_tokens}}}}
  large: {{upstream: chat, set: {{seed: 7}}}}
  haiku: {{upstream: claude}}
  opus: {{upstream: claude, set: {{metadata: {{user_id: x}}}}}}
prices: {{small: {{input: 1, output: 2}}, large: {{input: 10, output: 20}}}}
store: {{bodies: redacted}}
"""
LIMITS = "timeout_s: 2, retries: {most: 1}, breaker: {failures: null}"
CHECKS = (
    "[not_empty, not_truncated, not_refusal, json_valid]",
    "[json_valid, tool_call_valid, code_parses, {regex: '[a-z]'}, {max_words: 3}]",
    "[numbers_in_context, quotes_in_context, citations, {script: request}, {language: request}]",
    "[{one_of: [billing, bug]}, {min_chars: 2}]",
)
SCORE = """
    escalate:
      score: {{intercept: 0.1, words_out: 0.01, question_words: 0.01, tools_offered: 0.1,
               schema_fields: 0.1, question_turns: 0.1}}
      impute: {{words_out: 1}}
      ask: {{{second}: {helper}, between: [0.0, 0.6], above: 0.5, score: {{{paid}: -1}}}}
"""


assert len(CHECKS) == ROUTES


def policy() -> str:
    """Routes of both shapes, with every kind of check, score and second opinion."""
    lines = ["version: 1", "baseline: large", "routes:"]
    for shape, (small, large) in {"c": ("small", "large"), "m": ("haiku", "opus")}.items():
        for index, checks in enumerate(CHECKS):
            lines.append(f"  - task: {shape}{index}")
            lines.append(
                f"    models: [{small}, {large}]\n    checks: {checks}\n    unproven: true"
            )
            second, paid = ("helper", "agreement") if index % 2 else ("self_check", "self_check")
            lines.append(SCORE.format(second=second, paid=paid, helper=small).rstrip())
    return "\n".join(lines) + "\n"


def settings(port: int) -> str:
    """With an upstream of either shape at ``port``."""
    return CONFIG.format(port=port, limits=LIMITS)
