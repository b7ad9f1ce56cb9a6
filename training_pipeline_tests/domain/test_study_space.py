from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.search import SearchSpace
from training_pipeline.domain.study_space import combinations, every, key_of, middle, probes, problems_of
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.testing.studies.trial_life import study_request


def told(space: dict[str, Any], **values: Any) -> dict[str, str]:
    return {problem.pointer: problem.code for problem in problems_of(study_request(space=space, **values))}


@pytest.mark.parametrize(
    ("space", "problems"),
    [
        ({}, {"/space": "empty"}),
        ({"epochs": {}}, {"/space/epochs": "incomplete"}),
        ({"epochs": {"low": 1}}, {"/space/epochs": "incomplete"}),
        ({"epochs": {"low": 3, "high": 1}}, {"/space/epochs": "impossible"}),
        ({"epochs": {"low": 10**400, "high": 1}}, {"/space/epochs": "out_of_bounds"}),  # and impossible
        ({"epochs": {"low": 3, "high": 3}}, {"/space/epochs": "one_value"}),
        ({"epochs": {"low": 1, "high": 51}}, {"/space/epochs": "out_of_bounds"}),
        ({"epochs": {"choices": [1, 2], "low": 1}}, {"/space/epochs": "both"}),
        ({"epochs": {"choices": [2]}}, {"/space/epochs/choices": "too_few"}),
        ({"epochs": {"choices": [2, 2]}}, {"/space/epochs/choices": "twice"}),
        ({"batch_size": {"choices": [*range(1, 67)]}}, {"/space/batch_size/choices": "too_many"}),
        ({"lora_rank": {"low": 1, "high": 8, "step": 0}}, {"/space/lora_rank/step": "no_step"}),
        ({"lora_rank": {"low": 1, "high": 8, "step": 2}}, {"/space/lora_rank/step": "misses_high"}),
        ({"lora_rank": {"low": 1, "high": 9, "step": 2, "log": True}}, {"/space/lora_rank/step": "log_and_step"}),
        ({"weight_decay": {"low": 0, "high": 1, "log": True}}, {"/space/weight_decay/low": "no_logarithm"}),
        ({"method": {"choices": ["auto", "full"]}}, {"/space/method/choices": "auto"}),
        ({"method": {"choices": ["qlora", "full"]}}, {"/space/method": "out_of_bounds"}),
        (
            {
                "epochs": {"low": 0, "high": 2},
                "learning_rate": {"low": 1e-5, "high": 1},
                "lr_scheduler": {"choices": []},
            },
            {
                "/space/epochs": "out_of_bounds",
                "/space/learning_rate": "out_of_bounds",
                "/space/lr_scheduler/choices": "too_few",
            },
        ),
        ({"epochs": {"choices": [1, 2, 3]}}, {"/most_trials": "too_many"}),
        ({"learning_rate": {"low": 1e-5, "high": 1e-3}}, {}),
    ],
)
def test_everything_that_is_wrong_is_told_at_once(space: dict[str, Any], problems: dict[str, str]) -> None:
    assert told(space) == problems


def test_what_is_set_twice_or_has_no_effect() -> None:
    job = {"training_sheet_id": "x", "model_name": "m", "training_config": {"method": "full", "epochs": 3}}
    space = {"epochs": {"low": 1, "high": 5}, "lora_rank": {"low": 1, "high": 8}}
    assert told(space, job=job) == {"/space/epochs": "set_twice", "/space/lora_rank": "no_effect"}


def test_hours_in_which_nothing_can_be_trained() -> None:
    space = {"learning_rate": {"low": 1e-5, "high": 1e-3}}
    assert told(space, hours=1e-9) == told(space, hours=0.016) == {"/hours": "too_little"}
    assert told(space, hours=1 / 60) == {}
    assert told({}, hours=1e-9) == {"/hours": "too_little", "/space": "empty"}


RANGES = st.tuples(st.integers(1, 50), st.integers(1, 50)).filter(lambda ends: ends[0] < ends[1])


@given(ends=RANGES, log=st.booleans(), choices=st.lists(st.integers(1, 512), min_size=2, max_size=9, unique=True))
def test_a_sound_space_has_sound_configurations(ends: tuple[int, int], log: bool, choices: list[int]) -> None:
    space = SearchSpace.model_validate(
        {"epochs": {"low": ends[0], "high": ends[1], "log": log}, "lora_rank": {"choices": choices}}
    )
    count = combinations(space)
    assert count == (ends[1] - ends[0] + 1) * len(choices)
    found = middle(space)
    TrainingConfig.model_validate(found)
    assert found["epochs"] in (every(space.searched["epochs"]) or ())
    assert [len(probes(search)) for search in space.searched.values()] == [ends[1] - ends[0] + 1, len(choices)]
    assert key_of(found) == key_of(dict(reversed(found.items())))


def test_a_learning_rate_is_drawn_by_its_logarithm() -> None:
    space = SearchSpace.model_validate({"learning_rate": {"low": 1e-5, "high": 1e-3}})
    assert middle(space) == {"learning_rate": pytest.approx(1e-4)}
    assert (combinations(space), probes(space.searched["learning_rate"])) == (None, (1e-5, 1e-3))
    batch = SearchSpace.model_validate({"batch_size": {"low": 1, "high": 1024}})
    assert probes(batch.searched["batch_size"]) == tuple(range(1, 1025))
