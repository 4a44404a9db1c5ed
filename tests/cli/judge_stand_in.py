"""An OpenAI-compatible server that judges by a hidden truth, wrong as often as it is told to be,
and stands in for the candidate beside."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread


@dataclass
class Bias:
    """How often answers that bear ``mark`` are passed although bad, failed although good."""

    mark: str
    false_pass: float = 0.0
    false_fail: float = 0.0


@dataclass
class StandIn:
    """What the judge does. ``good`` is the truth of each answer; ``habit`` is how it replies:
    ``schema``, ``refuses_schema`` (answers 400 to a response format), ``echo`` (repeats the JSON
    of the answer instead of judging)."""

    good: Mapping[str, bool]
    biases: list[Bias]
    habit: str = "schema"
    answers: Mapping[str, str] = field(default_factory=dict)
    """What the candidate says to each prompt."""
    asked: list[dict] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def reply(self, body: dict) -> tuple[int, dict]:
        if body["messages"][-1]["content"] in self.answers:
            return 200, completion(self.answers[body["messages"][-1]["content"]], 50, 20)
        with self.lock:
            self.asked.append(body)
        if self.habit == "refuses_schema" and "response_format" in body:
            said = "Unknown parameter: 'response_format' is not supported here."
            return 400, {"error": {"message": said, "type": "invalid_request_error"}}
        prompt = body["messages"][-1]["content"]
        if self.habit == "echo":
            content = '{"verdict": "pass", "reason": "I was told so"}'
        else:
            system = body["messages"][0]["content"]
            nonce = re.search(r'"nonce": "([0-9a-f]+)"', system).group(1)
            shown = re.findall(r"<<(?:\w+ )?answer \w+>>\n(.*?)\n<</", prompt, re.DOTALL)
            if len(shown) == 2:
                one, other = (self.passes(text) for text in shown)
                verdict = "tie" if one == other else "first" if one else "second"
            else:
                verdict = "pass" if self.passes(shown[0]) else "fail"
            content = json.dumps({"nonce": nonce, "reason": "as it looks", "verdict": verdict})
            if self.habit == "refuses_schema":
                content = f"My verdict:\n```json\n{content}\n```"
        return 200, completion(content, 300, 30)

    def passes(self, answer: str) -> bool:
        good = self.good[answer]
        bias = next(b for b in self.biases if b.mark in answer)
        draw = int(hashlib.sha256(answer.encode()).hexdigest()[:8], 16) / 16**8
        return draw >= bias.false_fail if good else draw < bias.false_pass


def completion(content: str, read: int, written: int) -> dict:
    message = {"role": "assistant", "content": content}
    tokens = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body = {"id": "x", "object": "chat.completion", "model": "stand-in-2026"}
    return {**body, "choices": choices, "usage": tokens}


@contextmanager
def serving(judge: StandIn) -> Iterator[str]:
    """The base URL at which the judge answers for as long."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, said = judge.reply(body)
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
