"""Fine-tuning on Databricks: a submitted run of one `ai_runtime_task`, followed through the Jobs API and MLflow.

Evaluations are runs of the same kind, known by their id as the first attempt of a job.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from training_pipeline.backends.base_models import BaseModelOffer
from training_pipeline.backends.error_types import cause_of
from training_pipeline.backends.evaluating import EvaluationOrder, ScoresFile
from training_pipeline.backends.handles import Handle, StoredHandles
from training_pipeline.backends.hub import Hub, of_hub
from training_pipeline.backends.metric_point import MetricPoint
from training_pipeline.backends.plan import Plan
from training_pipeline.backends.results import AnsweredQuestion, PairLoss, TrainingResult
from training_pipeline.backends.run_state import RunState
from training_pipeline.backends.submission import Submission
from training_pipeline.backends.trainer_contract import ANSWERS_FILE, LOSSES_FILE, answered_questions, pair_losses
from training_pipeline.databricks import program
from training_pipeline.databricks.base_models import DatabricksModels
from training_pipeline.databricks.evaluation import REGISTERED, Evaluations
from training_pipeline.databricks.listing import listing_digest
from training_pipeline.databricks.metrics import new_points, next_offset, progress
from training_pipeline.databricks.plan import described, resolved_plan
from training_pipeline.databricks.program import Places
from training_pipeline.databricks.run_output import page_of, parsed, places, why_ended
from training_pipeline.databricks.run_request import Asked, RunOptions, asked_training, submit_request
from training_pipeline.databricks.run_states import meaning
from training_pipeline.databricks.runs import Key, Runs
from training_pipeline.databricks.upload import Uploads
from training_pipeline.databricks.workspace import Connection, Gone
from training_pipeline.domain.advice.facts import ModelFacts
from training_pipeline.domain.errors import BackendFailed, FieldProblem
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.training_config import TrainingConfig


class DatabricksBackend:
    """Runs fine-tuning jobs on AI Runtime. Everything is found again by job id and attempt."""

    name = "databricks"

    def __init__(
        self,
        options: RunOptions,
        connection: Connection,
        models: DatabricksModels,
        training_program: Path | None = None,
        hub: Hub | None = None,
        *,
        scores: Path | None = None,
    ) -> None:
        self._hub = hub or Hub()
        self.connection = connection
        self.runs = Runs(connection)
        self._options = options
        self._models = models
        self._program = training_program or program.training_program()
        self._uploads = Uploads(connection, options.volume)
        self._folder: str | None = options.workspace_dir
        self._evaluations = Evaluations(connection, options, models, self._uploads, scores)

    def base_models(self) -> list[BaseModelOffer]:
        """The models of the catalogue, with what holds them."""
        return self._models.offers()

    def plan(self, base_model: str | None, config: TrainingConfig, *, train_pairs: int | None) -> Plan:
        """Resolve every "auto"; raises `InvalidRequest` with everything that is wrong at once. Calls nobody."""
        model_id, resolved = resolved_plan(
            self._models, base_model, config, train_pairs=train_pairs, own_accelerator=self._options.accelerator
        )
        catalog, schema, _ = self._options.volume.split(".")
        return Plan(base_model=model_id, config=resolved, uc_catalog=catalog, uc_schema=schema)

    def describe(self, base_model: str, config: TrainingConfig) -> ModelFacts:
        """What the catalogue says of the base model, and the GPUs that the configuration asks for. Calls nobody."""
        return described(self._models, base_model, config)

    def revision(self, base_model: str) -> str | None:
        """The commit of a model of the Hub now; None for others, or where the Hub takes too long. Asks the Hub."""
        model = self._models.choose(base_model)
        if isinstance(model, FieldProblem) or not model.from_hub:
            return None
        return self._hub.commit_now(model.source)

    def identify(self, base_model: str, revision: str | None = None) -> BaseModelRecord:
        """What the base model is: of one of the Hub its commit, of one in a volume, which the run alone reads, what its
        files are called, how large they are and when they were written. Asks the Hub, or lists the volume's folder.

        What may not be listed is not recorded.
        """
        model = self._models.choose(base_model)
        if isinstance(model, FieldProblem) or model.built_in:
            return BaseModelRecord(reference=base_model)
        if model.from_hub:
            found = of_hub(base_model, self._hub.model(model.source, revision), at_creation=revision is not None)
            return found.model_copy(update={"licence": found.licence or model.licence})
        listing = listing_digest(self.connection, model.source)
        return BaseModelRecord(reference=base_model, listing=listing, licence=model.licence)

    def submit(self, submission: Submission) -> Handle:
        """Upload dataset and program, submit the run and return; the existing run where the attempt was submitted.

        May be called again after dying at any line: files are written anew, and the token makes Databricks return the
        run that it has launched. Raises `BackendUnreachable` for what may pass and `BackendFailed` for what may not.
        """
        key = (submission.job_id, submission.attempt)
        found = self.find(*key)
        if found is not None:
            return found
        model = self._models.choose(submission.base_model)
        if isinstance(model, FieldProblem):
            message = f"{submission.base_model} cannot be trained any more: it {model.message}."
            raise BackendFailed(message, hint="Choose another base model.")
        places = self._places()
        dataset = submission.dataset_digest
        train, validation = (
            self._uploads.to_volume(file, places.dataset(dataset, name))
            for file, name in ((submission.train_file, "train.jsonl"), (submission.validation_file, "validation.jsonl"))
        )
        if (submission.train_sha256 or train, submission.validation_sha256 or validation) != (train, validation):
            raise BackendFailed(
                f"The files of dataset {dataset} are not those of its record: something changed them.",
                hint="Create the job again.",
            )
        if submission.manifest_file is not None:
            self._uploads.to_volume(submission.manifest_file, places.dataset(dataset, "manifest.parquet"))
        told = program.instructions(
            submission, places, source=model.source, train_sha256=train, validation_sha256=validation
        )
        folder = places.code(*key)
        self._upload_code(folder, told)
        return self._submit(asked_training(submission, folder))

    def _upload_code(self, folder: str, told: dict[str, Any]) -> None:
        secrets = self._secrets()
        told = {**told, "secrets": secrets} if secrets else told  # the names, by which a worker knows what it lacks
        self._uploads.code(folder, program.code_files(self._program, told, folder, secrets=secrets))

    def _submit(self, asked: Asked) -> Handle:
        request = submit_request(self._options, asked, self._workspace_dir())
        grant = "Let us submit runs, use AI Runtime, and use the usage policy"
        with self.connection.calling("submit the run", grant=grant):
            run_id = int(self.connection.client().jobs.submit(**request).run_id)
        self.runs.remember(asked.key, run_id)
        return _handle(asked.key, run_id)

    def _secrets(self) -> dict[str, str]:
        return {program.HF_TOKEN: self._options.hf_token_secret} if self._options.hf_token_secret else {}

    def handles_from(self, stored: StoredHandles) -> None:
        """See `FindsByHandle`: runs are asked for by id, not looked for in the list of everybody's."""
        self.runs.stored = stored

    def find(self, job_id: str, attempt: int) -> Handle | None:
        """The run of an attempt that was submitted, by its stored id or found by its name; else null. Reads."""
        known = self.runs.find((job_id, attempt))
        return None if known is None else _handle((job_id, attempt), known.run_id)

    def status(self, job_id: str, attempt: int) -> RunState:
        """The state of the run, from Jobs and, once its program runs, from MLflow. Reads."""
        key = (job_id, attempt)
        run = self.runs.get(key)
        means = meaning(run)
        known, output = self.runs.with_ids(key, run)
        if means.status in ACTIVE:
            waiting = output.ai_runtime_task_output.status_message if output and output.ai_runtime_task_output else None
            tracked = self.runs.tracked(known)
            told = progress(tracked) if tracked is not None else {}
            said = {"message": waiting or means.message, **places(run, known), **told}
            return RunState(**{**said, "status": means.status})
        if means.status is JobStatus.SUCCEEDED:
            return RunState(status=means.status, **places(run, known))
        told_by_program = parsed(self._uploads.read(f"{self._places().run(*key)}/result.json"))
        error = why_ended(told_by_program, means.message, output)
        details = {"run_page_url": page_of(run), "termination_code": means.code, "run_id": known.run_id}
        details |= cause_of(told_by_program)
        return RunState(status=means.status, error=error, error_details=details, **places(run, known))

    def statuses(self, runs: Collection[Key]) -> Mapping[Key, RunState]:
        """The states of those of the runs that are under way, in a few calls for all. Reads.

        A run that is not listed as active, or whose MLflow run is not known yet, is left out: `status` tells of it.
        """
        listed = self.runs.active(runs)
        active = {key: meaning(run) for key, run in listed.items()}
        running = [key for key, means in active.items() if means.status is JobStatus.RUNNING]
        tracked = self.runs.tracked_all(running)
        states = {
            key: RunState(status=means.status, message=means.message, run_url=page_of(listed[key]))
            for key, means in active.items()
            if means.status is JobStatus.QUEUED
        }
        for key, run in tracked.items():
            told = places(listed[key], self.runs.require(key))
            known = {"status": JobStatus.RUNNING, "metrics_offset": next_offset(run)}
            states[key] = RunState(**{**told, **progress(run), **known})
        return states

    def metrics(self, job_id: str, attempt: int, offset: int) -> tuple[list[MetricPoint], int]:
        """Points since `offset`; see `databricks.metrics` for what it means. None once its MLflow run is gone."""
        key = (job_id, attempt)
        known = self.runs.require(key)
        if known.mlflow_run_id is None:
            known, _ = self.runs.with_ids(key, self.runs.get(key))
        tracked = self.runs.tracked(known)
        if tracked is None or known.mlflow_run_id is None:
            return [], offset
        try:
            return new_points(self.connection, tracked, known.mlflow_run_id, offset)
        except Gone:  # somebody deleted it meanwhile
            return [], offset

    def cancel(self, job_id: str, attempt: int) -> None:
        """Ask Databricks to stop the run; `status` says when it has. Idempotent."""
        self.runs.cancel((job_id, attempt))

    def recover(self, job_id: str, attempt: int) -> bool:
        """Nothing is ever lost that could be saved: Databricks watches over its runs itself. Always true."""
        del job_id, attempt
        return True

    def result(self, job_id: str, attempt: int) -> TrainingResult:
        """What a succeeded run left behind, from the volume; raises `BackendFailed` with the cause otherwise. Reads."""
        key = (job_id, attempt)
        run = self.runs.get(key)
        status = meaning(run).status
        if status is not JobStatus.SUCCEEDED:
            raise BackendFailed(f"Databricks run {run.run_id} is {status}, so it has no result.")
        path = f"{self._places().run(*key)}/result.json"
        result = parsed(self._uploads.read(path))
        if result.get("status") != "succeeded":
            raise BackendFailed(f"Databricks run {run.run_id} succeeded, but left no result in {path}.")
        fields = {name: result[name] for name in TrainingResult.model_fields if result.get(name) is not None}
        try:
            return TrainingResult(**{**fields, "tokens": result.get("tokens")})
        except ValueError as error:
            raise BackendFailed(f"{path} breaks its contract: {error}") from error

    def answers(self, job_id: str, attempt: int) -> list[AnsweredQuestion]:
        """What the run was asked before and after training, from the volume. Reads."""
        return answered_questions(self._uploads.read(f"{self._places().run(job_id, attempt)}/{ANSWERS_FILE}") or b"")

    def pair_losses(self, job_id: str, attempt: int) -> list[PairLoss]:
        """How badly the trained model predicts each validation pair, from the volume. Reads."""
        return pair_losses(self._uploads.read(f"{self._places().run(job_id, attempt)}/{LOSSES_FILE}") or b"")

    def source_of(self, job: TrainingJob, name: str, version: str) -> str:
        """Where the model of a job is for a run: in Unity Catalog, or in the folder of the volume that its run left."""
        if version:
            return f"{REGISTERED}{name}/{version}"
        left = str(self.result(job.id, job.attempt).model_dir)
        return left if left.startswith(REGISTERED) else f"{self._places().run(job.id, job.attempt)}/model"

    def submit_evaluation(
        self, order: EvaluationOrder, lines: Callable[[], Iterable[str]], *, wanted: Callable[[], bool]
    ) -> Handle | None:
        """Stage the questions, submit the run and return; see `TakesQuestions`."""
        found = self.find(order.evaluation_id, 1)
        if found is not None:
            return found
        places = self._places()
        told = self._evaluations.stage(order, places, lines)
        folder = places.code(order.evaluation_id, 1)
        self._upload_code(folder, told)
        return self._submit(self._evaluations.asked(order, folder)) if wanted() else None

    def forget_questions(self, evaluation_id: str) -> None:
        """Take the questions of an evaluation out of the volume. Idempotent."""
        self._evaluations.forget(evaluation_id, self._places())

    def scores(self, evaluation_id: str) -> Mapping[str, ScoresFile]:
        """Fetch the scores that an evaluation left, and keep them here."""
        return self._evaluations.scores(evaluation_id, self._places())

    def _places(self) -> Places:
        volume = f"/Volumes/{self._options.volume.replace('.', '/')}/training_pipeline"
        return Places(volume=volume, workspace=self._workspace_dir())

    def _workspace_dir(self) -> str:
        """The folder of the workspace for programs and experiments; the user's own where none is set."""
        if self._folder is None:
            with self.connection.calling("ask who we are"):
                user = self.connection.client().current_user.me().user_name
            self._folder = f"/Workspace/Users/{user}/training_pipeline"
        return self._folder


def _handle(key: Key, run_id: int) -> Handle:
    return Handle(backend_job_id=f"{key[0]}-{key[1]}", backend_run_id=str(run_id))
