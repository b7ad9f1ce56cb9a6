"""Studies in Dagster: the Launchpad job that creates one, and the sensor that carries them on."""

# No postponed annotations here: Dagster reads those of what it decorates.
from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.defs.jobs import in_one_sentence
from training_pipeline.defs.launchpad import REQUESTED_BY, caller_of, form, stated
from training_pipeline.defs.partitions import training_job_partitions
from training_pipeline.defs.trial_partitions import archived_trials
from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.search import SearchSpace
from training_pipeline.domain.study import Pruner, StudyRequest
from training_pipeline.domain.study_space import search_of
from training_pipeline.domain.training_config import JobRequest, TrainingConfig
from training_pipeline.schemas.study import StudyPage

#: What is searched, as the command line takes it.
_SPACE: Final = {
    name: dg.Field(str, default_value="", description=f"{field.description} As 1e-5..1e-3, 4..64:step or 8,16,32.")
    for name, field in SearchSpace.model_fields.items()
}
#: A trial registers no model, and its configuration is asked for below.
_OF_JOB: Final = form(JobRequest, left_out=["training_config", "register_to_uc"])
_OF_STUDY: Final = form(StudyRequest, left_out=["job", "space", "pruner"])
_REQUIRED: Final = ("name", "training_sheet_id", "model_name")
_FIELDS: Final = {**_OF_STUDY, **_OF_JOB}


@dg.op(
    config_schema={
        **{name: _FIELDS[name] for name in _REQUIRED},
        "space": dg.Field(_SPACE, description="Search space, with at least one key."),
        **{name: field for name, field in _FIELDS.items() if name not in _REQUIRED},
        "requested_by": REQUESTED_BY,
        "pruner": dg.Field(form(Pruner), description="When a trial is stopped early."),
        "training_config": dg.Field(form(TrainingConfig), description="Settings that are the same in all trials."),
    },
    description="Validate the request, plan a trial in the middle of the space and create the study.",
)
def create_study_from_form(context: dg.OpExecutionContext, services: dg.ResourceParam[Services]) -> None:
    """Create the study; the sensor starts its trials."""
    from training_pipeline.client.studies.local import LocalStudies

    asked: dict[str, Any] = dict(context.op_config)
    caller = caller_of(context.run, asked.pop("requested_by"), services.settings)
    with in_one_sentence():
        body, problems = _request(asked)
        study = LocalStudies(services, caller).create_study(body, also=problems)
    _tell(context, study)


@dg.job(description="Create a study, which searches for the best configuration of a training job.")
def create_study() -> None:
    """One op: create_study_from_form."""
    create_study_from_form()


def make_sensor(interval: int) -> dg.SensorDefinition:
    """The sensor, at most every `interval` seconds, running by default."""

    @dg.sensor(
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Records ended trials of studies, stops unpromising ones, starts new ones, and ends studies; "
        "archives pruned trials of ended ones and deletes their partitions.",
    )
    def advance_studies(context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]) -> dg.SensorResult:
        """Carry on every study that has not ended, and tidy up after the next one that has."""
        count = services.advance_studies.all()
        root = services.settings.state_dir / "archive"
        gone, cursor = archived_trials(services.store, context.instance, root, context.cursor)
        said = f"Advanced {count} " + ("study." if count == 1 else "studies.")
        return dg.SensorResult(
            skip_reason=dg.SkipReason(said + (f" Archived pruned trials: {len(gone)}." if gone else "")),
            cursor=cursor,
            dynamic_partitions_requests=[training_job_partitions.build_delete_request(gone)] if gone else [],
        )

    return advance_studies


def _request(asked: Mapping[str, Any]) -> tuple[dict[str, Any], list[FieldProblem]]:
    """The body that a form states, and what is wrong with the searches that it leaves out."""
    space, problems = _searched(asked["space"])
    job = {name: value for name, value in asked.items() if name in _OF_JOB}
    of_study = {name: value for name, value in asked.items() if name in _OF_STUDY}
    body = {
        **stated(of_study, StudyRequest),
        "job": {**stated(job, JobRequest), "training_config": stated(asked["training_config"], TrainingConfig)},
        "space": space,
        "pruner": stated(asked["pruner"], Pruner),
    }
    return body, problems


def _searched(space: Mapping[str, str]) -> tuple[dict[str, Any], list[FieldProblem]]:
    """The searches that a form states, and what is wrong with those that are none."""
    found: dict[str, Any] = {}
    problems = []
    for name, text in space.items():
        try:
            found |= {name: search_of(text)} if text else {}
        except ValueError as error:
            problems.append(FieldProblem(f"/space/{name}", "no_search", str(error)))
    return found, problems


def _tell(context: dg.OpExecutionContext, study: StudyPage) -> None:
    """Report the study in the run's log and in the op's output metadata."""
    context.log.info(f"Created the study {study.name}; the sensor advance_studies starts its trials.")
    request, time = study.request, study.estimate.time
    context.add_output_metadata(
        {
            "study": study.name,
            "status": str(study.status),
            "training_sheet": request.job.training_sheet_id,
            "model": request.job.model_name,
            "most_trials": request.most_trials,
            "base_models": ", ".join(each.base_model for each in study.base_models),
            "space": dg.MetadataValue.json(request.space.model_dump(exclude_none=True)),
            "estimate": f"{time.middle:.0f} seconds a trial" if time.middle is not None else f"none: {time.reason}",
        }
    )
