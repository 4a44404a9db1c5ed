"""GET /v1/models: the configured models and the gateway's own; without any, the upstream's list."""

from __future__ import annotations

from urllib.parse import quote

from downroute.gateway import json_text
from downroute.gateway.destinations import Destinations
from downroute.gateway.error_reply import UPSTREAM, Refusal
from downroute.gateway.headers import split, to_client
from downroute.gateway.message import JSON_TYPE, Reply, Request, path_and_query
from downroute.gateway.own_keys import is_answer
from downroute.gateway.refused import refused
from downroute.gateway.upstream import Fault, NoReplyError, UpstreamClient
from downroute.gateway.upstreams.address import ANTHROPIC
from downroute.records import Json
from downroute.routing.match import AUTO

_OWN = {AUTO: "downroute"}


class ModelList:
    """In the shape of the API that the client speaks, as it says by naming a version of it."""

    def __init__(self, client: UpstreamClient, destinations: Destinations) -> None:
        self._client = client
        self._destinations = destinations

    async def reply(self, request: Request) -> Reply:
        listed = self._entries(request)
        if listed is None:
            return await self._pass_on(request, "/models")
        if not _is_anthropic(request):
            entries = [_entry(name, owner) for name, owner in listed.items()]
            return _json({"object": "list", "data": entries})
        names = list(listed)
        entries = [_anthropic_entry(name) for name in names]
        ends = {"first_id": names[0], "last_id": names[-1]}
        return _json({"data": entries, "has_more": False, **ends})

    async def one(self, request: Request, model: str) -> Reply:
        """One entry of the list."""
        listed = self._entries(request)
        if listed is None and model != AUTO:
            # Its slashes are the name's own; all else might not be fit for a URL.
            return await self._pass_on(request, f"/models/{quote(model, safe='/:')}")
        owner = _OWN.get(model) if listed is None else listed.get(model)
        if owner is None:
            message = f"the model '{model}' is not configured here; GET /v1/models lists those"
            refusal = Refusal(404, message, param="model", code="model_not_found")
            return refused(request, refusal)
        return _json(_anthropic_entry(model) if _is_anthropic(request) else _entry(model, owner))

    def _entries(self, request: Request) -> dict[str, str] | None:
        """Models that the client may ask for, with their upstreams; ``None`` where the upstream's
        own list says it. Of Anthropic's clients nobody can ask for those of another shape."""
        configured, key, of = self._destinations.models, request.key, self._destinations.of
        if key is not None and key.models is not None:
            names = configured or {m: of(m)[0].name for m in sorted(key.models) if m != AUTO}
            configured = {m: owner for m, owner in names.items() if key.lets(m)}
        elif not configured:
            return None
        if _is_anthropic(request):
            configured = {m: o for m, o in configured.items() if of(m)[0].api == ANTHROPIC}
        return {**configured, **_OWN}

    async def _pass_on(self, request: Request, path: str) -> Reply:
        pool, _ = self._destinations.for_path(None, anthropic=_is_anthropic(request))
        address = pool.first
        url = address.url(path, path_and_query(request.target)[1])
        _, onward = split(request.headers, request.key)
        try:
            reply = await self._client.send(
                "GET",
                url,
                address.sent(onward),
                b"",
                address.plain,
            )
            body, headers = await reply.read(), to_client(reply.headers)
            keys = self._destinations.own_keys
            if reply.status >= 300 or not is_answer(body):
                body, headers = keys.masked(body), list(keys.masked_headers(headers))
            return Reply(reply.status, headers, body)
        except NoReplyError as fault:
            status = 504 if fault.fault is Fault.TIMEOUT else 502
            return refused(request, Refusal(status, f"{address.upstream}: {fault}", UPSTREAM))


def _is_anthropic(request: Request) -> bool:
    return any(name == "anthropic-version" for name, _ in request.headers)


def _entry(name: str, owner: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}


def _anthropic_entry(name: str) -> Json:
    """https://docs.anthropic.com/en/api/models-list: a time that is not known is the epoch."""
    return {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"}


def _json(value: Json) -> Reply:
    return Reply(200, (JSON_TYPE,), json_text.encode(value))
