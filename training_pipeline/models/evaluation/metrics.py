"""The metrics of an evaluation: what the columns of a file of scores are, which way is better, and how far they go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from training_pipeline.domain.errors import FieldProblem, InvalidRequest

Better = Literal["higher", "lower"]
#: What a null is about: the pair, of which the metric says nothing; the model, which gave nothing to measure; or the
#: judge, which gave no verdict.
Null = Literal["pair", "model", "judge"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A column of scores, one number a pair."""

    name: str
    #: Null where neither is: longer answers are not better ones.
    better: Better | None
    #: The least and the most that a score can be; null where there are none.
    bounds: tuple[float, float] | None
    #: Every score is 0 or 1.
    is_proportion: bool = False
    #: Scores may be beyond the bounds, and count as the nearest one.
    is_capped: bool = False
    null: Null = "model"

    @property
    def sign(self) -> int:
        """What a difference is multiplied by, so that more is better."""
        return -1 if self.better == "lower" else 1

    @property
    def reach(self) -> tuple[float, float] | None:
        """The least and the most that two scores can differ by; None where there are none."""
        return None if self.bounds is None else (self.bounds[0] - self.bounds[1], self.bounds[1] - self.bounds[0])

    def counted(self, values: Any) -> Any:
        """Scores, an array, as they count in figures and comparisons: none is beyond the bounds."""
        return values if self.bounds is None else values.clip(*self.bounds)


def _proportion(name: str, *, null: Null = "model") -> Metric:
    return Metric(name, "higher", (0.0, 1.0), is_proportion=True, null=null)


#: What a model that knows nothing pays: all bits of a byte, and the choice among 262,144 tokens (e^12.5 and a little).
#: Without a most, a rare heavy loss that no pair of a suite happens to have would be beyond all intervals.
_BITS: Final = (0.0, 8.0)
_NATS: Final = (0.0, 12.5)

#: docs/evaluation.md says how each is worked out.
METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        _proportion("exact_match"),
        _proportion("normalised_match"),
        _proportion("choice_accuracy", null="pair"),
        _proportion("json_valid", null="pair"),
        Metric("json_f1", "higher", (0.0, 1.0), null="pair"),
        Metric("rouge_l", "higher", (0.0, 1.0)),
        Metric("token_loss", "lower", _NATS, is_capped=True),
        Metric("bits_per_byte", "lower", _BITS, is_capped=True),
        Metric("answer_tokens", None, None),
        _proportion("stopped"),
        _proportion("judged_right", null="judge"),
    )
}


def comparable(names: Iterable[str], field: str) -> list[Metric]:
    """The metrics of these names, to be compared or asked something of.

    Raises `InvalidRequest` naming every one that is unknown, or of which neither more nor less is better.
    """
    wanted = list(names)
    known = [name for name, metric in METRICS.items() if metric.better]
    problems = [
        FieldProblem(f"/{field}/{name}", "unknown_metric", f"is not a metric to compare by; use {', '.join(known)}")
        for name in wanted
        if name not in known
    ]
    if problems:
        raise InvalidRequest("Some metrics are unknown.", problems=problems)
    return [METRICS[name] for name in wanted]
