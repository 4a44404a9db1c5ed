"""What to do about a group, as something that can be tried: a changed policy or prompt, with the
command that measures it. What it would bring is not told here."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from shlex import quote

from downroute.errors import PolicyError
from downroute.records import Bounds, Route
from downroute.reports import escalation_advice as advice
from downroute.reports.escalation_causes import check_of
from downroute.reports.escalation_values import Condition, Effect, Suggestion
from downroute.reports.escalation_words import Words
from downroute.routing.policy import read_policy
from downroute.routing.policy_insert import (
    intersection,
    route_of_its_own,
    straight_to_baseline,
)

DOMINANT = 0.5
"""Share of a group's escalations from which one cause is worth a change of its own."""
FILE = "FILE"
"""Stands in a command for the file the suggestion is written to."""

_STRAIGHT = "Send these requests straight to the baseline."
_OWN = (
    "Give these requests a route of their own. It begins as what serves them today; then set its "
    "checks and threshold for them alone, and try it."
)

Edit = Callable[[str, str, str, Mapping[str, Bounds]], str]


@dataclass(frozen=True, slots=True)
class PolicyText:
    """The policy that changes are proposed to."""

    name: str
    text: str


def file_name(task: str, group: int, suggestion: Suggestion) -> str:
    """What a suggestion's file is called."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", task).strip("-.") or "task"
    kind = suggestion.kind.replace("_", "-")
    return f"{plain}-{group}-{kind}.{'yaml' if suggestion.policy is not None else 'txt'}"


def suggestions(
    task: str,
    conditions: Sequence[Condition],
    causes: Mapping[str, int],
    effect: Effect,
    policy: PolicyText | None,
    words: Sequence[Words],
) -> tuple[Suggestion, ...]:
    """What to do about one group, the advised first. ``words`` are those of its calls, where they
    are kept."""
    route = _cascade(task, policy)
    about = _about_the_form(task, causes, route, words)
    when = _when(conditions)
    others: list[Suggestion] = []
    if when is None:
        others.append(_task_of_its_own(task, conditions))
    elif policy is not None:
        others = _policies(task, when, effect, policy)
    # A change whose saving was measured comes before one that is to be measured.
    found = [*others, *about] if _cheaper(effect) and when is not None else [*about, *others]
    return tuple(replace(s, advised=i == 0) for i, s in enumerate(found))


def _cascade(task: str, policy: PolicyText | None) -> Route | None:
    if policy is None:
        return None
    routes = read_policy(policy.text, policy.name).routes
    mine = (r for r in routes if task in (r.task, r.match_task) and len(r.models) > 1)
    return next(mine, None)


def _when(conditions: Sequence[Condition]) -> dict[str, Bounds] | None:
    """The conditions as a route's key; ``None`` where a policy cannot ask for one of them."""
    found: dict[str, Bounds] = {}
    for condition in conditions:
        if condition.when is None:
            return None
        for name, bounds in condition.when.items():
            both = intersection(found.get(name, Bounds()), bounds)
            if both is None:
                return None
            found[name] = both
    return found


def _policies(
    task: str, when: Mapping[str, Bounds], effect: Effect, policy: PolicyText
) -> list[Suggestion]:
    straight = _edited(straight_to_baseline, "baseline", _STRAIGHT, task, when, policy)
    own = _edited(route_of_its_own, "own_route", _OWN, task, when, policy)
    ordered = (straight, own) if _cheaper(effect) else (own, straight)
    return [s for s in ordered if s is not None]


def _cheaper(effect: Effect) -> bool:
    """Whether the group would surely have cost less straight on the baseline."""
    return effect.total_usd is not None and effect.total_usd.high < 0


def _edited(
    edit: Edit, kind: str, words: str, task: str, when: Mapping[str, Bounds], policy: PolicyText
) -> Suggestion | None:
    try:
        changed = edit(policy.text, policy.name, task, when)
    except PolicyError:
        # The policy has changed since: it has no cascade for the task, or none for the group.
        return None
    return Suggestion(
        kind=kind,
        words=words,
        advised=False,
        diff=_diff(policy.text, changed, policy.name),
        policy=changed,
        prompt=None,
        measure=f"downroute policy test {FILE} --task {quote(task)}",
    )


def _task_of_its_own(task: str, conditions: Sequence[Condition]) -> Suggestion:
    said = " and ".join(c.words for c in conditions)
    return Suggestion(
        kind="own_task",
        words=f"No policy can ask for this ({said}). Let the client declare another task for such "
        f"requests (header x-downroute-task: {task}-2), then study that task by itself.",
        advised=False,
        diff=None,
        policy=None,
        prompt=None,
        measure=f"downroute study --task {quote(f'{task}-2')} --baseline MODEL --candidate MODEL",
    )


def _about_the_form(
    task: str, causes: Mapping[str, int], route: Route | None, words: Sequence[Words]
) -> list[Suggestion]:
    """A schema or a line of instructions, where one check stands behind most escalations."""
    cause, times = max(causes.items(), key=lambda c: c[1], default=("", 0))
    check = check_of(cause)
    if check is None or times < DOMINANT * sum(causes.values()):
        return []
    asked = f"downroute study --task {quote(task)} {_models(route)}"
    found = []
    wanted = advice.response_format(check, route)
    if wanted is not None and words and not any(w.format for w in words):
        found.append(
            Suggestion(
                kind="schema",
                words=f"Most fail {check}, and none of these requests says which form it wants: "
                "let the client send this along, and put such requests into FILE.",
                advised=False,
                diff="".join(f"+{line}\n" for line in wanted.splitlines()),
                policy=None,
                prompt=None,
                measure=f"{asked} --from-file {FILE}",
            )
        )
    line = advice.instruction(check, route)
    if line is not None:
        found.append(_prompt(check, line, words, f"{asked} --system {FILE}"))
    return found


def _prompt(check: str, line: str, words: Sequence[Words], measure: str) -> Suggestion:
    """The commonest instructions of the group with one more line; the line alone where words are
    not kept."""
    said = Counter(w.system for w in words)
    old = max(said, key=lambda s: said[s]) if said else None
    new = None if old is None else f"{old}\n{line}\n".lstrip("\n")
    diff = f"+{line}\n" if old is None or new is None else _diff(old, new, "system prompt")
    return Suggestion(
        kind="prompt",
        words=f"Most fail {check}: say what is wanted in the instructions.",
        advised=False,
        diff=diff,
        policy=None,
        prompt=new,
        measure=measure,
    )


def _models(route: Route | None) -> str:
    if route is None:
        return "--baseline MODEL --candidate MODEL"
    return f"--baseline {quote(route.baseline)} --candidate {quote(route.models[0])}"


def _diff(old: str, new: str, name: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, lineterm="", n=2)
    return "".join(f"{line}\n" for line in lines)
