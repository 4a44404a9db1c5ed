"""What deciding costs: CPU time a request, of which model to ask and whether its answer will do.

    uv run benchmarks/deciding_cpu.py

For each kind of request: the route it takes, its conversation, the first step; then, of the
candidate's completion, the answer, checks, signals, score and the second step. Reading the JSON of
the request's top level and of the reply is not in it: a gateway that only passes calls on and logs
their tokens does that too. Request and reply are new values every time, as live ones are.
"""

from __future__ import annotations

import gc
import json
import math
import time
from collections.abc import Callable
from typing import Any

from downroute.gateway.chat_body import ChatBody
from downroute.gateway.completion import read_completion
from downroute.gateway.conversations import Conversations
from downroute.gateway.headers import Hints
from downroute.gateway.plan import Plan, Serving, plan
from downroute.records import Attempt
from downroute.routing.cascade import Limits, next_step
from downroute.routing.judging import judged
from downroute.routing.match import RouteTable
from downroute.routing.policy import read_policy

ROUNDS = 100
REPEATS = 150

POLICY = """
version: 1
routes:
  - task: label
    models: [small, large]
    checks: [not_refusal, {one_of: [A, B, C, D]}]
    escalate:
      score: {intercept: -2, answer_odds: -0.6, answer_odds_missing: 0.4, question_words: 0.01,
              question_numbers: 0.1, question_negations: 0.3, question_word_length: 0.1}
      impute: {answer_odds: 2}
      above: 0.3
    unproven: true
  - task: record
    models: [small, large]
    escalate:
      score: {intercept: -2, words_out: 0.02, question_words: 0.01, schema_fields: 0.1}
      above: 0.9
    unproven: true
  - task: call
    models: [small, large]
    escalate:
      score: {intercept: -1, arguments_out: 0.1, tool_parameters: 0.05, question_words: 0.01}
      above: 0.9
    unproven: true
  - task: reasons
    models: [small, large]
    escalate:
      score: {intercept: -2, words_out: 0.005, numbers_out: 0.05, question_words: 0.01,
              question_numbers: 0.1, final_magnitude: 0.1, final_magnitude_missing: 1}
      impute: {final_magnitude: 1}
      above: 0.9
    unproven: true
"""

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "kind": {"enum": ["person", "company"]},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"n": {}}}},
    },
    "required": ["name", "kind"],
}
QUESTION = (
    "Answer the question below by A, B, C or D and say nothing else. Which of these is not a prime "
    "number, given that a prime has exactly 2 divisors?\n\nA: 17\nB: 21\nC: 23\nD: 29\n\nAnswer: "
)
TICKET = "Read the name, the kind and the order lines from this mail: " + "words of a mail, " * 40
PROBLEM = (
    "A farmer has 12 hens that lay 5 eggs a week each. She eats 8 eggs a week and sells the others "
    "in boxes of 6 for $3 a box. How much does she take in 4 weeks?"
)
REASONS = json.dumps(
    {
        "reasoning": "The hens lay 12 * 5 = 60 eggs a week. She keeps 60 - 8 = 52 eggs to sell, "
        "which are 52 / 6 = 8.67 boxes, so 8 full boxes a week. " * 2,
        "answer": "96",
    }
)


def kinds() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Task → a request of it and the candidate's completion."""
    tool = {"type": "function", "function": {"name": "book", "parameters": SCHEMA}}
    wanted = {"type": "json_schema", "json_schema": {"name": "order", "schema": SCHEMA}}
    arguments = json.dumps({"name": "Ann", "kind": "person", "lines": [{"n": 1}]})
    call = {"id": "c1", "type": "function", "function": {"name": "book", "arguments": arguments}}
    tops = [{"token": t, "logprob": math.log(p)} for t, p in (("B", 0.9), ("A", 0.1))]
    return {
        "label": (_asked(QUESTION), _said("B", logprobs={"content": [{**tops[0]}]})),
        "record": (_asked(TICKET, response_format=wanted), _said(arguments)),
        "call": (_asked("Book a table for Ann.", tools=[tool]), _said(None, tool_calls=[call])),
        "reasons": (_asked(PROBLEM), _said(REASONS)),
    }


def _asked(text: str, **more: Any) -> dict[str, Any]:
    system = {"role": "system", "content": "You work for a shop and answer exactly what is asked."}
    return {"model": "large", "messages": [system, {"role": "user", "content": text}], **more}


def _said(text: str | None, logprobs: Any = None, **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": text, **message}
    choice = {"index": 0, "message": said, "finish_reason": "stop", "logprobs": logprobs}
    return {"object": "chat.completion", "model": "small-1", "choices": [choice], "usage": {}}


def cpu_us(work: Callable[[Any], object], make: Callable[[], Any]) -> float:
    """Microseconds of CPU ``work`` takes on what ``make`` gives: the best of some runs, because
    neighbours on the machine only ever add to it."""
    runs = []
    for _ in range(REPEATS):
        given = [make() for _ in range(ROUNDS)]
        gc.collect()
        gc.disable()
        began = time.thread_time_ns()
        for one in given:
            work(one)
        runs.append((time.thread_time_ns() - began) / 1000 / ROUNDS)
        gc.enable()
    return min(runs)


def main() -> None:
    serving = Serving(RouteTable(read_policy(POLICY)))
    print("| request | route and first step (µs) | checks, signals, score | second step | all |")
    print("|---|---|---|---|---|")
    for task, (request, completion) in kinds().items():
        sent, came = json.dumps(request).encode(), json.dumps(completion).encode()
        conversations, hints = Conversations(), Hints(task=task)

        def begin(
            body: ChatBody, hints: Hints = hints, kept: Conversations = conversations
        ) -> Plan:
            chosen = plan(serving, body, hints, 0.0)
            assert isinstance(chosen, Plan) and chosen.routed
            chosen = kept.plan(chosen, body, hints, 0.0)
            next_step(chosen.route, [], Limits(60.0))
            return chosen

        def read(sent: bytes = sent) -> ChatBody:
            body = ChatBody.read(sent)
            assert isinstance(body, ChatBody)
            return body

        def both(sent: bytes = sent, came: bytes = came) -> tuple[ChatBody, Any, Plan]:
            body = read(sent)
            return body, read_completion(came), begin(read(sent))

        def judge(given: tuple[ChatBody, Any, Plan]) -> None:
            body, told, chosen = given
            judged(chosen.route, told, body)

        def attempted() -> tuple[Plan, Attempt]:
            body, told, chosen = both()
            found = judged(chosen.route, told, body)
            facts = {"checks": found.checks, "signals": found.signals, "score": found.score}
            return chosen, Attempt("small", **facts)

        def decide(given: tuple[Plan, Attempt]) -> None:
            next_step(given[0].route, [given[1]], Limits(59.0))

        parts = cpu_us(begin, read), cpu_us(judge, both), cpu_us(decide, attempted)
        print(f"| {task} | {' | '.join(f'{part:.1f}' for part in (*parts, sum(parts)))} |")


if __name__ == "__main__":
    main()
