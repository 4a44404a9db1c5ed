import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from downroute.errors import UsageError
from downroute.records import Answer, ToolCall
from downroute.scoring.spec import build_scorer
from downroute.scoring.table import PROMPTFOO_NAMES, SCORERS

parts = st.sampled_from(
    ["{", "}", '"answer":', '"', "1", "1,000", "B", "(", ")", ",", "```json\n", "```", "%", "null",
     "\\boxed{", "\n", "is ", "½", "10^", "\ud800", "e999", "[", "]", "-", ".", "x"]
)  # fmt: skip
texts = st.lists(parts, max_size=12).map("".join)
answers = st.builds(
    Answer,
    text=st.none() | texts,
    tool_calls=st.lists(st.builds(ToolCall, st.just("f"), texts), max_size=2).map(tuple),
)
references = st.none() | texts | st.integers() | st.lists(texts, max_size=2) | st.booleans()
references |= st.dictionaries(st.sampled_from(["answer", "name", "arguments"]), texts, max_size=3)

OF_OTHERS = {"all_of", "any_of", "weighted", "not_"}
OF_THE_USER = {"python", "command"}

SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}


@settings(deadline=None, max_examples=150)
@given(answers, answers, references)
def test_every_scorer_judges_whatever_it_is_given(one, other, reference):
    for name in [*SCORERS, *PROMPTFOO_NAMES]:
        if name in OF_OTHERS or name in OF_THE_USER:
            continue
        scorer = build_scorer(name)
        score = scorer.score(one, reference, {"response_format": SCHEMA})
        assert score.reason if score.value is None else 0 <= score.value <= 1
        assert scorer.same(one, one)
        if scorer.same(one, other):
            again = scorer.score(other, reference, {"response_format": SCHEMA})
            assert again.value == score.value


@pytest.mark.parametrize(
    ("name", "said"),
    [("latency", "beside its verdict"), ("human-pairwise", "downroute grade"), ("webhook", "curl")],
)
def test_what_people_look_for_under_scorers_is_told_where_it_is(name, said):
    with pytest.raises(UsageError, match=f"'{name}' is not a scorer: .*{said}"):
        build_scorer(name)


def test_promptfoo_s_rubric_is_ours():
    assert build_scorer({"llm-rubric": "It is kind."}) == build_scorer("rubric:text=It is kind.")
