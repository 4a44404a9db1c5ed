"""What ``downroute doctor`` says of parts that not everybody needs: sandbox, judge, traces."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib.util import find_spec
from urllib.parse import urlsplit

from downroute.cli.doctor_finding import Finding
from downroute.cli.judges import judge_allowed
from downroute.config import Settings
from downroute.scoring.sandbox.command import missing_tools
from downroute.scoring.sandbox.permission import sandbox_starts

_CONNECT_S = 3.0


def sandbox() -> Iterator[Finding]:
    """Whether generated code can be scored here."""
    missing = missing_tools()
    if missing:
        says = f"none: scorers of code need {', '.join(missing)}; install that to use them"
        yield Finding("warn", "sandbox", says)
    elif sandbox_starts():
        yield Finding("ok", "sandbox", "generated code can be scored")
    else:
        yield Finding(
            "warn",
            "sandbox",
            "bubblewrap is installed but does not start here: let it make namespaces "
            "(kernel.unprivileged_userns_clone, or the container's security options)",
        )


def judges(settings: Settings) -> Iterator[Finding]:
    """Whether each configured judge's host may be sent requests and answers."""
    everybody = {settings.judge.model, *(task.judge.model for task in settings.tasks.values())}
    for model in sorted(model for model in everybody if model is not None):
        if not settings.upstreams:
            continue
        upstream = settings.upstream_of(model)[1]
        host = urlsplit(upstream.places[0].base_url).hostname or ""
        if judge_allowed(settings, upstream.places[0].base_url):
            says = f"asked at {host}, which `judge.allow` names"
            yield Finding("ok", f"judge {model}", says)
        else:
            says = f"{host} is not under `judge: {{allow: [{host}]}}`: a study will not ask it"
            yield Finding("warn", f"judge {model}", says)


def traces(settings: Settings) -> Iterator[Finding]:
    """Whether the collector of traces can be sent any."""
    otlp = settings.telemetry.otlp
    if otlp is None:
        return
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        remedy = "pip install 'downroute[otel]'"
        yield Finding("fail", "traces", f"OpenTelemetry is not installed: {remedy}")
        return
    url = urlsplit(otlp)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        socket.create_connection((url.hostname or "", port), _CONNECT_S).close()
    except OSError as fault:
        reason = (fault.strerror or str(fault)).lower()
        says = f"{otlp} cannot be reached ({reason}): calls go on, their traces are dropped"
        yield Finding("warn", "traces", says)
        return
    yield Finding("ok", "traces", f"{otlp}: reachable")
