"""Plain calls through a gateway on real sockets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from downroute.records import Decision
from downroute.store import Store

from .conftest import Answered, Asked, Start, Upstream, chat_body, plain

CASCADE = """
version: 1
routes:
  - task: triage
    models: [small, large]
    checks: [{one_of: [billing, bug]}]
    evidence: {study: s, mean_cost_usd: {large: 0.01, small: 0.001}}
"""
SWITCH = """
version: 1
routes:
  - {task: triage, models: [small], baseline: large, unproven: true}
"""
SCORED = """
version: 1
routes:
  - task: triage
    models: [small, large]
    escalate: {score: {intercept: 0, mean_logprob: -1}, above: 0.5}
    unproven: true
"""


def by_text(asked: Asked) -> Answered:
    """The small model knows no word for bugs."""
    text = asked.json["messages"][-1]["content"]
    return plain(asked.model, "no idea" if "crash" in text and asked.model == "small" else "bug")
