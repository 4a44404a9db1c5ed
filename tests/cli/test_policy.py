import json
import re
from datetime import date, timedelta
from pathlib import Path

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from downroute.records import Answer, Call
from downroute.routing.policy import text_digest
from downroute.store import Store

TODAY = date.today()
POLICY = f"""# kept by hand
version: 1
routes:
  - task: triage
    match: {{task: triage, fingerprints: [aaaaaaaaaaaa]}}
    models: [small, large]
    checks: [not_empty]
    evidence: {{study: s/1, examples: 300, graded: 19, gap: [-0.011, 0.019], margin: 0.05,
               saving_share: [0.9, 0.93], expires: {TODAY + timedelta(days=60)}}}
  - task: old
    models: [small]
    baseline: large
    evidence: {{study: s/1, expires: {TODAY - timedelta(days=2)}}}
  - task: soon
    models: [small]
    baseline: large
    evidence: {{study: s/1, expires: {TODAY + timedelta(days=3)}}}
  - task: hand
    models: [stray, large]
    unproven: true
"""
CONFIG = """
upstreams: {one: {base_url: http://127.0.0.1:9/v1}, two: {base_url: http://127.0.0.1:9/v1}}
models: {small: {upstream: one}, large: {upstream: two}}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    (tmp_path / "downroute.yaml").write_text(CONFIG)
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    return file


@pytest.mark.usefixtures("policy")
def test_show_gives_each_route_with_its_evidence(downroute):
    out = downroute("policy", "show").out
    triage = next(line for line in out.splitlines() if line.strip().startswith("triage"))
    for fact in ("small → large", "[-1.1, +1.9]", "300", "19", "90.0 % to 93.0 %"):
        assert fact in triage
    assert "triage: checks not_empty" in out
    assert re.search(r"old .*EXPIRED", out)
    assert re.search(r"hand .*unproven", out)
    routes = json.loads(downroute("policy", "show", "--json").out)["routes"]
    assert [r["state"] for r in routes] == ["proven", "expired", "proven", "unproven"]


@pytest.mark.usefixtures("policy")
def test_check_passes_a_valid_policy_and_says_where_to_look(downroute):
    done = downroute("policy", "check")
    assert done.code == 0
    warnings = [line for line in done.out.splitlines() if line.startswith("warning: ")]
    assert [w.split(": ")[2] for w in warnings] == ["old", "soon", "hand", "hand"]
    assert warnings[0].startswith("warning: policy.yaml:10:5: old: its evidence ended on")
    assert "in 3 days" in warnings[1]
    assert "unproven" in warnings[2]
    assert "stray is not under `models:`" in warnings[3]
    assert f"valid, 4 routes, digest {text_digest(POLICY)}" in done.out


def test_check_names_every_fault_with_its_place_and_exits_1(downroute, policy):
    policy.write_text(POLICY.replace("not_empty", "not_emty").replace("unproven", "unprovn"))
    done = downroute("policy", "check")
    assert done.code == 1
    first, second = done.err.splitlines()
    assert first.startswith("error: policy.yaml:4:5:")
    assert "did you mean 'not_empty'?" in first
    assert second.startswith("error: policy.yaml:20:5:")
    assert "did you mean 'unproven'?" in second


@pytest.mark.usefixtures("policy")
def test_check_warns_of_a_fingerprint_that_the_log_knows_of_other_tasks_too(downroute, tmp_path):
    call = Call(
        id="1",
        source="test",
        model="large",
        task="other",
        fingerprint="aaaaaaaaaaaa",
        request={"messages": []},
        answer=Answer(text="x"),
    )
    with Store.open(tmp_path / ".downroute") as store:
        store.calls.add([call])
    assert "aaaaaaaaaaaa is also borne by logged calls of other" in downroute("policy", "check").out


def test_diff_shows_the_text_and_says_what_it_changes_for_whom(downroute, policy, tmp_path):
    (tmp_path / "new.yaml").write_text(
        POLICY.replace("models: [small, large]", "models: [large]").replace(
            "    checks: [not_empty]\n", ""
        )
    )
    done = downroute("policy", "diff", "policy.yaml", "new.yaml")
    assert done.code == 0
    assert "-    models: [small, large]" in done.out
    assert "triage: models: large (was: small → large)" in done.out
    assert "triage: checks: none (was: not_empty)" in done.out
    same = downroute("policy", "diff", "policy.yaml", "policy.yaml")
    assert same.out == "policy.yaml is the same as policy.yaml\n"
    policy.write_text(f"# another comment\n{POLICY}")
    (tmp_path / "new.yaml").write_text(POLICY)
    assert "No request is routed differently." in downroute("policy", "diff", "new.yaml").out


def test_diff_compares_with_the_policy_served_last(downroute, policy, tmp_path):
    assert "no policy was served yet" in downroute("policy", "diff").err
    older, served = POLICY.replace("not_empty", "not_truncated"), POLICY.replace("s/1", "s/0")
    with Store.open(tmp_path / ".downroute") as store:
        for text in (older, served):
            store.ledger.add_policy(text_digest(text), text, "policy.yaml")
    out = downroute("policy", "diff").out
    assert f"--- served {text_digest(served)}" in out
    assert "triage: evidence: study s/1" in out
    by_digest = downroute("policy", "diff", text_digest(older)[:8]).out
    assert "triage: checks: not_empty (was: not_truncated)" in by_digest
    unknown = downroute("policy", "diff", "nowhere.yaml")
    assert unknown.code == 2
    assert text_digest(served) in unknown.err


def test_off_and_on_are_a_file_beside_the_policy_and_may_be_repeated(downroute, policy):
    switch = policy.with_name("policy.yaml.off")
    assert "takes effect within a second" in downroute("policy", "off").out
    assert switch.exists()
    assert "is off already" in downroute("policy", "off").out
    assert "OFF" in downroute("policy", "show").out
    assert downroute("policy", "on").code == 0
    assert not switch.exists()
    assert "is on already" in downroute("policy", "on").out


def test_off_works_though_policy_and_settings_are_broken(downroute, policy, tmp_path):
    policy.write_text("version: 1\nroutes: [{task: x")
    assert downroute("policy", "off").code == 0
    assert downroute("policy", "on").code == 0
    (tmp_path / "downroute.yaml").write_text("upstreams: {small: {")
    unnamed = downroute("policy", "off")
    assert unnamed.code == 1 and "--policy FILE" in unnamed.err
    assert downroute("policy", "off", "--policy", str(policy)).code == 0
    assert policy.with_name("policy.yaml.off").exists()


@pytest.mark.usefixtures("policy")
def test_the_schema_accepts_the_policy_and_refuses_unknown_keys(downroute):
    schema = json.loads(downroute("policy", "schema").out)
    tree = YAML(typ="safe").load(POLICY)
    tree = json.loads(json.dumps(tree, default=str))
    assert jsonschema_rs.is_valid(schema, tree)
    assert not jsonschema_rs.is_valid(schema, {**tree, "rotes": []})


def test_without_a_policy_it_says_who_writes_one(downroute):
    done = downroute("policy", "show")
    assert done.code == 1
    assert done.err == "error: policy.yaml: there is no such policy; `downroute study` writes one\n"


def test_check_refuses_a_route_that_would_have_to_be_translated(
    downroute, policy: Path, tmp_path: Path
):
    shaped = CONFIG.replace("two: {", "two: {api: anthropic, ")
    (tmp_path / "downroute.yaml").write_text(shaped)
    done = downroute("policy", "check")
    assert done.code == 1
    assert (
        "policy.yaml:6:14: small is asked at 'one', which is openai-shaped, but large is asked at "
        "'two', which is anthropic-shaped"
    ) in done.err
