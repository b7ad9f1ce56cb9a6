from __future__ import annotations

from datetime import timedelta

from training_pipeline.testing.seen_study import study_page
from training_pipeline.web.studies.charts import axes_of, lines_of, progress_of


def test_the_lines_of_the_trials_and_the_best_so_far() -> None:
    page = study_page()
    assert axes_of(page) == [
        {"name": "Learning rate", "type": "log", "low": 1e-5, "high": 1e-2, "whole": False},
        {"name": "LoRA rank", "type": "category", "choices": ["4", "8", "16", "32"]},
        {"name": "validation loss", "type": "value"},
    ]
    lines = lines_of(page)
    # Neither the trial that failed nor the one that was cancelled.
    assert [line["number"] for line in lines] == [1, 2, 3, 4, 5, 6, 7, 8, 10, 11]
    assert {line["look"] for line in lines} == {"best", "succeeded", "pruned"}
    assert next(line for line in lines if line["look"] == "best")["values"] == [6e-4, "16", page.best_value]
    pruned = page.all_trials[6]
    assert (pruned.value, lines[6]["values"][-1]) == (None, pruned.lowest_loss)
    progress = progress_of(page)
    assert [number for _, _, number in progress["best"]] == [1, 2, 3, 6]
    assert len(progress["trials"]) == 8
    assert progress["best"][0][0] == timedelta(minutes=9, seconds=7).total_seconds()


def test_a_loss_so_far_is_no_score() -> None:
    page = study_page()
    scored = page.model_copy(update={"measure": "exact_match"})
    assert {line["look"] for line in lines_of(scored)} == {"best", "succeeded"}


def test_a_study_without_trials_draws_nothing() -> None:
    page = study_page(trials=())
    assert (lines_of(page), progress_of(page)["best"], page.best_trial) == ([], [], None)
