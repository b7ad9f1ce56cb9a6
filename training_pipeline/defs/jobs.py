"""What can be run: the two runs of a training job, and the one that creates a job from the Launchpad."""

# No postponed annotations here: Dagster reads those of what it decorates.
from typing import Any

import dagster as dg
from pydantic import Field

from training_pipeline.defs.assets import FINALIZE_ASSETS, LAUNCH_ASSETS
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.job import as_number
from training_pipeline.training_jobs.services import Services

launch_training = dg.define_asset_job(
    "launch_training",
    selection=dg.AssetSelection.assets(*LAUNCH_ASSETS),
    description="From the training sheet to a run at the backend. Started by `launch_pending_jobs` for each job.",
)

finalize_training = dg.define_asset_job(
    "finalize_training",
    selection=dg.AssetSelection.assets(*FINALIZE_ASSETS),
    description="From the backend's result to the registered model. Started by `poll_training_jobs` for each job.",
)


class CreateTrainingJob(dg.Config):
    """A training job to create. The fields and bounds are those of `POST /api/v1/training/jobs`."""

    training_sheet_id: str = Field(description="The training sheet to train on, such as sheet-123.")
    model_name: str = Field(description="Name of the model to register: lower case letters, digits, - and _.")
    created_by: str = Field(description="Who asks. Open-source Dagster does not know its users.")
    base_model: str = Field("", description="The model to start from; empty means the backend's default.")
    train_val_split: float = Field(0.8, description="Share of the pairs that goes to training, 0.1 to 0.95.")
    epochs: str = Field("auto", description='Passes over the training split, 1 to 50, or "auto".')
    learning_rate: str = Field("auto", description='Peak learning rate, 1e-7 to 1e-1, or "auto".')
    batch_size: str = Field("auto", description='Examples per optimizer step, 1 to 1024, or "auto".')
    register_to_uc: bool = Field(True, description="Register a model version; else the model is kept as an artifact.")
    training_config: dict[str, Any] = Field({}, description="Further keys of the training configuration.")


@dg.op(description="Validate the request, resolve every auto, and store the training job as pending.")
def create(context: dg.OpExecutionContext, config: CreateTrainingJob, services: dg.ResourceParam[Services]) -> None:
    """Create the job; its run is launched by the sensor."""
    stated = {name: getattr(config, name) for name in ("epochs", "learning_rate", "batch_size")}
    numbers = {name: as_number(value) for name, value in stated.items() if value != "auto"}
    try:
        job = services.jobs.create(
            {
                "training_sheet_id": config.training_sheet_id,
                "model_name": config.model_name,
                "base_model": config.base_model or None,
                "train_val_split": config.train_val_split,
                "register_to_uc": config.register_to_uc,
                "training_config": {**config.training_config, **numbers},
            },
            created_by=config.created_by,
        )
    except PipelineError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    context.log.info(f"Created training job {job.id}; the sensor launch_pending_jobs starts it.")
    context.add_output_metadata({"training_job": job.id, "configuration": dg.MetadataValue.json(job.training_config)})


@dg.job(description="Create a training job. It is launched by the sensor `launch_pending_jobs`.")
def create_training_job() -> None:
    """One op: create."""
    create()
