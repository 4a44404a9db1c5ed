"""How often a planted break is found, and how often one is reported where there is none.

Tasks are put together from the recordings: pairs of one data set on one side of a boundary of a
request feature, pairs of another on the other side. Each seed draws its own order; the whole
decision runs on it (sequential test, search, confirmation). Usage:

    python benchmarks/planted_breaks.py FOLDER_OF_RECORDINGS [--seeds 10] [--only NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from downroute.records import Answer, Example
from downroute.routing.conditions import condition_value
from downroute.routing.features import FEATURES
from downroute.stats.sequential import default_looks
from downroute.study.look import Rules
from downroute.study.narrowing import narrow
from downroute.study.pairs import Pair
from downroute.study.verdict import Outcome, judge

Item = tuple[Example, Pair]
LARGE, SMALL = "gpt-4o", "gpt-4o-mini"
PADDING = "Read the following with care and answer in the form that was asked for above."


def load(folder: Path, task: str, baseline: str = LARGE, candidate: str = SMALL) -> list[Item]:
    """The pairs of a recording whose two answers have a score."""
    items = []
    with gzip.open(folder / f"{task}.jsonl.gz", "rt", encoding="utf-8") as rows:
        for number, row in enumerate(map(json.loads, rows)):
            scores = [row["responses"].get(m, {}).get("score") for m in (baseline, candidate)]
            if None in scores:
                continue
            example = Example(f"{task}/{candidate}/{number}", task, row["request"], "", Answer(""))
            pair = Pair(example.id, example.id, scores[0] - scores[1], scores[0], scores[1])
            items.append((example, pair))
    return items


def decide(items: Sequence[Item], seed: int, most: int = 500) -> tuple[Outcome, Any]:
    """What a study says of the task: its outcome and the break, where one was found."""
    order = random.Random(seed).sample(items, len(items))
    pair_of = {e.id: p for e, p in order}
    found = [e for e, _ in order]
    examples, further = tuple(found[:most]), tuple(found[most : 4 * most])
    task: Any = SimpleNamespace(examples=examples, further=lambda: further)
    rules = Rules(0.05, 0.05, default_looks(len(examples)))
    pairs: list[Pair] = []

    async def ask(batch: Sequence[Example]) -> Sequence[Pair]:
        pairs.extend(pair_of[e.id] for e in batch)
        return [pair_of[e.id] for e in batch]

    for done, until in enumerate(rules.schedule, start=1):
        pairs += [pair_of[e.id] for e in examples[len(pairs) : until]]
        judgement = judge(pairs, done, rules)
        if judgement.outcome is not None:
            break
    narrowing = asyncio.run(narrow(task, judgement, pairs, rules, ask))
    outcome = judgement.outcome or Outcome.INCONCLUSIVE
    if narrowing is not None and narrowing.confirmed:
        outcome = Outcome.ROUTE
    return outcome, narrowing


def by(feature: str, items: Sequence[Item]) -> list[Item]:
    return sorted(items, key=lambda item: FEATURES[feature](item[0].request))


def asked_otherwise(items: Sequence[Item], change: Callable[[list[Any]], list[Any]]) -> list[Item]:
    """The same pairs with other messages."""
    changed = []
    for example, pair in items:
        request = {**example.request, "messages": change(list(example.request["messages"]))}
        changed.append((replace(example, request=request), pair))
    return changed


def padded(messages: list[Any]) -> list[Any]:
    last = messages[-1]
    return [*messages[:-1], {**last, "content": f"{PADDING * 4} {last['content']}"}]


def second_turn(messages: list[Any]) -> list[Any]:
    before = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello!"}]
    return [*messages[:-1], *before, messages[-1]]


def shuffled(items: Sequence[Item], seed: int = 7) -> list[Item]:
    """The same requests and the same outcomes, dealt out anew: no break is left."""
    outcomes = [p for _, p in items]
    random.Random(seed).shuffle(outcomes)
    return [(e, replace(p, example_id=e.id)) for (e, _), p in zip(items, outcomes, strict=True)]


def planted(folder: Path) -> dict[str, tuple[list[Item], str]]:
    """Each planted task with the feature its boundary is in."""
    gsm, mmlu, numersense = (load(folder, t) for t in ("gsm", "mmlu", "numersense"))
    tools, haiku = (
        load(folder, "tools-complex"),
        load(folder, "tools-complex", candidate="claude-3-haiku"),
    )
    long_numersense = asked_otherwise(numersense, padded)
    two_turns = asked_otherwise(numersense, second_turn)
    found: dict[str, tuple[list[Item], str]] = {}
    for share in (0.5, 0.33, 0.7):
        short = by("input_words", gsm)[: int(share * len(gsm))]
        cut = FEATURES["input_words"](short[-1][0].request)
        beyond = [i for i in mmlu if FEATURES["input_words"](i[0].request) > cut]
        some = random.Random(1).sample(beyond, min(len(beyond), len(short)))
        found[f"gsm up to {cut:g} words, mmlu beyond"] = [*short, *some], "input_words"
    short = by("input_words", gsm)[: len(gsm) // 2]
    found["short gsm, padded numersense beyond"] = [*short, *long_numersense], "input_words"
    found["gsm, numersense in a second turn"] = [*gsm, *two_turns], "turns"
    for feature in ("schema_enums", "schema_lists", "tools"):
        values = [condition_value(feature, e.request) for e, _ in tools]
        middle = sorted(values)[len(values) // 2]
        worse = {e.id.rsplit("/", 1)[1]: (e, p) for e, p in haiku}
        mixed = [
            worse.get(e.id.rsplit("/", 1)[1], (e, p)) if float(v) > float(middle) else (e, p)
            for (e, p), v in zip(tools, values, strict=True)
        ]
        found[f"tools-complex, claude-3-haiku where {feature} > {middle:g}"] = mixed, feature
    return found


def unplanted(folder: Path) -> dict[str, list[Item]]:
    alone = {t: load(folder, t) for t in ("gsm", "numersense", "triviaqa", "tools-simple", "mmlu")}
    mixed = {f"dealt anew: {name}": shuffled(items) for name, (items, _) in planted(folder).items()}
    return {**alone, **mixed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print("| task | pairs | gap | seeds | break found | confirmed | boundaries |")
    print("|---|---|---|---|---|---|---|")
    tasks: Mapping[str, tuple[list[Item], str]] = {
        **planted(options.folder),
        **{name: (items, "") for name, items in unplanted(options.folder).items()},
    }
    for name, (items, feature) in tasks.items():
        if options.only not in name:
            continue
        seeds = options.seeds if feature else 2 * options.seeds
        found = [decide(items, seed)[1] for seed in range(seeds)]
        where = Counter(n.words() for n in found if n is not None)
        gap = sum(p.difference or 0.0 for _, p in items) / len(items)
        print(
            f"| {name} | {len(items)} | {gap * 100:+.1f} | {seeds} "
            f"| {sum(n is not None for n in found)} "
            f"| {sum(n is not None and n.confirmed for n in found)} "
            f"| {'; '.join(f'{w} ({c})' for w, c in where.most_common(3))} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
