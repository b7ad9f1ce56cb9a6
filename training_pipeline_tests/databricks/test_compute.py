from __future__ import annotations

import re
from pathlib import Path

import pytest
from databricks.sdk.service.jobs import ComputeSpecAcceleratorType

from training_pipeline.databricks.compute import ACCELERATORS, of_one_gpu, problems


def test_the_accelerators_are_those_of_the_sdk() -> None:
    assert set(ACCELERATORS) == {member.value for member in ComputeSpecAcceleratorType}
    for name, accelerator in ACCELERATORS.items():
        assert name.startswith(f"GPU_{accelerator.gpus}x")


def test_the_speed_of_each_gpu_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "advice.md").read_text()
    rows = dict(re.findall(r"^\| (\w+) \| ([\d.]+e12) \| NVIDIA's .*https://", page, re.M))
    assert {name.partition("x")[2]: each.bf16 for name, each in ACCELERATORS.items()} == {
        gpu: float(speed) for gpu, speed in rows.items()
    }


@pytest.mark.parametrize(
    ("name", "count", "codes"),
    [
        ("GPU_1xA10", 1, []),
        ("GPU_8xH100", 8, []),
        ("GPU_8xH100", 1, ["not_a_multiple"]),
        ("GPU_8xB300", 12, ["not_a_multiple"]),
        ("GPU_1xH100", 2, ["more_than_a_node"]),
        ("GPU_8xH100", 16, ["more_than_a_node"]),
    ],
)
def test_what_may_be_combined(name: str, count: int, codes: list[str]) -> None:
    assert [problem.code for problem in problems(name, count, (), "m")] == codes


def test_an_accelerator_that_does_not_hold_the_model_is_told_with_those_that_do() -> None:
    (problem,) = problems("GPU_1xA10", 1, ("GPU_1xH100", "GPU_8xH100"), "big")
    assert problem.pointer == "/training_config/accelerator"
    assert "big" in problem.message
    assert "GPU_1xH100, GPU_8xH100" in problem.message


@pytest.mark.parametrize(
    ("gigabytes", "own", "chosen"),
    [
        (8.0, None, "GPU_1xA10"),
        (None, "GPU_1xH100", "GPU_1xH100"),
        (8.0, "GPU_8xH100", "GPU_8xH100"),
        (60.0, "GPU_1xA10", "GPU_1xH100"),
        (150.0, None, "GPU_8xB300"),
        (900.0, None, "GPU_8xB300"),
        (None, None, "GPU_1xA10"),
    ],
)
def test_one_gpu_holds_the_model(gigabytes: float | None, own: str | None, chosen: str) -> None:
    assert of_one_gpu(gigabytes, own) == ACCELERATORS[chosen]
