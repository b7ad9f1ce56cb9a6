"""Fine-tuning on Databricks: a submitted run of one `ai_runtime_task`, followed through the Jobs API and MLflow.

Everything is found again by job id and attempt: the run by its name and its idempotency token, its files by their
paths, its MLflow run through the run's output. What is remembered in memory only saves asking twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from training_pipeline.backends import databricks_program as program
from training_pipeline.backends.base import (
    BaseModelOffer,
    Handle,
    MetricPoint,
    Plan,
    RunState,
    Submission,
    TrainingResult,
)
from training_pipeline.backends.databricks_client import Connection, Gone
from training_pipeline.backends.databricks_compute import ACCELERATORS, problems
from training_pipeline.backends.databricks_curves import new_points, progress
from training_pipeline.backends.databricks_models import DatabricksModels, OfferedModel
from training_pipeline.backends.databricks_program import Places
from training_pipeline.backends.databricks_states import meaning
from training_pipeline.backends.databricks_upload import Uploads
from training_pipeline.backends.defaults import resolve
from training_pipeline.backends.model_catalogue import BUILTIN_TINY
from training_pipeline.domain.errors import BackendFailed, FieldProblem, InvalidRequest, NotFound
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingConfig

if TYPE_CHECKING:
    from databricks.sdk.service import jobs, ml

_ENVIRONMENT: Final = "default"
_TASK: Final = "fine_tuning"
#: A run may have been submitted this long before the time in its job's id, as clocks differ.
_CLOCKS: Final = timedelta(hours=1)


@dataclass(frozen=True)
class RunOptions:
    """What every run of an installation has in common. Null policies are left to the workspace."""

    volume: str  # as `main.ml.training`
    workspace_dir: str | None = None  # the user's own folder where null
    experiment: str = "training_pipeline"
    environment_version: str = "4"
    accelerator: str | None = None  # what "auto" means where it holds the model; else the first that does
    usage_policy_id: str | None = None
    budget_policy_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out about a run; all of it can be asked again."""

    run_id: int
    task_run_id: int | None = None
    experiment_id: str | None = None
    mlflow_run_id: str | None = None


