from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.infra.files import sha256
from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus, StoredScores
from training_pipeline.models.evaluation.side_by_side import side_by_side
from training_pipeline.testing.models.evaluated import stored_evaluation
from training_pipeline.testing.models.score_files import right, scores, written


def evaluated(job_id: str, path: Path, accuracy: float, *, hours_ago: int = 1, **values: Any) -> Evaluation:
    """An evaluation of 40 pairs, so many of which were right."""
    file = written(path / f"{job_id}-{hours_ago}.parquet", scores(40, exact_match=right(40, accuracy)))
    stored = {"tuned": StoredScores(path=file, sha256=sha256(file), pairs=40)}
    made = stored_evaluation(job_id)
    values = {"created_at": made.created_at - timedelta(hours=hours_ago), "scores": stored, **values}
    return made.model_copy(update=values)


def test_each_is_beside_the_first_that_was_asked_for_pair_by_pair(tmp_path: Path) -> None:
    found = side_by_side(["b", "a"], [evaluated("a", tmp_path, 0.75), evaluated("b", tmp_path, 0.5)])
    assert [suite.suite for suite in found] == ["parcels"]
    first, second = found[0].jobs
    assert (first.job_id, first.duels, first.problem) == ("b", (), None)
    assert [figure.metric for figure in first.figures] == ["exact_match"]
    duel = second.duels[0]
    assert (duel.metric, duel.wins - duel.losses) == ("exact_match", 10)
    assert duel.wins + duel.losses + duel.ties == 40
    assert duel.difference == pytest.approx(0.25)
    assert duel.lower < 0.25 < duel.upper


def test_only_the_newest_that_succeeded_counts_and_other_pairs_are_another_suite(tmp_path: Path) -> None:
    failed = evaluated("a", tmp_path, 0.5, hours_ago=1, status=EvaluationStatus.FAILED)
    new, old = (evaluated("a", tmp_path, 0.5, hours_ago=hours) for hours in (2, 3))
    aged = evaluated("b", tmp_path, 0.5, suite_digest="2" * 64)
    found = side_by_side(["a", "b"], [failed, aged, new, old])
    assert [(suite.suite_digest[0], [job.evaluation_id for job in suite.jobs]) for suite in found] == [
        ("2", [aged.id]),
        ("1", [new.id]),
    ]
    assert all(job.duels == () for suite in found for job in suite.jobs)


def test_scores_that_are_gone_cost_the_wins_and_losses_alone(tmp_path: Path) -> None:
    one, two = evaluated("a", tmp_path, 0.5), evaluated("b", tmp_path, 0.75)
    assert two.scores is not None
    two.scores["tuned"].path.unlink()
    three = evaluated("c", tmp_path, 0.75, scores=None)
    first, second, third = side_by_side(["a", "b", "c"], [one, two, three])[0].jobs
    assert first.problem is None
    assert "is gone" in str(second.problem)
    assert "no recorded scores of single pairs" in str(third.problem)
    assert [len(job.figures) for job in (first, second, third)] == [1, 1, 1]


def test_choices_among_other_answers_are_not_compared(tmp_path: Path) -> None:
    """What is on offer comes from the pairs of an evaluation, and the guard leaves out others for another model."""

    def of(job_id: str, pairs: int) -> Evaluation:
        file = written(
            tmp_path / f"{job_id}.parquet", scores(pairs, exact_match=[1] * pairs, choice_accuracy=[1] * pairs)
        )
        stored = {"tuned": StoredScores(path=file, sha256=sha256(file), pairs=pairs)}
        return stored_evaluation(job_id).model_copy(update={"scores": stored})

    _, same, other = side_by_side(["a", "b", "c"], [of("a", 40), of("b", 40), of("c", 39)])[0].jobs
    assert [each.metric for each in same.duels] == ["exact_match", "choice_accuracy"]
    assert same.problem is None
    assert [each.metric for each in other.duels] == ["exact_match"]
    assert str(other.problem).startswith("choice_accuracy is not compared: ev-")
