"""Evaluations of models that are kept where they were trained and not registered: those of a study's trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.evaluating import AsksForQuestions
from training_pipeline.domain.errors import PipelineError, Tainted
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.ancestry import Ancestry, ancestry_of_all
from training_pipeline.models.evaluation.guard import examine
from training_pipeline.models.evaluation.records import Counts, Evaluation, EvaluationStatus, require_some
from training_pipeline.models.evaluation.subjects import asked_job, evaluating
from training_pipeline.models.evaluation.subsets import Half
from training_pipeline.models.evaluation.suites import Suites
from training_pipeline.models.versions.standing import Standings, no_standings
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore

#: The jobs of other models of ours that the model of a job is compared with.
Beside = Callable[[str], Iterable[str]]


def nobody(job_id: str) -> Iterable[str]:  # noqa: ARG001 - a `Beside`
    """None of them."""
    return ()


class KeptModels:
    """Starts their evaluations: one of each job on each half of a suite, or on all of it. `Evaluations` goes on."""

    def __init__(
        self,
        store: JobStore,
        source: TrainingSheetSource,
        policy: GatePolicy,
        backend: FineTuningBackend,
        suites: Suites,
        *,
        standings: Standings = no_standings,
        refuse_near: bool = True,
        keys: HashKeys = NO_KEYS,
        beside: Beside = nobody,
    ) -> None:
        self._beside = beside
        self._keys = keys
        self._store, self._source, self._policy, self._backend = store, source, policy, backend
        self._suites, self._standings, self._refuse_near = suites, standings, refuse_near

    def find(self, job_id: str, half: Half | None) -> Evaluation | None:
        """The evaluation of a job's model on this half, or on all of a suite; None where there is none. Reads only."""
        return records.find(self._store, _id(job_id, half))

    def start(self, job_id: str, suite: str, half: Half | None, *, actor: str) -> Evaluation:
        """Evaluate the model of a job that has succeeded; again: the evaluation that is there, whatever came of it.

        Raises `NotFound`, `Tainted`, `Conflict`, `InvalidRequest`, and `GateRefused` where no pair may be asked.
        """
        found = self.find(job_id, half)
        if found is not None:
            return found
        backend = evaluating(self._backend)
        named = self._suites.get(suite)
        job, record = self._store.get(job_id), lineage.read(self._store, job_id)
        asked = asked_job(self._backend, job, record)
        confined = named.suite.model_copy(update={"half": half})
        met, _ = examine(
            self._source, self._policy, confined, self.learned(job_id), refuse_near=self._refuse_near, keys=self._keys
        )
        counts = Counts.model_validate(met)
        require_some(suite, counts)
        evaluation = Evaluation(
            id=_id(job_id, half),
            model_name=job.request.model_name,
            model_version="",
            job_id=job_id,
            model_digest=records.digest_of(record.model_files),
            suite_name=suite,
            suite_digest=named.suite.digest,
            half=half,
            champion_version=None,
            status=EvaluationStatus.QUEUED,
            created_by=actor,
            created_at=records.now(),
            asked_models=(asked,),
            counts=counts,
            base_model=job.request.base_model,
        )
        records.add(self._store, evaluation)
        if isinstance(backend, AsksForQuestions):
            backend.evaluate(evaluation.order)
        return records.get(self._store, evaluation.id)

    def refuse(self, job_id: str, suite: str, half: Half | None, error: PipelineError, *, actor: str) -> Evaluation:
        """Put on record that the model cannot be evaluated, and why; again: what is on record. Writes."""
        refused = records.refused(
            error,
            evaluation_id=_id(job_id, half),
            job_id=job_id,
            model_name=self._store.get(job_id).request.model_name,
            suite=suite,
            half=half,
            actor=actor,
        )
        records.add(self._store, refused)
        return records.get(self._store, refused.id)

    def learned(self, job_id: str) -> Ancestry:
        """What the model of a job, those it is compared with, and all of ours that they come from, learned from.

        Raises `Tainted` where a revocation reaches it, and what `ancestry_of` raises. Reads only.
        """
        standing = self._standings([job_id]).get(job_id)
        if standing is not None:
            raise Tainted(f"The model of training job {job_id} is {standing.state}. {' '.join(standing.reasons)}")
        return ancestry_of_all(self._store, job_id, self._beside(job_id))


def _id(job_id: str, half: Half | None) -> str:
    """The evaluation of a job's model is known by the job, so that whoever asks twice asks for the same one."""
    return f"ev-{job_id}-{half or 'report'}"
