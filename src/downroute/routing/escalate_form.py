"""What ``policy.yaml`` says of escalating: the score, the second opinion, the limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from downroute.records import Degrade, LinearScore, Purpose, SecondOpinion
from downroute.routing.cascade import MISSING
from downroute.routing.match import ALIAS
from downroute.yamlfile import Strict


def _real_model(name: str) -> str:
    if name.startswith(ALIAS):
        raise ValueError(f"'{name}' is an alias of the gateway, not a model")
    return name


Finite = Annotated[float, Field(allow_inf_nan=False)]
ModelName = Annotated[str, Field(min_length=1), AfterValidator(_real_model)]


class ScoreFile(Strict):
    """A linear sum over signals: ``intercept`` and a weight for each. ``impute`` says what
    counts for a missing one, and the weight ``SIGNAL_missing`` is added where it is."""

    score: dict[str, Finite]
    impute: dict[str, Finite] = Field(default_factory=dict)

    def fault(self, paid: str | None = None) -> str | None:
        """What is wrong with the names in it; ``paid`` is known besides the free signals."""
        from downroute.routing.signals import PAID, SIGNALS, is_signal

        weights = [name for name in self.score if name != "intercept"]
        plain = [name for name in weights if not name.endswith(MISSING)]
        marked = [name.removesuffix(MISSING) for name in weights if name.endswith(MISSING)]
        for name in (*plain, *marked, *self.impute):
            if name == paid or is_signal(name):
                continue
            if name in PAID.values():
                return f"'{name}' is paid for: it belongs in the score under `ask`"
            return f"'{name}' is not a signal; choose from {', '.join(SIGNALS)}, check:NAME"
        for name in marked:
            if name not in self.impute:
                return f"'{name}{MISSING}' needs `impute: {{{name}: VALUE}}`, what counts instead"
        for name in self.impute:
            if name not in plain and name not in marked:
                return f"`impute` names '{name}', which has no weight in `score`"
        return None

    def linear_above(self, above: float) -> LinearScore:
        weights = {k: v for k, v in self.score.items() if k != "intercept"}
        return LinearScore(self.score.get("intercept", 0.0), weights, above, self.impute)


class AskFile(ScoreFile):
    """A second opinion: one more short call, made only while the free score is ``between``."""

    self_check: ModelName | None = None
    helper: ModelName | None = None
    between: tuple[Finite, Finite]
    above: Finite
    prompt: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _makes_sense(self) -> AskFile:
        if (self.self_check is None) == (self.helper is None):
            raise ValueError("name one model: `self_check: MODEL` or `helper: MODEL`")
        if self.helper is not None and self.prompt is not None:
            raise ValueError("a helper is asked the original request; `prompt` is for `self_check`")
        low, high = self.between
        if low >= high:
            raise ValueError(
                f"`between` goes from the lower to the higher, not {low:g} to {high:g}"
            )
        from downroute.routing.signals import PAID

        paid = PAID[self.purpose]
        fault = self.fault(paid)
        if fault is None and paid not in self.score:
            fault = f"the score under `ask` has no weight for '{paid}', which is what it pays for"
        if fault is not None:
            raise ValueError(fault)
        return self

    @property
    def purpose(self) -> Purpose:
        return Purpose.HELPER if self.self_check is None else Purpose.SELF_CHECK

    def second(self) -> SecondOpinion:
        low, high = self.between
        score = self.linear_above(self.above)
        model = self.self_check or self.helper or ""
        return SecondOpinion(self.purpose, model, low, high, score, self.prompt)


class EscalateFile(ScoreFile):
    """An answer whose score is above ``above`` is escalated. With ``ask`` its ``between`` says
    where the free score decides alone; ``above`` may then be left out."""

    above: Finite | None = None
    ask: AskFile | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> EscalateFile:
        fault = self.fault()
        if fault is not None:
            raise ValueError(fault)
        if self.ask is None and self.above is None:
            raise ValueError("`above` is missing: the score from which on answers are escalated")
        if self.ask is not None and self.above not in (None, self.ask.between[1]):
            raise ValueError(
                f"above {self.ask.between[1]:g}, the upper end of `between`, an answer is "
                f"escalated without asking; leave `above: {self.above:g}` out"
            )
        return self

    def linear(self) -> LinearScore:
        if self.ask is not None:
            return self.linear_above(self.ask.between[1])
        assert self.above is not None
        return self.linear_above(self.above)

    def second(self) -> SecondOpinion | None:
        return None if self.ask is None else self.ask.second()


class LimitFile(Strict):
    """How much a route may escalate, and what happens to the rest."""

    per_minute: int | None = Field(default=None, ge=0)
    per_day: int | None = Field(default=None, ge=0)
    per_day_usd: Finite | None = Field(default=None, ge=0)
    then: Degrade = Degrade.ACCEPT

    @model_validator(mode="after")
    def _limits_something(self) -> LimitFile:
        if self.per_minute is None and self.per_day is None and self.per_day_usd is None:
            raise ValueError("name a limit: `per_minute`, `per_day` or `per_day_usd`")
        return self
