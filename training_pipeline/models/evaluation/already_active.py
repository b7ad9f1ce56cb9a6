"""Whether an evaluation that is active already answers what is asked for: a version has one on a suite at a time."""

from __future__ import annotations

from training_pipeline.domain.errors import Conflict
from training_pipeline.models.evaluation.records import Evaluation


def require_same(wanted: Evaluation, active: Evaluation) -> None:
    """Raise `Conflict` where the evaluation that is active already will not answer what is wanted."""
    if other := [theirs for ours, theirs in zip(_beside(wanted), _beside(active), strict=True) if ours != theirs]:
        raise Conflict(
            f"{active.model_name} version {active.model_version} is being evaluated on the suite "
            f"{active.suite_name!r} {', '.join(other)}: {active.id}.",
            hint="Wait for its end, or cancel it (`training-pipeline models cancel-evaluation`), then ask again.",
        )


def _beside(evaluation: Evaluation) -> tuple[str, str, str]:
    """Whom an evaluation compares the version with, and who reads the answers, in words."""
    judge, champion = evaluation.judge, evaluation.champion_version
    has_base = any(model.role == "base" for model in evaluation.asked_models)
    return (
        "beside no other version" if champion is None else f"beside version {champion}",
        "beside its base model" if has_base else "without its base model",
        "without a judge" if judge is None else f"with the judge {judge.order.name}",
    )
