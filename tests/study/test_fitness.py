from downroute.records import Answer, Example, Score
from downroute.study.fitness import unfit
from downroute.study.pairs import Judge

EXAMPLES = [Example(f"e{i}", "t", {"messages": []}, "d", Answer(str(i))) for i in range(100)]


def judged(score, by_reference=True, margin=0.05, relative=False):
    judge = Judge(
        lambda example, model, answer: score(int(answer.text)),
        lambda a, b: a == b,
        lambda example: by_reference,
    )
    return unfit(EXAMPLES, judge, "large", margin, relative=relative)


def test_a_scorer_that_passes_hardly_any_of_the_baselines_answers_judges_nothing():
    assert "0.000 on average" in judged(lambda i: Score(0.0))
    assert "0.040 on average" in judged(lambda i: Score(float(i < 4)))
    assert judged(lambda i: Score(float(i < 6))) is None


def test_a_relative_margin_needs_only_some_score():
    assert judged(lambda i: Score(float(i < 4)), relative=True) is None
    assert judged(lambda i: Score(0.0), relative=True) is not None


def test_a_scorer_that_cannot_score_most_answers_is_named_with_its_reason():
    told = judged(lambda i: Score(1.0) if i < 49 else Score.unscored("no schema"))
    assert "cannot score 51 of 100" in told and "no schema" in told
    assert judged(lambda i: Score(1.0) if i < 50 else Score.unscored("no schema")) is None


def test_what_people_grade_is_not_judged_beforehand():
    assert judged(lambda i: Score(0.0), by_reference=False) is None
