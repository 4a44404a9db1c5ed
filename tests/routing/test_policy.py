import pytest

from downroute.errors import PolicyError
from downroute.records import (
    Bounds,
    CheckSpec,
    Degrade,
    EscalationLimit,
    LinearScore,
    Purpose,
    SecondOpinion,
    Streaming,
)
from downroute.routing.fingerprint import BLANK
from downroute.routing.policy import merge_routes, policy_schema, read_policy

EXAMPLE = """\
# ours, by hand
version: 1
routes:
  - task: triage
    match: {task: triage, fingerprints: [7f3a00000000]}
    when: {input_words: {max: 500}}   # shown up to here
    models: [small, large]
    checks: [json_schema, {one_of: [billing, bug, other]}]
    escalate: {score: {intercept: -2.1, mean_logprob: -1.7, words_out: 0.2}, above: 0.31}
    evidence: {study: 2026-11-23T10:02Z/7, examples: 300, expires: 2027-02-21}
  # the chat team asked for this one
  - task: chat
    models: [large]
    unproven: true
"""


def refused(text):
    with pytest.raises(PolicyError) as caught:
        read_policy(text, "p.yaml")
    return str(caught.value)


def test_a_full_route_is_read():
    policy = read_policy(EXAMPLE)
    first, second = policy.routes
    assert first.models == ("small", "large") and first.baseline == "large"
    assert first.when == {"input_words": Bounds(max=500)}
    assert first.checks == (
        CheckSpec("json_schema"),
        CheckSpec("one_of", ["billing", "bug", "other"]),
    )
    assert first.escalate == LinearScore(-2.1, {"mean_logprob": -1.7, "words_out": 0.2}, 0.31)
    assert first.evidence["expires"] == "2027-02-21" and not first.unproven
    assert second.unproven and second.evidence is None


def test_the_digest_is_of_the_text():
    assert read_policy(EXAMPLE).digest == read_policy(EXAMPLE, "elsewhere").digest
    assert read_policy(EXAMPLE).digest != read_policy(EXAMPLE + "\n").digest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("json_schema,", "valid_jsn,"), "valid_jsn"),
        (("words_out: 0.2", "wordz_out: 0.2"), "'wordz_out' is not a signal"),
        (("input_words", "input_wordz"), "'input_wordz' is not a request feature"),
        (("    unproven: true\n", ""), "no evidence"),
        (("version: 1", "version: 2"), "'version'"),
        (("7f3a00000000", BLANK), "without instructions"),
        (("above: 0.31", "above: .nan"), "'routes.0.escalate.above'"),
        (("words_out: 0.2", "words_out: .inf"), "words_out"),
        (("examples: 300", "scores: {huge: 1, large: 1}"), "speaks of huge, large, not of small"),
        (("task: chat\n    models", "task: triage\n    models"), ""),
        (("models: [large]", "models: []"), "'routes.1.models'"),
        (("models: [large]", "models: [downroute/auto]"), "alias"),
        (("shown up", "x\n    shdaow: 1 # up"), "did you mean 'shadow'?"),
    ],
)
def test_faults_are_named_with_their_place(change, said):
    text = EXAMPLE.replace(*change)
    assert text != EXAMPLE
    if said:
        message = refused(text)
        assert said in message and message.startswith("p.yaml:")
    else:
        read_policy(text)


def test_checks_on_a_route_that_cannot_escalate_are_refused():
    text = "version: 1\nroutes:\n  - {task: a, models: [m], checks: [not_empty], unproven: true}\n"
    assert "would never count" in refused(text)


def test_two_tasks_may_not_claim_the_same_requests():
    route = "  - {{task: {0}, match: {{fingerprints: [aa]}}, models: [m], unproven: true}}\n"
    text = "version: 1\nroutes:\n" + route.format("a") + route.format("b")
    assert "p.yaml:4:" in refused(text) and "claimed by the routes 'a' and 'b'" in refused(text)


