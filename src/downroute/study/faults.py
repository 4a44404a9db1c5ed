"""When every call fails the same way, the fault is in the request's parameters or the set-up, not
in the model: it must stop the task and never be read as a worse model. Pure."""

from __future__ import annotations

from downroute.errors import TaskStoppedError
from downroute.providers.replies import Reply

RUN_LENGTH = 5
"""This many equal faults in a row stop a task."""

AT_ONCE = frozenset({401, 403})
"""Statuses that no other example will fare better with."""


class FaultRun:
    """Counts equal faults in a row, over the replies of one model to one task."""

    def __init__(self, model: str):
        self._model = model
        self._fault: tuple[object, ...] | None = None
        self._length = 0
        self.proven = False
        """True once some call was answered properly."""

    def see(self, reply: Reply) -> None:
        """Take the next reply into account.

        Raises:
            TaskStoppedError: it makes no sense to go on; says why and what to change.
        """
        fault = fault_of(reply)
        if fault is None:
            self.proven = True
            self._fault, self._length = None, 0
            return
        self._length = self._length + 1 if fault == self._fault else 1
        self._fault = fault
        if reply.unreachable or reply.status in AT_ONCE:
            raise TaskStoppedError(f"{reply.error}; {remedy(reply, self._model)}")
        if self._length >= RUN_LENGTH:
            raise TaskStoppedError(
                f"{RUN_LENGTH} calls in a row failed the same way: "
                f"{reply.error or empty_answer(reply)}; {remedy(reply, self._model)}"
            )


def fault_of(reply: Reply) -> tuple[object, ...] | None:
    """What went wrong, equal for equal faults (messages may differ by request ids and sizes);
    ``None`` for a proper answer."""
    if reply.error is not None:
        return reply.status, reply.code, reply.param
    answer = reply.answer
    if answer.text or answer.tool_calls or answer.refusal:
        return None
    return "empty", answer.finish_reason


def empty_answer(reply: Reply) -> str:
    """What came back where nothing was said."""
    return f"an empty answer with finish_reason {reply.answer.finish_reason!r}"


def refused_for_content(status: int | None) -> bool:
    """True where the upstream refused this very request: the model has no answer to it."""
    return status in (400, 413, 422)


def remedy(reply: Reply, model: str) -> str:
    """What to change in ``downroute.yaml``."""
    settings = f"models: {{{model}: {{…}}}} in downroute.yaml"
    if reply.unreachable:
        return "nothing was asked of it"
    if reply.status in AT_ONCE:
        return "set the upstream's `key: env:VARIABLE` in downroute.yaml to one that it accepts"
    if reply.code == "model_not_found" or reply.param == "model":
        return f"if the upstream has another name for '{model}', give it as `name` under {settings}"
    if reply.param and reply.status != 404:
        return (
            f"the parameter is '{reply.param}'; change it with `drop`, `rename` or `set` under "
            f"{settings}"
        )
    if reply.error is None and reply.answer.finish_reason == "length":
        return (
            "the parameter is 'max_tokens' (or 'max_completion_tokens'): it leaves no room for an "
            f"answer; raise it with `set` under {settings}"
        )
    if reply.status == 429:
        return "the upstream limits the rate; lower `concurrency` of the upstream or wait"
    return f"see the upstream's message; parameters can be changed under {settings}"
