"""Every scorer by its name. A new scorer adds a row here and a file beside this one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from downroute.errors import UsageError
from downroute.records import Json
from downroute.scoring.all_of import AllOf
from downroute.scoring.answer_in_context import AnswerInContext
from downroute.scoring.any_of import AnyOf
from downroute.scoring.bleu import Bleu
from downroute.scoring.chrf import Chrf
from downroute.scoring.code_output import CodeOutput
from downroute.scoring.code_pass_at_k import PassAtK
from downroute.scoring.code_tests import CodeTests
from downroute.scoring.command import Command
from downroute.scoring.contains import Contains
from downroute.scoring.coverage import Coverage
from downroute.scoring.exact import Exact
from downroute.scoring.finish_reason import FinishReason
from downroute.scoring.html import Html
from downroute.scoring.json_fields import JsonFields
from downroute.scoring.json_repair import JsonRepair
from downroute.scoring.json_schema import JsonSchema
from downroute.scoring.json_valid import JsonValid
from downroute.scoring.judge import ClosedQa, Factuality, Pairwise, Rubric
from downroute.scoring.label import LabelScorer
from downroute.scoring.language import Language
from downroute.scoring.levenshtein import Levenshtein
from downroute.scoring.math_equal import MathEqual
from downroute.scoring.negated import Not
from downroute.scoring.number import NumberScorer
from downroute.scoring.one_of import OneOf
from downroute.scoring.python_function import PythonFunction
from downroute.scoring.refusal import Refusal
from downroute.scoring.regex import Regex
from downroute.scoring.rouge_l import RougeL
from downroute.scoring.set_f1 import SetF1
from downroute.scoring.sql_equal import SqlEqual
from downroute.scoring.sql_valid import SqlValid
from downroute.scoring.starts_with import StartsWith
from downroute.scoring.token_f1 import TokenF1
from downroute.scoring.tool_call import ToolCallScorer
from downroute.scoring.tool_call_schema import ToolCallSchema
from downroute.scoring.tool_sequence import ToolSequence
from downroute.scoring.unsupported_claims import UnsupportedClaims
from downroute.scoring.weighted import Weighted
from downroute.scoring.word_count import WordCount
from downroute.scoring.xml import Xml

RECORDED = "recorded"
"""Not in the table: a study looks the recorded scores up in its store."""


@dataclass(frozen=True, slots=True)
class Row:
    """A scorer's class, whose fields are its options, with options a name sets in advance.
    ``main`` is the option that may be written without its name."""

    scorer: type[Any]
    preset: Mapping[str, Json] = field(default_factory=dict)
    main: str | None = None


SCORERS: Mapping[str, Row] = {
    "exact": Row(Exact),
    "label": Row(LabelScorer, main="labels"),
    "one_of": Row(OneOf, main="labels"),
    "contains": Row(Contains, main="values"),
    "starts_with": Row(StartsWith, main="values"),
    "regex": Row(Regex, main="pattern"),
    "number": Row(NumberScorer),
    "set_f1": Row(SetF1),
    "token_f1": Row(TokenF1),
    "rouge_l": Row(RougeL),
    "levenshtein": Row(Levenshtein),
    "bleu": Row(Bleu),
    "chrf": Row(Chrf),
    "math_equal": Row(MathEqual),
    "language": Row(Language, main="codes"),
    "json_valid": Row(JsonValid),
    "json_repair": Row(JsonRepair),
    "json_schema": Row(JsonSchema),
    "json_fields": Row(JsonFields),
    "tool_call": Row(ToolCallScorer),
    "tool_call_schema": Row(ToolCallSchema),
    "tool_sequence": Row(ToolSequence),
    "sql_valid": Row(SqlValid),
    "sql_equal": Row(SqlEqual),
    "xml": Row(Xml),
    "html": Row(Html),
    "refusal": Row(Refusal),
    "finish_reason": Row(FinishReason, main="values"),
    "word_count": Row(WordCount),
    "coverage": Row(Coverage),
    "unsupported_claims": Row(UnsupportedClaims),
    "answer_in_context": Row(AnswerInContext, main="of"),
    "code_output": Row(CodeOutput),
    "code_tests": Row(CodeTests),
    "pass_at_k": Row(PassAtK),
    "rubric": Row(Rubric),
    "factuality": Row(Factuality),
    "closed_qa": Row(ClosedQa),
    "pairwise": Row(Pairwise),
    "all_of": Row(AllOf, main="of"),
    "any_of": Row(AnyOf, main="of"),
    "weighted": Row(Weighted, main="of"),
    "not_": Row(Not, main="of"),
    "python": Row(PythonFunction, main="function"),
    "command": Row(Command, main="run"),
}

SYNONYMS: Mapping[str, Row] = {
    "contains_any": Row(Contains, main="values"),
    "contains_all": Row(Contains, {"all": True}, main="values"),
    "not": Row(Not, main="of"),
}
"""Other names of scorers with certain options."""

PROMPTFOO_NAMES: Mapping[str, Row] = {
    "equals": Row(Exact, {"case": True}),
    "icontains": Row(Contains, {"words": False}, main="values"),
    "contains-any": Row(Contains, {"case": True, "words": False}, main="values"),
    "contains-all": Row(Contains, {"case": True, "words": False, "all": True}, main="values"),
    "icontains-any": Row(Contains, {"words": False}, main="values"),
    "icontains-all": Row(Contains, {"words": False, "all": True}, main="values"),
    "starts-with": Row(StartsWith, {"case": True}, main="values"),
    "is-json": Row(JsonSchema, {"schema": True}, main="schema"),
    "contains-json": Row(JsonValid, {"anywhere": True}),
    "is-sql": Row(SqlValid),
    "is-xml": Row(Xml),
    "contains-xml": Row(Xml, {"anywhere": True}),
    "is-html": Row(Html),
    "contains-html": Row(Html, {"anywhere": True}),
    "is-refusal": Row(Refusal),
    "is-valid-openai-tools-call": Row(ToolCallSchema, {"required": True}),
    "llm-rubric": Row(Rubric, main="text"),
    "model-graded-closedqa": Row(ClosedQa, main="text"),
}
"""Assertion types of promptfoo that mean a scorer with certain options."""


_BESIDE = "a study reports cost, latency and tokens beside its verdict, by themselves"
_PEOPLE = "people grade what no scorer can, blind, on the page of `downroute grade`"

NO_SCORERS: Mapping[str, str] = {
    **dict.fromkeys(("cost", "latency", "tokens"), _BESIDE),
    **dict.fromkeys(("human", "human_pairwise"), _PEOPLE),
    "webhook": "name a program that asks it: `command: {run: [curl, …]}`",
    "similar": "no model of embeddings is bundled; take token_f1 or rouge_l, or a judge's rubric",
    "javascript": "only Python is called directly; name a program: `command: {run: [node, …]}`",
    "perplexity": "it says how sure a model is, not how good its answer; cascades use such signals",
}
"""What people look for under scorers, and where it is."""


def row(name: str) -> Row:
    """The row of ``name``: a scorer's own name, the same in kebab-case, or promptfoo's.

    Raises:
        UsageError: there is none; names the nearest, else all.
    """
    for names in (SCORERS, PROMPTFOO_NAMES, SYNONYMS):
        if name in names:
            return names[name]
    snake = name.replace("-", "_")
    if snake in SCORERS:
        return SCORERS[snake]
    if snake in NO_SCORERS:
        raise UsageError(f"'{name}' is not a scorer: {NO_SCORERS[snake]}")
    known = [*SCORERS, RECORDED]
    near = difflib.get_close_matches(name, [*known, *PROMPTFOO_NAMES], n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(known)}"
    raise UsageError(f"'{name}' is not a scorer; {hint}")
