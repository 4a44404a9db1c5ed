from downroute.money.table import rates_per_million
from downroute.study.provenance import made_with
from downroute.study.settings import StudySettings


def test_it_names_versions_prices_with_their_source_and_the_question():
    own = {"small": rates_per_million(0.15, 0.6, source="invoice", as_of="2026-11-01")}
    made = made_with(StudySettings("large", ("small",), seed=7), own.get, "judge")
    assert made["prices"]["small"] == {
        "input": 0.15,
        "output": 0.6,
        "cached_input": None,
        "source": "invoice",
        "as_of": "2026-11-01",
    }
    assert made["prices"]["large"] is None and made["prices"]["judge"] is None
    assert made["question"]["seed"] == 7
    assert {"python", "downroute", "scipy"} <= set(made["versions"])
