"""Settings that change while the gateway serves."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from downroute import config
from downroute.cli.pricing import price_table
from downroute.gateway.config_file import ConfigFile, ConfigSource, Taking
from downroute.gateway.service import gateway

from .running import PATIENCE_S, Gateway, Loop, wait_until
from .upstream import Answered, Upstream, chat_body, plain, stream

ONE = """
upstreams: {test: {base_url: UPSTREAM, key: file:key}}
prices: {large: {input: 10, output: 100}}
serve: {timeout_s: 60}
"""


@dataclass
class Followed:
    """A gateway with the file it follows."""

    gateway: Gateway
    file: Path
    loop: Loop
    source: ConfigSource
    text: str

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def fault(self) -> str | None:
        said = self.gateway.ready()["config_fault"]
        assert said is None or isinstance(said, str)
        return said

    def reread(self) -> None:
        async def tell() -> None:
            self.source.reread.set()

        self.loop.run(tell())


@pytest.fixture
def followed(loop: Loop, upstream: Upstream, tmp_path: Path) -> Iterator[Followed]:
    file, text = tmp_path / "downroute.yaml", ONE.replace("UPSTREAM", upstream.url)
    (tmp_path / "key").write_text("first")
    file.write_text(text)
    stack = AsyncExitStack()
    settings = config.load(file)

    async def start() -> tuple[str, ConfigSource, object]:
        source = ConfigSource(file, lambda: config.load(file))
        entered = gateway(settings, settings.policy, price_table, source=source, environment={})
        started = await stack.enter_async_context(entered)
        return started.url, source, started

    url, source, started = loop.run(start())
    running = Gateway(url, settings.policy, settings.store.path, started)
    yield Followed(running, file, loop, source, text)
    loop.run(stack.aclose())


def test_other_upstreams_models_and_prices_are_served_without_a_restart(
    followed: Followed, upstream: Upstream
) -> None:
    gateway = followed.gateway
    assert float(gateway.chat(chat_body()).said("cost-usd")) == pytest.approx(0.002)
    changed = followed.text.replace("output: 100", "output: 200") + (
        "models: {large: {name: other, drop: [user]}}\n"
    )
    followed.write(changed)
    wait_until(lambda: gateway.chat(chat_body(user="x")).said("cost-usd") == "0.003000000")
    # That one may have been asked before the change and priced after it.
    gateway.chat(chat_body(user="x"))
    asked = upstream.asked[-1].json
    assert asked["model"] == "other" and "user" not in asked
    assert [m["id"] for m in gateway.request("GET", "/v1/models").json["data"]] == [
        "large",
        "downroute/auto",
    ]


def test_a_key_that_is_changed_in_its_file_is_used(followed: Followed, upstream: Upstream) -> None:
    followed.file.with_name("key").write_text("second")

    def key() -> str:
        followed.gateway.chat(chat_body())
        return upstream.asked[-1].headers["authorization"]

    wait_until(lambda: key() == "Bearer second")


BROKEN = {
    "upstreams: [": "downroute.yaml:",
    "upstream: {}\n": "downroute.yaml:1:1: 'upstream' is not a setting",
    "margin: 0.1\n": "there is no upstream",
    "upstreams: {a: {base_url: 'http://x', key: env:NOT_SET}}": "NOT_SET is not set",
    "upstreams: {a: {base_url: 'http://[x'}}": "base_url",
    "\x00": "downroute.yaml",
}


def test_what_cannot_be_served_does_not_take_over(followed: Followed) -> None:
    for broken, said in BROKEN.items():
        followed.write(broken)
        followed.reread()
        wait_until(lambda: said in str(followed.fault()))  # noqa: B023 - called at once
        assert followed.gateway.chat(chat_body()).status == 200
    followed.write(followed.text + "\n")
    followed.reread()
    wait_until(lambda: followed.fault() is None)


def test_a_file_that_is_broken_is_said_once_and_shown_for_as_long_as_it_is(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    followed.write("upstreams: [")
    wait_until(lambda: followed.fault() is not None)
    assert b"downroute_config_fault 1.0" in followed.gateway.request("GET", "/metrics").body
    time.sleep(1.0)
    lines = [r.getMessage() for r in caplog.records if "config_not_taken" in r.getMessage()]
    assert len(lines) == 1
    followed.write(followed.text + "\n")
    wait_until(lambda: followed.fault() is None)


def test_a_file_that_is_deleted_leaves_its_settings_in_force(followed: Followed) -> None:
    followed.file.unlink()
    wait_until(lambda: followed.fault() is not None)
    assert "is gone" in str(followed.fault())
    assert followed.gateway.chat(chat_body()).status == 200


def test_settings_that_the_policy_in_force_does_not_fit_are_not_taken(
    followed: Followed, upstream: Upstream
) -> None:
    routes = "[{task: t, models: [small, large], unproven: true}]"
    followed.gateway.policy.write_text(f"version: 1\nroutes: {routes}\n")
    wait_until(lambda: followed.gateway.ready()["mode"] == "routing")
    followed.write(
        f"upstreams: {{a: {{base_url: '{upstream.url}'}}, "
        f"b: {{base_url: '{upstream.url}', api: anthropic}}}}\n"
        "models: {small: {upstream: a}, large: {upstream: b}}\n"
    )
    followed.reread()
    wait_until(lambda: followed.fault() is not None)
    assert "policy.yaml:2:29: small is asked at 'a'" in str(followed.fault())
    assert followed.gateway.chat(chat_body(), "t").status == 200


def test_what_only_a_start_takes_over_is_said(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    followed.write(
        followed.text.replace("serve: {", "serve: {port: 1, ") + "store: {bodies: full}\n"
    )
    wait_until(lambda: "at_restart=store,serve.port" in caplog.text)


def test_told_to_it_reads_a_file_that_looks_the_same(
    followed: Followed, upstream: Upstream
) -> None:
    found = followed.file.stat()
    followed.file.with_name("key").write_text("other")
    os.utime(followed.file, ns=(found.st_atime_ns, found.st_mtime_ns))
    followed.reread()
    wait_until(
        lambda: (
            bool(followed.gateway.chat(chat_body()).body)
            and upstream.asked[-1].headers["authorization"] == "Bearer other"
        )
    )


def test_calls_under_way_end_as_they_began_while_settings_change(
    followed: Followed, upstream: Upstream
) -> None:
    upstream.answer = lambda asked: (
        stream(asked.model, ("a",) * 20, end=b"\n\n", wait_s=0.0)
        if asked.json.get("stream")
        else Answered(plain(asked.model).body, wait_s=0.02)
    )
    statuses: list[int] = []
    stop = threading.Event()

    def ask(streamed: bool) -> None:
        while not stop.is_set():
            got = followed.gateway.chat(chat_body(stream=streamed))
            statuses.append(got.status if not streamed or b"[DONE]" in got.body else 0)

    asking = [threading.Thread(target=ask, args=(n % 2 == 0,)) for n in range(4)]
    for thread in asking:
        thread.start()
    for turn in range(6):
        followed.write(f"{followed.text}margin: 0.0{turn + 1}\n")
        followed.reread()
        time.sleep(0.15)
    stop.set()
    for thread in asking:
        thread.join()
    assert len(statuses) > 40 and set(statuses) == {200}
    assert followed.fault() is None
    assert len(followed.gateway.calls(len(statuses))) == len(statuses)


KEY = "sk-downroute-" + "7" * 64
DIGEST = "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()


def test_a_key_is_revoked_even_where_the_rest_cannot_be_served(followed: Followed) -> None:
    gateway = followed.gateway

    def status() -> int:
        return gateway.chat(chat_body(), authorization=f"Bearer {KEY}").status

    keys = f"gateway: {{keys: {{a: {{digest: '{DIGEST}'}}, b: {{digest: 'sha256:{'0' * 64}'}}}}}}\n"
    followed.write(followed.text + keys)
    followed.reread()
    wait_until(lambda: gateway.chat(chat_body()).status == 401)
    assert status() == 200
    followed.write(
        followed.text.replace("file:key", "env:NOT_SET")
        + keys.replace(f"'{DIGEST}'", f"'{DIGEST}', revoked: true")
    )
    followed.reread()
    wait_until(lambda: status() == 401)
    assert gateway.ready() == {"status": "ready"}


@pytest.mark.parametrize("left", ["", "# nothing", "upstreams"])
def test_a_file_that_lost_its_keys_lets_nobody_in(
    followed: Followed, left: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that is cut short, by a full disk say, must not open the door to everybody."""
    caplog.set_level("INFO")
    gateway = followed.gateway

    def told(key: str = KEY) -> tuple[int, str]:
        got = gateway.chat(chat_body(), authorization=f"Bearer {key}")
        return got.status, got.body.decode()

    keyed = followed.text + f"gateway: {{keys: {{a: {{digest: '{DIGEST}'}}}}}}\n"
    followed.write(keyed)
    followed.reread()
    wait_until(lambda: told("sk-other")[0] == 401)
    assert told()[0] == 200
    followed.write(followed.text if left == "upstreams" else left)
    followed.reread()
    wait_until(lambda: "the last key has gone" in told()[1])
    assert gateway.chat(chat_body()).status == 401
    assert gateway.ready() == {"status": "ready"}
    assert ("at_restart=gateway.keys" in caplog.text) == (left == "upstreams")
    followed.write(keyed)
    followed.reread()
    wait_until(lambda: told()[0] == 200)
    assert gateway.chat(chat_body()).status == 401