class DatabricksBackend:
    """Runs fine-tuning jobs on AI Runtime."""

    name = "databricks"

    def __init__(
        self,
        options: RunOptions,
        connection: Connection,
        models: DatabricksModels,
        training_program: Path | None = None,
    ) -> None:
        self._options = options
        self._connection = connection
        self._models = models
        self._program = training_program or program.training_program()
        self._uploads = Uploads(connection, options.volume)
        self._known: dict[tuple[str, int], _Known] = {}
        self._folder: str | None = options.workspace_dir

    def base_models(self) -> list[BaseModelOffer]:
        """The models of the catalogue, with what holds them."""
        return self._models.offers()

    def plan(self, base_model: str | None, config: TrainingConfig, *, train_pairs: int | None) -> Plan:
        """Resolve every "auto"; raises `InvalidRequest` with everything that is wrong at once. Calls nobody."""
        found: list[FieldProblem] = []
        model = self._models.choose(base_model)
        if isinstance(model, FieldProblem):
            found.append(model)
            model = OfferedModel(id=base_model or "?", source=BUILTIN_TINY, description="")
        tiny = model.source == BUILTIN_TINY
        method: Literal["lora", "full"] = config.method if config.method != "auto" else "full" if tiny else "lora"
        fitting = model.accelerators(method)
        name = config.accelerator if config.accelerator not in {"auto", None} else self._accelerator(fitting)
        assert name is not None  # noqa: S101 - every model of the catalogue is held by one, which a test says
        count = config.accelerator_count
        count = count if isinstance(count, int) else ACCELERATORS[name].gpus
        found += problems(name, count, fitting, model.id)
        resolved, more = resolve(
            config.model_copy(update={"accelerator": "auto", "accelerator_count": "auto"}),
            from_scratch=tiny,
            train_pairs=train_pairs,
            precision="bf16",
            context_length=model.context_length,
            accelerators={"accelerator": name, "accelerator_count": count},
        )
        found += more
        if found:
            raise InvalidRequest("Databricks cannot run the training as asked for.", problems=found)
        catalog, schema, _ = self._options.volume.split(".")
        return Plan(base_model=model.id, config=resolved, uc_catalog=catalog, uc_schema=schema)

    def _accelerator(self, fitting: Sequence[str]) -> str | None:
        """What "auto" means: the installation's own accelerator where it holds the model, else the first that does."""
        own = self._options.accelerator
        return own if own in fitting else next(iter(fitting), own or next(reversed(ACCELERATORS)))

    def submit(self, submission: Submission) -> Handle:
        """Upload dataset and program, submit the run and return; the existing run where the attempt was submitted.

        May be called again after dying at any line: files are written anew, and the token makes Databricks return the
        run that it has launched. Raises `BackendUnreachable` for what may pass and `BackendFailed` for what may not.
        """
        found = self.find(submission.job_id, submission.attempt)
        if found is not None:
            return found
        places = self._places()
        dataset = submission.dataset_digest
        hashes = [
            self._uploads.to_volume(file, places.dataset(dataset, name))
            for file, name in ((submission.train_file, "train.jsonl"), (submission.validation_file, "validation.jsonl"))
        ]
        model = self._models.choose(submission.base_model)
        if isinstance(model, FieldProblem):
            raise BackendFailed(f"{submission.base_model} is not on offer any more.", hint="Choose another base model.")
        told = program.instructions(
            submission, places, source=model.source, train_sha256=hashes[0], validation_sha256=hashes[1]
        )
        folder = places.code(submission.job_id, submission.attempt)
        self._uploads.code(folder, program.code_files(self._program, told, folder))
        with self._connection.calling("submit the run", grant="Let us submit runs, and use AI Runtime and the policy"):
            run_id = int(self._connection.client().jobs.submit(**self._request(submission, folder)).run_id)
        self._known[submission.job_id, submission.attempt] = _Known(run_id)
        return _handle(submission.job_id, submission.attempt, run_id)

    def _request(self, submission: Submission, folder: str) -> dict[str, Any]:
        from databricks.sdk.service import compute, jobs

        config, options = submission.config, self._options
        timeout = round(config.timeout_minutes * 60)
        kind = jobs.ComputeSpecAcceleratorType(config.accelerator)
        count = config.accelerator_count
        assert isinstance(count, int)  # noqa: S101 - the configuration is resolved
        task = jobs.AiRuntimeTask(
            experiment=options.experiment,
            mlflow_experiment_directory=self._workspace_dir(),
            mlflow_run=f"{submission.job_id}-{submission.attempt}",
            deployments=[
                jobs.DeploymentSpec(
                    compute=jobs.ComputeSpec(accelerator_type=kind, accelerator_count=count),
                    command_path=f"{folder}/command.sh",
                )
            ],
        )
        environment = compute.Environment(
            environment_version=options.environment_version, dependencies=program.requirements()
        )
        policies = {"usage_policy_id": options.usage_policy_id, "budget_policy_id": options.budget_policy_id}
        return {
            "run_name": program.run_name(submission.job_id, submission.attempt),
            "idempotency_token": program.idempotency_token(submission.job_id, submission.attempt),
            "environments": [jobs.JobEnvironment(environment_key=_ENVIRONMENT, spec=environment)],
            # Every retry by Databricks would be another training from the start, unknown to us: there is none.
            "tasks": [
                jobs.SubmitTask(
                    task_key=_TASK,
                    ai_runtime_task=task,
                    environment_key=_ENVIRONMENT,
                    max_retries=0,
                    retry_on_timeout=False,
                    timeout_seconds=timeout,
                )
            ],
            "timeout_seconds": timeout,
            **{name: value for name, value in policies.items() if value},
        }

    def find(self, job_id: str, attempt: int) -> Handle | None:
        """The run of an attempt that was submitted, found by its name; else null. Reads."""
        known = self._known.get((job_id, attempt)) or self._listed(job_id, attempt)
        return None if known is None else _handle(job_id, attempt, known.run_id)

    def _listed(self, job_id: str, attempt: int) -> _Known | None:
        """Look for the run among those submitted since the job was created; the oldest of that name."""
        from databricks.sdk.service.jobs import RunType

        created = program.created_at(job_id)
        since = datetime.strptime(created, "%Y%m%d%H%M%S").replace(tzinfo=UTC) - _CLOCKS if created else None
        name = program.run_name(job_id, attempt)
        with self._connection.calling("list the submitted runs", grant="Let us see our own runs"):
            found = [
                run.run_id
                for run in self._connection.client().jobs.list_runs(
                    run_type=RunType.SUBMIT_RUN, start_time_from=int(since.timestamp() * 1000) if since else None
                )
                if run.run_name == name and run.run_id is not None
            ]
        if not found:
            return None
        self._known[job_id, attempt] = _Known(min(found))
        return self._known[job_id, attempt]

    def status(self, job_id: str, attempt: int) -> RunState:
        """The state of the run, from Jobs and, once its program runs, from MLflow. Reads."""
        run = self._run(job_id, attempt)
        means = meaning(run)
        known, output = self._with_ids(job_id, attempt, run)
        said: dict[str, Any] = {"mlflow_experiment_id": known.experiment_id, "mlflow_run_id": known.mlflow_run_id}
        if means.status in ACTIVE:
            waiting = output.ai_runtime_task_output.status_message if output and output.ai_runtime_task_output else None
            told = progress(tracked) if (tracked := self._tracked(known)) is not None else {}
            return RunState(**{"message": waiting or means.message, **said, **told, "status": means.status})
        if means.status is JobStatus.SUCCEEDED:
            return RunState(status=means.status, **said)
        error = self._why(job_id, attempt, means.message, output)
        details = {"run_page_url": run.run_page_url, "termination_code": means.code, "run_id": known.run_id}
        return RunState(status=means.status, error=error, error_details=details, **said)

    def _why(self, job_id: str, attempt: int, message: str, output: jobs.RunOutput | None) -> str:
        """The cause that the program told, else what Databricks says."""
        left = self._uploads.read(f"{self._places().run(job_id, attempt)}/result.json")
        told = _parsed(left).get("error")
        return told or (output.error if output else None) or message or "Databricks ended the run without saying why."

    def _run(self, job_id: str, attempt: int) -> jobs.Run:
        known = self._require(job_id, attempt)
        try:
            with self._connection.calling(f"look at run {known.run_id}"):
                return self._connection.client().jobs.get_run(known.run_id)
        except Gone as error:
            self._known.pop((job_id, attempt), None)
            raise NotFound(error.message) from error

    def _with_ids(self, job_id: str, attempt: int, run: jobs.Run) -> tuple[_Known, jobs.RunOutput | None]:
        """The run with its MLflow ids as soon as there are any; asks for the output of its task until then."""
        known = self._require(job_id, attempt)
        task = run.tasks[-1].run_id if run.tasks else None
        ended_badly = meaning(run).status not in {*ACTIVE, JobStatus.SUCCEEDED}
        if task is None or (known.mlflow_run_id is not None and not ended_badly):
            return known, None
        with self._connection.calling(f"read the output of run {task}"):
            output = self._connection.client().jobs.get_run_output(task)
        ids = output.ai_runtime_task_output
        if ids is not None and ids.mlflow_run_id:
            known = replace(known, experiment_id=ids.mlflow_experiment_id, mlflow_run_id=ids.mlflow_run_id)
        self._known[job_id, attempt] = known = replace(known, task_run_id=task)
        return known, output

    def _tracked(self, known: _Known) -> ml.Run | None:
        """The MLflow run; null before there is one."""
        if known.mlflow_run_id is None:
            return None
        with self._connection.calling(f"look at MLflow run {known.mlflow_run_id}"):
            return self._connection.client().experiments.get_run(known.mlflow_run_id).run

    def metrics(self, job_id: str, attempt: int, offset: int) -> tuple[list[MetricPoint], int]:
        """Points logged since `offset`; see `databricks_curves` for what it means. Reads."""
        known = self._require(job_id, attempt)
        if known.mlflow_run_id is None:
            known, _ = self._with_ids(job_id, attempt, self._run(job_id, attempt))
        tracked = self._tracked(known)
        if tracked is None or known.mlflow_run_id is None:
            return [], offset
        return new_points(self._connection, tracked, known.mlflow_run_id, offset)

    def cancel(self, job_id: str, attempt: int) -> None:
        """Ask Databricks to stop the run; `status` says when it has. Idempotent."""
        run = self._run(job_id, attempt)
        if meaning(run).status in ACTIVE and run.run_id is not None:
            with self._connection.calling(f"cancel run {run.run_id}", grant="Let us manage our own runs"):
                self._connection.client().jobs.cancel_run(run.run_id)

    def recover(self, job_id: str, attempt: int) -> bool:
        """Nothing is ever lost that could be saved: Databricks watches over its runs itself. Always true."""
        del job_id, attempt
        return True

    def result(self, job_id: str, attempt: int) -> TrainingResult:
        """What a succeeded run left behind, from the volume; raises `BackendFailed` with the cause otherwise. Reads."""
        run = self._run(job_id, attempt)
        status = meaning(run).status
        folder = self._places().run(job_id, attempt)
        if status is not JobStatus.SUCCEEDED:
            raise BackendFailed(f"Run {run.run_id} ended as {status}." if status not in ACTIVE else "It is not over.")
        result = _parsed(self._uploads.read(f"{folder}/result.json"))
        if result.get("status") != "succeeded":
            raise BackendFailed(f"Run {run.run_id} ended well, but left no result in {folder}/result.json.")
        fields = {name: result[name] for name in TrainingResult.model_fields if result.get(name) is not None}
        try:
            return TrainingResult(**{**fields, "tokens": result.get("tokens"), "samples_file": None})
        except ValueError as error:
            raise BackendFailed(f"{folder}/result.json breaks its contract: {error}") from error

    def _require(self, job_id: str, attempt: int) -> _Known:
        known = self._known.get((job_id, attempt)) or self._listed(job_id, attempt)
        if known is None:
            raise NotFound(f"Databricks knows no run named {program.run_name(job_id, attempt)!r}.")
        return known

    def _places(self) -> Places:
        return Places(
            volume=f"/Volumes/{self._options.volume.replace('.', '/')}/training_pipeline",
            workspace=self._workspace_dir(),
        )

    def _workspace_dir(self) -> str:
        """The folder of the workspace for programs and experiments; the user's own where none is set."""
        if self._folder is None:
            with self._connection.calling("ask who we are"):
                user = self._connection.client().current_user.me().user_name
            self._folder = f"/Workspace/Users/{user}/training_pipeline"
        return self._folder


def _handle(job_id: str, attempt: int, run_id: int) -> Handle:
    return Handle(backend_job_id=f"{job_id}-{attempt}", backend_run_id=str(run_id))


def _parsed(content: bytes | None) -> dict[str, Any]:
    """The JSON object in `content`; empty where there is none."""
    try:
        value = json.loads(content or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
