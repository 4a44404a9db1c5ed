"""Hostile programs in the real sandbox."""

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import pytest

from downroute.scoring.sandbox.command import package_folders
from downroute.scoring.sandbox.limits import Ended, Limits
from downroute.scoring.sandbox.run import run_program

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

SHORT = Limits(wall_s=2)


def run(program, limits=SHORT, **kwargs):
    return run_program({"program": program, "entry_point": None, "calls": []}, limits, **kwargs)


def printed(program):
    result = run(program)
    assert result.ended is Ended.FINISHED, result
    return result.stdout.strip()


def value_of(program):
    """What ``program`` leaves in ``result``, as JSON that it prints."""
    return json.loads(printed(f"import json, os\n{program}\nprint(json.dumps(result))"))


def attempt(statement):
    """The name of what stops ``statement``, "done" if nothing does."""
    return printed(f"try:\n    {statement}\n    print('done')\nexcept BaseException as f:\n    "
                   "print(type(f).__name__)")  # fmt: skip


def processes_with(mark):
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "cmdline").read_text():
                found.append(int(folder.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def test_a_program_reads_its_input_and_prints():
    assert run("print(input()[::-1])", stdin="abc\n").stdout == "cba\n"


def test_a_program_is_nobody_and_cannot_become_root_again():
    lines = value_of("result = open('/proc/self/status').read()").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
    assert {status[f"Cap{kind}"].strip("0") for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {""}
    assert status["NoNewPrivs"] == "1"
    assert attempt("__import__('os').setuid(0)") == "PermissionError"
    unshare = "import ctypes\nresult = ctypes.CDLL(None, use_errno=True).unshare(0x10000000)"
    assert value_of(unshare) == -1


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.access("/usr/bin/python3", os.X_OK),
    reason="only root can become somebody else, who needs a Python of the system's",
)
def test_started_by_somebody_who_is_not_root_it_is_nobody_too():
    package = Path(__file__).resolve().parents[3] / "src"
    started = f"""
import sys
sys.path.insert(0, {str(package)!r})
from downroute.scoring.sandbox.limits import Limits
from downroute.scoring.sandbox.run import run_program
program = '''
import os
n = 0
try:
    while n < 500 and os.fork():
        n += 1
except OSError:
    pass
else:
    import time
    time.sleep(5)
status = dict(l.split(":") for l in open("/proc/self/status") if ":" in l and l.count(":") == 1)
print(os.getuid(), n < 100, status["CapEff"].strip(), status["NoNewPrivs"].strip())
'''
run = run_program({{"program": program, "entry_point": None, "calls": []}}, Limits())
print(run.ended, run.why, run.stdout)
"""
    done = subprocess.run(
        ["/usr/bin/python3", "-c", started],
        user=1000, group=1000, extra_groups=[], cwd="/", env={"PATH": "/usr/bin:/bin"},
        capture_output=True, text=True,
    )  # fmt: skip
    if "ModuleNotFoundError" in done.stderr or "SyntaxError" in done.stderr:
        pytest.skip("the checkout is out of their reach")
    assert "finished" in done.stdout and "65534 True 0000000000000000 1" in done.stdout, done


def test_packages_of_an_environment_that_was_made_in_tmp_are_there(monkeypatch):
    get_path = sysconfig.get_path
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        packages = Path(folder, "lib")
        packages.mkdir()
        Path(packages, "made_in_tmp.py").write_text("WORD = 'found'")
        Path(folder).chmod(0o755)
        Path(folder, "secret").write_text("secret")
        monkeypatch.setattr(
            sysconfig,
            "get_path",
            lambda name: str(packages) if name == "platlib" else get_path(name),
        )
        assert printed("import made_in_tmp\nprint(made_in_tmp.WORD)") == "found"
        for path, mode in ((packages / "made_in_tmp.py", "w"), (Path(folder, "secret"), "r")):
            assert attempt(f"open({str(path)!r}, {mode!r})") in ("OSError", "FileNotFoundError")
        assert printed("open('/tmp/own', 'w').write('x')\nprint(open('/tmp/own').read())") == "x"


def test_files_outside_are_not_there(tmp_path):
    secret = tmp_path / "store.sqlite"
    secret.write_text("secret")
    for path in (
        secret,
        Path.home() / ".ssh",
        "/etc/shadow",
        "/etc/passwd",
        "/sys",
        "/proc/1/root",
    ):
        stopped = attempt(f"open({str(path)!r}).read()")
        assert stopped in ("FileNotFoundError", "PermissionError"), path
    assert "secret" not in printed("import os\nprint(dict(os.environ))")


def test_the_environment_holds_nothing_of_ours(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    seen = printed("import os\nprint(dict(os.environ))\nprint(open('/proc/self/environ').read())")
    assert "sk-test" not in seen and "OPENAI" not in seen


def test_nothing_outside_its_own_tmp_can_be_written():
    for path in ("/x", "/usr/x", "/dev/shm/x", "/var/x", "/home/x", f"{Path.home()}/x", "/proc/x"):
        assert attempt(f"open({path!r}, 'w')") in (
            "OSError",
            "FileNotFoundError",
            "PermissionError",
        )
    assert attempt("open('/tmp/x', 'w').write('mine')") == "done"
    mounted = [Path(folder) for folder in (sys.base_prefix, *package_folders())]
    there = {folder.parts[2] for folder in mounted if folder.is_relative_to("/tmp")}
    assert set(value_of("result = os.listdir('/tmp')")) == there


def test_what_it_writes_is_limited():
    assert attempt("open('/tmp/x', 'wb').write(bytes(17 * 2**20))") == "OSError"
    fill = "[open(f'/tmp/{n}', 'wb').write(bytes(2**23)) for n in range(9)]"
    assert attempt(fill) == "OSError"


def test_there_is_no_network():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"__import__('socket').create_connection(('127.0.0.1', {port}), 1)"
        assert attempt(connect) == "PermissionError"
    for family in ("AF_INET6", "AF_VSOCK", "AF_NETLINK"):
        assert attempt(f"s = __import__('socket'); s.socket(s.{family}, s.SOCK_STREAM)") in (
            "PermissionError", "OSError",
        )  # fmt: skip


def test_a_fork_bomb_ends_with_the_wall_clock():
    before = time.monotonic()
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    assert run(bomb, Limits(wall_s=1)).ended is Ended.TIMEOUT
    assert time.monotonic() - before < 5


def test_forks_are_limited():
    count = """
n = 0
import time
try:
    while n < 500:
        if os.fork() == 0:
            time.sleep(5)
        n += 1
except OSError:
    pass
result = n
"""
    assert 5 < value_of(count) < 100


def test_two_gigabytes_are_out_of_memory():
    assert attempt("bytearray(2 * 2**30)") == "MemoryError"
    shared = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        kept = b"x" * 300_000_000
        time.sleep(9)
time.sleep(9)
"""
    assert run(shared, Limits(wall_s=5)).ended is Ended.OUT_OF_MEMORY


def test_an_infinite_loop_is_stopped_by_the_clock():
    before = time.monotonic()
    assert run("while True: pass", Limits(wall_s=0.5)).ended is Ended.TIMEOUT
    assert time.monotonic() - before < 2


def test_ignoring_sigterm_and_closing_its_streams_does_not_help():
    stubborn = """
import os, signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
os.setsid() if os.getpid() != os.getsid(0) else None
os.closerange(0, 64)
time.sleep(60)
"""
    before = time.monotonic()
    assert run(stubborn, Limits(wall_s=0.5)).ended is Ended.TIMEOUT
    assert time.monotonic() - before < 2


@pytest.mark.parametrize("fd", [1, 2])
def test_a_gigabyte_printed_is_cut_off(fd):
    loud = f"import os\nfor _ in range(1024): os.write({fd}, bytes(2**20))"
    before = time.monotonic()
    result = run(loud, Limits(wall_s=10))
    assert result.ended is Ended.OUTPUT_TOO_LARGE
    assert len(result.stdout) < 3 * 2**20
    assert time.monotonic() - before < 5


def test_what_it_leaves_running_dies_with_it():
    mark = f"orphan{os.getpid()}"
    orphan = f"""
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)", "{mark}"],
    start_new_session=True, stdin=-3, stdout=-3, stderr=-3)
print("gone")
"""
    assert printed(orphan) == "gone"
    until = time.monotonic() + 2
    while processes_with(mark) and time.monotonic() < until:
        time.sleep(0.01)
    assert processes_with(mark) == []


def test_it_has_no_file_of_ours_open():
    listed = "result = [os.readlink(f) for f in map('/proc/self/fd/{}'.format, range(3, 64)) "
    opened = value_of(listed + "if os.path.islink(f)]")
    # Its own channel, on which nothing it says is believed.
    assert [name.partition(":")[0] for name in opened] == ["pipe"]


def test_a_sandbox_that_does_not_start_says_nothing_of_the_program(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no permission >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(
        "downroute.scoring.sandbox.process.ENVIRONMENT", {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    result = run("print(1)")
    assert result.ended is Ended.SANDBOX_FAILURE and "no permission" in result.why


def test_without_bubblewrap_nothing_runs_and_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert result.ended is Ended.SANDBOX_FAILURE and "install bubblewrap" in result.why
    assert list(tmp_path.iterdir()) == []


def test_run_bare_it_still_has_limits():
    assert run("print(1)", bare=True).stdout == "1\n"
    assert run("while True: pass", Limits(wall_s=0.3), bare=True).ended is Ended.TIMEOUT
    loud = "import os\nwhile True: os.write(1, bytes(2**20))"
    assert run(loud, bare=True).ended is Ended.OUTPUT_TOO_LARGE
    hungry = run("bytearray(2 * 2**30)", bare=True)
    assert (hungry.ended, hungry.why) == (Ended.ERROR, "MemoryError")
