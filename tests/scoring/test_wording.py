"""Scorers of wording against independent oracles: sacrebleu, a plain LCS, SQuAD's own rule."""

import random
import re
import string
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import sacrebleu

from downroute.records import Answer
from downroute.scoring.spec import build_scorer


def value(spec, text, reference):
    return build_scorer(spec).score(Answer(text=text), reference, {}).value


def sentences(count=60):
    rng = random.Random(7)
    vocabulary = [
        *("the", "a", "cat", "dog's", "sat,", "on", "mat.", "In", "1932", "–", "runs"),
        *("und", "Straße", "don't", "(very)", "fast"),
    ]
    for _ in range(count):
        yield [" ".join(rng.choices(vocabulary, k=rng.randint(1, 12))) for _ in range(3)]


def test_bleu_and_chrf_are_sacrebleu_s():
    for said, *wanted in sentences():
        bleu = sacrebleu.sentence_bleu(said, wanted).score / 100
        assert value("bleu", said, wanted) == pytest.approx(bleu)
        chrf = sacrebleu.sentence_chrf(said, wanted, word_order=2).score / 100
        assert value("chrf:word_order=2", said, wanted) == pytest.approx(chrf)


def squad_f1(said, wanted):
    def tokens(text):
        text = "".join(c for c in text.lower() if c not in string.punctuation + "–")
        return re.sub(r"\b(a|an|the)\b", " ", text.replace("ß", "ss")).split()

    one, other = tokens(said), tokens(wanted)
    if not other:
        return None
    shared = sum((Counter(one) & Counter(other)).values())
    return 2 * shared / (len(one) + len(other)) if shared else 0.0


def test_token_f1_is_squad_s():
    compared = 0
    for said, wanted, _ in sentences():
        expected = squad_f1(said, wanted)
        if expected is not None and squad_f1(wanted, said) is not None:
            assert value("token_f1", said, wanted) == pytest.approx(expected)
            compared += 1
    assert compared > 40


def lcs(one, other):
    row = [0] * (len(other) + 1)
    for x in one:
        before = 0
        for j, y in enumerate(other, 1):
            before, row[j] = row[j], before + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def test_rouge_l_is_the_longest_common_subsequence():
    for said, wanted, _ in sentences():
        one, other = (re.findall(r"[^\W_]+", t.casefold()) for t in (said, wanted))
        common = lcs(one, other)
        assert value("rouge_l", said, wanted) == pytest.approx(2 * common / len(one + other))
        assert value("rouge_l:measure=recall", said, wanted) == pytest.approx(common / len(other))


@pytest.mark.parametrize(
    ("spec", "text", "reference", "expected"),
    [
        ("levenshtein", "kitten", "sitting", 1 - 3 / 7),
        ("levenshtein:max_edits=3", "kitten", "sitting", 1),
        ("levenshtein:max_edits=2", "kitten", "sitting", 0),
        ("levenshtein", "New  York", "new york", 1),
        ("token_f1", "北京市", "北京", 0.8),
        ("token_f1:pass_at=0.9", "北京市", "北京", 0),
        ("token_f1", "Rome", ["Paris", "rome"], 1),
        ("token_f1", '{"answer": "Rome"}', "Rome", 1),
        ("token_f1", "", "Rome", 0),
        ("token_f1", "Rome", None, None),
        ("rouge_l", "x", "…", None),
        ("set_f1", "- Apples\n- pears", ["pears", "apples"], 1),
        ("set_f1", "Apples, pears and plums", ["apples", "pears", "plums"], 1),
        ("set_f1", '["a", "b", "b"]', ["a"], 2 / 3),
        ("set_f1", "1,200; 5", ["1,200", "5"], 1),
        ("set_f1", "none", [], 1),
        ("set_f1", "a", [], 0),
        ("starts_with", "Dear  Sir, hello", "dear sir", 1),
        ("starts_with:case=true", "Dear Sir", "dear", 0),
    ],
)
def test_likeness(spec, text, reference, expected):
    found = value(spec, text, reference)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("text", "reference", "expected"),
    [
        ("This is a Billing issue.", "billing", 1),
        ("billing or bug", "billing", 0),
        ("There is no bug here", "no bug", 1),
        ("A debugging matter", "bug", 0),
        ('{"label": "Bug"}', "bug", 1),
        ("bug", "spam", None),
    ],
)
def test_a_label_is_found_where_exactly_one_is_named(text, reference, expected):
    assert value({"label": ["billing", "bug", "no bug"]}, text, reference) == expected


@pytest.mark.parametrize(
    ("text", "reference", "expected"),
    [
        (r"\boxed{\frac{3}{8}}", "3/8", 1),
        ("0.5", r"\frac12", 1),
        ("[1,2)", "(1,2)", 0),
        (r"2\sqrt{2}", r"\sqrt{8}", 1),
        ("so x = 3", "3", 1),
        ("silent", "listen", None),
        ("7", "8", 0),
    ],
)
def test_expressions_are_compared_as_mathematics(text, reference, expected):
    assert value("math_equal", text, reference) == expected


def test_a_comparison_without_end_is_ended_in_any_thread(monkeypatch):
    monkeypatch.setattr("downroute.scoring.math_equal.TIMEOUT_S", 1.0)
    scorer = build_scorer("math_equal")
    with ThreadPoolExecutor(1) as pool:
        endless = pool.submit(scorer.score, Answer(text="9^{9^{9^{9}}}"), "1", {}).result(30)
        after = pool.submit(scorer.score, Answer(text="2/4"), "1/2", {}).result(30)
    assert (endless.value, after.value) == (None, 1.0)
    assert "it took longer than 1 s" in endless.reason


def test_languages_are_told_apart():
    german = "Guten Tag, wie geht es Ihnen heute Morgen?"
    assert value("language:de|fr", german, None) == 1
    assert value("language", german, "en-US") == 0
    assert value("language", german, "Bonjour tout le monde et bienvenue chez nous") == 0
    assert value("language:de", "Ja", None) is None
