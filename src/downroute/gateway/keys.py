"""PURE: virtual keys: what one looks like, how it is recognised, what it may be used for.

A key is 256 random bits, so its SHA-256 is as good as a slow hash: there is nothing to guess. It is
found by looking its digest up; how long that takes tells of digests at most, and no digest leads
back to a key.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from downroute.gateway.error_reply import Refusal
from downroute.gateway_settings import KeySettings
from downroute.routing.match import ALIAS, AUTO

PREFIX = "sk-downroute-"
"""By this, keys are known wherever they turn up: to redaction, to scanners of code for secrets, and
to the gateway itself, which lets none of them out to an upstream."""
_NAMES_A_MODEL = frozenset(
    {
        *("/responses", "/embeddings", "/completions", "/moderations", "/rerank"),
        *("/audio/speech", "/images/generations", "/messages/count_tokens"),
    }
)
"""Of the paths that are passed through, those where a body's ``model`` says all that is asked of
which model. Files, batches and the like may come to any model, and are everybody's."""


def new_key() -> str:
    """A key nobody has seen."""
    return f"{PREFIX}{secrets.token_hex(32)}"


def digest_of(token: str) -> bytes:
    """32 bytes."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


@dataclass(frozen=True, slots=True)
class Key:
    """A virtual key in force. ``expires_at`` in Unix seconds. ``tasks`` and ``models`` are ``None``
    where it may be used for any. A task is what the request says or is recognised as; a model is
    what the client asks for: whom a route asks for it is the policy's affair."""

    name: str
    expires_at: float | None = None
    tasks: frozenset[str] | None = None
    models: frozenset[str] | None = None
    requests_per_minute: int | None = None
    revoked: bool = False

    @classmethod
    def of(cls, name: str, settings: KeySettings) -> Key:
        return cls(
            name,
            settings.expires_at,
            None if settings.tasks is None else frozenset(settings.tasks),
            None if settings.models is None else frozenset(settings.models),
            settings.requests_per_minute,
            settings.revoked,
        )

    @property
    def limited(self) -> bool:
        return self.tasks is not None or self.models is not None

    def task(self, declared: str | None, model: str | None) -> str | None:
        """The task a request is declared to be of: a key for one task declares that by itself,
        unless the request says something else."""
        if declared is None and self.tasks is not None and len(self.tasks) == 1:
            named_by_model = model is not None and model.startswith(ALIAS) and model != AUTO
            return None if named_by_model else next(iter(self.tasks))
        return declared

    def lets(self, model: str) -> bool:
        """Whether this model may be asked for."""
        return self.models is None or model in self.models

    def refusal(self, model: str, baseline: str, task: str | None) -> Refusal | None:
        """Why a request that names ``model`` and is taken to be of ``task`` is none for this key.
        A name that leaves the choice to the policy stands for the ``baseline``."""
        alias = model.startswith(ALIAS)
        if not (self.lets(model) or (alias and self.lets(baseline))):
            return self._not_for_model(model)
        if self.tasks is not None and task not in self.tasks:
            return self._not_for_task(task)
        return None

    def refusal_elsewhere(
        self, method: str, path: str, model: str | None, task: str | None
    ) -> Refusal | None:
        """The same of a path that is passed through to an upstream."""
        if not self.limited:
            return None
        if model is None or method != "POST" or path not in _NAMES_A_MODEL:
            message = (
                f"the key '{self.name}' is limited to some tasks or models, and what is asked of "
                f"which model cannot be told at {method} {path}"
            )
            return Refusal(403, message, code="path_not_allowed")
        return self.refusal(model, model, self.task(task, model))

    def _not_for_model(self, model: str) -> Refusal:
        message = (
            f"the key '{self.name}' may not be used for the model '{model}'; it is for "
            f"{_listed(self.models)}"
        )
        return Refusal(403, message, param="model", code="model_not_allowed")

    def _not_for_task(self, task: str | None) -> Refusal:
        allowed = _listed(self.tasks)
        if task is None:
            message = (
                f"the key '{self.name}' is for {allowed}, and this request is of no known task; "
                "name it in the header x-downroute-task"
            )
        else:
            message = f"the key '{self.name}' may not be used for the task '{task}'; it is for "
            message += allowed
        return Refusal(403, message, code="task_not_allowed")


def keys_by_digest(settings: Mapping[str, KeySettings]) -> dict[bytes, Key]:
    return {entry.digest_bytes: Key.of(name, entry) for name, entry in settings.items()}


def _listed(names: frozenset[str] | None) -> str:
    return ", ".join(sorted(names or ()))
