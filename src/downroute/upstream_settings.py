"""`upstreams:` of ``downroute.yaml``: where an API is, how patient to be with it, how often to ask
it again. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from downroute.yamlfile import Strict


def _secret_reference(value: Any) -> str:
    kind, colon, name = str(value).partition(":")
    if kind not in ("env", "file") or not colon or not name:
        raise ValueError(
            "a key is named, not written: use env:VARIABLE or file:PATH (the value is not shown)"
        )
    return str(value)


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError(f"expected a URL that begins with http:// or https://, found {value!r}")
    return value.rstrip("/")


SecretReference = Annotated[str, BeforeValidator(_secret_reference)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Seconds = Annotated[float, Field(gt=0)]


class Timeouts(Strict):
    """Seconds. ``first_byte_s`` counts from the request to the reply's first byte,
    ``between_chunks_s`` is the longest silence after it, ``total_s`` bounds one try. Where one is
    left out, ``timeout_s`` holds; a stream is bounded by its silences, not by a total."""

    connect_s: Seconds = 10.0
    first_byte_s: Seconds | None = None
    between_chunks_s: Seconds | None = None
    total_s: Seconds | None = None


class Retries(Strict):
    """How often the gateway asks again after a failure that nothing can have been billed for, and
    how long it may wait for that at a time."""

    most: int = Field(default=2, ge=0, le=10)
    longest_wait_s: float = Field(default=2.0, ge=0)


class Breaker(Strict):
    """After so many ``failures`` in a row nobody is sent there for ``open_s``; then one request
    finds out whether it works again. ``null`` = never stop."""

    failures: int | None = Field(default=10, ge=1)
    open_s: Seconds = 5.0


class InFlight(Strict):
    """How many calls the gateway has under way there at once (``null`` = without bound), how many
    may wait for their turn, and for how long. By process."""

    most: int | None = Field(default=None, ge=1)
    waiting: int = Field(default=100, ge=0)
    wait_s: Seconds = 10.0


class DeploymentSettings(Strict):
    """One of several places that answer for an upstream. What is left out is as the upstream has
    it. Of all that work each gets its share by ``weight``; one of weight 0 is asked only where
    those fail. ``names``: what models are called there, where that differs."""

    base_url: HttpUrl | None = None
    key: SecretReference | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    weight: float = Field(default=1.0, ge=0)
    names: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment with nothing left out."""

    base_url: str
    key: str | None
    headers: Mapping[str, str]
    weight: float
    names: Mapping[str, str]


class Upstream(Strict):
    """One API that answers, OpenAI-shaped or Anthropic-shaped. ``key_header`` is where its key is
    sent if not where its API expects it. ``concurrency`` bounds how many calls a study keeps in
    flight, ``in_flight`` how many the gateway does."""

    base_url: HttpUrl
    api: Literal["openai", "anthropic"] = "openai"
    key: SecretReference | None = None
    key_header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
    headers: dict[str, str] = Field(default_factory=dict)
    timeout_s: Seconds = 120.0
    concurrency: int = Field(default=16, ge=1, le=1000)
    timeouts: Timeouts = Timeouts.usual()
    retries: Retries = Retries.usual()
    breaker: Breaker = Breaker.usual()
    in_flight: InFlight = InFlight.usual()
    deployments: list[DeploymentSettings] = Field(default_factory=list)

    @model_validator(mode="after")
    def _some_are_asked(self) -> Upstream:
        if self.deployments and not any(d.weight for d in self.deployments):
            raise ValueError("all `deployments` have weight 0, so none would ever be asked")
        return self

    @property
    def places(self) -> tuple[Place, ...]:
        """Where it is asked. A study asks the first one only."""
        if not self.deployments:
            return (Place(self.base_url, self.key, self.headers, 1.0, {}),)
        return tuple(
            Place(
                d.base_url or self.base_url,
                d.key or self.key,
                {**self.headers, **d.headers},
                d.weight,
                d.names,
            )
            for d in self.deployments
        )
