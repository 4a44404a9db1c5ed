from downroute.remembered import Remembered


def test_work_is_done_once_for_each_object_not_for_each_equal_one():
    asked = []
    size = Remembered(lambda value: asked.append(value) or len(value))
    first, equal = {"a": 1}, {"a": 1}
    assert [size(first), size(first), size(equal)] == [1, 1, 1]
    assert len(asked) == 2


def test_what_is_remembered_has_a_bound_and_is_never_taken_for_another():
    asked = []
    size = Remembered(lambda value: asked.append(None) or len(value), most=3)
    for n in range(50):
        assert size([0] * n) == n
    assert len(size._known) <= 3 and len(asked) == 50
