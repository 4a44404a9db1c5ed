from downroute.reports.policy_changes import changes
from downroute.routing.policy import read_policy

OLD = """
version: 1
routes:
  - {task: a, models: [large], unproven: true}
  - {task: b, models: [small, large], checks: [not_empty], unproven: true,
     match: {fingerprints: [aaaa]}}
  - {task: gone, models: [small], baseline: large, unproven: true}
"""
NEW = """
version: 1
baseline: large
routes:
  - {task: a, models: [small], baseline: large, evidence: {study: s/9, expires: 2027-01-01}}
  - {task: b, models: [small, large], checks: [not_empty, {one_of: [x, y]}], shadow: 0.02,
     unproven: true, match: {fingerprints: [bbbb]},
     escalate: {score: {intercept: -1, words_out: 0.5}, above: 0.2}}
  - {task: fresh, models: [small, large], unproven: true, when: {input_words: {max: 500}}}
"""


def words() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for change in changes(read_policy(OLD), read_policy(NEW)):
        found.setdefault(change.task, []).append(change.words)
    return found


def test_every_task_says_what_changes_for_it():
    found = words()
    assert found["a"] == [
        "models: small (was: large)",
        "evidence: study s/9, good until 2027-01-01 (was: none (unproven))",
    ]
    assert found["b"] == [
        "checks: not_empty, one_of ['x', 'y'] (was: not_empty)",
        "escalates: -1 +0.5·words_out > 0.2 (was: no score)",
        "shadow: 0.02 (was: 0)",
        "now also recognised by fingerprint bbbb",
        "no longer recognised by fingerprint aaaa",
    ]
    assert found["fresh"] == ["new route: small → large in place of large when input_words ≤ 500"]
    assert found["gone"] == ["no longer routed: requests stay on large"]
    assert found["(no task)"] == [
        "requests for downroute/auto without a route go to large (was: nobody)"
    ]


def test_another_layout_of_the_same_routes_changes_nothing():
    assert changes(read_policy(OLD), read_policy("# a comment\n" + OLD)) == []
