"""PURE: what came back from an upstream → an answer, or one line about what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from downroute.answers.openai_chat import answer_from_completion, usage_from_completion
from downroute.providers.complaints import is_html, json_body, read_complaint
from downroute.providers.endpoint import Endpoint
from downroute.providers.transport import ConnectionFault, HttpResponse
from downroute.records import Answer, Json, Usage

SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """What asking a model once came to, after all tries.

    ``error`` is set exactly when there is no usable answer: one line for the reader. ``body`` is
    the last reply's JSON object, of an error too; ``param`` and ``code`` are what its error names.
    ``latency_s`` is the successful try's time. ``retry_after_s`` is what the upstream last asked
    to wait. ``unreachable`` says that the address is wrong or nobody is there, so that asking on
    makes no sense. ``unanswered_tries`` were sent but brought no HTTP answer, or one that is no
    JSON: the upstream may bill them. ``garbled`` says that the last was such an answer.
    """

    status: int | None = None
    body: Mapping[str, Json] | None = None
    answer: Answer = field(default_factory=Answer)
    usage: Usage = field(default_factory=Usage)
    snapshot: str | None = None
    latency_s: float | None = None
    tries: int = 1
    error: str | None = None
    param: str | None = None
    code: str | None = None
    retry_after_s: float | None = None
    unreachable: bool = False
    unanswered_tries: int = 0
    garbled: bool = False


def reply_to_fault(fault: ConnectionFault, asked: Endpoint) -> Reply:
    """What a try came to that brought no HTTP answer."""
    if fault.connected:
        return Reply(error=f"{asked.host} {fault.reason}", unanswered_tries=1)
    return Reply(
        error=f"cannot reach {asked.base}: {fault.reason}; is it running? ({asked.setting})",
        unreachable=True,
    )


def reply_to_response(
    got: HttpResponse, asked: Endpoint, request: Mapping[str, Json], latency_s: float
) -> Reply:
    """What a try came to that was answered, whatever the status."""
    body = json_body(got.body)
    if not 200 <= got.status < 300:
        return _refused(got, asked, request, body)
    if not is_completion(body):
        return _no_completion(got, asked, request, body)
    model = body.get("model")
    return Reply(
        status=got.status,
        body=body,
        answer=answer_from_completion(body),
        usage=usage_from_completion(body),
        snapshot=model if isinstance(model, str) else None,
        latency_s=latency_s,
    )


def is_completion(body: Json) -> bool:
    """True for a JSON object with ``choices[0].message``."""
    choices = body.get("choices") if isinstance(body, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, Mapping) and isinstance(first.get("message"), Mapping)


def _no_completion(
    got: HttpResponse, asked: Endpoint, request: Mapping[str, Json], body: Json
) -> Reply:
    complaint = read_complaint(got.body, request)
    kind = "an error" if complaint.spoken else "what is no completion"
    page = is_html(got.body)
    garbled = body is None and not page
    hint = _address_hint(asked) if page else ""
    return Reply(
        status=got.status,
        body=body if isinstance(body, Mapping) else None,
        error=f"{asked.host} answered {kind}: {_shortened(complaint.message)}{hint}",
        param=complaint.param,
        code=complaint.code,
        unreachable=page,
        unanswered_tries=int(garbled),
        garbled=garbled,
    )


def _refused(got: HttpResponse, asked: Endpoint, request: Mapping[str, Json], body: Json) -> Reply:
    complaint = read_complaint(got.body, request)
    moved = 300 <= got.status < 400
    nobody_there = got.status in (404, 405) and (
        not complaint.spoken or complaint.code == "unknown_url"
    )
    said = f"moved to {got.headers.get('location')}" if moved else complaint.message
    hint = _address_hint(asked) if moved or nobody_there else ""
    return Reply(
        status=got.status,
        body=body if isinstance(body, Mapping) else None,
        error=f"{asked.host} answered {got.status}: {_shortened(said)}{hint}",
        param=complaint.param,
        code=complaint.code,
        unreachable=moved or nobody_there,
    )


def _address_hint(asked: Endpoint) -> str:
    return f"; asked {asked.url}, is {asked.setting} right?"


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"
