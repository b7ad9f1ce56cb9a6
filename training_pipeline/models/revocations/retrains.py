"""Launches the retrain of a tainted version: one job, however often it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, update

from training_pipeline.domain.errors import Conflict, PipelineError
from training_pipeline.domain.estimate.estimate import Estimate, Estimated
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.refs import required
from training_pipeline.domain.retrain_proposal import still_answers
from training_pipeline.models.revocations import proposals
from training_pipeline.models.revocations.decisions import job_of
from training_pipeline.models.revocations.tables import retrain_proposals
from training_pipeline.training_jobs.store import retrain_turn
from training_pipeline.training_jobs.store.events import EventType, record_event

if TYPE_CHECKING:
    from training_pipeline.domain.job import TrainingJob
    from training_pipeline.domain.retrain_proposal import RetrainProposal
    from training_pipeline.training_jobs.lifecycle.service import JobService
    from training_pipeline.training_jobs.store.jobs import JobStore


class Retrains:
    """Reads proposals, and launches each once."""

    def __init__(self, store: JobStore, jobs: JobService, keys: HashKeys = NO_KEYS) -> None:
        self._store = store
        self._keys = keys
        self._jobs = jobs

    def of(self, name: str, version: str) -> RetrainProposal | None:
        """The proposal for a version; None where it is not tainted. Raises `NotFound`.

        Writes it where the version was tainted by a release that made none.
        """
        with self._store.begin() as connection:
            job_id = job_of(connection, name, version)
            return proposals.read(connection, job_id) or proposals.made(
                self._store.within(connection), job_id, self._keys.within(connection)
            )

    def estimate(self, proposal: RetrainProposal) -> Estimate:
        """How long the job of a proposal trains and what it costs, told from the pairs that the version learned from.

        Or why nobody can say, such as of a base model that is not offered any more. Reads only.
        """
        learned = required(self._store.get(proposal.job_id).data.dataset, "dataset")
        try:
            return self._jobs.estimate(
                proposal.request,
                train_pairs=learned.train_pairs - (proposal.train or 0),
                validation_pairs=learned.validation_pairs - (proposal.validation or 0),
            )
        except PipelineError as error:
            unknown = Estimated(reason=error.message)
            return Estimate(time=unknown, cost=unknown)

    def launch(self, name: str, version: str, *, actor: str) -> TrainingJob:
        """Create the job of a proposal, or return the one that was launched and may still replace the version.

        Raises `NotFound`, `Conflict` where the version is not tainted, and what creating a job raises.
        """
        proposal = self.of(name, version)
        if proposal is None:
            raise Conflict(f"Version {version} of {name} is not tainted: there is nothing to retrain it without.")
        if proposal.launched_job_id is not None:
            launched = self._store.get(proposal.launched_job_id)
            if still_answers(launched):
                return launched

        def also(connection: Connection, job: TrainingJob) -> None:
            _launched(connection, proposal, job, actor)

        try:
            return self._jobs.create(proposal.request, created_by=actor, also=also)
        except _Overtaken:
            return self.launch(name, version, actor=actor)


class _Overtaken(Exception):
    """Somebody else launched the proposal a moment before."""


def _launched(connection: Connection, proposal: RetrainProposal, job: TrainingJob, actor: str) -> None:
    retrain_turn.take(connection, job.request.training_sheet_id, job.request.model_name)
    table = retrain_proposals.c
    before = table.launched_job_id.is_not_distinct_from(proposal.launched_job_id)
    taken = (
        update(retrain_proposals)
        .where(table.job_id == proposal.job_id, table.updated_at == proposal.updated_at, before)
        .values(launched_job_id=job.id, launched_by=actor)
        .returning(table.job_id)
    )
    if connection.execute(taken).first() is None:
        raise _Overtaken
    of = f"{proposal.model_name} version {proposal.model_version}"
    said = f"Retrains {of} of {proposal.job_id} without the withdrawn rows."
    if proposal.tainted_base is not None:
        said += f" Its base model {proposal.tainted_base} is tainted: it is trained from {job.request.base_model}."
    record_event(connection, job.id, EventType.INFO, said, actor)
    told = f"{of} is retrained without the withdrawn rows by training job {job.id}."
    record_event(connection, proposal.job_id, EventType.INFO, told, actor)
