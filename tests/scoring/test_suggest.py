import shutil

import pytest

from downroute.answers.shape import shape_of
from downroute.records import Answer, Example, ToolCall
from downroute.scoring.suggest import suggest

SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]


def suggested(rows, **request):
    """The suggestion for ``rows`` of (answer or its text, reference)."""
    asked = {"messages": [{"role": "user", "content": "x"}], **request}
    examples = []
    for number, (said, reference) in enumerate(rows):
        answer = said if isinstance(said, Answer) else Answer(text=said)
        examples.append(Example(str(number), "t", asked, "", answer, reference=reference))
    found = suggest(shape_of([(asked, e.baseline_answer) for e in examples]), examples)
    return None if found is None else found[0]


NUMBERS = [(f'{{"reasoning": "…", "answer": "{i}"}}', str(i)) for i in range(30)]
LABELS = [(text, text) for text in ("billing", "bug", "other") * 10]
RECORDS = [(f'{{"name": "n{i}", "total": {i}}}', {"name": f"n{i}", "total": i}) for i in range(20)]
PROGRAMS = [(f"```python\ndef solution():\n    return {i}\n```", i) for i in range(8)]
TESTED = {"tests": "assert solution() < 9", "entry_point": "solution"}
SANDBOX = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
LONG = "a sentence that goes on for a good while and then some more before it ends at last "


@pytest.mark.parametrize(
    ("rows", "spec"),
    [
        (NUMBERS, "number:field=answer"),
        (LABELS, "exact"),
        (RECORDS, "json_fields"),
        ([(f"person {i} of note", f"Person {i} of note") for i in range(30)], "exact"),
        ([(LONG + str(i), LONG) for i in range(20)], None),
        ([(f"{LONG} So the answer is {i}.", str(i)) for i in range(20)], "number"),
        ([("```python\nx = 1\n```", "x = 1")] * 20, None),
        pytest.param(PROGRAMS, "code_output", marks=SANDBOX),
        pytest.param([(said, TESTED) for said, _ in PROGRAMS], "code_tests", marks=SANDBOX),
        pytest.param([(said, -1) for said, _ in PROGRAMS], None, marks=SANDBOX),
    ],
)
def test_references_and_answers_suggest_the_scorer(rows, spec):
    assert suggested(rows) == spec


@pytest.mark.parametrize(
    ("rows", "spec"),
    [
        (NUMBERS, "number:field=answer"),
        (LABELS, "exact"),
        (RECORDS, "json_fields"),
        ([(LONG + str(i), LONG) for i in range(20)], "exact"),
    ],
)
def test_without_references_it_says_how_equal_answers_are_told(rows, spec):
    assert suggested([(said, None) for said, _ in rows]) == spec


def test_a_scorer_that_fails_the_baseline_itself_is_not_suggested():
    rows = [(f"person {i} of note", f"somebody else, {i}") for i in range(30)]
    assert suggested(rows) is None


def test_the_form_alone_is_never_the_rubric():
    rows = [(f'{{"name": "n{i}", "total": {i}}}', None) for i in range(20)]
    assert suggested(rows, response_format=SCHEMA) == "json_fields"


def test_tool_calls_suggest_themselves():
    call = Answer(tool_calls=(ToolCall("f", "{}"),))
    wanted = [{"name": "f", "arguments": {}}]
    assert suggested([(call, wanted), (Answer(text="no"), [])], tools=TOOLS) == "tool_call"
    assert suggested([(call, None)] * 3, tools=TOOLS) == "tool_call"
    assert suggest("number", []) is None


def asked_for(text, rows):
    request = {"messages": [{"role": "user", "content": text}]}
    examples = [
        Example(str(n), "t", request, "", Answer(text=said), reference=wanted)
        for n, (said, wanted) in enumerate(rows)
    ]
    found = suggest(shape_of([(request, e.baseline_answer) for e in examples]), examples)
    return None if found is None else found[0]


SAID = [(f"{LONG} word{i} und so weiter", f"{LONG} word{i} and so on") for i in range(20)]


@pytest.mark.parametrize(
    ("request_", "spec"),
    [
        ("Translate into German: x", "chrf"),
        ("Summarize the following text: x", "rouge_l"),
        (f"Context: {LONG * 40} word and so on. Question: x", "answer_in_context:of=token_f1"),
        ("Write something nice", None),
    ],
)
def test_texts_are_compared_by_what_was_asked(request_, spec):
    rows = SAID if "Context" not in request_ else [(a, LONG) for a, _ in SAID]
    assert asked_for(request_, rows) == spec
