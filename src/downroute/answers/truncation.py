"""PURE: was the answer cut off before its end?"""

from __future__ import annotations

from downroute.records import Answer

CUT_OFF = frozenset(
    {"length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded",
     "content_filter", "safety", "recitation", "incomplete"}
)  # fmt: skip
"""Finish reasons of OpenAI, Anthropic, Google and Mistral shaped APIs that mean a missing end."""


def is_truncated(answer: Answer) -> bool | None:
    """By its finish reason; ``None`` where the upstream gave none."""
    return None if answer.finish_reason is None else answer.finish_reason.lower() in CUT_OFF
