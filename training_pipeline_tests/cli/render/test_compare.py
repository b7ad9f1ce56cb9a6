"""Training jobs side by side, in a terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from training_pipeline.cli.render.compare import job_comparison
from training_pipeline.schemas.comparison import TrainingJobComparison


def job(job_id: str, loss: float | None, **values: Any) -> dict[str, Any]:
    at = None if loss is None else {"best": {"step": 1200, "value": loss}, "last": {"step": 2000, "value": loss + 1}}
    return {
        "id": job_id,
        "status": "succeeded",
        "model_name": "triage",
        "uc_model_name": None,
        "uc_model_version": None,
        "training_sheet_id": "sheet-123",
        "training_sheet_name": "Triage",
        "base_model": "builtin:tiny",
        "created_by": "ada",
        "created_at": datetime(2026, 11, 28, tzinfo=UTC),
        "started_at": None,
        "train_pairs": 4,
        "val_pairs": 1,
        **dict.fromkeys(("train_loss", "train_accuracy", "val_accuracy", "estimate")),
        "val_loss": at,
        "duration_seconds": 61.0,
        "tokens_processed": None,
        "cost_dbu": None,
        **values,
    }


def interval(middle: float) -> dict[str, Any]:
    return {"middle": middle, "low": middle / 2, "high": middle * 2, "basis": "jobs", "reason": ""}


ESTIMATE = {"coverage": 0.8, "time": interval(60.0), "cost": interval(1.5), "currency": "EUR", "notes": ()}
NO_CHANGE = dict.fromkeys(("added", "removed", "edited", "renamed", "moved"), 0)
FIGURE = {"model": "tuned", "over": None, "metric": "exact_match", "of": None, "n": 40, "estimate": 0.5}
BOUNDS = {"lower": 0.4, "upper": None, "level": 0.95, "wins": None, "losses": None, "ties": None}
DUEL = {"metric": "exact_match", "wins": 12, "losses": 5, "ties": 23, "unscored": 4, "difference": 0.2}
DUEL |= {"lower": 0.1, "upper": 0.3}
SCORES = {"evaluation_id": "ev-1", "model_name": "triage", "figures": [{**FIGURE, **BOUNDS}], "problem": None}


def comparison(**values: Any) -> TrainingJobComparison:
    return TrainingJobComparison.model_validate(
        {
            "jobs": [job("tj-1", 0.25, estimate=ESTIMATE), job("tj-2", None, cost_dbu=2.5)],
            "validation_losses": {"comparable": True, "shared_rows": 62, "total_rows": 62, "reasons": []},
            "differences": [{"field": "training_config.seed", "values": [1, None]}],
            "data": [{"job_id": "tj-2", "counts": {**NO_CHANGE, "moved": 1200}, "problem": None}],
            "evaluations": [
                {
                    "suite": "parcels",
                    "suite_digest": "0" * 64,
                    "jobs": [
                        {**SCORES, "job_id": "tj-1", "model_version": "1", "duels": []},
                        {**SCORES, "job_id": "tj-2", "model_version": "2", "duels": [DUEL]},
                    ],
                }
            ],
            **values,
        }
    )


def shown(found: TrainingJobComparison) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=200, highlight=False).print(job_comparison(found))
    return [" ".join(line.split()) for line in out.getvalue().splitlines() if line.strip()]


def test_each_job_goes_by_a_letter_and_everything_is_beside_everything() -> None:
    lines = shown(comparison())
    assert lines[0] == "The validation losses may be compared: all of them are of the same 62 rows."
    assert "A tj-1 succeeded 0.250 @ 1,200 1.250 - 1:01 0:30 to 2:00 ~ 1.50 EUR" in lines
    assert "B tj-2 succeeded - - - 1:01 - 2.50 DBU" in lines
    assert "training_config.seed 1 -" in lines
    assert "B 0 0 0 0 1,200" in lines
    assert "exact_match A triage 1 0.5 0.4 to ? 40" in lines
    assert "exact_match B triage 2 0.5 0.4 to ? 40 12 5 23 4" in lines


def test_why_something_cannot_be_said() -> None:
    losses = {"comparable": None, "shared_rows": None, "total_rows": None, "reasons": ["Nobody knows."]}
    data = [{"job_id": "tj-2", "counts": None, "problem": "It is gone."}]
    lines = shown(comparison(validation_losses=losses, differences=[], data=data, evaluations=[]))
    assert lines[:2] == ["It is unknown whether the validation losses may be compared.", "Nobody knows."]
    assert {"No configuration differs.", "B: It is gone."} <= set(lines)
    no = {**losses, "comparable": False}
    assert shown(comparison(validation_losses=no))[0] == "The validation losses may not be compared."
