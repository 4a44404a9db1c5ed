from downroute.reports.escalation_values import (
    Condition,
    Course,
    Effect,
    EscalationReport,
    Example,
    Group,
    Money,
    Suggestion,
    TaskEscalations,
    Times,
    Usefulness,
)
from downroute.reports.escalations_page import write_escalations_page
from downroute.stats.proportion import wilson

EVIL = "<script>alert(1)</script>"


def report() -> EscalationReport:
    effect = Effect(40, -0.01, None, 3, 0, None, 40)
    change = Suggestion("baseline", "Send them.", True, f"+{EVIL}\n", "x", None, "downroute x")
    group = Group(
        conditions=(Condition("word", f"says “{EVIL}”"),),
        calls=50,
        escalated=40,
        share=wilson(40, 50),
        others=0.0,
        lift=None,
        p=0.002,
        tests=100,
        units=50,
        exploratory=True,
        causes={"score too high": 40},
        alike=(),
        distinctive=(EVIL,),
        examples=(Example("call-1", EVIL),),
        effect=effect,
        suggestions=(change,),
    )
    task = TaskEscalations(
        task=EVIL,
        endings={"escalated": 40, "accepted": 60},
        share=wilson(40, 100),
        causes={"score too high": 40},
        course=Course((), None, None, ()),
        money=Money(0, 0.0, 0.0, 0.0, 40),
        useful=Usefulness(0, 0, 0, 40),
        accepted_times=Times(0, None, None),
        escalated_times=Times(40, 0.8, 1.2),
        looked_at=100,
        with_words=0,
        tests=100,
        groups=(group,),
    )
    return EscalationReport(None, (task,))


def test_a_page_says_what_is_not_known_and_takes_no_words_for_markup(tmp_path):
    write_escalations_page(tmp_path / "e.html", report())
    page = (tmp_path / "e.html").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "exploratory" in page and "40.0 %" in page
    assert "not known of any of 40" in page and "accepted not known" in page


def test_a_page_without_escalations_says_so(tmp_path):
    write_escalations_page(tmp_path / "e.html", EscalationReport(None, ()))
    assert "No answer was judged" in (tmp_path / "e.html").read_text(encoding="utf-8")
