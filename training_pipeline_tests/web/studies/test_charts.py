from __future__ import annotations

from datetime import timedelta

from training_pipeline.testing.studies.seen_study import study_page
from training_pipeline.web.studies.charts import axes_of, lines_of, progress_of


def test_the_lines_of_the_trials_and_the_best_so_far() -> None:
    page = study_page()
    assert axes_of(page) == [
        {"name": "Learning rate", "type": "log", "min": 1e-5, "max": 1e-2},
        {"name": "LoRA rank", "type": "category", "data": ["4", "8", "16", "32"]},
        {"name": "validation loss", "type": "value", "scale": True},
    ]
    lines = lines_of(page)
    # Neither the trial that failed nor the one that was cancelled.
    numbers = [line["key"] for line in lines]
    assert numbers == ["7", "11", "1", "2", "3", "4", "5", "8", "10", "6"]
    assert len({line["look"] for line in lines}) == 3
    assert lines[-1]["values"] == [6e-4, "16", page.best_value]
    assert (page.all_trials[6].value, lines[0]["values"][-1]) == (None, page.all_trials[6].lowest_loss)
    progress = progress_of(page)
    assert [number for _, _, number in progress["best"]] == [1, 2, 3, 6]
    assert len(progress["trials"]) == 8
    assert progress["best"][0][0] == timedelta(minutes=9, seconds=7).total_seconds()


def test_a_loss_so_far_is_no_score() -> None:
    page = study_page()
    scored = page.model_copy(update={"measure": "exact_match"})
    assert [line["key"] for line in lines_of(scored)] == ["1", "2", "3", "4", "5", "8", "10", "6"]


def test_a_study_without_trials_draws_nothing() -> None:
    page = study_page(trials=())
    assert (lines_of(page), progress_of(page)["best"], page.best_trial) == ([], [], None)
