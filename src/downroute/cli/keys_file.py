"""Keys put into ``downroute.yaml`` and revoked there; comments and all else stay."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from downroute import config, yamlfile
from downroute.errors import ConfigError, UsageError, unreadable
from downroute.plain_yaml import read_plain

Entry = Mapping[str, Any]


def add_key(path: Path, name: str, entry: Entry) -> None:
    """Put a new key's ``entry`` into the settings at ``path``, which are made if absent.

    Raises:
        UsageError: there is one of that name.
        ConfigError: the file is faulty, or cannot be written.
    """

    def change(tree: CommentedMap) -> None:
        keys = _block(_block(tree, "gateway"), "keys")
        if name in keys:
            was = " (revoked)" if keys[name].get("revoked") else ""
            raise UsageError(
                f"{path}: there is a key '{name}' already{was}; calls are logged by that name, so "
                "take another"
            )
        keys[_quoted(name)] = _as_block(entry)

    _rewrite(path, change)


def revoke_key(path: Path, name: str) -> bool:
    """Mark a key as revoked; whether it was not before.

    Raises:
        UsageError: there is none of that name.
        ConfigError: the file is faulty, or cannot be written.
    """
    changed = False

    def change(tree: CommentedMap) -> None:
        nonlocal changed
        keys = (tree.get("gateway") or {}).get("keys") or {}
        if name not in keys:
            known = ", ".join(keys) or "none"
            raise UsageError(f"{path}: there is no key '{name}' (there: {known})")
        changed = not keys[name].get("revoked")
        keys[name]["revoked"] = True

    _rewrite(path, change)
    return changed


def as_text(name: str, entry: Entry) -> str:
    """The entry as it would stand in the settings."""
    tree = CommentedMap()
    _block(_block(tree, "gateway"), "keys")[_quoted(name)] = _as_block(entry)
    return yamlfile.dump(tree)


def _rewrite(path: Path, change: Callable[[CommentedMap], None]) -> None:
    """Whole or not at all: a gateway may be reading the file this moment."""
    path = path.resolve()  # a link stays one
    with _alone(path.parent):
        text = _read(path)
        config.parse(text, str(path))
        tree = yamlfile.parse(text, str(path))
        # Comments belong to what they stand beside; where there is nothing, they belong to nobody.
        lines = text.splitlines()
        kept = lines if all(line.strip()[:1] in ("", "#") for line in lines) else []
        change(tree)
        changed = "".join(f"{line}\n" for line in kept) + yamlfile.dump(tree)
        config.parse(changed, str(path))
        if changed != text:
            _write(path, changed)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path}: cannot be read: {unreadable(fault)}") from None


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with suppress(FileNotFoundError):
            there = path.stat()
            draft.touch(mode=0o600)
            with suppress(PermissionError):
                os.chown(draft, there.st_uid, there.st_gid)
            draft.chmod(there.st_mode & 0o777)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as fault:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ConfigError(
            f"{path}: cannot be written ({fault.strerror}); `downroute keys create NAME --print` "
            "shows what to put there and changes nothing"
        ) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One change of a file in ``folder`` at a time, or the second would undo the first."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as fault:
        raise ConfigError(f"{folder}: cannot be opened ({fault.strerror})") from None
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _block(tree: CommentedMap, key: str) -> CommentedMap:
    if not isinstance(tree.get(key), CommentedMap):
        tree[key] = CommentedMap()
    found: CommentedMap = tree[key]
    found.fa.set_block_style()
    return found


def _as_block(entry: Entry) -> CommentedMap:
    block = CommentedMap()
    for key, value in entry.items():
        if isinstance(value, list):
            block[key] = CommentedSeq(map(_quoted, value))
            block[key].fa.set_flow_style()
        else:
            block[key] = value
    return block


def _quoted(word: str) -> str:
    """``word`` with quotes where `plain_yaml` does not read it without them, one that begins like a
    number, or `no`: for one such word all settings would be read slowly."""
    if "'" in word or read_plain(f"{word}: [{word}]\n") == {word: [word]}:
        return word
    quoted: str = SingleQuotedScalarString(word)
    return quoted
