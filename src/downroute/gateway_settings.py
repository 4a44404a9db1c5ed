"""`gateway:` of ``downroute.yaml``: who may use the gateway, how much, for what. Pure values.

A key itself never stands here, only its digest: whoever reads the file cannot use it.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from downroute.upstream_settings import SecretReference
from downroute.yamlfile import Strict

KEY_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError(
            "expected `sha256:` and 64 hexadecimal digits, as `downroute keys create` writes them "
            "(the value is not shown)"
        )
    return value


def _instant(value: Any) -> str:
    """A day, which begins at 00:00 UTC, or an instant, as ISO 8601; one without zone is UTC."""
    if isinstance(value, date):
        value = value.isoformat()
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(
            f"{value!r} is no day or time; write 2027-01-31 or '2027-01-31T12:00:00Z'"
        ) from None
    return str(value)


def _named(values: list[str]) -> list[str]:
    if not values or not all(values):
        raise ValueError("an empty list or name allows nothing; leave it out to allow everything")
    return values


Digest = Annotated[str, BeforeValidator(_digest)]
Instant = Annotated[str, BeforeValidator(_instant)]
Names = Annotated[list[str], AfterValidator(_named)]
HostName = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?)$")]
KeyName = Annotated[str, Field(pattern=KEY_NAME)]


class KeySettings(Strict):
    """A virtual key. ``digest`` is the SHA-256 of the key. It stops working at ``expires``, and at
    once where it is ``revoked``; such an entry stays, so that its name, which stands in the log,
    is not given away again. ``tasks`` and ``models`` are what it may be used for."""

    digest: Digest
    created: Instant | None = None
    expires: Instant | None = None
    tasks: Names | None = None
    models: Names | None = None
    requests_per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    revoked: bool = False

    @property
    def digest_bytes(self) -> bytes:
        return bytes.fromhex(self.digest.removeprefix("sha256:"))

    @property
    def expires_at(self) -> float | None:
        """Unix seconds."""
        if self.expires is None:
            return None
        instant = datetime.fromisoformat(self.expires)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


class GatewaySettings(Strict):
    """Without any ``keys`` nobody is asked for one. ``admin_key`` is for what tells about the
    gateway as a whole; it asks no models. ``hosts`` are public names by which a gateway without
    keys may be addressed on loopback; ``*`` = any."""

    admin_key: SecretReference | None = None
    hosts: list[HostName] = Field(default_factory=list)
    keys: dict[KeyName, KeySettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _told_apart(self) -> GatewaySettings:
        seen: dict[str, str] = {}
        for name, key in self.keys.items():
            if key.digest in seen:
                raise ValueError(f"`keys` {seen[key.digest]} and {name} have the same digest")
            seen[key.digest] = name
        return self
