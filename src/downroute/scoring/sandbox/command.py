"""The command that starts a Python program inside the sandbox, or bare where that is allowed.

Started by root, as in most containers, bubblewrap sets up the mounts with root's rights and the
program gets a user id that nobody has; no user namespace is needed, in which that id would be
root's again for the kernel. Started by anybody else, a user namespace makes the program nobody.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from downroute.scoring.sandbox.limits import MB, Limits

FIRST_UID, UIDS = 60_710, 400
"""User ids that neither distributions nor systemd give to anybody."""

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",  # noqa: S108
    "LANG": "C.UTF-8",
    # A thread per core costs more than it brings, and counts as a process.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""All that a program sees of the environment: no key, no name."""

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib64", "/lib32")
_SETTINGS = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")


def missing_tools() -> list[str]:
    """The packages to be installed before anything can run in a sandbox."""
    if not sys.platform.startswith("linux"):
        return ["a Linux system"]
    needed = {"bwrap": "bubblewrap", "prlimit": "util-linux", "setpriv": "util-linux"}
    return sorted({package for tool, package in needed.items() if shutil.which(tool) is None})


def sandboxed(python: Sequence[str], limits: Limits, uid: int, seccomp_fd: int | None) -> list[str]:
    """``python`` (the interpreter's arguments) inside the sandbox."""
    as_root = os.geteuid() == 0
    command = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    command += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if as_root:
        for capability in ("SETUID", "SETGID", "SETPCAP"):
            command += ["--cap-add", f"CAP_{capability}"]
    else:
        command += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    command += _mounts(limits)
    if seccomp_fd is not None:
        command += ["--seccomp", str(seccomp_fd)]
    command += ["--", *_prlimit(limits)]
    if as_root:
        command += ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
        command += ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]
    return [*command, _interpreter(), *python]


def bare(python: Sequence[str], limits: Limits) -> list[str]:
    """``python`` without a sandbox, with what limits there are."""
    limited = _prlimit(limits, processes=False) if shutil.which("prlimit") else []
    return [*limited, _interpreter(), *python]


def package_folders() -> list[str]:
    """Where the packages of this interpreter are, so that programs may import them."""
    found = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    return sorted(path for path in found if path and Path(path).is_dir())


def _interpreter() -> str:
    # A virtual environment's python is a link into the prefix that is mounted.
    return str(Path(sys.executable).resolve())


def _mounts(limits: Limits) -> list[str]:
    mounts = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            mounts += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            mounts += ["--ro-bind", name, name]
    for name in _SETTINGS:
        mounts += ["--ro-bind-try", name, name]
    mounts += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    mounts += ["--size", str(limits.tmp_mb * MB), "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108
    # After the empty /tmp, which would hide an environment that was made there.
    for folder in _outside_usr([sys.base_prefix, *package_folders()]):
        # bubblewrap makes folders on the way for its own eyes only.
        for parent in reversed(folder.parents[:-1]):
            mounts += ["--perms", "0755", "--dir", str(parent)]
        mounts += ["--ro-bind", str(folder), str(folder)]
    return [*mounts, "--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108


def _outside_usr(folders: Sequence[str]) -> list[Path]:
    """``folders`` that are not mounted with ``/usr`` or with one another."""
    found: list[Path] = []
    for folder in (Path(f) for f in folders):
        if not any(folder.is_relative_to(there) for there in (Path("/usr"), *found)):
            found.append(folder)
    return found


def _prlimit(limits: Limits, *, processes: bool = True) -> list[str]:
    command = ["prlimit", "--core=0", f"--cpu={limits.cpu_s}", f"--as={limits.memory_mb * MB}"]
    command += [f"--fsize={limits.file_mb * MB}", f"--nofile={limits.open_files}"]
    if processes:
        command.append(f"--nproc={limits.processes}")
    return [*command, "--"]
