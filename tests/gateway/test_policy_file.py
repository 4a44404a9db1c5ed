"""The policy's file while it is served: replaced, broken, deleted, switched off and on."""

from __future__ import annotations

from pathlib import Path

import pytest

from downroute.errors import PolicyError
from downroute.gateway.policy_file import PolicyFile, ServedText
from downroute.store import Store

from .running import Start, wait_until
from .test_chat import SWITCH
from .upstream import Upstream, chat_body

OTHER = SWITCH.replace("[small]", "[tiny]")


def watched(path: Path) -> tuple[PolicyFile, list[ServedText]]:
    served: list[ServedText] = []
    return PolicyFile(path, served.append), served


def test_a_running_gateway_follows_its_policy_file(start: Start, upstream: Upstream) -> None:
    gateway = start(SWITCH)
    models = ["small"]
    assert gateway.chat(chat_body(), "triage").said("model") == "small"
    first = gateway.ready()
    assert (first["mode"], first["routes"], first["policy_off"]) == ("routing", 1, False)

    gateway.policy.write_text(OTHER)
    wait_until(lambda: gateway.ready()["policy"] != first["policy"])
    replaced = gateway.chat(chat_body(), "triage")
    assert (replaced.said("model"), replaced.said("policy")) == ("tiny", gateway.ready()["policy"])

    off = gateway.policy.with_name("policy.yaml.off")
    off.touch()
    wait_until(lambda: bool(gateway.ready()["policy_off"]))
    stays = gateway.chat(chat_body(), "triage")
    assert (stays.said("model"), stays.said("decision")) == ("large", "bypassed")
    assert stays.said("reason") == "policy off"
    off.unlink()
    wait_until(lambda: not gateway.ready()["policy_off"])
    assert gateway.chat(chat_body(), "triage").said("model") == "tiny"

    models = [c.model for c in gateway.calls(4)]
    assert models == ["small", "tiny", "large", "tiny"]
    with Store.open(gateway.store) as store:
        assert [p.text for p in store.ledger.policies()] == [SWITCH, OTHER]


@pytest.mark.parametrize("broken", ["routes: [", "version: 2\n", "", "\x00"])
def test_a_broken_policy_does_not_take_over(start: Start, broken: str) -> None:
    gateway = start(SWITCH)
    digest = gateway.ready()["policy"]
    gateway.policy.write_text(broken)
    wait_until(lambda: gateway.ready()["policy_fault"] is not None)
    ready = gateway.ready()
    assert ready["policy"] == digest
    assert "policy.yaml" in ready["policy_fault"]
    assert gateway.request("GET", "/ready").status == 200
    assert gateway.request("GET", "/health").status == 200
    assert gateway.chat(chat_body(), "triage").said("policy") == digest
    gateway.policy.write_text(SWITCH + "\n")
    wait_until(lambda: gateway.ready()["policy_fault"] is None)


def test_a_policy_that_appears_ends_the_observing(start: Start) -> None:
    gateway = start()
    assert gateway.ready()["mode"] == "observing"
    gateway.policy.write_text(SWITCH)
    wait_until(lambda: gateway.ready()["mode"] == "routing")
    assert gateway.chat(chat_body(), "triage").said("decision") == "direct"


def test_a_deleted_policy_stays_in_force(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(SWITCH)
    file, served = watched(path)
    file.load()
    path.unlink()
    file.refresh()
    assert file.serving.table is not None
    assert "gone" in str(file.serving.fault)
    path.write_text(SWITCH)
    file.refresh()
    assert file.serving.fault is None
    assert len(served) == 1


def test_a_bad_file_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "policy.yaml"
    file, _ = watched(path)
    file.load()
    path.write_text("nonsense: 1")
    for _ in range(5):
        file.refresh()
    assert len([r for r in caplog.records if "policy_not_taken" in r.message]) == 1


def test_a_bad_policy_at_the_start_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\nroutes: [{task: t, models: [a]}]\n")
    file, served = watched(path)
    with pytest.raises(PolicyError, match="no evidence"):
        file.load()
    assert not served
