"""What `/metrics` says of calls that were made, read by Prometheus' own parser."""

from __future__ import annotations

import json
import math
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

from downroute.gateway.telemetry import metric_names as names
from downroute.gateway.telemetry.exposition import exposition
from downroute.gateway.telemetry.shared_numbers import SharedNumbers
from downroute.gateway.telemetry.tally import Numbers, Tally

from .running import Gateway, Start, wait_until
from .test_chat import CASCADE, small_fails_on_crashes
from .upstream import Answered, Upstream, chat_body, plain

SCORED = """
version: 1
routes:
  - task: triage
    models: [small, large]
    checks: [not_empty]
    escalate: {score: {intercept: 0.4, words_out: 0.1}, above: 0.45}
    unproven: true
"""
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    found: Samples = {}
    for family in read_text(text):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


def scrape(gateway: Gateway, calls: int) -> Samples:
    """The metrics, once they count ``calls``."""
    last: list[Samples] = []

    def all_there() -> bool:
        got = gateway.request("GET", "/metrics")
        assert got.status == 200 and got.headers["content-type"].startswith("text/plain")
        last[:] = [samples(got.body.decode())]
        return total(last[0], "downroute_calls_total") == calls

    wait_until(all_there)
    return last[0]


def total(of: Samples, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(value for (found, has), value in of.items() if found == name and wanted <= has)


def test_calls_attempts_tokens_money_and_checks_of_a_cascade_are_counted(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(CASCADE)
    upstream.answer = small_fails_on_crashes
    gateway.chat(chat_body("invoice"), "triage")
    got = gateway.chat(chat_body("it crashes"), "triage")
    of = scrape(gateway, 2)
    calls = gateway.calls(2)
    assert (
        total(of, "downroute_calls_total", decision="accepted", model="small", task="triage") == 1
    )
    assert (
        total(of, "downroute_calls_total", decision="escalated", status="200", wire="openai") == 1
    )
    assert total(of, "downroute_checks_total", check="one_of", result="failed") == 1
    assert total(of, "downroute_checks_total", check="one_of", result="passed") == 1
    assert total(of, "downroute_escalations_total", task="triage", escalated="yes") == 1
    assert total(of, "downroute_escalations_total", task="triage", escalated="no") == 1
    duration = "gen_ai_client_operation_duration_seconds"
    assert total(of, f"{duration}_count", gen_ai_request_model="small", upstream="test") == 2
    spent = sum(a.latency_s or 0 for call in calls for a in call.attempts)
    assert total(of, f"{duration}_sum") == pytest.approx(spent)
    assert total(of, "gen_ai_client_token_usage_sum", gen_ai_token_type="input") == 300
    cost = sum(call.cost_usd or 0 for call in calls)
    assert total(of, "downroute_cost_usd_total", task="triage") == pytest.approx(cost)
    assert total(of, "downroute_saved_usd", task="triage") == pytest.approx(0.02 - cost)
    assert float(got.said("saved-usd") or "nan") < 0.01
    assert total(of, "downroute_call_duration_seconds_count", decision="escalated") == 1
    assert total(of, "downroute_http_requests_total", path="/chat/completions", status="200") == 2
    digest = str(gateway.started.serving.digest)
    assert total(of, "downroute_policy_info", digest=digest) == 1
    assert total(of, "downroute_workers") == 1
    assert total(of, "downroute_requests_in_flight") == 1, "the scrape itself"
    assert total(of, "process_resident_memory_bytes") > 10 * 2**20


def test_scores_fall_into_buckets_and_streams_tell_their_first_byte(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(SCORED)
    gateway.chat(chat_body("one"), "triage")
    of = scrape(gateway, 1)
    buckets = {
        float(dict(has)["le"]): value
        for (name, has), value in of.items()
        if name == "downroute_escalation_score_bucket"
    }
    assert buckets[0.25] == 0 and buckets[0.5] == 1 and buckets[math.inf] == 1


def test_errors_are_told_by_kind(start: Start, upstream: Upstream) -> None:
    gateway = start(None, "upstreams: {test: {base_url: UPSTREAM, retries: {most: 0}}}")
    upstream.answer = lambda _: Answered(b'{"error": {}}', 429)
    gateway.chat(chat_body())
    upstream.answer = lambda _: Answered(b"no JSON")
    gateway.chat(chat_body())
    upstream.answer = lambda _: Answered(b"", cut=True, pieces=[])
    gateway.chat(chat_body())
    of = scrape(gateway, 3)
    for kind in ("429", "no_completion", "broken_off"):
        assert total(of, "downroute_upstream_errors_total", error_type=kind) == 1, kind
    assert total(of, "downroute_calls_total", status="429", model="large") == 1
    assert gateway.request("GET", "/no/such/path").status == 404
    of = scrape(gateway, 3)
    assert total(of, "downroute_http_requests_total", path="other", status="404") == 1


def test_names_that_clients_make_up_make_no_series(start: Start, upstream: Upstream) -> None:
    gateway = start(CASCADE)
    upstream.answer = lambda asked: plain(asked.model)
    for n in range(20):
        gateway.chat(chat_body(model=f"made-up-{n}"), f"task-{n}")
    of = scrape(gateway, 20)
    assert total(of, "downroute_calls_total", model="other", task="other") == 20
    assert sum(name == "downroute_calls_total" for name, _ in of) == 1
    assert "made-up" not in str(of) and "task-" not in str(of)
    assert total(of, "downroute_unpriced_attempts_total", model="other") == 20


def test_calls_are_counted_though_the_store_cannot_be_written(
    start: Start, tmp_path: Path, upstream: Upstream
) -> None:
    (tmp_path / "store").write_text("not a folder")
    gateway = start()
    gateway.chat(chat_body())
    of = scrape(gateway, 1)
    assert total(of, "downroute_store_fault") == 1
    assert total(of, "downroute_log_rows_waiting") == 1


def test_what_is_held_open_is_told_and_let_go_of(start: Start, upstream: Upstream) -> None:
    """A request is a task, and is answered over a connection that is kept for the next."""
    gateway = start()
    before = scrape(gateway, 0)
    upstream.answer = lambda asked: Answered(plain(asked.model).body, wait_s=0.5)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(gateway.chat, chat_body()) for _ in range(8)]
        wait_until(lambda: len(upstream.asked) == 8)
        during = scrape(gateway, 0)
        assert all(one.result().status == 200 for one in asked)
    after = scrape(gateway, 8)
    tasks = [total(one, "downroute_tasks") for one in (before, during, after)]
    assert tasks[1] >= tasks[0] + 8 and tasks[2] <= tasks[1] - 8, "the upstream has some as well"
    kept = [total(one, "downroute_upstream_connections") for one in (before, during, after)]
    assert kept == [0, 8, 8]
    files = [total(one, "process_open_fds") for one in (before, during)]
    assert files[0] == files[1] == 0 or files[1] - files[0] >= 16


def test_openmetrics_is_spoken_to_who_asks_for_it(start: Start) -> None:
    gateway = start()
    got = gateway.request(
        "GET", "/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}
    )
    assert got.headers["content-type"].startswith("application/openmetrics-text")
    assert any(f.name == "downroute_calls" for f in read_openmetrics(got.body.decode()))


def some(value: float) -> Numbers:
    numbers = Numbers()
    numbers.count(names.CALLS, ("openai", "direct", "200", "m", "t"), value)
    numbers.histogram(names.CALL_SECONDS, ("openai", "direct")).observe(value)
    numbers.show(names.WAITING, value)
    return numbers


def test_a_value_is_in_the_bucket_that_the_official_client_puts_it_in() -> None:
    """However many came before it, on a bound or beside it, in whatever order."""
    drawn = random.Random(5)
    bounds = names.CALL_SECONDS.buckets
    values = [*bounds, 0.0, 1e9, *(drawn.lognormvariate(0, 3) for _ in range(500))]
    drawn.shuffle(values)
    official = prometheus_client.Histogram("h", "h", buckets=bounds, registry=None)
    numbers = Numbers()
    for value in values:
        official.observe(value)
        numbers.histogram(names.CALL_SECONDS, ("openai", "direct")).observe(value)
    said = exposition(numbers, "")[0].decode()
    ours = [s for f in read_text(said) for s in f.samples if s.name.startswith("downroute_call_d")]
    theirs = [s for f in official.collect() for s in f.samples if not s.name.endswith("_created")]
    assert [s.value for s in ours] == pytest.approx([s.value for s in theirs], rel=1e-12)


def test_a_counter_is_told_once_something_was_added_and_never_twice() -> None:
    tally = Tally()
    counter = tally.numbers.counter(names.SAVED, ("t",))
    assert names.SAVED.name not in tally.copy().counters
    counter.add(0.0)
    assert tally.copy().counters[names.SAVED.name] == {("t",): 0.0}
    counter.add(2.0)
    tally.numbers.counter(names.SAVED, ("t",)).add(1.0)
    for _ in range(2):
        assert tally.copy().counters[names.SAVED.name] == {("t",): 3.0}


def test_sums_over_processes_never_fall_and_forget_the_moment_of_who_is_gone(
    tmp_path: Path,
) -> None:
    gone = tmp_path / "999999999-a.json"
    gone.write_text(json.dumps(some(3).as_json()))
    (tmp_path / "1-broken.json").write_text("{")
    one, other = SharedNumbers(tmp_path), SharedNumbers(tmp_path)
    first = samples(exposition(one.summed(some(5)), "")[0].decode())
    second = samples(exposition(other.summed(some(1)), "")[0].decode())
    assert total(first, "downroute_calls_total") == 8
    assert total(second, "downroute_calls_total") == 9
    assert total(first, "downroute_log_rows_waiting") == 5
    assert total(second, "downroute_log_rows_waiting") == 6
    assert total(second, "downroute_call_duration_seconds_count") == 3
    assert total(second, "downroute_call_duration_seconds_sum") == 9


def test_every_metric_is_named_once_and_has_its_line_in_the_documentation() -> None:
    every = [*names.COUNTERS, *names.SUMS, *names.GAUGES, *names.HISTOGRAMS]
    assert len({metric.name for metric in every}) == len(every)
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for metric in every:
        name = metric.name + ("_total" if metric in names.COUNTERS else "")
        assert f"| `{name}` |" in page
        line = next(line for line in page.splitlines() if f"| `{name}` |" in line)
        assert all(f"`{label}`" in line for label in metric.labels), name
