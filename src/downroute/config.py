"""``downroute.yaml`` → `Settings`: upstreams, which model lives where, prices, store, privacy.

Everything has a default, so the file may be absent. Secrets are named (``env:NAME`` or
``file:PATH``), never written; they are read at the moment they are used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from downroute import yamlfile
from downroute.errors import ConfigError, unreadable
from downroute.gateway_settings import GatewaySettings
from downroute.store_settings import Keep, LogSettings, StoreSettings
from downroute.upstream_settings import HttpUrl, Upstream
from downroute.yamlfile import Strict

DEFAULT_PATH = Path("downroute.yaml")


def _day(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


Day = Annotated[str, BeforeValidator(_day)]
Share = Annotated[float, Field(gt=0, lt=1)]
Excess = Annotated[float, Field(ge=0, lt=1)]


class ModelSettings(Strict):
    """Where a model lives and how requests are adapted to it, in this order: ``drop`` removes
    parameters, ``rename`` moves them to another name, ``set`` overwrites or adds them. ``name``
    is what the upstream calls it."""

    upstream: str | None = None
    name: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    rename: dict[str, str] = Field(default_factory=dict)
    drop: list[str] = Field(default_factory=list)


class Price(Strict):
    """USD per million tokens (``web_search``: per thousand searches), with where and when it was
    read."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    cache_write: float | None = Field(default=None, ge=0)
    cache_write_1h: float | None = Field(default=None, ge=0)
    audio_input: float | None = Field(default=None, ge=0)
    audio_output: float | None = Field(default=None, ge=0)
    web_search: float | None = Field(default=None, ge=0)
    source: str = "downroute.yaml"
    date: Day | None = None


class JudgeSettings(Strict):
    """The model that judges where a scorer asks for one. Requests and answers are sent to it only
    if ``allow`` names its upstream's host. ``repeats`` is the share of pairs judged twice, for the
    judge's noise; ``labels`` the fewest labels by people before what it says is read."""

    model: str | None = None
    rubric: str | None = None
    allow: list[str] = Field(default_factory=list)
    repeats: float = Field(default=0.1, ge=0, le=1)
    labels: int = Field(default=50, ge=50)


class TaskJudge(Strict):
    """What a task's judge has of its own; the rest is as under ``judge``. Its rubric is the
    task's."""

    model: str | None = None
    repeats: float | None = Field(default=None, ge=0, le=1)
    labels: int | None = Field(default=None, ge=50)


class GuardrailSettings(Strict):
    """How much more often than the baseline a candidate may have a fault, as a share of answers;
    ``null`` switches a guardrail off."""

    refusals: Excess | None = 0.02
    schema_failures: Excess | None = 0.02
    truncations: Excess | None = 0.02


class TaskSettings(Strict):
    """What one task asks for besides the defaults. ``scorer`` is a name or ``{name: options}``;
    ``rubric`` says in words what a good answer is, to whoever grades, people or judge."""

    scorer: str | dict[str, Any] | None = None
    margin: Share | None = None
    judge: TaskJudge = TaskJudge.usual()
    rubric: str | None = None
    failed_call: Literal["unscored", "fail"] = "unscored"
    """What a call is that never came through, after all retries."""
    guardrails: GuardrailSettings = GuardrailSettings.usual()
    bodies: Keep | None = None
    """What the gateway keeps of what is said in it; else as ``store.bodies``."""


class ServeSettings(Strict):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    timeout_s: float = Field(default=600.0, gt=0)
    """The longest a reply may take, all attempts together."""
    heartbeat_s: float = Field(default=5.0, gt=0)
    """How often a buffered stream sends a comment so that nobody hangs up."""


class TelemetrySettings(Strict):
    """Where traces go; nowhere unless a collector is named. Its credentials, where it wants any,
    come from OpenTelemetry's own OTEL_EXPORTER_OTLP_HEADERS."""

    otlp: HttpUrl | None = None
    sample: float = Field(default=1.0, ge=0, le=1)
    service: str = "downroute"


