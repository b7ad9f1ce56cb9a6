"""Is a model version still clean? Everything that can be looked at is looked at, and each finding is one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.errors import PipelineError, Unavailable
from training_pipeline.domain.lineage import NOT_RECORDED
from training_pipeline.domain.model_version import Check, Outcome
from training_pipeline.domain.refs import DatasetRef, required
from training_pipeline.infra.bounded_calls import BoundedCalls
from training_pipeline.models.versions import files
from training_pipeline.models.versions.dagster_record import materialized
from training_pipeline.training_jobs.lifecycle.provenance import event_disagreements, tag_disagreements

if TYPE_CHECKING:
    from training_pipeline.backends.base import FineTuningBackend
    from training_pipeline.domain.job import TrainingJob
    from training_pipeline.domain.lineage import LineageRecord
    from training_pipeline.models.versions.chain import Ancestor
    from training_pipeline.models.versions.find import Registered
    from training_pipeline.tracking.mlflow import RunTracking
    from training_pipeline.training_jobs.polling.permission import Permission
    from training_pipeline.training_jobs.store.jobs import JobStore

T = TypeVar("T")
#: How long MLflow may take to answer all that it is asked.
MLFLOW_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A version to be looked at, with all that is on record of it."""

    version: Registered
    #: Older jobs that registered the same name and number.
    older: Sequence[str]
    job: TrainingJob
    record: LineageRecord
    ancestors: Sequence[Ancestor] | None


