"""Every scorer by its name. A new scorer adds a row here and a file beside this one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from downroute.errors import UsageError
from downroute.records import Json
from downroute.scoring.code_output import CodeOutput
from downroute.scoring.code_pass_at_k import PassAtK
from downroute.scoring.code_tests import CodeTests
from downroute.scoring.contains import Contains
from downroute.scoring.exact import Exact
from downroute.scoring.json_fields import JsonFields
from downroute.scoring.json_schema import JsonSchema
from downroute.scoring.judge import ClosedQa, Factuality, Pairwise, Rubric
from downroute.scoring.number import NumberScorer
from downroute.scoring.one_of import OneOf
from downroute.scoring.regex import Regex
from downroute.scoring.tool_call import ToolCallScorer

RECORDED = "recorded"
"""Not in the table: a study looks the recorded scores up in its store."""


@dataclass(frozen=True, slots=True)
class Row:
    """A scorer's class, whose fields are its options, with options a name sets in advance."""

    scorer: type[Any]
    preset: Mapping[str, Json] = field(default_factory=dict)


SCORERS: Mapping[str, Row] = {
    "exact": Row(Exact),
    "one_of": Row(OneOf),
    "contains": Row(Contains),
    "regex": Row(Regex),
    "number": Row(NumberScorer),
    "json_schema": Row(JsonSchema),
    "json_fields": Row(JsonFields),
    "tool_call": Row(ToolCallScorer),
    "rubric": Row(Rubric),
    "factuality": Row(Factuality),
    "closed_qa": Row(ClosedQa),
    "pairwise": Row(Pairwise),
    "code_output": Row(CodeOutput),
    "code_tests": Row(CodeTests),
    "pass_at_k": Row(PassAtK),
}

PROMPTFOO_NAMES: Mapping[str, Row] = {
    "equals": Row(Exact, {"case": True}),
    "icontains": Row(Contains, {"words": False}),
    "contains-any": Row(Contains, {"case": True, "words": False}),
    "contains-all": Row(Contains, {"case": True, "words": False, "all": True}),
    "icontains-any": Row(Contains, {"words": False}),
    "icontains-all": Row(Contains, {"words": False, "all": True}),
    "is-json": Row(JsonSchema, {"schema": True}),
}
"""Assertion types of promptfoo that mean a scorer with certain options."""


def row(name: str) -> Row:
    """The row of ``name``: a scorer's own name, the same in kebab-case, or promptfoo's.

    Raises:
        UsageError: there is none; names the nearest, else all.
    """
    found = SCORERS.get(name) or PROMPTFOO_NAMES.get(name) or SCORERS.get(name.replace("-", "_"))
    if found is not None:
        return found
    known = [*SCORERS, RECORDED]
    near = difflib.get_close_matches(name, [*known, *PROMPTFOO_NAMES], n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(known)}"
    raise UsageError(f"'{name}' is not a scorer; {hint}")
