"""Which models are relatives, by how they are named: a judge may favour answers like its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "gpt": ("gpt", "chatgpt", "o1", "o3", "o4", "davinci"),
    "claude": ("claude",),
    "gemini": ("gemini", "gemma", "palm"),
    "llama": ("llama", "codellama"),
    "mistral": (
        "mistral", "mixtral", "ministral", "magistral", "codestral", "devstral", "pixtral",
    ),
    "qwen": ("qwen", "qwq"),
    "deepseek": ("deepseek",),
    "command": ("command", "c4ai", "aya"),
    "grok": ("grok",),
    "phi": ("phi",),
    "nova": ("nova",),
    "granite": ("granite",),
    "glm": ("glm", "chatglm"),
    "kimi": ("kimi", "moonshot"),
    "yi": ("yi",),
    "minimax": ("minimax", "abab"),
    "jamba": ("jamba",),
    "olmo": ("olmo",),
}  # fmt: skip
"""A family's name → how its models' names begin, a version number aside."""

_WORD = re.compile(r"[^\W_]+")
_VERSION = re.compile(r"[\d.]*$")


def families(model: str) -> frozenset[str]:
    """The families that ``model`` names anywhere: host and region may stand before it
    (``us.anthropic.claude-…``, ``meta-llama/Llama-3``), and a distilled model has two."""
    words = _WORD.findall(model.lower())
    names = {*words, *(_VERSION.sub("", word) for word in words)}
    return frozenset(f for f, starts in FAMILIES.items() if names.intersection(starts))


def relatives(judge: str, model: str) -> str | None:
    """The family that both belong to; ``None`` where none is known."""
    if judge == model:
        return model
    return min(families(judge) & families(model), default=None)
