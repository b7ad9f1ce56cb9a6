from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.backends.defaults import TINY_MOST_EPOCHS, TINY_STEPS, default_epochs, resolve, tiny_epochs
from training_pipeline.domain.training_config import TrainingConfig

AUTOS = ("epochs", "learning_rate", "batch_size", "method", "max_length", "precision")


@pytest.mark.parametrize(
    ("pairs", "epochs"),
    [(None, 3), (2, 25), (10, 10), (20, 5), (33, 3), (34, 3), (500, 3), (8333, 3), (8334, 2), (50_000, 1)],
)
def test_the_epochs_of_a_model_that_knows_language(pairs: int | None, epochs: int) -> None:
    assert default_epochs(pairs) == epochs


@pytest.mark.parametrize(("pairs", "epochs"), [(None, 10), (8, 50), (240, 13), (400, 8), (5978, 1), (10**6, 1)])
def test_the_epochs_of_the_built_in_model(pairs: int | None, epochs: int) -> None:
    assert tiny_epochs(pairs, 8) == epochs


@given(pairs=st.integers(1, 10**6), batch_size=st.integers(1, 1024))
def test_the_built_in_model_makes_about_as_many_steps_as_it_needs(pairs: int, batch_size: int) -> None:
    epochs = tiny_epochs(pairs, batch_size)
    steps_an_epoch = -(-pairs // batch_size)
    assert 1 <= epochs <= TINY_MOST_EPOCHS
    assert abs(epochs * steps_an_epoch - TINY_STEPS) <= steps_an_epoch / 2 or epochs in {1, TINY_MOST_EPOCHS}


@given(
    from_scratch=st.booleans(),
    pairs=st.none() | st.integers(1, 10**6),
    steps=st.integers(1, 256),
    context=st.none() | st.integers(16, 131072),
)
def test_no_auto_is_left_and_what_auto_means_is_never_refused(
    from_scratch: bool, pairs: int | None, steps: int, context: int | None
) -> None:
    config, problems = resolve(
        TrainingConfig(gradient_accumulation_steps=steps),
        from_scratch=from_scratch,
        train_pairs=pairs,
        precision="fp32",
        context_length=None if from_scratch else context,
    )
    assert problems == []
    assert "auto" not in config.model_dump().values()


def test_what_was_asked_for_stays() -> None:
    asked = TrainingConfig(
        epochs=7, learning_rate=3e-5, batch_size=12, method="full", max_length=99, precision="bf16", seed=5
    )
    config, problems = resolve(asked, from_scratch=False, train_pairs=10, precision="fp32", context_length=100)
    assert problems == []
    assert config == asked.model_copy(update={"accelerator": None, "accelerator_count": None})


def test_the_learning_rate_follows_the_method() -> None:
    rates = {
        method: resolve(TrainingConfig(method=method), from_scratch=False, train_pairs=50, precision="fp32")[0]
        for method in ("lora", "full", "auto")
    }
    assert rates["full"].learning_rate == 1e-5
    assert rates["lora"].learning_rate == rates["auto"].learning_rate == 2e-4


def test_every_problem_is_told_at_once() -> None:
    asked = TrainingConfig(batch_size=8, gradient_accumulation_steps=3, max_length=4096)
    _, problems = resolve(asked, from_scratch=False, train_pairs=50, precision="fp32", context_length=2048)
    assert [problem.pointer for problem in problems] == [
        "/training_config/gradient_accumulation_steps",
        "/training_config/max_length",
    ]
