import pytest

from downroute.errors import TaskStoppedError
from downroute.providers.replies import Reply
from downroute.records import Answer
from downroute.study.faults import FaultRun

GOOD = Reply(status=200, answer=Answer("fine"))


def refused(param=None, status=400, text="bad request 17"):
    return Reply(status=status, error=f"host answered {status}: {text}", param=param)


def test_five_equal_refusals_in_a_row_stop_the_task_and_name_the_parameter():
    run = FaultRun("small")
    for number in range(4):
        run.see(refused("max_tokens", text=f"request {number} is wrong"))
    with pytest.raises(TaskStoppedError, match=r"5 calls .*'max_tokens'.*models: \{small"):
        run.see(refused("max_tokens"))


def test_a_good_answer_in_between_begins_the_count_anew():
    run = FaultRun("small")
    for _ in range(3):
        for reply in [refused()] * 4 + [GOOD]:
            run.see(reply)
    assert run.proven


def test_different_faults_do_not_add_up():
    run = FaultRun("small")
    for number in range(20):
        run.see(refused(status=400 + 13 * (number % 2)))
    assert not run.proven


def test_empty_answers_cut_by_length_name_max_tokens():
    run = FaultRun("small")
    empty = Reply(status=200, answer=Answer("", finish_reason="length"))
    for _ in range(4):
        run.see(empty)
    with pytest.raises(TaskStoppedError, match="max_tokens"):
        run.see(empty)


@pytest.mark.parametrize(
    "reply",
    [refused(status=401), refused(status=403), Reply(error="cannot reach", unreachable=True)],
)
def test_a_wrong_key_or_address_stops_at_once(reply):
    with pytest.raises(TaskStoppedError):
        FaultRun("small").see(reply)
