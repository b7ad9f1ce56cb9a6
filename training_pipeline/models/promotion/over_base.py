"""Where no model is in use that a version could be compared with, and no threshold says how good one must be: is it
better than its own base model? Else training has shown nothing, and a model that is never right would be the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from training_pipeline.models.evaluation.paired import compare
from training_pipeline.models.promotion.gate import Finding, Verdict, not_worse
from training_pipeline.models.promotion.requirements import Gate

_SET: Final = "set a threshold, such as --threshold exact_match=0.7"


def over_base(gate: Gate, new: pa.Table, base: pa.Table | None) -> Iterator[Finding]:
    """Whether the new scores are within all margins of the base model's, and surely better in one of these metrics.
    Nothing where the gate has a threshold.
    """
    if gate.thresholds:
        return
    asked = "better than its base model, as no model is in use and no threshold is set"
    if base is None:
        why = f"its base model was not evaluated: evaluate it without --no-base, or {_SET}"
        yield Finding(asked=asked, verdict=Verdict.NOT_ENOUGH_EVIDENCE, reason=why)
        return
    yield from not_worse(gate, gate.margins, new, base, than="its base model")
    # Of several metrics one may be better by chance.
    compared = compare(new, base, gate.margins, level=1 - (1 - gate.level) / len(gate.margins))
    better = [each.metric for each in compared if each.of is None and each.is_better]
    yield Finding(
        asked=asked,
        verdict=Verdict.SHIP if better else Verdict.NOT_ENOUGH_EVIDENCE,
        reason=f"in {', '.join(better)}" if better else f"not surely in {', '.join(gate.margins)}: {_SET}",
    )
