from downroute.records import RecordedScore


def score(row="1", value=1.0, **fields):
    given = {"task": "t", "model": "m", "request_digest": "q", "answer_digest": "a"}
    return RecordedScore(row=row, score=value, **{**given, **fields})


def test_a_score_is_found_by_request_model_and_answer(store):
    assert not store.recorded.has_any()
    recorded = score(value=None, self_check=0.25)
    assert store.recorded.add([recorded, recorded]) == (1, 1)
    assert store.recorded.has_any()
    assert store.recorded.find("q", "m", "a") == recorded
    for key in (("x", "m", "a"), ("q", "x", "a"), ("q", "m", "x")):
        assert store.recorded.find(*key) is None


def test_of_equal_requests_the_named_row_goes_first_else_the_first(store):
    store.recorded.add([score("1", 0.0), score("2", 1.0), score("1", 0.5, task="u")])
    assert store.recorded.find("q", "m", "a").score == 0.0
    assert store.recorded.find("q", "m", "a", row="2").score == 1.0
    assert store.recorded.find("q", "m", "a", task="u", row="1").score == 0.5
    assert store.recorded.find("q", "m", "a", row="unheard of").score == 0.0
