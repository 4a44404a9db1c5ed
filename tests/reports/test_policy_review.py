from downroute.records import Policy, Route, Streaming
from downroute.reports.policy_review import review
from downroute.routing.policy import read_policy


def remarks(route):
    policy = Policy((route,), "d")
    return [r.words for r in review(policy, 0.0, homeless=lambda _: None, bearers={})]


def test_streams_that_nobody_checks_are_pointed_out():
    said = "streams come from small unchecked (`stream: direct`)"
    cascade = {"task": "t", "models": ("small", "large"), "baseline": "large"}
    assert said in remarks(Route(**cascade, stream=Streaming.DIRECT))
    assert said not in remarks(Route(**cascade))


def test_a_model_that_is_only_asked_for_a_second_opinion_needs_a_home_too():
    text = """
version: 1
routes:
  - task: t
    models: [small, large]
    escalate:
      score: {words_out: 1}
      ask: {helper: other, between: [1, 2], score: {agreement: -1}, above: 0}
    unproven: true
"""
    found = review(read_policy(text), 0.0, homeless=lambda m: f"no home: {m}", bearers={})
    assert "no home: other" in [r.words for r in found]
