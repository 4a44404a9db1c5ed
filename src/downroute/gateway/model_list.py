"""GET /v1/models: the configured models and the gateway's own; without any, the upstream's list."""

from __future__ import annotations

from urllib.parse import quote

from downroute.gateway import json_text
from downroute.gateway.destinations import Destinations
from downroute.gateway.error_reply import UPSTREAM, Refusal
from downroute.gateway.headers import split, to_client
from downroute.gateway.keys import Key
from downroute.gateway.message import JSON_TYPE, Reply, Request, path_and_query
from downroute.gateway.upstream import Fault, NoReplyError, UpstreamClient
from downroute.records import Json
from downroute.routing.match import AUTO

_OWN = {AUTO: "downroute"}


class ModelList:
    def __init__(self, client: UpstreamClient, destinations: Destinations) -> None:
        self._client = client
        self._destinations = destinations

    async def reply(self, request: Request) -> Reply:
        listed = self._entries(request.key)
        if listed is None:
            return await self._pass_on(request, "/models")
        entries = [_entry(name, owner) for name, owner in listed.items()]
        return _json({"object": "list", "data": entries})

    async def one(self, request: Request, model: str) -> Reply:
        """One entry of the list."""
        listed = self._entries(request.key)
        if listed is None and model != AUTO:
            # Its slashes are the name's own; all else might not be fit for a URL.
            return await self._pass_on(request, f"/models/{quote(model, safe='/:')}")
        owner = _OWN.get(model) if listed is None else listed.get(model)
        if owner is None:
            message = f"the model '{model}' is not configured here; GET /v1/models lists those"
            return Refusal(404, message, param="model", code="model_not_found").reply()
        return _json(_entry(model, owner))

    def _entries(self, key: Key | None) -> dict[str, str] | None:
        """Models that ``key`` may ask for, with their upstreams; ``None`` where the upstream's own
        list says it."""
        configured = self._destinations.models
        if key is not None and key.models is not None:
            of = self._destinations.of
            names = configured or {m: of(m)[0].name for m in sorted(key.models) if m != AUTO}
            return {m: owner for m, owner in {**names, **_OWN}.items() if key.lets(m) or m == AUTO}
        return {**configured, **_OWN} if configured else None

    async def _pass_on(self, request: Request, path: str) -> Reply:
        address = self._destinations.default
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
            if reply.status >= 300:
                keys = self._destinations.own_keys
                body, headers = keys.masked(body), list(keys.masked_headers(headers))
            return Reply(reply.status, headers, body)
        except NoReplyError as fault:
            status = 504 if fault.fault is Fault.TIMEOUT else 502
            return Refusal(status, f"{address.upstream}: {fault}", UPSTREAM).reply()


def _entry(name: str, owner: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}


def _json(value: Json) -> Reply:
    return Reply(200, (JSON_TYPE,), json_text.encode(value))
