from __future__ import annotations

from typing import Any

import pytest

from training_pipeline.databricks.base_models import DatabricksModels
from training_pipeline.databricks.plan import described, resolved_plan
from training_pipeline.domain.advice.advise import advise
from training_pipeline.domain.advice.facts import Facts, TokenLengths
from training_pipeline.domain.advice.memory import needed_bytes, weight_bytes
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.estimate.estimate import time_of
from training_pipeline.domain.training_config import TrainingConfig


def planned(base_model: str | None = None, *, own: str | None = None, **config: Any) -> tuple[str, TrainingConfig]:
    models = DatabricksModels(has_token=True)
    return resolved_plan(models, base_model, TrainingConfig(**config), train_pairs=400, own_accelerator=own)


def test_nothing_is_left_to_chance() -> None:
    model, config = planned()
    assert model == "qwen3-8b"
    assert "auto" not in config.model_dump().values()
    assert (config.accelerator, config.accelerator_count, config.method) == ("GPU_1xH100", 1, "lora")
    assert config.precision == "bf16"


@pytest.mark.parametrize(
    ("model", "own", "accelerator", "count"),
    [
        ("smollm3-3b", None, "GPU_1xA10", 1),
        ("smollm3-3b", "GPU_1xH100", "GPU_1xH100", 1),
        ("databricks-meta-llama-3-1-70b-instruct", "GPU_1xH100", "GPU_8xH100", 8),
        ("builtin:tiny", None, "GPU_1xA10", 1),
    ],
)
def test_auto_takes_our_own_accelerator_where_it_holds_the_model(
    model: str, own: str | None, accelerator: str, count: int
) -> None:
    _, config = planned(model, own=own)
    assert (config.accelerator, config.accelerator_count) == (accelerator, count)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidRequest) as raised:
        planned("qwen3-32b", accelerator="GPU_1xA10", accelerator_count=3, max_length=100_000)
    pointers = {problem.pointer for problem in raised.value.problems}
    assert pointers == {
        "/training_config/accelerator",
        "/training_config/accelerator_count",
        "/training_config/max_length",
    }


def test_a_model_that_no_node_holds_for_a_method_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidRequest) as raised:
        planned("databricks-meta-llama-3-1-70b-instruct", method="full", accelerator="GPU_8xH100")
    assert any("choose lora" in problem.message or "GPU_8xB300" in problem.message for problem in raised.value.problems)


def test_an_unknown_model_is_one_problem() -> None:
    with pytest.raises(InvalidRequest) as raised:
        planned("qwen3-8c")
    assert [problem.pointer for problem in raised.value.problems] == ["/base_model"]


def test_what_a_first_job_here_is_advised_and_estimated_with() -> None:
    models = DatabricksModels(has_token=True)
    chosen, config = planned("databricks-meta-llama-3-1-70b-instruct")
    known = described(models, chosen, config)
    assert (known.machine, known.memory_bytes, known.lean) == ("GPU_8xH100, 8 GPUs", 640 * 10**9, True)
    assert known.sheet_speed == 8 * 989.5e12
    asked = Facts(base_model=chosen, model=known, config=config, auto=config, train_pairs=400, validation_pairs=100)
    assert {"learning_rate"} == {one.rule for one in advise(asked).advice if one.field == "learning_rate"}
    assert (needed_bytes(asked) or 0) > weight_bytes(known.parameters or 0, lora=True, lean=True)
    lengths = TokenLengths.of([200] * 400)
    told = asked.model_copy(update={"lengths": lengths, "lengths_estimated": True})
    assert time_of(told, "sheet", [], speed=None).middle is not None
    assert described(models, chosen, config.model_copy(update={"precision": "fp32"})).sheet_speed is None
    assert described(models, "gone", config.model_copy(update={"accelerator": None})).machine is None