class Settings(Strict):
    """All of ``downroute.yaml``."""

    upstreams: dict[str, Upstream] = Field(default_factory=dict)
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    prices: dict[str, Price] = Field(default_factory=dict)
    store: StoreSettings = StoreSettings.usual()
    log: LogSettings = LogSettings.usual()
    serve: ServeSettings = ServeSettings.usual()
    gateway: GatewaySettings = GatewaySettings.usual()
    telemetry: TelemetrySettings = TelemetrySettings.usual()
    tasks: dict[str, TaskSettings] = Field(default_factory=dict)
    judge: JudgeSettings = JudgeSettings.usual()
    policy: Path = Path("policy.yaml")
    margin: Share = 0.05
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    examples: int = Field(default=500, ge=20)
    budget_usd: float | None = Field(default=None, ge=0)

    def upstream_of(self, model: str) -> tuple[str, Upstream]:
        """The name and settings of the upstream where ``model`` lives: the one its entry names,
        else the first one of the file.

        Raises:
            ConfigError: there is no upstream at all.
        """
        named = self.models[model].upstream if model in self.models else None
        if named is not None:
            return named, self.upstreams[named]
        for name, upstream in self.upstreams.items():
            return name, upstream
        raise ConfigError(
            f"no upstream to ask '{model}': add `upstreams: {{NAME: {{base_url: URL, key: "
            "env:VARIABLE}}` to downroute.yaml or pass --upstream URL"
        )

    def judge_of(self, task: str) -> JudgeSettings:
        """The judge of ``task``: its own settings over those of all."""
        own = self.tasks.get(task, TaskSettings())
        rubric = {} if own.rubric is None else {"rubric": own.rubric}
        given = own.judge.model_dump(exclude_none=True)
        return self.judge.model_copy(update={**rubric, **given})

    def with_judge(self, model: str | None, allow: Sequence[str]) -> Settings:
        """These settings with the command line's judge, and the hosts it allows on top."""
        own = {} if model is None else {"model": model}
        judge = self.judge.model_copy(update={**own, "allow": [*self.judge.allow, *allow]})
        return self.model_copy(update={"judge": judge})

    def task(self, name: str) -> TaskSettings:
        return self.tasks.get(name, _AS_ANY_TASK)

    def model(self, name: str) -> ModelSettings:
        return self.models.get(name, _AS_IT_COMES)


_AS_IT_COMES = ModelSettings.usual()
_AS_ANY_TASK = TaskSettings.usual()


def load(path: Path | None = None, *, upstream: str | None = None) -> Settings:
    """The settings in ``path``; defaults where it is ``None`` and ``downroute.yaml`` is absent.

    ``upstream`` is a URL that stands in for every upstream of the file (``--upstream``); models
    keep their parameter settings. Relative paths in the file start at its folder.

    Raises:
        ConfigError: unreadable, not YAML, an unknown key, a wrong value; with file:line:column.
    """
    file = path or DEFAULT_PATH
    settings = Settings()
    if path is not None or file.exists():
        settings = parse(_read(file), str(file))
        settings = _anchored(settings, file.parent)
    if upstream is not None:
        try:
            only = Upstream(base_url=upstream)
        except ValueError:
            raise ConfigError(
                f"--upstream: {upstream!r} is no URL; it begins with http:// or https://"
            ) from None
        models = {n: m.model_copy(update={"upstream": None}) for n, m in settings.models.items()}
        settings = settings.model_copy(update={"upstreams": {"upstream": only}, "models": models})
    return settings


def parse(text: str, name: str) -> Settings:
    """``text`` as settings. ``name`` stands in error messages.

    Raises:
        ConfigError: with ``name:line:column`` for every fault.
    """
    settings = yamlfile.read(text, name, Settings)
    for model, entry in settings.models.items():
        if entry.upstream is not None and entry.upstream not in settings.upstreams:
            tree = yamlfile.parse(text, name)
            line, column = yamlfile.position(tree, ["models", model, "upstream"])
            known = ", ".join(settings.upstreams) or "none"
            raise ConfigError(
                f"{name}:{line}:{column}: model '{model}' names upstream '{entry.upstream}', "
                f"which is not under `upstreams:` (there: {known})"
            )
    return settings


def read_secret(reference: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The secret a reference names; ``None`` for no reference.

    Raises:
        ConfigError: the variable is not set or the file cannot be read; names it, shows nothing.
    """
    if reference is None:
        return None
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = environment.get(name, "").strip()
        if not value:
            raise ConfigError(f"{name} is not set in the environment; export it ({reference})")
        return value
    try:
        value = Path(name).expanduser().read_text(encoding="utf-8").strip()
    except OSError as fault:
        raise ConfigError(f"cannot read the key file {name}: {fault.strerror}") from None
    if not value:
        raise ConfigError(f"the key file {name} is empty")
    return value


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{file}: there is no such file; leave out --config or write it"
        ) from None
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{file}: cannot be read: {unreadable(fault)}") from None


def _anchored(settings: Settings, folder: Path) -> Settings:
    store = settings.store.model_copy(update={"path": folder / settings.store.path})
    upstreams = {
        name: upstream.model_copy(
            update={
                "key": _anchored_key(upstream.key, folder),
                "deployments": [
                    d.model_copy(update={"key": _anchored_key(d.key, folder)})
                    for d in upstream.deployments
                ],
            }
        )
        for name, upstream in settings.upstreams.items()
    }
    admin = {"admin_key": _anchored_key(settings.gateway.admin_key, folder)}
    changed = {"store": store, "policy": folder / settings.policy, "upstreams": upstreams}
    changed["gateway"] = settings.gateway.model_copy(update=admin)
    return settings.model_copy(update=changed)


def _anchored_key(reference: str | None, folder: Path) -> str | None:
    kind, _, name = (reference or "").partition(":")
    return f"file:{folder / Path(name).expanduser()}" if kind == "file" else reference
