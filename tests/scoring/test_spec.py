import pytest

from downroute.errors import UsageError
from downroute.scoring.all_of import AllOf
from downroute.scoring.contains import Contains
from downroute.scoring.exact import Exact
from downroute.scoring.json_fields import JsonFields
from downroute.scoring.json_schema import JsonSchema
from downroute.scoring.negated import Not
from downroute.scoring.number import NumberScorer
from downroute.scoring.one_of import OneOf
from downroute.scoring.regex import Regex
from downroute.scoring.spec import build_scorer, describe
from downroute.scoring.table import SCORERS
from downroute.scoring.tool_call import ToolCallScorer
from downroute.scoring.weighted import Weighted


@pytest.mark.parametrize(
    ("text", "yaml", "scorer"),
    [
        ("exact", {"exact": None}, Exact()),
        (
            "number:field=answer,tolerance=0.01",
            {"number": {"field": "answer", "tolerance": 0.01}},
            NumberScorer(field="answer", tolerance=0.01),
        ),
        (
            "one_of:labels=billing|bug, or so|3",
            {"one_of": {"labels": ["billing", "bug, or so", "3"]}},
            OneOf(labels=("billing", "bug, or so", "3")),
        ),
        (
            "json_fields:fields=a|b.c,pass_at=null",
            {"json-fields": {"fields": ["a", "b.c"], "pass_at": None}},
            JsonFields(fields=("a", "b.c"), pass_at=None),
        ),
        (
            r"regex:pattern=^\d{1,3}(,\d{3})*$",
            {"regex": {"pattern": r"^\d{1,3}(,\d{3})*$"}},
            Regex(pattern=r"^\d{1,3}(,\d{3})*$"),
        ),
        (
            'json_schema:schema={"type":"object"},fenced=true',
            {"name": "json_schema", "schema": {"type": "object"}, "fenced": True},
            JsonSchema(schema={"type": "object"}, fenced=True),
        ),
        ("tool-call", {"tool_call": {}}, ToolCallScorer()),
        (
            "contains-all:values=a|b",
            {"contains-all": {"values": ["a", "b"]}},
            Contains(values=("a", "b"), all=True, case=True, words=False),
        ),
        ("equals", {"name": "equals"}, Exact(case=True)),
        ("contains:a|b", {"contains": ["a", "b"]}, Contains(values=("a", "b"))),
        ("contains_all:a", {"contains_all": "a"}, Contains(values=("a",), all=True)),
        ("regex:^a,b", {"regex": "^a,b"}, Regex(pattern="^a,b")),
        (
            "all_of:exact|not_:contains:values=x",
            {"all-of": ["exact", {"not_": {"contains": "x"}}]},
            AllOf((Exact(), Not(Contains(values=("x",))))),
        ),
        ("not-contains:x", {"not-contains": {"values": ["x"]}}, Not(Contains(("x",), words=True))),
        (
            'weighted:of=["exact",{"number":{"field":"a","tolerance":1}}],weights=2|1',
            {
                "weighted": {
                    "of": ["exact", {"number": {"field": "a", "tolerance": 1}}],
                    "weights": [2, 1],
                }
            },
            Weighted((Exact(), NumberScorer(field="a", tolerance=1)), (2.0, 1.0)),
        ),
        ("is-json", {"is-json": {}}, JsonSchema(schema=True)),
    ],
)
def test_command_line_and_yaml_come_to_the_same_scorer(text, yaml, scorer):
    assert build_scorer(text) == build_scorer(yaml) == scorer
    assert build_scorer(describe(scorer)) == scorer


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("exat", "'exat' is not a scorer; did you mean 'exact'?"),
        ("zzz", "choose from exact, label, one_of, .*recorded"),
        ("number:tolerence=1", "no option 'tolerence'; did you mean 'tolerance'?"),
        ("number:zzz=1", "no option 'zzz'; its options: field, tolerance, relative"),
        ("tool_call:x=1", "it takes none"),
        ("number:answer", "'answer' is no option; write number:option=value"),
        ("number:tolerance=abc", "option 'tolerance': expected float, got str"),
        ({"number": {"field": 5}}, r"option 'field': expected str \| null, got int"),
        ({"number": 5}, "the options of scorer 'number' are `key: value` pairs"),
        ({"a": {}, "b": {}}, "expected one scorer with its options, found 2 keys"),
        ("regex:pattern=(", "scorer 'regex': .* is not a regular expression"),
        ({"all_of": ["exact", "exat"]}, "scorer 'all_of': 'exat' is not a scorer; did you mean"),
        ({"weighted": {"of": ["exact"], "weights": [1, 2]}}, "1 scorers have 2 weights"),
        ("all_of", "scorer 'all_of': it needs its option 'of'"),
        ({"not_": 5}, "expected a scorer, got int"),
        ("python:f", "'f' is not written as module:function"),
        ("recorded:x=1", "the scorer 'recorded' takes no options"),
    ],
)
def test_a_wrong_spec_says_what_is_wrong_and_what_is_known(spec, message):
    with pytest.raises(UsageError, match=message) as raised:
        build_scorer(spec)
    assert "\n" not in str(raised.value)


def test_every_scorer_can_be_built_and_says_its_name():
    needed = {"python": "f:g", "command": "cat"}
    needed |= dict.fromkeys(("all_of", "any_of", "weighted", "not_"), "exact")
    for name in SCORERS:
        spec = f"{name}:{needed[name]}" if name in needed else name
        scorer = build_scorer(spec)
        assert scorer.name == name
        assert describe(scorer) == name or name in needed
        assert build_scorer(describe(scorer)) == scorer
        assert isinstance(scorer.needs_reference, bool)
