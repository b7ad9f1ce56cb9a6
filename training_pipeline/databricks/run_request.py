"""What is asked of Databricks for a training or an evaluation: one submitted run of one `ai_runtime_task`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from training_pipeline.backends.submission import Submission
from training_pipeline.databricks import program
from training_pipeline.domain.workspace_access import AccessEntry

if TYPE_CHECKING:
    from databricks.sdk.service import jobs

_ENVIRONMENT: Final = "default"


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
    image: str | None = None  # of Unity Catalog, or with a slash of a registry
    provisioned_capacity_id: str | None = None
    access: tuple[AccessEntry, ...] = ()
    hf_token_secret: str | None = None  # scope/key of the secret that a worker has as its Hugging Face token


@dataclass(frozen=True, slots=True)
class Asked:
    """One run: what it is known by, where its code lies, on what it runs and for how long at most."""

    key: tuple[str, int]  # id and attempt
    folder: str
    accelerator: str
    accelerator_count: int
    seconds: int


def asked_training(submission: Submission, folder: str) -> Asked:
    """The run of a training whose code lies in `folder`."""
    config = submission.config
    assert isinstance(config.accelerator_count, int)  # noqa: S101 - the configuration is resolved
    seconds = round(config.timeout_minutes * 60)
    return Asked(
        (submission.job_id, submission.attempt), folder, str(config.accelerator), config.accelerator_count, seconds
    )


def submit_request(options: RunOptions, asked: Asked, experiment_directory: str) -> dict[str, Any]:
    """The arguments of `jobs.submit` for a run."""
    from databricks.sdk.service import compute, jobs

    image, (run_id, attempt) = options.image or "", asked.key
    deployment = jobs.DeploymentSpec(
        compute=jobs.ComputeSpec(
            accelerator_type=jobs.ComputeSpecAcceleratorType(asked.accelerator),
            accelerator_count=asked.accelerator_count,
            provisioned_capacity_id=options.provisioned_capacity_id,
        ),
        command_path=f"{asked.folder}/command.sh",
    )
    task = jobs.AiRuntimeTask(
        experiment=options.experiment,
        mlflow_experiment_directory=experiment_directory,
        mlflow_run=f"{run_id}-{attempt}",
        deployments=[deployment],
        docker_image_url=image if "/" in image else None,
        unity_catalog_image_path=image if image and "/" not in image else None,
    )
    environment = compute.Environment(
        environment_version=options.environment_version, dependencies=program.requirements()
    )
    policies = {"usage_policy_id": options.usage_policy_id, "budget_policy_id": options.budget_policy_id}
    lists = {"access_control_list": _access(options.access)}
    return {
        "run_name": program.run_name(run_id, attempt),
        "idempotency_token": program.idempotency_token(run_id, attempt),
        "environments": [jobs.JobEnvironment(environment_key=_ENVIRONMENT, spec=environment)],
        # Every retry by Databricks would be another run from the start, unknown to us: there is none.
        "tasks": [
            jobs.SubmitTask(
                task_key=program.task(run_id),
                description=program.mark(run_id, attempt),
                ai_runtime_task=task,
                environment_key=_ENVIRONMENT,
                max_retries=0,
                retry_on_timeout=False,
                timeout_seconds=asked.seconds,
            )
        ],
        "timeout_seconds": asked.seconds,
        **{name: value for name, value in {**policies, **lists}.items() if value},
    }


def _access(entries: Collection[AccessEntry]) -> list[jobs.JobAccessControlRequest]:
    """Who may see or manage the run."""
    from databricks.sdk.service import jobs

    return [
        jobs.JobAccessControlRequest(
            user_name=entry.user_name,
            group_name=entry.group_name,
            service_principal_name=entry.service_principal_name,
            permission_level=jobs.JobPermissionLevel(entry.permission_level),
        )
        for entry in entries
        if entry.permission_level
    ]