def test_a_route_behind_an_unconditional_one_of_its_task_is_refused():
    route = "  - {task: a, models: [m], unproven: true}\n"
    assert "would never be taken" in refused("version: 1\nroutes:\n" + route * 2)


FRESH = {
    "task": "triage",
    "match": {"task": "triage"},
    "models": ["small"],
    "baseline": "large",
    "evidence": {"study": "s", "gap": [-0.01, 0.02]},
}


def test_merging_replaces_a_task_and_leaves_the_rest_with_its_comments():
    merged = merge_routes(EXAMPLE, "p.yaml", [FRESH])
    policy = read_policy(merged)
    assert [r.task for r in policy.routes] == ["triage", "chat"]
    assert policy.routes[0].models == ("small",) and policy.routes[0].baseline == "large"
    assert "# ours, by hand" in merged and "# the chat team asked for this one" in merged
    assert merged.endswith(EXAMPLE[EXAMPLE.index("  - task: chat") :])


def test_merging_into_nothing_makes_a_policy():
    merged = merge_routes("", "p.yaml", [FRESH, {**FRESH, "task": "b", "match": {"task": "b"}}])
    assert [r.task for r in read_policy(merged).routes] == ["triage", "b"]
    assert merge_routes(merged, "p.yaml", [FRESH]) == merged


def test_the_schema_names_every_setting_of_a_route():
    schema = policy_schema()
    assert set(schema["$defs"]["RouteFile"]["properties"]) >= {"task", "models", "evidence"}


IN_DOUBT = """\
version: 1
routes:
  - task: triage
    models: [small, large]
    request_checks: false
    escalate:
      score: {intercept: -1, mean_logprob: -2, mean_logprob_missing: 0.5}
      impute: {mean_logprob: -0.4}
      above: 0.31
      ask:
        self_check: small
        between: [0.05, 0.31]
        score: {intercept: 1, self_check: -3, words_out: 0.1}
        above: 0.2
        prompt: "Is that right?"
    limit: {per_minute: 10, per_day_usd: 2.5, then: baseline}
    stream: direct
    unproven: true
"""


def test_a_second_opinion_with_limits_is_read():
    (route,) = read_policy(IN_DOUBT).routes
    weights = {"mean_logprob": -2.0, "mean_logprob_missing": 0.5}
    assert route.escalate == LinearScore(-1.0, weights, 0.31, {"mean_logprob": -0.4})
    asked = LinearScore(1.0, {"self_check": -3.0, "words_out": 0.1}, 0.2)
    assert route.second == SecondOpinion(
        Purpose.SELF_CHECK, "small", 0.05, 0.31, asked, "Is that right?"
    )
    assert route.limit == EscalationLimit(10, None, 2.5, Degrade.BASELINE)
    assert route.stream is Streaming.DIRECT and not route.request_checks
    assert route.asked == ("small", "large")
    helped = IN_DOUBT.replace("self_check: small", "helper: other").replace(
        "self_check: -3", "agreement: -3"
    )
    helped = helped.replace('        prompt: "Is that right?"\n', "").replace("above: 0.31\n", "\n")
    (route,) = read_policy(helped).routes
    assert route.second.purpose is Purpose.HELPER and route.second.prompt is None
    assert route.escalate.above == 0.31 and route.asked == ("small", "large", "other")


