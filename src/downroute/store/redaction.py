"""Taking personal and secret strings out of requests and answers before they are kept.

Patterns find what has a form: e-mail addresses, phone, card, bank account and US social security
numbers, IP addresses, keys and tokens, and blocks of encoded data, which no pattern can look into.
Names and addresses have no form; whoever must keep those out keeps no bodies, or adds patterns of
their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping

from msgspec import structs

from downroute.errors import ConfigError
from downroute.records import Answer, Json, TokenLogprob, ToolCall
from downroute.store.redaction_process import RedactionProcess

DROPPED = "[dropped]"
"""What stands for a text that could not be redacted in time."""
LONGEST_HERE = 8192
"""Characters of a text that takes about a millisecond, in which no other thread runs."""


class Redaction:
    """The patterns in force: the built-in ones, then ``own`` (each match becomes "[custom]").

    Where there are own ones, and for long texts, they are applied by a `RedactionProcess`, so that
    neither holds up other threads. A text on which own ones take too long becomes `DROPPED`, and
    ``dropped`` hears of it. ``patience_s`` bounds what such texts may cost in a minute.

    Raises:
        ConfigError: one of ``own`` is no regular expression.
    """

    def __init__(
        self,
        own: Iterable[str] = (),
        patience_s: float | None = None,
        dropped: Callable[[], None] = lambda: None,
    ) -> None:
        self._own = tuple(own)
        for pattern in self._own:
            _refuse_if_none(pattern)
        self._process = RedactionProcess(self._own, patience_s)
        self._dropped = dropped

    def text(self, text: str) -> str:
        """``text`` with what the patterns find replaced by its kind in brackets."""
        from downroute.store.redaction_rules import redacted

        if not self._own and len(text) <= LONGEST_HERE:
            return redacted(text)
        found = self._process.redacted(text)
        if found is not None:
            return found
        if not self._own:
            # The built-in patterns always come to an end; it is only nicer to do it elsewhere.
            return redacted(text)
        self._dropped()
        return DROPPED

    def close(self) -> None:
        """End the process; it starts again when it is needed."""
        self._process.close()

    def value(self, value: Json) -> Json:
        """A JSON value with every string in it redacted, keys and JSON inside strings as well."""
        if isinstance(value, str):
            return self.json_text(value) if value[:1] in ("{", "[") else self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(k)): self.value(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(v) for v in value]
        if isinstance(value, int) and not isinstance(value, bool):
            from downroute.store.redaction_rules import is_card

            digits = str(value)
            return "[card]" if is_card(digits) else value
        return value

    def json_text(self, text: str) -> str:
        """JSON text with its values redacted, so that it still parses; other text as text."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return self.text(text)
        redacted = self.value(value)
        return text if redacted == value else json.dumps(redacted, ensure_ascii=False)

    def answer(self, answer: Answer) -> Answer:
        """An answer, redacted. Where its text changed, its tokens would spell the text out
        again: then their log-probabilities stay and their words go."""
        text = self._maybe(answer.text)
        tokens = answer.logprobs
        if tokens is not None and text != answer.text:
            tokens = tuple(TokenLogprob(token="", logprob=t.logprob) for t in tokens)
        return structs.replace(
            answer,
            text=text,
            refusal=self._maybe(answer.refusal),
            tool_calls=tuple(
                ToolCall(call.name, self.json_text(call.arguments), call.id)
                for call in answer.tool_calls
            ),
            logprobs=tokens,
        )

    def _maybe(self, text: str | None) -> str | None:
        return None if text is None else self.value(text)


def _refuse_if_none(pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as fault:
        raise ConfigError(
            f"redaction pattern {pattern!r} is not a regular expression: {fault}"
        ) from None