def test_another_admin_key_in_its_file_is_taken(followed: Followed) -> None:
    file = followed.file.with_name("admin")
    file.write_text("the-first-admin-key")
    followed.write(followed.text + "gateway: {admin_key: file:admin}\n")

    def status(key: str) -> int:
        given = {"authorization": f"Bearer {key}"}
        return followed.gateway.request("GET", "/metrics", headers=given).status

    wait_until(lambda: (status("the-first-admin-key"), status("another")) == (200, 401))
    file.write_text("the-second-admin-key")
    wait_until(
        lambda: (status("the-first-admin-key"), status("the-second-admin-key")) == (401, 200)
    )
    file.write_text("short")
    wait_until(lambda: followed.gateway.request("GET", "/ready").status == 200)
    time.sleep(0.6)
    assert (status("the-second-admin-key"), status("short")) == (200, 401)


def test_what_changes_while_the_last_change_is_prepared_is_not_missed(tmp_path: Path) -> None:
    file, read, taken = tmp_path / "downroute.yaml", [], []
    file.write_text("margin: 0.01\n")

    def prepare(settings: config.Settings) -> Taking:
        read.append(settings.margin)
        if len(read) == 1:
            file.write_text("margin: 0.03\n")

        def take() -> None:
            taken.append(settings.margin)
            if settings.margin == 0.03:
                over.set()

        return take

    async def follow() -> None:
        source = ConfigSource(file, lambda: config.load(file))
        followed = ConfigFile(source.load(), source, prepare)
        file.write_text("margin: 0.02\n")
        watching = asyncio.create_task(followed.watch())
        await asyncio.wait_for(over.wait(), PATIENCE_S)
        watching.cancel()

    over = asyncio.Event()
    asyncio.run(follow())
    assert taken == [0.02, 0.03]


def test_without_a_source_nothing_is_watched() -> None:
    async def over() -> None:
        await ConfigFile(config.Settings(), None, lambda _: lambda: None).watch()

    asyncio.run(asyncio.wait_for(over(), 5))
