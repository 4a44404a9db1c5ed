import pytest

from downroute.errors import PolicyError
from downroute.records import Bounds
from downroute.routing.match import RouteTable
from downroute.routing.policy import read_policy
from downroute.routing.policy_insert import (
    intersection,
    route_of_its_own,
    straight_to_baseline,
)

TEXT = """\
# ours
version: 1
routes:
  - task: other
    models: [large]
    unproven: true
  # cheap first
  - task: triage
    match: {task: tickets, fingerprints: [abcabcabcabc]}
    when: {input_words: {max: 50}}
    models: [small, large]
    baseline: large
    checks: [not_empty, {one_of: [a, b]}]   # both count
    escalate: {score: {intercept: 1, words_out: 0.5}, above: 0.25}
    unproven: true
  - task: triage
    match: {task: tickets, fingerprints: [abcabcabcabc]}
    models: [large]
    unproven: true
"""


def asked(words):
    return {"messages": [{"role": "user", "content": "word " * words}]}


def route_for(text, words):
    return RouteTable(read_policy(text)).match(asked(words), "large", "tickets", 0.0).route


def test_requests_go_straight_to_the_baseline_and_all_others_as_before():
    changed = straight_to_baseline(TEXT, "p", "triage", {"input_words": Bounds(min=30)})
    assert route_for(changed, 40).models == ("large",)
    assert route_for(changed, 10) == route_for(TEXT, 10)
    assert route_for(changed, 99).models == ("large",)
    assert "# ours" in changed and "# both count" in changed and "# cheap first" in changed


def test_a_route_of_its_own_does_at_first_what_served_before():
    changed = route_of_its_own(TEXT, "p", "tickets", {"input_words": Bounds(min=30)})
    old, own = route_for(TEXT, 40), route_for(changed, 40)
    assert own.when == {"input_words": Bounds(min=30, max=50)}
    assert (own.models, own.checks, own.escalate) == (old.models, old.checks, old.escalate)
    assert route_for(changed, 10) == route_for(TEXT, 10)
    assert route_for(changed, 60) == route_for(TEXT, 60)


def test_what_no_route_takes_gets_none():
    with pytest.raises(PolicyError, match="takes none"):
        route_of_its_own(TEXT, "p", "triage", {"input_words": Bounds(min=51)})
    with pytest.raises(PolicyError, match="no cascade"):
        route_of_its_own(TEXT, "p", "other", {"turns": Bounds(min=2)})
    with pytest.raises(PolicyError, match="no route"):
        straight_to_baseline(TEXT, "p", "unknown", {"turns": Bounds(min=2)})


def test_bounds_meet_where_both_hold():
    both = intersection(Bounds(min=1, max=5), Bounds(min=3))
    assert both == Bounds(min=3, max=5)
    assert intersection(Bounds(max=2), Bounds(min=3)) is None
    names = Bounds(among=frozenset("ab")), Bounds(among=frozenset("bc"))
    assert intersection(*names) == Bounds(among=frozenset("b"))
    assert intersection(names[0], Bounds(among=frozenset("z"))) is None
