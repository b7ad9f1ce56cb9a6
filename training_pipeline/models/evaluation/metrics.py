"""The metrics of an evaluation: what the columns of a file of scores are, which way is better, and how far they go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

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
    null: Null = "model"

    @property
    def sign(self) -> int:
        """What a difference is multiplied by, so that more is better."""
        return -1 if self.better == "lower" else 1


def _proportion(name: str, *, null: Null = "model") -> Metric:
    return Metric(name, "higher", (0.0, 1.0), is_proportion=True, null=null)


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
        Metric("token_loss", "lower", None),
        Metric("bits_per_byte", "lower", None),
        Metric("answer_tokens", None, None),
        _proportion("stopped"),
        _proportion("judged_right", null="judge"),
    )
}


def comparable(names: Iterable[str], field: str) -> list[Metric]:
    """The metrics of these names, to be compared or asked something of.

    Raises `InvalidRequest` naming every one that is unknown, or of which neither more nor less is better. Pure.
    """
    wanted = list(names)
    known = [name for name, metric in METRICS.items() if metric.better]
    problems = [
        FieldProblem(f"/{field}/{name}", "unknown_metric", f"is no metric that may be better; use {', '.join(known)}")
        for name in wanted
        if name not in known
    ]
    if problems:
        raise InvalidRequest("Some metrics are unknown.", problems=problems)
    return [METRICS[name] for name in wanted]
