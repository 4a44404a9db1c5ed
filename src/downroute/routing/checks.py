"""Checks: what can be said of an answer while it is served, without a reference.

``True`` = passed, ``False`` = failed, ``None`` = the check does not apply to this request or
answer. One table of names; adding a check adds a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from downroute.records import Answer, CheckSpec, Json, Route
from downroute.remembered import Remembered
from downroute.routing import check_arguments as takes

if TYPE_CHECKING:
    from downroute.routing.form_checks import Outcome, Request

    Run = Callable[[Answer, Request, Any], Outcome]


class Check:
    """``run`` gets the answer, the request and the check's argument; ``fault`` says what is wrong
    with an argument. ``found`` gives what is run: reading answers takes much that a policy's checks
    can be named, read and refused without."""

    def __init__(
        self, doc: str, found: Callable[[], Run], fault: Callable[[Json], str | None]
    ) -> None:
        self.doc = doc
        self.fault = fault
        self._found = found
        self.run: Run = self._first

    def load(self) -> None:
        """Have ready what is run; else it is loaded when it runs first."""
        self.run = self._found()

    def _first(self, answer: Answer, request: Request, argument: Any) -> Outcome:
        self.load()
        return self.run(answer, request, argument)


PYTHON = "python"
"""The check that is the user's own function."""

BY_REQUEST = (CheckSpec("json_schema"), CheckSpec("tool_call_valid"))
"""What a request itself asks of an answer. They do not apply where it brings no schema or tool."""


def checks_of(route: Route) -> Sequence[CheckSpec]:
    """The checks of ``route``: what requests ask for, unless it is switched off or the route says
    it in its own words, then the route's own."""
    return _checks_of(route)


def _all_checks(route: Route) -> Sequence[CheckSpec]:
    if not route.request_checks:
        return route.checks
    named = {spec.name for spec in route.checks}
    return (*(spec for spec in BY_REQUEST if spec.name not in named), *route.checks)


def _without(idle: str, route: Route) -> Sequence[CheckSpec]:
    return [s for s in _all_checks(route) if s.name != idle or s in route.checks]


_checks_of = Remembered(_all_checks)
_checks_of_form = Remembered(partial(_without, "tool_call_valid"))
_checks_of_calls = Remembered(partial(_without, "json_schema"))


def has_own(route: Route) -> bool:
    """Whether ``route`` has checks that are the user's own functions."""
    return any(spec.name == PYTHON for spec in route.checks)


def checks_for(route: Route, request: Request) -> Sequence[CheckSpec]:
    """Those of `checks_of` that are worth running on answers to ``request``."""
    if not route.request_checks:
        return route.checks
    wants, offers = request.get("response_format"), request.get("tools")
    if not (wants or offers):
        return route.checks
    if wants and offers:
        return _checks_of(route)
    return (_checks_of_form if wants else _checks_of_calls)(route)


@cache
def check_alone() -> frozenset[str]:
    """The names of the checks that need no argument."""
    return frozenset(name for name, check in CHECKS.items() if check.fault(None) is None)


def checks_passed(answer: Answer, request: Request) -> float | None:
    """Of the checks that need no argument the share that passes among those that apply."""
    found = [CHECKS[name].run(answer, request, None) for name in CHECKS if name in check_alone()]
    applied = [outcome for outcome in found if outcome is not None]
    return sum(applied) / len(applied) if applied else None


def run_checks(
    specs: Sequence[CheckSpec], answer: Answer, request: Request
) -> dict[str, bool | None]:
    """Each check's outcome by name. A check named twice passes only if it does both times."""
    found: dict[str, bool | None] = {}
    for spec in specs:
        name = spec.name
        outcome = CHECKS[name].run(answer, request, spec.argument)
        found[name] = both(found[name], outcome) if name in found else outcome
    return found


def known_checks() -> Mapping[str, str]:
    """Every check's name → what it asks, in one line."""
    return {name: check.doc for name, check in CHECKS.items()}


def check_fault(spec: CheckSpec) -> str | None:
    """Why ``spec`` cannot be run; ``None`` where it can."""
    check = CHECKS.get(spec.name)
    if check is None:
        import difflib

        turned = "_".join(reversed(str(spec.name).split("_")))
        near = difflib.get_close_matches(str(spec.name), CHECKS, n=1) or difflib.get_close_matches(
            turned, CHECKS, n=1
        )
        hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(CHECKS)}"
        return f"'{spec.name}' is not a check; {hint}"
    fault = check.fault(spec.argument)
    return None if fault is None else f"check '{spec.name}': {fault}"


def both(first: Outcome, second: Outcome) -> Outcome:
    """Passed where both did; one that does not apply does not count."""
    if first is None or second is None:
        return second if first is None else first
    return first and second


def by_user(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    """The user's own code is nothing a pure room may run: whoever asks the models runs it (see
    `downroute.usercode`) and puts what it says in this place."""
    return None


def _form(name: str) -> Callable[[], Run]:
    def load() -> Run:
        from downroute.routing import form_checks

        run: Run = getattr(form_checks, name)
        return run

    return load


def _content(name: str) -> Callable[[], Run]:
    def load() -> Run:
        from downroute.routing import content_checks

        run: Run = getattr(content_checks, name)
        return run

    return load


CHECKS: Mapping[str, Check] = {
    "not_empty": Check("there is text or a tool call", _form("not_empty"), takes.none_wanted),
    "not_truncated": Check("the answer was not cut off", _form("not_truncated"), takes.none_wanted),
    "not_refusal": Check("the model did not decline", _form("not_refusal"), takes.none_wanted),
    "json_valid": Check("the whole answer is JSON", _form("json_valid"), takes.fenced_fault),
    "json_schema": Check(
        "the whole answer is JSON that follows the given schema, else the request's own",
        _form("json_schema"),
        takes.schema_fault,
    ),
    "one_of": Check("the answer is one of the given labels", _form("one_of"), takes.labels_fault),
    "regex": Check("the pattern is found in the answer", _form("regex"), takes.pattern_fault),
    "max_words": Check(
        "the answer has at most so many words", _form("max_words"), takes.count_fault
    ),
    "min_words": Check(
        "the answer has at least so many words", _form("min_words"), takes.count_fault
    ),
    "max_chars": Check(
        "the answer has at most so many characters", _form("max_chars"), takes.count_fault
    ),
    "min_chars": Check(
        "the answer has at least so many characters", _form("min_chars"), takes.count_fault
    ),
    "tool_call_valid": Check(
        "every call names an offered function and its arguments follow its schema",
        _form("tool_call_valid"),
        takes.none_wanted,
    ),
    "code_parses": Check(
        "the code in the answer parses; nothing of it is run",
        _form("code_parses"),
        takes.code_fault,
    ),
    "language": Check(
        "the answer is in a language, or in the user's", _content("language"), takes.language_fault
    ),
    "script": Check(
        "the answer is written in a script, or in the user's",
        _content("script"),
        takes.script_fault,
    ),
    "numbers_in_context": Check(
        "every number in the answer stands in the messages",
        _content("numbers_in_context"),
        takes.none_wanted,
    ),
    "quotes_in_context": Check(
        "every quotation in the answer stands in the messages",
        _content("quotes_in_context"),
        takes.none_wanted,
    ),
    "citations": Check(
        "the answer cites, and no source that it was not given",
        _content("cites"),
        takes.optional_count_fault,
    ),
    PYTHON: Check("the user's own function says so", lambda: by_user, takes.user_fault),
}