class Verifier:
    """Looks at versions. Reads only."""

    def __init__(
        self, store: JobStore, permission: Permission, backend: FineTuningBackend, tracking: RunTracking
    ) -> None:
        self._store = store
        self._permission = permission
        self._backend = backend
        self._tracking = tracking
        self._calls: BoundedCalls[str, list[str]] = BoundedCalls(2, hung_after=MLFLOW_SECONDS)

    def checks(self, subject: Subject) -> list[Check]:
        """Every check, whatever the others find. Reads every byte of the dataset, and of the model if it is here."""
        return [
            self._state(subject),
            *self._rows(subject),
            self._guarded("dataset", lambda: self._dataset(subject.job)),
            self._guarded("files", lambda: self._files(subject)),
            self._guarded("dagster", lambda: self._dagster(subject)),
            self._mlflow(subject),
        ]

    def _state(self, subject: Subject) -> Check:
        version = subject.version
        if version.reasons:
            return _failed("state", f"It is {version.state}: {' '.join(version.reasons)}")
        if version.registered_at is None:
            return _unknown("state", f"Its training job {subject.job.id} has not ended yet.")
        if version.state != "registered":
            return _failed("state", f"Its training job {subject.job.id} ended as {subject.job.status}.")
        if subject.older:
            others = ", ".join(subject.older)
            return _failed("state", f"The same name and number were registered before, by {others}.")
        return _passed("state", "It is neither tainted nor withdrawn.")

    def _rows(self, subject: Subject) -> Iterator[Check]:
        """Whether the rows of the version, and of every model that it comes from, may still be trained on."""
        yield self._guarded("rows", lambda: self._rows_of("rows", subject.job, "Its rows"))
        if subject.ancestors is None:
            yield _unknown("base_model", "It is not recorded whether its base model was registered here.")
            return
        if not subject.ancestors:
            yield _passed("base_model", "Its base model was not registered here.")
        for ancestor in subject.ancestors:
            yield self._guarded("base_model", partial(self._rows_of_ancestor, ancestor))
        if subject.ancestors and not subject.ancestors[-1].base_recorded:
            first = _named(subject.ancestors[-1])
            yield _unknown("base_model", f"What {first} was trained from is {NOT_RECORDED}.")

    def _rows_of_ancestor(self, ancestor: Ancestor) -> Check:
        what = f"The rows of its ancestor {_named(ancestor)}"
        return self._rows_of("base_model", self._store.get(ancestor.job_id), what)

    def _rows_of(self, name: str, job: TrainingJob, what: str) -> Check:
        from training_pipeline.datasets import store as datasets

        if not datasets.manifest_is_whole(required(job.data.dataset, "dataset")):
            return _unknown(name, f"{what} are not known: the manifest that names them is gone or damaged.")
        answer = self._permission.ask(job)
        if answer.withdrawn is not None:
            return _failed(name, answer.withdrawn.message)
        if not answer.text_known:
            gone = "the key of its hashes was destroyed, or cannot be read, and their text is gone"
            return _unknown(name, f"{what} may be trained on by their ids; of the text that is not known: {gone}.")
        also = "".join(f" {warned.message}" for warned in answer.warnings)
        return _passed(name, f"{what} may still be trained on, all of them.{also}")

    def _dataset(self, job: TrainingJob) -> Check:
        from training_pipeline.datasets import store as datasets
        from training_pipeline.datasets.erased import erased

        dataset = required(job.data.dataset, "dataset")
        mark = erased(dataset.path)
        if mark is not None and datasets.manifest_is_whole(dataset):
            said = f"The text of dataset {dataset.digest[:12]} was erased for {mark.revocation_id}"
            return _passed("dataset", f"{said}; its manifest is what was recorded.")
        try:
            datasets.verify(dataset)
        except Unavailable as error:
            return _failed("dataset", error.message)
        return _passed("dataset", f"Dataset {dataset.digest[:12]} and its manifest are what was recorded.")

    def _files(self, subject: Subject) -> Check:
        hashes = subject.record.model_files or {}
        where = files.place(self._backend, subject.job, subject.version.name, subject.version.version)
        if where.folder is None:
            return (_failed if where.lost else _unknown)("files", where.unreadable)
        found = files.problems(hashes, where.folder)
        if found or not hashes:
            return _failed("files", f"In {where.folder}: {'; '.join(found) or 'no file is on record'}.")
        return _passed("files", f"All {len(hashes):,} files in {where.folder} are those that were registered.")

    def _dagster(self, subject: Subject) -> Check:
        record, dataset = subject.record, subject.job.data.dataset
        found = materialized(self._store, record.job_id, record.assets)
        if not found.records:
            return _unknown("dagster", "Dagster's event log, as it is here, has nothing of this training job.")
        if not isinstance(dataset, DatasetRef):
            return _unknown("dagster", "The dataset that the training job names cannot be read.")
        told = event_disagreements(record, materialized=found.records, inputs=found.inputs, dataset=dataset)
        if told:
            return _failed("dagster", f"Dagster's event log says otherwise: {'; '.join(told)}.")
        return _passed("dagster", f"Dagster's event log says the same of all {len(found.records)} assets.")

    def _mlflow(self, subject: Subject) -> Check:
        run_id, version = subject.job.handles.mlflow_run_id, subject.version
        if run_id is None:
            return _unknown("mlflow", "The training job names no MLflow run.")

        def differences() -> list[str]:
            told = []
            if not self._tracking.has_version(version.name, version.version):
                told.append(f"its registry has no version {version.version} of {version.name}")
            return [*told, *_in_words(tag_disagreements(subject.record, self._tracking.tags(run_id)))]

        begun = self._calls.begin(version.job_id, version.job_id, differences)
        try:
            if begun is None:
                raise TimeoutError
            told = begun.answer.result(timeout=MLFLOW_SECONDS)
        except TimeoutError:
            return _unknown("mlflow", f"MLflow did not answer within {MLFLOW_SECONDS:g} seconds.")
        except Exception as error:  # noqa: BLE001 - whatever a registry answers, the other checks stand
            return _unknown("mlflow", f"MLflow could not be asked: {describe(error)}.")
        finally:
            if begun is not None and begun.answer.done():
                self._calls.take(begun)
        if told:
            return _failed("mlflow", f"MLflow says otherwise: {'; '.join(told)}.")
        return _passed("mlflow", "MLflow has the version, and its run says the same.")

    def _guarded(self, name: str, look: Callable[[], Check]) -> Check:
        try:
            return look()
        except PipelineError as error:
            return _unknown(name, error.message)
        except Exception as error:  # noqa: BLE001 - one thing that cannot be looked at keeps no other from it
            return _unknown(name, f"It could not be checked: {describe(error)}.")


def _in_words(told: Sequence[str]) -> list[str]:
    """The differences that mean something: a record of before names nothing where MLflow has no tag."""
    return [one for one in told if not (f"says {NOT_RECORDED!r}," in one and one.endswith("says 'nothing'"))]


def _named(ancestor: Ancestor) -> str:
    return f"{ancestor.name} {ancestor.version or '(artifact)'} of training job {ancestor.job_id}"


def _passed(name: str, message: str) -> Check:
    return Check(name=name, outcome=Outcome.PASS, message=message)


def _failed(name: str, message: str) -> Check:
    return Check(name=name, outcome=Outcome.FAIL, message=message)


def _unknown(name: str, message: str) -> Check:
    return Check(name=name, outcome=Outcome.UNKNOWN, message=message)
