"""Which model a conversation stays on.

After an escalation a conversation goes on with the model that answered. While a model uses tools,
the results of its calls go to the model that made them. In memory, for this process, for so many
conversations and so long as they go on.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from downroute.gateway.headers import Hints
from downroute.gateway.plan import Plan
from downroute.gateway.wire import Body
from downroute.records import Decision, Streaming
from downroute.routing.conversation import (
    first_turns,
    from_model_on,
    goes_on,
    in_tool_loop,
    only,
)

_ESCALATED: Final = Decision.ESCALATED
KEPT_CONVERSATIONS = 50_000
KEPT_S = 3600.0
"""How long after its last request a conversation is remembered."""

Key = tuple[str, str | None]


@dataclass(slots=True)
class _Kept:
    last_at: float
    escalated_to: str | None = None
    answered: str | None = None
    """The model that answered last, where tools are offered."""


class Conversations:
    """``most`` conversations are remembered for ``kept_s`` seconds each."""

    def __init__(self, most: int = KEPT_CONVERSATIONS, kept_s: float = KEPT_S) -> None:
        self._most = most
        self._kept_s = kept_s
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()

    def plan(self, plan: Plan, body: Body, hints: Hints, now: float) -> Plan:
        """``plan`` as the conversation so far, and the way a stream is to be answered, leave it."""
        route = plan.route
        if not plan.routed:
            return plan
        known = self._known(plan, body, hints, now)
        if "tools" in body and in_tool_loop(body):
            model = known.answered if known is not None else None
            model = model or (route.models[-1] if len(route.models) > 1 else None)
            if model is not None:
                reason = f"a tool-calling loop stays on {model}"
                return plan.on(only(route, model), reason)
        if known is not None and known.escalated_to in route.models[1:]:
            stays = from_model_on(route, known.escalated_to)
            reason = f"the conversation stays on {known.escalated_to} after an escalation"
            plan = plan.on(stays, reason)
        return _as_streamed(plan) if body.stream else plan

    def answered(
        self, plan: Plan, body: Body, hints: Hints, model: str, how: Decision, now: float
    ) -> None:
        """``model`` has answered a request."""
        escalated = how is _ESCALATED
        if not plan.routed or not (escalated or "tools" in body):
            return
        key = _key(plan, body, hints)
        kept = self._kept.setdefault(key, _Kept(now))
        kept.last_at = now
        if escalated:
            kept.escalated_to = model
        if "tools" in body:
            kept.answered = model
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def _known(self, plan: Plan, body: Body, hints: Hints, now: float) -> _Kept | None:
        """What is remembered of the conversation, if the request goes on with one: it says so, or
        a model has spoken in it."""
        if not self._kept:
            return None
        if not hints.session and not (body.may_mention(b"assistant") and goes_on(body)):
            return None
        key = _key(plan, body, hints)
        kept = self._kept.get(key)
        if kept is None:
            return None
        if now - kept.last_at > self._kept_s:
            del self._kept[key]
            return None
        kept.last_at = now
        self._kept.move_to_end(key)
        return kept


def _key(plan: Plan, body: Body, hints: Hints) -> Key:
    """One session may go through several tasks, each with models of its own; whoever has another
    key is in another conversation, whatever is said in it."""
    said = f"session {hints.session}" if hints.session else first_turns(body)
    return (said if hints.key is None else f"{hints.key.name} {said}", plan.task)


def _as_streamed(plan: Plan) -> Plan:
    route = plan.route
    if len(route.models) == 1 or route.stream is Streaming.BUFFER:
        return plan
    direct = route.stream is Streaming.DIRECT
    model = route.models[0] if direct else route.models[-1]
    reason = f"streams of this route come {'unchecked' if direct else 'at once'} from {model}"
    return plan.on(only(route, model), reason)
