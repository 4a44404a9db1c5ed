"""A policy whose routes would have to be translated between APIs is refused, with the place."""

from __future__ import annotations

import pytest

from downroute import config
from downroute.errors import PolicyError
from downroute.gateway.shapes import refuse_mixed_shapes
from downroute.routing.policy import read_policy

from .running import Start, wait_until
from .test_chat import SWITCH

TWO = """
upstreams:
  open: {base_url: http://127.0.0.1:9}
  claude: {base_url: http://127.0.0.1:9, api: anthropic}
models: {small: {upstream: claude}, large: {upstream: open}, tiny: {upstream: open}}
"""
MIXED = """version: 1
routes:
  - task: triage
    models: [tiny, large]
    unproven: true
  - task: reply
    models:
      - small
      - large
    unproven: true
"""
ASKED = """version: 1
routes:
  - task: triage
    models: [tiny, large]
    unproven: true
    escalate:
      score: {question_turns: 1}
      ask:
        {helper: small, between: [0, 1], above: 0, score: {agreement: -1}}
"""


def refused(policy: str, configuration: str = TWO) -> str | None:
    settings = config.parse(configuration, "downroute.yaml")
    read = read_policy(policy, "p.yaml")
    try:
        refuse_mixed_shapes(read, policy, "p.yaml", settings)
    except PolicyError as fault:
        return str(fault)
    return None


def test_the_model_of_another_shape_is_named_with_its_place() -> None:
    assert refused(MIXED) == (
        "p.yaml:8:9: small is asked at 'claude', which is anthropic-shaped, but large is asked at "
        "'open', which is openai-shaped; a route's models are asked in one API"
    )


def test_baseline_and_second_opinion_are_asked_in_the_same_api_too() -> None:
    switch = "version: 1\nroutes:\n- {task: t, models: [tiny], baseline: small, unproven: true}\n"
    assert str(refused(switch)).startswith("p.yaml:3:22: tiny is asked at 'open'")
    assert str(refused(ASKED)).startswith("p.yaml:9:10: small is asked at 'claude'")


@pytest.mark.parametrize(
    "models", ["{small: {upstream: open}, large: {upstream: open}}", "{large: {upstream: claude}}"]
)
def test_models_that_live_wherever_the_api_is_spoken_fit_everywhere(models: str) -> None:
    other = TWO[: TWO.index("models:")] + f"models: {models}\n"
    assert refused(MIXED, other) is None


def test_a_running_gateway_does_not_take_such_a_policy(start: Start) -> None:
    gateway = start(SWITCH.replace("small", "tiny"), TWO)
    digest = gateway.ready()["policy"]
    gateway.policy.write_text(MIXED)
    wait_until(lambda: gateway.ready()["policy_fault"] is not None)
    assert "policy.yaml:8:9: small is asked at 'claude'" in gateway.ready()["policy_fault"]
    assert gateway.ready()["policy"] == digest
