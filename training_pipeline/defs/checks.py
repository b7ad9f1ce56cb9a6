"""The asset checks: what each verifies, and whether its failure stops the training job.

A check that blocks is yielded as failed, and then the step raises: so the reason is on record, nothing is materialized,
and no later run goes on where this one stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from training_pipeline.datasets.verify import Finding
from training_pipeline.domain.errors import PermissionWithdrawn

BLOCKS: Final = "Blocks training."
BLOCKS_SUCCESS: Final = "Blocks the job from succeeding."
WARNS: Final = "Warning only."

GOVERNED_PAIRS: Final = (
    dg.AssetCheckSpec(
        "accounting_adds_up",
        asset="governed_pairs",
        blocking=True,
        description=f"All pairs = included pairs + pairs excluded for exactly one reason each. {BLOCKS}",
    ),
    dg.AssetCheckSpec(
        "enough_pairs",
        asset="governed_pairs",
        blocking=True,
        description=f"At least the minimum number of pairs in the settings passes both gates. {BLOCKS}",
    ),
    dg.AssetCheckSpec(
        "no_pair_fails_a_gate",
        asset="governed_pairs",
        blocking=True,
        description=f"In the words of the source, every included pair is approved and allowed for training. {BLOCKS}",
    ),
)
SPLITS: Final = (
    dg.AssetCheckSpec(
        "no_held_out_prompt_in_train",
        asset="train_split",
        blocking=True,
        description=f"No question of a pair held out for evaluation or testing is in the training data. {BLOCKS}",
    ),
    dg.AssetCheckSpec(
        "no_component_torn",
        asset="train_split",
        blocking=True,
        description=f"Pairs that share an item, a canonical label or a question are in the same split. {BLOCKS}",
    ),
    dg.AssetCheckSpec(
        "both_sides_filled",
        asset="validation_split",
        blocking=True,
        description=f"Neither split is empty. {BLOCKS}",
    ),
)
FINE_TUNING_RUN: Final = (
    dg.AssetCheckSpec(
        "unchanged_since_snapshot",
        asset="fine_tuning_run",
        blocking=True,
        description=f"Right before submission, the source still allows every included pair, unchanged. {BLOCKS}",
    ),
)
TRAINING_METRICS: Final = (
    dg.AssetCheckSpec(
        "trained_tokens_in_every_example",
        asset="training_metrics",
        blocking=True,
        description=f"Every example has tokens to train on; the trainer refuses others. {BLOCKS_SUCCESS}",
    ),
    dg.AssetCheckSpec(
        "metrics_finite_and_loss_lower",
        asset="training_metrics",
        blocking=False,
        description=f"Every metric is finite, and the training loss is lower than at the start. {WARNS}",
    ),
)
FINE_TUNED_MODEL: Final = (
    dg.AssetCheckSpec(
        "still_permitted",
        asset="fine_tuned_model",
        blocking=True,
        description="Right before registration, the source still allows every pair that was trained on. "
        f"{BLOCKS_SUCCESS} It fails later where a revocation taints the model.",
    ),
    dg.AssetCheckSpec(
        "model_registered_and_files_match",
        asset="fine_tuned_model",
        blocking=True,
        description=f"The model version is in the registry, with the files that were trained. {BLOCKS_SUCCESS}",
    ),
    dg.AssetCheckSpec(
        "provenance_equals_lineage_record",
        asset="fine_tuned_model",
        blocking=True,
        description="Dagster's event log, the lineage record, the stored dataset and MLflow agree on all versions. "
        f"{BLOCKS_SUCCESS}",
    ),
)
ALL: Final = (*GOVERNED_PAIRS, *SPLITS, *FINE_TUNING_RUN, *TRAINING_METRICS, *FINE_TUNED_MODEL)


def result(name: str, asset: str, passed: bool, **metadata: Any) -> dg.AssetCheckResult:
    """The result of one of these checks: a failure is an error if the check blocks, else a warning."""
    blocking = next(spec.blocking for spec in ALL if spec.name == name)
    severity = dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=name, asset_key=dg.AssetKey(asset), passed=passed, severity=severity, metadata=metadata
    )


def of_finding(name: str, asset: str, finding: Finding | None) -> dg.AssetCheckResult:
    """The result of a check that counts pairs; without a finding an earlier attempt had it, before it submitted."""
    if finding is None:
        return result(name, asset, True, checked="by an earlier attempt, before submission")
    shown: Mapping[str, Any] = {"checked": finding.checked, "broken": finding.broken}
    named = {"pair_ids": ", ".join(finding.pair_ids)} if finding.pair_ids else {}
    return result(name, asset, finding.broken == 0, **shown, **named)


def of_trained_tokens(tokens: int | None, examples: int | None) -> dg.AssetCheckResult:
    """The result of the check of a training that has succeeded. A trainer that does not say its counts is a warning."""
    name, asset = "trained_tokens_in_every_example", "training_metrics"
    if tokens is None or examples is None:
        return dg.AssetCheckResult(
            check_name=name,
            asset_key=dg.AssetKey(asset),
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"counted": "the trainer does not say how many"},
        )
    return result(name, asset, tokens >= examples, trained_tokens=tokens, train_examples=examples)


def of_withdrawal(error: PermissionWithdrawn) -> Mapping[str, Any]:
    """What a failed check shows of pairs that lost their permission: how many, why, and their ids."""
    found = error.details
    return {
        "pairs": found["pairs"],
        "findings": dg.MetadataValue.json(found["findings"]),
        "pair_ids": ", ".join(found["pair_ids"]),
    }
