"""Model versions and base models as they are asked: where their files are, and what these must be."""

from __future__ import annotations

import logging
from typing import Final, Literal

from training_pipeline.backends.asking import AskedModel
from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.evaluating import Evaluating, TakesQuestions
from training_pipeline.domain.errors import Conflict, FieldProblem, InvalidRequest, PipelineError
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.domain.refs import required
from training_pipeline.models.evaluation.judges import Judges, Judging
from training_pipeline.models.versions import files
from training_pipeline.models.versions.aliases import Aliases
from training_pipeline.models.versions.usable import require_usable
from training_pipeline.models.versions.verify import Subject
from training_pipeline.models.versions.versions import ModelVersions

#: The alias of the version in use.
CHAMPION: Final = "champion"
_BUILT_IN: Final = "builtin:tiny"
_log = logging.getLogger(__name__)


def evaluating(backend: FineTuningBackend) -> Evaluating:
    """The backend, where models are asked there; raises `InvalidRequest` where they are not."""
    if not isinstance(backend, Evaluating):
        raise InvalidRequest(
            f"The backend {backend.name} cannot evaluate models yet.",
            hint="Ask the questions with a program of your own, and score its answers: `training-pipeline scores`.",
        )
    return backend


def judged_by(judges: Judges, backend: Evaluating, name: str) -> Judging:
    """The judge of this name; raises `InvalidRequest` where there is none, or the backend's runs cannot ask one."""
    if isinstance(backend, TakesQuestions):
        raise InvalidRequest(
            "A judge cannot read answers that are given on Databricks.",
            problems=[FieldProblem("/judge", "no_judge_there", "needs the local backend, where its key is")],
            hint="Evaluate without a judge, or on an installation with the local backend.",
        )
    return judges.named(name)


def asked_version(backend: FineTuningBackend, role: Literal["tuned", "champion"], subject: Subject) -> AskedModel:
    """The version; raises `Conflict` where its files are not where the backend's runs are. Looks for them."""
    version = subject.version
    named = f"{version.name} version {version.version}"
    return _asked(backend, role, named, (subject.job, version.name, version.version), subject.record)


def asked_job(backend: FineTuningBackend, job: TrainingJob, record: LineageRecord) -> AskedModel:
    """The model that a job trained and did not register; raises `Conflict` where its files are not here. Looks."""
    named = f"The model of training job {job.id}"
    return _asked(backend, "tuned", named, (job, job.request.model_name, ""), record)


def _asked(
    backend: FineTuningBackend,
    role: Literal["tuned", "champion"],
    named: str,
    of: tuple[TrainingJob, str, str],
    record: LineageRecord,
) -> AskedModel:
    job = of[0]
    if isinstance(backend, TakesQuestions) and job.backend == backend.name:
        return AskedModel(role=role, source=backend.source_of(*of), files=record.model_files or None)
    where = files.place(backend, *of)
    if where.folder is None:
        raise Conflict(
            f"{named} cannot be asked: {where.unreadable}",
            hint="Restore its files, or ask a version whose files are here.",
        )
    return AskedModel(role=role, source=str(where.folder), files=record.model_files or None)


def champion_of(
    versions: ModelVersions, aliases: Aliases, backend: FineTuningBackend, name: str, version: str, asked: str | None
) -> Subject | None:
    """The version to compare with: the one that is asked for, else the one in use where it can be asked."""
    if asked == version:
        raise InvalidRequest(f"{name} version {version} cannot be compared with itself.")
    if asked is not None:
        subject = versions.subject(name, asked)
        require_usable(subject)
        return subject
    try:
        held = aliases.holder(name, CHAMPION)
        if held is None or held == version:
            return None
        subject = versions.subject(name, held)
        require_usable(subject)
        asked_version(backend, "champion", subject)
    except PipelineError as error:
        _log.warning("the champion of %s is not evaluated beside it: %s", name, error.code)
        return None
    return subject


def asked_base(subject: Subject) -> AskedModel:
    """What the version was trained from."""
    reference, record = subject.job.request.base_model, subject.record.base_model
    if reference == _BUILT_IN:
        config = subject.job.request.training_config
        dataset = required(subject.job.data.dataset, "dataset")
        made = {"train_file": str(dataset.train_file), "max_length": config["max_length"], "seed": config["seed"]}
        made |= {"dataset_digest": dataset.digest, "train_sha256": dataset.train_sha256}
        return AskedModel(role="base", source=reference, built_in=made)
    facts = {} if record is None else {"revision": record.revision, "files": record.files}
    return AskedModel.model_validate({"role": "base", "source": reference, **facts})
