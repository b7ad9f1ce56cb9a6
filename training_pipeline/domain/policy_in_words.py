"""The gate policy in words, for whoever must understand years later why a pair was or was not trained on."""

from __future__ import annotations

from typing import Final

from training_pipeline.domain.export_summary import MEANINGS
from training_pipeline.domain.rules.policy import GATE_POLICY_VERSION, GatePolicy

_HEAD: Final = """\
# Gate policy, version {version}

Two gates judge every pair of a training sheet. A pair is trained on only if both open.

* Quality gate: the status must be `labeled`, which an expert gave. Nothing else passes.
* Usage gate: `training` must be an allowed use and not a prohibited one. The same holds for `validation` where a pair
  is to be in the validation split. Prohibited wins. What is missing, null, empty or unknown denies.
* Constraints are inherited from the canonical label and from tags of the source table, and inheritance only narrows.

## Why a pair is excluded

Each excluded pair is counted under the first of these reasons that applies:

{reasons}

## The split

Pairs that share an item, a canonical label or a question are always on the same side.

## Parameters

{parameters}
"""
_OTHER: Final = """
These words are those of version {ours}; version {version} judged. Reasons that it did not know excluded nothing.
"""


def in_words(policy: GatePolicy) -> str:
    """Markdown: the rules that judged, the reasons in their order, and the parameters with their values."""
    numbered = enumerate(MEANINGS.items(), 1)
    reasons = "\n".join(f"{place}. `{reason}`: {meaning}" for place, (reason, meaning) in numbered)
    fields = type(policy).model_fields
    parameters = "\n".join(
        f"* `{name}` = {value}" + (f": {fields[name].description}" if fields[name].description else "")
        for name, value in policy.model_dump(mode="json").items()
    )
    words = _HEAD.format(version=policy.version, reasons=reasons, parameters=parameters)
    other = policy.version != GATE_POLICY_VERSION
    return words + (_OTHER.format(ours=GATE_POLICY_VERSION, version=policy.version) if other else "")
