"""The evaluations of several jobs' model versions on the same suite, and who wins against the first, pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.errors import PipelineError
from training_pipeline.models.evaluation.metrics import METRICS
from training_pipeline.models.evaluation.paired import compare
from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus, StoredFigure
from training_pipeline.models.evaluation.results import comparable_scores, scores_of
from training_pipeline.models.evaluation.scores import SLICES, keys_of, metrics_in

TUNED = "tuned"


class Duel(BaseModel):
    """One metric of a model beside that of the first one, on the pairs that both have a score of."""

    model_config = ConfigDict(frozen=True)

    metric: str
    wins: int
    losses: int
    ties: int
    #: By how much better it is in the mean, with its interval.
    difference: float
    lower: float
    upper: float
    #: Pairs of which only the first one has a score, so that they are none of the above.
    unscored: int


class JobScores(BaseModel):
    """What a job's model version scored on a suite."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    evaluation_id: str
    model_name: str
    model_version: str
    figures: tuple[StoredFigure, ...]
    #: Empty for the first job of the suite, and where the scores cannot be read. `problem` says why these, or some of
    #: them, are missing.
    duels: tuple[Duel, ...] = ()
    problem: str | None = None


class SuiteScores(BaseModel):
    """A suite, under its digest, and the jobs that were evaluated on it, in the order that was asked for."""

    model_config = ConfigDict(frozen=True)

    suite: str
    suite_digest: str
    jobs: tuple[JobScores, ...]


def side_by_side(job_ids: Sequence[str], evaluations: Sequence[Evaluation]) -> list[SuiteScores]:
    """Of every suite the newest succeeded evaluation of each job, those with the most jobs first. Reads the scores.

    Two suites of one name are two where their pairs differ. `evaluations` come newest first.
    """
    suites: dict[tuple[str, str], dict[str, Evaluation]] = {}
    for each in evaluations:
        if each.status is EvaluationStatus.SUCCEEDED:
            suites.setdefault((each.suite_name, each.suite_digest), {}).setdefault(each.job_id, each)
    found = [
        SuiteScores(suite=name, suite_digest=digest, jobs=tuple(_jobs([each for each in job_ids if each in of], of)))
        for (name, digest), of in suites.items()
    ]
    return sorted(found, key=lambda suite: (-len(suite.jobs), suite.suite))


def _jobs(job_ids: Sequence[str], found: Mapping[str, Evaluation]) -> list[JobScores]:
    if len(job_ids) == 1:
        return [_job(found[job_ids[0]])]
    other = found[job_ids[0]]
    first = _scores(other)
    return [_job(other), *(_beside(first, other, found[job_id]) for job_id in job_ids[1:])]


def _beside(first: pa.Table | str, other: Evaluation, evaluation: Evaluation) -> JobScores:
    """What a job scored, beside the first one; a file that cannot be read costs the wins and losses alone."""
    own = _scores(evaluation)
    if isinstance(first, str) or isinstance(own, str):
        return _job(evaluation, problem=first if isinstance(first, str) else str(own))
    try:
        comparable, left_out = comparable_scores(own, evaluation, first, other)
        why = "; ".join(f"{name} is not compared: {reason}" for name, reason in left_out.items())
        return _job(evaluation, duels=_duels(comparable, first), problem=f"{why}." if why else None)
    except PipelineError as error:
        return _job(evaluation, problem=error.message)


def _job(found: Evaluation, **scored: Any) -> JobScores:
    means = [each for each in found.figures or () if each.model == TUNED and each.over is None and each.of is None]
    return JobScores(
        job_id=found.job_id,
        evaluation_id=found.id,
        model_name=found.model_name,
        model_version=found.model_version,
        figures=tuple(means),
        **scored,
    )


def _duels(new: pa.Table, first: pa.Table) -> tuple[Duel, ...]:
    better = [name for name in metrics_in(new) if METRICS[name].better]
    return tuple(
        Duel(
            metric=each.metric,
            wins=each.wins,
            losses=each.losses,
            ties=each.ties,
            difference=each.difference.estimate,
            lower=each.difference.lower,
            upper=each.difference.upper,
            unscored=each.unscored,
        )
        for each in compare(_unsliced(new), _unsliced(first), better)
        if each.of is None
    )


def _unsliced(scores: pa.Table) -> pa.Table:
    """The scores without what slices are made by: only all pairs together are compared here."""
    kept = [name for name in scores.column_names if name not in SLICES or name in keys_of(scores)]
    return scores.select(kept)


def _scores(evaluation: Evaluation) -> pa.Table | str:
    """The scores of single pairs, or why there are none."""
    stored = (evaluation.scores or {}).get(TUNED)
    if stored is None:
        return f"The evaluation {evaluation.id} has no recorded scores of single pairs."
    try:
        return scores_of(stored)
    except PipelineError as error:
        return error.message
