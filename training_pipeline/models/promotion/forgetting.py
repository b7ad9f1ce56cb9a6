"""Has a model forgotten what it could before it was trained? Pairs of other suites, against its own base model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus, StoredScores
from training_pipeline.models.promotion.gate import Finding, Verdict, not_worse
from training_pipeline.models.promotion.requirements import Gate


def forgetting(
    gate: Gate,
    found: Sequence[Evaluation],
    *,
    problem: Callable[[Evaluation], str | None],
    read: Callable[[StoredScores], pa.Table],
) -> Iterator[Finding]:
    """What the gate says of each suite that it asks about, by the newest evaluation of the version on it.

    `found` come newest first; `problem` says why one does not count. Reads the scores with `read`.
    """
    for suite, margins in gate.forgetting.items():
        newest = next((each for each in found if _counts(each, suite)), None)
        asked = f"nothing forgotten on the suite {suite}"
        if newest is None or newest.scores is None:
            why = "the version and its base model were not evaluated on it: `training-pipeline models evaluate`"
            yield Finding(asked=asked, verdict=Verdict.NOT_ENOUGH_EVIDENCE, reason=why)
        elif (why_not := problem(newest)) is not None:
            yield Finding(asked=asked, verdict=Verdict.NOT_ENOUGH_EVIDENCE, reason=why_not)
        else:
            new, base = read(newest.scores["tuned"]), read(newest.scores["base"])
            for each in not_worse(gate, margins, new, base, than="its base model"):
                yield each.model_copy(update={"asked": f"on the suite {suite}, {each.asked}"})


def _counts(each: Evaluation, suite: str) -> bool:
    done = each.status is EvaluationStatus.SUCCEEDED and each.suite_name == suite
    return done and each.scores is not None and {"tuned", "base"} <= each.scores.keys()
