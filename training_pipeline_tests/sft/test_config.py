from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.sft.config import BadConfig, parse, read
from training_pipeline.testing.trainers.trainer_runs import Run


def test_a_complete_configuration_is_taken_over_and_the_rest_has_defaults(run: Run) -> None:
    config = parse(run.config)
    assert config.run_dir == run.run_dir
    assert config.tiny.hidden_size == 32
    assert (config.method, config.lora_rank, config.mlflow) == ("full", 16, None)


def test_all_problems_are_told_at_once(run: Run) -> None:
    wrong: dict[str, Any] = {
        "schema": 2,
        "learning_rate": -1,
        "epochs": True,
        "method": "magic",
        "batch_size": 9,
        "gradient_accumulation_steps": 2,
        "train_file": "/nowhere/train.jsonl",
        "learnig_rate": 1,
        "tiny": {"layers": 0},
        "mlflow": {"tracking_uri": "http://localhost"},
    }
    with pytest.raises(BadConfig) as raised:
        parse({key: value for key, value in (run.config | wrong).items() if key != "max_length"})
    told = str(raised.value)
    for part in (
        "schema must be 1, not 2",
        "learning_rate must be a number from 1e-07 up to 0.1, not -1",
        "epochs must be a whole number from 1 to 50, not true",
        'method must be one of full, lora, not "magic"',
        "gradient_accumulation_steps 2 must divide batch_size 9",
        "train_file /nowhere/train.jsonl does not exist",
        "learnig_rate is not a known setting",
        "max_length is missing",
        "tiny.layers must be a whole number from 1 to 24, not 0",
        "mlflow.experiment_id is missing",
        "mlflow.run_id is missing",
    ):
        assert part in told


def test_heads_must_divide_the_hidden_size_evenly(run: Run) -> None:
    with pytest.raises(BadConfig, match="twice"):
        parse(run.config | {"tiny": {"hidden_size": 34, "heads": 4}})


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"schema": 1}'])
def test_a_file_that_is_no_configuration(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(BadConfig):
        read(path)


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="cannot be read"):
        read(tmp_path / "none.json")


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.integers())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_value_whatever_escapes_as_another_error(run: Run, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(run.config)))
    with contextlib.suppress(BadConfig):
        json.dumps(parse(run.config | {key: data.draw(values)}).as_json(), allow_nan=False)
