"""Training jobs side by side, composed of their rows, records, manifests, series and evaluations. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from training_pipeline.client.jobs.advice import estimate_of
from training_pipeline.datasets.diff import pair_counts, reader
from training_pipeline.datasets.validation_overlap import validation_overlap
from training_pipeline.domain import job_id as ids
from training_pipeline.domain.comparable import FEWEST, MOST, Measured, Overlap, verdict
from training_pipeline.domain.differences import differing
from training_pipeline.domain.errors import FieldProblem, InvalidRequest, NotFound, PipelineError
from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import LineageRecord, version_of
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.domain.refs import DatasetRef, required
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.side_by_side import SuiteScores, side_by_side
from training_pipeline.schemas.comparison import ComparedJob, TrainingJobComparison
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.best_values import LESS_IS_BETTER, BestAndLast, best_and_last
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import columns_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: Of a long list of ids so many problems are named.
MOST_PROBLEMS: Final = 50
#: What a job was asked for, that is compared as it is. The configuration is, too.
_ASKED: Final = (
    "training_sheet_id",
    "base_model",
    "train_val_split",
    "split_seed",
    "split_predecessor",
    "fresh_split",
    "register_to_uc",
    "backend",
)


#: What a training was made with, as the training program says.
_OF_THE_RECIPE: Final = {"chat_template_sha256", "tokenizer_sha256", "libraries", "device"}


@dataclass(frozen=True, slots=True)
class Compared:
    """Everything that is on record of one job. `dataset` is its dataset, or why there is none to be read."""

    job: TrainingJob
    record: LineageRecord | None
    dataset: DatasetRef | str
    estimate: Estimate | None
    series: Mapping[str, BestAndLast]


def job_comparison(store: JobStore, job_ids: Sequence[str], keys: HashKeys = NO_KEYS) -> TrainingJobComparison:
    """These jobs side by side. Raises `InvalidRequest` with everything that is wrong with the ids."""
    jobs = _jobs(store, job_ids)
    series = best_and_last(store, job_ids)
    found = [
        Compared(
            job=job,
            record=_record(store, job.id),
            dataset=_dataset(job),
            estimate=estimate_of(store, job.id),
            series=series.get(job.id, {}),
        )
        for job in jobs
    ]
    with reader() as engine:
        data = _pair_changes(engine, found[0].dataset, [each.dataset for each in found[1:]], keys)
        overlap = _overlap(engine, [each.dataset for each in found], keys)
    scores = side_by_side(job_ids, records.of_jobs(store, job_ids))
    return comparison(found, overlap=overlap, data=data, scores=scores)


def comparison(
    found: Sequence[Compared],
    *,
    overlap: Overlap | None,
    data: Sequence[Mapping[PairChange, int | None] | str],
    scores: Sequence[SuiteScores],
) -> TrainingJobComparison:
    """The answer. `data` is, for each job but the first, how its pairs changed, or why that cannot be said."""
    facts = differing([_facts(each) for each in found])
    return TrainingJobComparison.model_validate(
        {
            "jobs": [_shown(each) for each in found],
            "validation_losses": verdict([_measured(each) for each in found], overlap),
            "differences": [{"field": name, "values": values} for name, values in facts.items()],
            "data": [
                {
                    "job_id": each.job.id,
                    "counts": None if isinstance(changed, str) else {str(kind): n for kind, n in changed.items()},
                    "problem": changed if isinstance(changed, str) else None,
                }
                for each, changed in zip(found[1:], data, strict=True)
            ],
            "evaluations": scores,
        }
    )


def _jobs(store: JobStore, job_ids: Sequence[str]) -> list[TrainingJob]:
    """The jobs of these ids; raises `InvalidRequest`: too few or many, doubled, malformed and unknown ones at once."""
    problems = []
    if not FEWEST <= len(job_ids) <= MOST:
        problems.append(
            FieldProblem("/jobs", "wrong_number", f"has {len(job_ids)} training jobs; name {FEWEST} to {MOST} of them")
        )
    found: dict[str, TrainingJob] = {}
    for place, job_id in enumerate(job_ids):
        problem = None
        if job_id in job_ids[:place]:
            problem = ("doubled", f"{job_id!r} is named before; name each training job once")
        elif not ids.is_job_id(job_id):
            problem = ("malformed", f"{job_id!r} is no id of a training job, such as tj-20261123-072145-9f3a2c")
        else:
            try:
                found[job_id] = store.get(job_id)
            except NotFound:
                problem = ("unknown_job", f"there is no training job {job_id!r}; `jobs list` names them")
        if problem is not None:
            problems.append(FieldProblem(f"/jobs/{place}", *problem))
        if len(problems) > MOST_PROBLEMS:
            break
    if problems:
        raise InvalidRequest("These training jobs cannot be compared.", problems=problems)
    return list(found.values())


def _record(store: JobStore, job_id: str) -> LineageRecord | None:
    try:
        return lineage.read(store, job_id)
    except NotFound:  # it was never submitted
        return None


def _dataset(job: TrainingJob) -> DatasetRef | str:
    try:
        return required(job.data.dataset, "dataset")
    except PipelineError as error:
        return f"{job.id}: {_words(error)}"


def _pair_changes(
    engine: DuckDBPyConnection, first: DatasetRef | str, others: Sequence[DatasetRef | str], keys: HashKeys
) -> list[Mapping[PairChange, int | None] | str]:
    """What changed from the first to each of the others; jobs that share a dataset are asked about once."""
    known: dict[str, Mapping[PairChange, int | None] | str] = {}
    found: list[Mapping[PairChange, int | None] | str] = []
    for each in others:
        if isinstance(first, str) or isinstance(each, str):
            found.append(first if isinstance(first, str) else str(each))
            continue
        if each.digest not in known:
            known[each.digest] = _changes(engine, first, each, keys)
        found.append(known[each.digest])
    return found


def _changes(
    engine: DuckDBPyConnection, first: DatasetRef, second: DatasetRef, keys: HashKeys
) -> Mapping[PairChange, int | None] | str:
    if first.digest == second.digest:
        return dict.fromkeys(PairChange, 0)
    try:
        return pair_counts(engine, first, second, keys)
    except PipelineError as error:
        return _words(error)


def _overlap(engine: DuckDBPyConnection, datasets: Sequence[DatasetRef | str], keys: HashKeys) -> Overlap | None:
    """What the validation splits have in common; None where one of them cannot be read."""
    known = [each for each in datasets if isinstance(each, DatasetRef)]
    if len(known) < len(datasets):
        return None
    try:
        return validation_overlap(engine, known, keys)
    except PipelineError:
        return None


def _words(error: PipelineError) -> str:
    return f"{error.message} {error.hint}".strip()


def _measured(found: Compared) -> Measured:
    recipe = None if found.record is None else found.record.recipe
    return Measured(
        job_id=found.job.id,
        dataset_digest=found.dataset.digest if isinstance(found.dataset, DatasetRef) else None,
        tokenizer=None if recipe is None else recipe.tokenizer_sha256,
        chat_template=None if recipe is None else recipe.chat_template_sha256,
        max_length=found.job.request.training_config.get("max_length"),
    )


def _facts(found: Compared) -> dict[str, Any]:
    """What of a job may differ and means something. What is not on record is left out."""
    columns, record = columns_of(found.job), found.record
    facts: dict[str, Any] = {name: columns[name] for name in (*_ASKED, "training_config")}
    if record is None:
        return facts
    facts |= {
        "training_sheet_digest": record.training_sheet_digest,
        "source_sheet": version_of(record.sheet_id, record.sheet_version),
        "prompt_template": version_of(record.template_id, record.template_version),
        "gate_policy_version": record.gate_policy_version,
    }
    if record.base_model is not None:
        # A commit says it all; jobs of before do not know the files that it has.
        revision = record.base_model.revision
        base = {"revision": revision, "digest": None if revision else record.base_model.digest}
        facts["base_model_record"] = {name: value for name, value in base.items() if value is not None}
    if record.recipe is not None:
        facts["trained_with"] = record.recipe.model_dump(include=_OF_THE_RECIPE)
    return facts


def _shown(found: Compared) -> dict[str, Any]:
    columns = columns_of(found.job)
    series = {name: found.series.get(name) for name in LESS_IS_BETTER}
    shown = {name: columns[name] for name in ComparedJob.model_fields if name in columns}
    return {**shown, **series, "estimate": found.estimate}
