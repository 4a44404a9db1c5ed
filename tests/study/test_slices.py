from downroute.records import Answer, Example
from downroute.study.look import Rules
from downroute.study.pairs import Pair
from downroute.study.slices import worst_slice

RULES = Rules(0.05, 0.05, (100,))


def made(count, words, lost, name=None):
    pairs, examples = [], {}
    for number in range(count):
        key = f"{name}/{words}/{number}"
        request = {"messages": [{"role": "user", "content": "w " * words}]}
        examples[key] = Example(key, "t", request, "d", Answer("x"), slice=name)
        candidate = 0.0 if number < lost else 1.0
        pairs.append(Pair(key, key, 1.0 - candidate, 1.0, candidate))
    return pairs, examples


def joined(*parts):
    pairs, examples = [], {}
    for more, found in parts:
        pairs += more
        examples |= found
    return pairs, examples


def test_the_longest_inputs_are_found_where_the_losses_are():
    worst = worst_slice(*joined(made(60, 5, 1), made(60, 50, 2), made(60, 500, 20)), RULES)
    assert worst.name == "input_words > 50" and worst.pairs == 60
    assert worst.interval.low < 1 / 3 < worst.interval.high


def test_the_sources_own_slices_count_too():
    worst = worst_slice(*joined(made(50, 5, 2, "en-cs"), made(50, 5, 9, "en-hi")), RULES)
    assert worst.name == "en-hi" and worst.interval.estimate == 0.18


def test_a_handful_of_pairs_is_no_slice():
    assert worst_slice(*joined(made(100, 5, 0, "a"), made(20, 5, 20, "b")), RULES).name == "a"
    assert worst_slice(*made(20, 5, 3), RULES) is None


def test_unscored_pairs_are_in_no_slice():
    pairs, examples = joined(made(50, 5, 2, "a"), made(50, 5, 4, "b"))
    pairs = [Pair(p.example_id, p.key, None, unscored="x") for p in pairs[:40]] + pairs[40:]
    assert worst_slice(pairs, examples, RULES).name == "b"
