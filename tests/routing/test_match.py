from datetime import UTC, datetime

from downroute.records import Bounds, Policy, Route
from downroute.routing.fingerprint import fingerprint
from downroute.routing.match import RouteTable

NOW = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
ASK = {"messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": "a b c"}]}
MARK = fingerprint(ASK)


def table(*routes, baseline=None):
    return RouteTable(Policy(routes=routes, digest="d", baseline=baseline))


def route(task="sort", **settings):
    settings.setdefault("models", ("small",))
    return Route(task=task, baseline="large", match_task=task, **settings)


def test_a_declared_task_wins_over_the_fingerprint():
    routes = table(route("sort", fingerprints=frozenset([MARK])), route("other"))
    assert routes.match(ASK, "large", "other", NOW).task == "other"
    assert routes.match(ASK, "large", None, NOW).task == "sort"


def test_an_unknown_declared_task_is_not_rescued_by_its_fingerprint():
    found = table(route(fingerprints=frozenset([MARK]))).match(ASK, "large", "typo", NOW)
    assert found.route is None and found.reason == "no route for task 'typo'"


def test_a_fingerprint_of_two_tasks_matches_neither():
    both = frozenset([MARK])
    found = table(route("a", fingerprints=both), route("b", fingerprints=both)).match(
        ASK, "large", None, NOW
    )
    assert found.route is None and "several tasks" in found.reason


def test_only_requests_for_the_baseline_are_routed():
    routes = table(route())
    assert routes.match(ASK, "large", "sort", NOW).route is not None
    assert routes.match(ASK, "small", "sort", NOW).route is None
    assert routes.match(ASK, "downroute/auto", "sort", NOW).route is not None
    assert routes.match(ASK, "downroute/sort", None, NOW).route is not None


def test_a_route_holds_only_where_it_was_shown():
    short = route(when={"input_words": Bounds(max=3)})
    other = route(models=("medium",), when={"input_words": Bounds(min=4, max=5)})
    routes = table(short, other)

    def model_for(words):
        request = {"messages": [{"role": "user", "content": "w " * words}]}
        found = routes.match(request, "large", "sort", NOW)
        return found.route.models[0] if found.route else found.reason

    assert model_for(3) == "small"
    assert model_for(4) == "medium"
    assert model_for(6) == "input_words 6 is outside 4 ≤ input_words ≤ 5"


def test_expired_evidence_no_longer_routes():
    routes = table(route(evidence={"expires": "2026-11-24"}))
    assert routes.match(ASK, "large", "sort", NOW).route is not None
    late = routes.match(ASK, "large", "sort", NOW + 86_401)
    assert late.route is None and "expired" in late.reason


def test_auto_without_a_route_has_the_policys_baseline():
    routes = table(route(), baseline="huge")
    assert routes.baseline_for("sort") == "large"
    assert routes.baseline_for(None) == "huge"
    assert table().baseline_for("sort") is None


def test_a_category_says_which_names_it_may_have():
    german = {"messages": [{"role": "user", "content": "Das ist nicht die Antwort auf der Frage"}]}
    table_ = table(route(when={"language": Bounds(among=frozenset(["de", "en"]))}))
    assert table_.match(german, "large", "sort", NOW).route is not None
    chinese = {"messages": [{"role": "user", "content": "这个问题的答案是什么呢请你告诉我"}]}
    found = table_.match(chinese, "large", "sort", NOW)
    assert found.route is None and found.reason == "language zh is outside language in de, en"
