from __future__ import annotations

import datetime
from typing import Any

import pytest

from training_pipeline.domain.estimate.estimate import Estimated, PastJob, cost_of, passes, time_of
from training_pipeline.domain.estimate.prices import PriceList
from training_pipeline.testing.jobs.advice_facts import LLAMA_8B, facts, lengths

HERE = LLAMA_8B.model_copy(update={"machine": "a CPU"})


def past(**values: Any) -> PastJob:
    """800 pairs, three times, of 100 tokens: 245 tokens a second."""
    known = {"training_sheet_id": "s", "train_pairs": 800, "val_pairs": 200, "epochs": 3.0, "evaluations_per_epoch": 1}
    return PastJob(**{**known, "max_length": 1024, "tokens": 240_000, "seconds": 1000.0, **values})


def test_examples_are_counted_as_often_as_they_are_seen() -> None:
    assert passes(800, 300, 2, 2) == 1600 + 100 * 5
    assert past().length == 100
    assert past(tokens=None).length is None


def test_time_from_like_jobs() -> None:
    found = time_of(facts(model=HERE), "s", [past()] * 3, speed=None)
    assert found.middle == pytest.approx(1000)
    assert "3 jobs like it" in found.basis
    assert "Student's t" in found.basis
    double = time_of(facts(model=HERE, epochs=6), "s", [past()] * 3, speed=None)
    assert double.middle == pytest.approx(2000, rel=0.1)
    assert "their errors" in time_of(facts(model=HERE), "s", [past()] * 20, speed=None).basis


def test_jobs_with_other_lengths_say_nothing() -> None:
    long = facts(model=HERE, lengths=lengths(900))
    assert time_of(long, "s", [past()], speed=None).middle is None
    near = time_of(facts(model=HERE, lengths=lengths(150)), "other", [past()], speed=None)
    assert near.middle == pytest.approx(1500, rel=0.1)
    assert time_of(facts(model=HERE), "other", [past()], speed=None).middle is None  # its lengths are not known
    assert time_of(facts(model=HERE), "s", [past(tokens=None)], speed=None).middle == pytest.approx(1000)


def test_where_lengths_are_not_known_jobs_cut_elsewhere_say_nothing() -> None:
    """A job whose examples were cut to 128 tokens does not tell how long they are uncut."""
    short = [past(max_length=128)] * 25
    longer = time_of(facts(model=HERE, max_length=4096), "s", short, speed=None)
    assert longer.middle is None
    assert time_of(facts(model=HERE, max_length=4096), "s", [past(max_length=128, tokens=None)], speed=None) == longer
    assert time_of(facts(model=HERE, max_length=128), "s", short, speed=None).middle == pytest.approx(1000)
    measured = facts(model=HERE, max_length=4096, lengths=lengths(110))
    assert time_of(measured, "s", short, speed=None).middle == pytest.approx(1100, rel=0.1)


def test_time_from_size_and_speed_where_no_job_is_like_it() -> None:
    known = facts(model=HERE, lengths=lengths(100))
    lora = time_of(known, "s", [], speed=1e13)
    assert lora.middle is not None
    work = passes(800, 200, 3, 1) * 100
    assert lora.middle == pytest.approx(4 * 8_030_261_248 * work / (0.3 * 1e13))
    assert (lora.low, lora.high) == (lora.middle / 3, lora.middle * 3)
    padded = time_of(facts(model=HERE, lengths=lengths(50, 150), batch_size=2), "s", [], speed=1e13)
    assert padded.middle == pytest.approx(1.5 * lora.middle)
    full = time_of(facts(model=HERE, lengths=lengths(100), method="full"), "s", [], speed=1e13)
    assert full.middle == pytest.approx(1.5 * lora.middle)


def test_time_from_the_data_sheet_of_an_accelerator() -> None:
    there = LLAMA_8B.model_copy(update={"machine": "GPU_1xH100, 1 GPUs", "sheet_speed": 1e15})
    told = facts(model=there, accelerator="GPU_1xH100", lengths=lengths(100), lengths_estimated=True)
    found = time_of(told, "s", [], speed=None)
    assert found.middle is not None
    assert found.middle == pytest.approx(4 * 8_030_261_248 * passes(800, 200, 3, 1) * 100 / (0.25 * 1e15))
    assert (found.low, found.high) == (found.middle / 4, found.middle * 4)
    assert (
        "tokens told by characters with padding and the speed in the data sheet of its accelerator, of which 25%"
        in found.basis
    )
    from_history = time_of(told, "s", [past(tokens=None)], speed=None)
    assert from_history.middle == pytest.approx(1000)


def test_lengths_that_characters_tell_are_not_mixed_with_measured_ones() -> None:
    told = facts(model=HERE, lengths=lengths(200), lengths_estimated=True)
    assert time_of(told, "s", [past()], speed=None).middle == pytest.approx(1000)
    assert time_of(told, "other", [past()], speed=None).middle is None


@pytest.mark.parametrize(
    ("changes", "speed", "why"),
    [
        ({"train_pairs": None}, 1e13, "not counted"),
        ({"train_pairs": 0, "validation_pairs": 0}, 1e13, "no pair"),
        ({"model": LLAMA_8B}, None, "machine is not known"),
        ({}, None, "has ended on this machine yet, and its speed is not measured: `training-pipeline jobs advise"),
        (
            {"model": HERE.model_copy(update={"machine": "GPU_1xA10, 1 GPUs"}), "accelerator": "GPU_1xA10"}
            | {"precision": "fp32", "lengths": lengths(9)},
            None,
            "has ended on GPU_1xA10, 1 GPUs yet, and the speed in its data sheet is that of bf16, not of fp32",
        ),
        ({}, 1e13, "lengths of the pairs"),
        ({"model": HERE.model_copy(update={"parameters": 5000})}, 1e13, "so small a model"),
        ({"model": HERE.model_copy(update={"parameters": None}), "lengths": lengths(9)}, 1e13, "size of the model"),
    ],
)
def test_why_there_is_no_estimate(changes: dict[str, Any], speed: float | None, why: str) -> None:
    found = time_of(facts(**{"model": HERE, **changes}), "other", [past()], speed=speed)
    assert (found.middle, found.basis) == (None, "")
    assert why in found.reason


def test_the_cost_of_that_time() -> None:
    prices = PriceList(currency="EUR", as_of=datetime.date(2026, 11, 1), per_hour={"local": 3.6})
    found = cost_of(Estimated(middle=1000, low=500, high=2000), prices, "local")
    assert (found.middle, found.low, found.high) == pytest.approx((1.0, 0.5, 2.0))
    assert "3.6 EUR an hour, as of 2026-11-01" in found.basis
    assert "no price for 'GPU'" in cost_of(Estimated(middle=1, low=1, high=1), prices, "GPU").reason
    assert "no estimate of the time" in cost_of(Estimated(reason="x"), prices, "local").reason
    assert "TRAINING_PIPELINE_PRICE_FILE" in cost_of(Estimated(), None, "local").reason
    assert "cannot be used: bad" in cost_of(Estimated(), "bad", "local").reason
