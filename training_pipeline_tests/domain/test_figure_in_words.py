from __future__ import annotations

from training_pipeline.domain.figure_in_words import interval, model_of


def test_an_end_that_is_not_known_is_said() -> None:
    assert interval(0.41234, 0.62) == "0.4123 to 0.62"
    assert (interval(None, 1.0), interval(0.0, None)) == ("? to 1", "0 to ?")


def test_models_are_called_by_their_role() -> None:
    assert [model_of(role, "7") for role in ("tuned", "base", "champion", "other")] == [
        "this version",
        "base model",
        "version 7",
        "other",
    ]
