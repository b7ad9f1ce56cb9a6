from __future__ import annotations

import json

import pytest
from databricks.sdk.service.ml import Run, RunData, RunTag

from training_pipeline.databricks.metrics import STATUS_TAG, progress


def told(value: str) -> Run:
    return Run(data=RunData(tags=[RunTag(key="other", value="7"), RunTag(key=STATUS_TAG, value=value)]))


def test_what_the_program_says_becomes_the_progress_of_the_run() -> None:
    status = {"step": 4, "planned_steps": 9, "epoch": 1, "eta_seconds": 2.5, "message": "training", "pid": 7}
    assert progress(told(json.dumps(status))) == {
        "step": 4,
        "planned_steps": 9,
        "epoch": 1.0,
        "eta_seconds": 2.5,
        "message": "training",
    }


@pytest.mark.parametrize(
    "value", ["", "{", "[]", "7", '{"step": "four", "epoch": null, "message": 5}', '{"step": NaN}']
)
def test_what_is_no_progress_is_left_out(value: str) -> None:
    assert progress(told(value)) == {}


def test_a_run_that_has_said_nothing_has_none() -> None:
    assert progress(Run()) == {}
