"""Asking upstreams for their lists of models: are they there, do they take the key?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from downroute.config import Settings, read_secret
from downroute.errors import ConfigError
from downroute.providers.endpoint import endpoint
from downroute.records import Json
from downroute.upstream_settings import Place, Upstream

TIMEOUT_S = 5.0
LONGEST_LIST = 16 * 2**20
_BY_BADNESS = ("ok", "warn", "fail")


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """``state`` is ok, warn or fail. ``models`` are those it lists; empty where it lists none."""

    state: str
    says: str
    models: frozenset[str] = frozenset()


Upstreams = Mapping[str, UpstreamAnswer]


def ask_upstreams(settings: Settings) -> Upstreams:
    """What each configured upstream answers to ``GET …/models``, all asked at once."""
    if not settings.upstreams:
        return {}
    return asyncio.run(_ask_all(settings))


async def _ask_all(settings: Settings) -> Upstreams:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=True) as session:
        names = list(settings.upstreams)
        answers = await asyncio.gather(
            *(_ask_everywhere(session, name, settings.upstreams[name]) for name in names)
        )
    return dict(zip(names, answers, strict=True))


async def _ask_everywhere(
    session: aiohttp.ClientSession, name: str, upstream: Upstream
) -> UpstreamAnswer:
    """What all deployments answer: as bad as the worst of them."""
    answers = await asyncio.gather(*(_ask(session, name, place) for place in upstream.places))
    return UpstreamAnswer(
        max((answer.state for answer in answers), key=_BY_BADNESS.index),
        "; ".join(answer.says for answer in answers),
        frozenset().union(*(answer.models for answer in answers)),
    )


async def _ask(session: aiohttp.ClientSession, name: str, place: Place) -> UpstreamAnswer:
    try:
        where = endpoint(place.base_url, f"upstreams.{name}.base_url")
        key = read_secret(place.key)
    except ConfigError as fault:
        return UpstreamAnswer("fail", str(fault))
    headers = dict(place.headers)
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    keyed = "no key" if place.key is None else f"key {place.key} present"
    begun = time.perf_counter()
    try:
        async with session.get(f"{where.base}/models", headers=headers) as reply:
            body = await reply.content.read(LONGEST_LIST)
    except TimeoutError:
        return UpstreamAnswer("fail", f"{where.base}: no answer within {TIMEOUT_S:g} s; {keyed}")
    except (aiohttp.ClientError, OSError, ValueError) as fault:
        return UpstreamAnswer("fail", f"{where.base}: not reachable ({_plain(fault)}); {keyed}")
    took = f"{(time.perf_counter() - begun) * 1000:.0f} ms"
    return _judged(where.base, reply.status, _model_ids(body), f"{took}; {keyed}")


def _judged(base: str, status: int, models: frozenset[str], further: str) -> UpstreamAnswer:
    if status == 200:
        listed = f"{len(models):,} models" if models else "lists no models"
        return UpstreamAnswer("ok", f"{base}: reachable, {listed}, {further}", models)
    if status in (401, 403):
        return UpstreamAnswer("fail", f"{base}: refuses the key (HTTP {status}); {further}")
    if status in (404, 405, 501):
        return UpstreamAnswer(
            "ok", f"{base}: reachable, has no list of models (HTTP {status}), {further}"
        )
    return UpstreamAnswer("warn", f"{base}: answers HTTP {status}, {further}")


def _model_ids(body: bytes) -> frozenset[str]:
    import json

    try:
        listed: Json = json.loads(body)
    except (ValueError, RecursionError):
        return frozenset()
    data = listed.get("data") if isinstance(listed, dict) else None
    entries = data if isinstance(data, list) else []
    return frozenset(
        e["id"] for e in entries if isinstance(e, dict) and isinstance(e.get("id"), str)
    )


def _plain(fault: Exception) -> str:
    return " ".join(str(fault).split()) or type(fault).__name__