def test_a_second_opinion_survives_a_merge():
    escalate = {
        "score": {"intercept": -1.0, "words_out": 0.25, "words_out_missing": 1.0},
        "impute": {"words_out": 8.0},
        "ask": {
            "helper": "other",
            "between": [0.05, 0.31],
            "score": {"agreement": -1.0},
            "above": 0.2,
        },
    }
    route = {"task": "new", "models": ["small", "large"], "escalate": escalate, "unproven": True}
    merged = merge_routes(IN_DOUBT, "p.yaml", [route])
    kept, new = read_policy(merged).routes
    assert kept == read_policy(IN_DOUBT).routes[0]
    assert new.second == SecondOpinion(
        Purpose.HELPER, "other", 0.05, 0.31, LinearScore(0.0, {"agreement": -1.0}, 0.2)
    )
    assert new.escalate.impute == {"words_out": 8.0}


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("self_check: -3, ", ""), 10, "no weight for 'self_check'"),
        (("self_check: small", "self_check: small\n        helper: x"), 10, "name one model"),
        (("self_check: small", "helper: x"), 10, "`prompt` is for `self_check`"),
        (("[0.05, 0.31]", "[0.31, 0.05]"), 10, "from the lower to the higher"),
        (("[0.05, 0.31]", "[0.05]"), 12, "'routes.0.escalate.ask.between"),
        (("above: 0.31", "above: 0.5"), 6, "leave `above: 0.5` out"),
        (("mean_logprob: -2,", "self_check: -2,"), 6, "belongs in the score under `ask`"),
        (
            ("impute: {mean_logprob: -0.4}", "impute: {}"),
            6,
            "needs `impute: {mean_logprob: VALUE}`",
        ),
        (("{mean_logprob: -0.4}", "{mean_logprob: -0.4, words_in: 1}"), 6, "names 'words_in'"),
        (("per_minute: 10, per_day_usd: 2.5, ", ""), 16, "name a limit"),
        (("then: baseline", "then: stop"), 16, "'routes.0.limit.then'"),
        (("stream: direct", "stream: fast"), 17, "'routes.0.stream'"),
    ],
)
def test_faults_of_a_second_opinion_are_named_with_their_place(change, line, said):
    text = IN_DOUBT.replace(*change, 1)
    assert text != IN_DOUBT
    message = refused(text)
    assert said in message and message.startswith(f"p.yaml:{line}:")


def test_one_task_may_get_two_routes_at_once():
    inside = {"task": "t", "when": {"language": {"in": ["de"]}}, "models": ["s"], "unproven": True}
    outside = {"task": "t", "models": ["l"], "unproven": True}
    other = {"task": "z", "models": ["l"], "unproven": True}
    text = merge_routes("", "p.yaml", [outside, other])
    merged = merge_routes(text, "p.yaml", [inside, outside])
    routes = read_policy(merged).routes
    assert [(r.task, r.models) for r in routes] == [("t", ("s",)), ("t", ("l",)), ("z", ("l",))]
    assert routes[0].when["language"].among == {"de"}
    assert merge_routes(merged, "p.yaml", [outside, other]) == text


@pytest.mark.parametrize(
    "when", ["{language: {max: 3}}", "{turns: {in: [a]}}", "{turns: {in: []}}"]
)
def test_a_category_has_names_and_a_number_a_range(when):
    with pytest.raises(PolicyError, match=r"when|category|number"):
        read_policy(f"version: 1\nroutes: [{{task: t, models: [m], unproven: true, when: {when}}}]")


@pytest.mark.parametrize(
    ("fallback", "models", "model"),
    [
        ("candidate", "[small, large]", "small"),
        ("candidate", "[small, middle, large]", "small"),
        ("tiny", "[small, large]", "tiny"),
        ("small", "[large]", "small"),
    ],
)
def test_a_fallback_is_the_cheaper_model_or_a_named_one(fallback, models, model):
    text = (
        f"version: 1\nroutes: [{{task: t, models: {models}, unproven: true, fallback: {fallback}}}]"
    )
    (read,) = read_policy(text).routes
    assert read.fallback == model and model in read.asked


@pytest.mark.parametrize(("fallback", "models"), [("candidate", "[large]"), ("large", "[large]")])
def test_a_fallback_on_the_baseline_itself_is_refused(fallback, models):
    text = (
        f"version: 1\nroutes: [{{task: t, models: {models}, unproven: true, fallback: {fallback}}}]"
    )
    with pytest.raises(PolicyError, match=r"policy\.yaml:2:10: .*`fallback"):
        read_policy(text)
