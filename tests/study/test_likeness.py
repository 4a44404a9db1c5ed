import random

from downroute.study.likeness import leaders, likeness


def asked(*texts, tools=None, system=None):
    before = [] if system is None else [{"role": "system", "content": system}]
    return [
        likeness({"messages": [*before, {"role": "user", "content": t}], "tools": tools})
        for t in texts
    ]


def prose(seed, words):
    chance = random.Random(seed)
    return " ".join("".join(chance.choices("abcdefghij", k=6)) for _ in range(words))


def groups(*texts, **facts):
    return leaders(asked(*texts, **facts))


def test_case_punctuation_and_white_space_make_no_difference():
    assert groups("My card was declined.", "my  card was DECLINED!", "My card works") == [0, 0, 2]


def test_a_word_more_or_less_in_a_long_request_is_a_near_duplicate():
    text = prose(1, 60)
    changed = text.replace(text.split()[30], "otherwise")
    assert groups(text, f"Hello, {text}", changed, prose(2, 60)) == [0, 0, 0, 3]


def test_another_word_in_a_short_request_is_another_request():
    assert groups("is it done", "is it not done", "was it done") == [0, 1, 2]


def test_other_figures_are_another_request_however_long_it_is():
    text = prose(3, 80)
    assert groups(f"{text} 17", f"{text} 18", f"{text} 17") == [0, 1, 0]
    assert groups("what is 2 + 3", "what is 2 * 3") == [0, 1]


def test_two_questions_about_one_long_document_are_two_requests():
    document = prose(4, 400)
    questions = [f"{document} {prose(50 + i, 12)}" for i in range(8)]
    assert groups(*questions) == list(range(8))


def test_a_template_all_requests_share_says_nothing():
    template = prose(5, 120)
    questions = [f"{template} {prose(100 + i, 1)}" for i in range(40)]
    assert groups(*questions) == list(range(40))


def test_pictures_tools_and_earlier_turns_tell_requests_apart():
    picture = {"type": "image_url", "image_url": {"url": "data:one"}}
    other = {"type": "image_url", "image_url": {"url": "data:two"}}
    said = {"type": "text", "text": "What is on this picture, please tell me all of it"}
    found = [
        likeness({"messages": [{"role": "user", "content": [said, shown]}]})
        for shown in (picture, other, picture)
    ]
    assert leaders(found) == [0, 1, 0]
    tool = [{"type": "function", "function": {"name": "f"}}]
    assert leaders([*asked("What is it?"), *asked("What is it?", tools=tool)]) == [0, 1]


def test_among_many_requests_planted_near_duplicates_are_found_and_no_others():
    texts = [prose(i, 30 + i % 200) for i in range(400)]
    planted = [f"{t} thanks" for t in texts[:40]]
    led = groups(*texts, *planted)
    assert led[:400] == list(range(400))
    assert sum(led[400 + i] == i for i in range(40)) >= 39


def test_one_text_with_two_orders_is_two_requests():
    texts = [prose(500 + i, 80) for i in range(20)]
    orders = ["into German please", "into Czech please", "into Chinese please"]
    asked_for = [f"Translate the following {order}: {t}" for t in texts for order in orders]
    assert groups(*asked_for) == list(range(60))
    formats = ["as one JSON string", "as a list of words"]
    asked_for = [f"{t} Give the result {form}" for t in texts for form in formats]
    assert groups(*asked_for) == list(range(40))
