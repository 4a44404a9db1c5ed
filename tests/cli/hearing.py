"""Tickets whose replies only a judge can score, with the truth that only a test knows."""

import json
import random
from contextlib import contextmanager

import pytest

from .judge_stand_in import Bias, StandIn, serving

RUBRIC = "The reply solves the ticket."
STUDY = ("study", "--baseline", "large", "--candidate", "small", "--yes", "--examples")


def write_tickets(path, rows, bad_large, bad_small, seed=1):
    """A recording of ``rows`` replies of each model, none of which any rule can judge; the truth
    of each, which nobody is told."""
    chance = random.Random(seed)
    good, lines = {}, []
    bad = {"large": bad_large, "small": bad_small}
    faults = {m: set(chance.sample(range(rows), k)) for m, k in bad.items()}
    for number in range(rows):
        responses = {}
        for model in bad:
            text = f"Dear customer, as to ticket {number}, {chance.getrandbits(48):x} ({model[0]})."
            good[text] = number not in faults[model]
            message = {"role": "assistant", "content": text}
            usage = {"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            completion = {"model": model, "choices": choices, "usage": usage}
            responses[model] = {"completion": completion, "score": None}
        messages = [{"role": "user", "content": f"Ticket {number}: where is parcel {number}?"}]
        row = {"id": f"t/{number}", "task": "tickets", "request": {"messages": messages}}
        lines.append(json.dumps({**row, "responses": responses}))
    path.write_text("\n".join(lines) + "\n")
    return good


def configure(folder, replay_url, judge_url, allow='["127.0.0.1"]', scorer="rubric"):
    folder.joinpath("downroute.yaml").write_text(
        f"""\
upstreams: {{replay: {{base_url: "{replay_url}"}}, court: {{base_url: "{judge_url}"}}}}
models: {{small: {{upstream: replay}}, arbiter: {{upstream: court}}}}
prices:
  large: {{input: 2.5, output: 10}}
  small: {{input: 0.15, output: 0.6}}
  arbiter: {{input: 2, output: 8}}
judge: {{model: arbiter, rubric: "{RUBRIC}", allow: {allow}}}
tasks: {{tickets: {{scorer: {scorer}}}}}
"""
    )


def candidate_s_answers(work):
    rows = [json.loads(line) for line in (work / "tickets.jsonl").read_text().splitlines()]
    return {
        row["request"]["messages"][-1]["content"]: row["responses"]["small"]["completion"][
            "choices"
        ][0]["message"]["content"]
        for row in rows
    }


@pytest.fixture
def hearing(work, downroute):
    """`with hearing(rows, bad_large, bad_small, make_judge) as judge`: everything is set up and
    the baseline's answers are imported."""

    @contextmanager
    def held(rows, bad_large, bad_small, judge_of, **config):
        good = write_tickets(work / "tickets.jsonl", rows, bad_large, bad_small)
        judge = judge_of(good)
        judge.answers = candidate_s_answers(work)
        with serving(judge) as url:
            configure(work, url, url, **config)
            assert downroute("import", "tickets.jsonl", "--served", "large").code == 0
            yield judge

    return held


def fair(good):
    return StandIn(good, [Bias("")])


def lenient_to_small(good):
    """Passes most of the small model's bad answers and few of the large one's."""
    return StandIn(good, [Bias("(l)", 0.15, 0.02), Bias("(s)", 0.8, 0.02)])
