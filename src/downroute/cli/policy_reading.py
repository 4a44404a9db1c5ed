"""The policy file as commands read it, and what it should be looked at for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from downroute.errors import unreadable

if TYPE_CHECKING:
    from downroute.config import Settings
    from downroute.records import Policy
    from downroute.reports.policy_review import Remark


def off_file(policy: Path) -> Path:
    """The file beside the policy that switches it off while it is there."""
    return policy.with_name(f"{policy.name}.off")


def read_policy_file_at(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        PolicyError: there is none, or it is none.
    """
    from downroute.routing.policy import read_policy

    return read_policy(policy_text(path), str(path))


def policy_text(path: Path) -> str:
    """The text of the policy file.

    Raises:
        PolicyError: there is none, or it cannot be read.
    """
    from downroute.errors import PolicyError

    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PolicyError(
            f"{path}: there is no such policy; `downroute study` writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as fault:
        raise PolicyError(f"{path}: cannot be read: {unreadable(fault)}") from None


def remarks_on(policy: Policy, settings: Settings, store: Path | None) -> list[Remark]:
    """What a valid policy should be looked at for, by the log in ``store`` where there is one."""
    from downroute.reports.policy_review import review
    from downroute.store import Store
    from downroute.study.discovery import fingerprint_tasks

    bearers: dict[str, set[str]] = {}
    keyed = any(route.fingerprints for route in policy.routes)
    if keyed and store is not None and (store / "store.db").exists():
        with Store.open(store, create=False) as opened:
            bearers = fingerprint_tasks(opened)

    def homeless(model: str) -> str | None:
        if not settings.upstreams:
            return f"no upstream to ask {model}: add `upstreams:` to downroute.yaml"
        if model not in settings.models and len(settings.upstreams) > 1:
            name, _ = settings.upstream_of(model)
            return (
                f"{model} is not under `models:` in downroute.yaml, so it is asked of the first "
                f"upstream, {name}: add `{model}: {{upstream: NAME}}`"
            )
        return None

    return review(policy, time.time(), homeless=homeless, bearers=bearers)


def located(path: Path, remark: Remark) -> str:
    """A remark with the place of its route and its task."""
    from downroute import yamlfile

    tree = yamlfile.parse(policy_text(path), str(path))
    line, column = yamlfile.position(tree, ["routes", remark.route])
    return f"{path}:{line}:{column}: {tree['routes'][remark.route]['task']}: {remark.words}"
