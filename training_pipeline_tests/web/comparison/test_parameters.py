"""The axes of parallel coordinates: what differs and the loss, each drawn as what it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from training_pipeline.schemas.comparison import ComparedJob, TrainingJobComparison
from training_pipeline.web.comparison.parameters import LOSS, Coordinate, coordinates


def compared(differences: dict[str, list[Any]], losses: list[float | None]) -> TrainingJobComparison:
    blank = dict.fromkeys(ComparedJob.model_fields)
    jobs = [
        {
            **blank,
            "id": f"tj-{number}",
            "status": "succeeded",
            **dict.fromkeys(
                ("model_name", "training_sheet_id", "training_sheet_name", "base_model", "created_by"), "x"
            ),
            "created_at": datetime(2026, 11, 23, tzinfo=UTC),
            "val_loss": None
            if loss is None
            else {"best": {"step": 1, "value": loss}, "last": {"step": 1, "value": loss}},
        }
        for number, loss in enumerate(losses)
    ]
    return TrainingJobComparison.model_validate(
        {
            "jobs": jobs,
            "validation_losses": {"comparable": True, "shared_rows": 1, "total_rows": 1, "reasons": []},
            "differences": [{"field": name, "values": values} for name, values in differences.items()],
            "data": [],
            "evaluations": [],
        }
    )


def test_parameters_that_differ_and_the_loss_and_nothing_else() -> None:
    found = compared(
        {
            "training_config.learning_rate": [1e-4, 1e-2],
            "training_config.epochs": [1, None],
            "base_model": ["builtin:tiny", "org/other"],
            "split_seed": ["a", "b"],
            "trained_with.device": ["cpu", "cuda"],
        },
        [0.5, None],
    )
    rate, epochs, base, loss = coordinates(found)
    assert rate.drawn() == {"name": "learning_rate", "type": "log", "scale": True, "min": 1e-4, "max": 1e-2}
    assert (epochs.drawn(), epochs.places(), epochs.words) == (
        {"name": "epochs", "type": "value", "scale": True},
        [1, None],
        ("1", "-"),
    )
    assert base.drawn() == {"name": "base_model", "type": "category", "data": ["builtin:tiny", "org/other"]}
    assert (loss.name, loss.places(), loss.words) == (LOSS, [0.5, None], ("0.5000", "-"))


def test_switches_and_mixed_values_are_words() -> None:
    switch = Coordinate("packing", (True, False, True), ("yes", "no", "yes"))
    assert (switch.drawn()["data"], switch.places()) == (["yes", "no"], ["yes", "no", "yes"])
    mixed = Coordinate("lora_r", (8, "auto"), ("8", "auto"))
    assert mixed.drawn()["type"] == "category"


def test_nothing_where_no_parameter_differs_and_no_axis_of_losses_that_nobody_has() -> None:
    assert coordinates(compared({"split_seed": ["a", "b"]}, [0.5, 0.4])) == []
    only = coordinates(compared({"training_config.epochs": [1, 2]}, [None, None]))
    assert [axis.name for axis in only] == ["epochs"]
