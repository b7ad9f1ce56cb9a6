"""Evaluations in Dagster: the asset that shows them, the Launchpad job that asks for one, and the sensor."""

# No postponed annotations here: Dagster reads those of what it decorates.
import json
from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.client.evaluation.local import LocalEvaluation
from training_pipeline.defs.evaluation_metadata import of_evaluation
from training_pipeline.defs.graph import about
from training_pipeline.defs.jobs import ServicesParam, in_one_sentence
from training_pipeline.defs.launchpad import (
    MODEL_NAME,
    REQUESTED_BY,
    VERSION,
    caller_of,
    form,
    other_version,
    stated,
    version_of,
)
from training_pipeline.defs.partitions import JOB_TAG, OURS, training_job_partitions
from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.models.promotion import news
from training_pipeline.models.promotion.news import Ended
from training_pipeline.schemas.evaluation import EvaluateModelVersion
from training_pipeline.urls import Urls

#: Which evaluation a run shows; without it the newest that has ended.
EVALUATION_TAG: Final = f"{OURS}evaluation"
#: Runs that one tick asks for; the rest follow with the next.
MOST: Final = 10


@dg.asset(
    partitions_def=training_job_partitions,
    deps=["fine_tuned_model"],
    code_version="1",
    **about("model_evaluation"),
)
def model_evaluation(context: dg.AssetExecutionContext, services: ServicesParam) -> dg.MaterializeResult[None]:
    """Show an evaluation of the version that the job trained; one that failed fails this, too, with its cause."""
    job_id = context.partition_key
    found = news.latest(services.store, job_id, context.run.tags.get(EVALUATION_TAG))
    if found is None:
        raise dg.Failure(
            f"No evaluation of the model of training job {job_id} has ended. Ask for one with `evaluate_model`; it is "
            "shown here once it has ended.",
            allow_retries=False,
        )
    if found.status is EvaluationStatus.FAILED:
        said = f"The evaluation {found.id} on the suite {found.suite_name} failed: {found.error}"
        raise dg.Failure(said, allow_retries=False)
    decided = news.decision_on(services.store, found, approval=services.settings.promotion_approval)
    scores = {role: stored.sha256 for role, stored in (found.scores or {}).items()}
    return dg.MaterializeResult(
        metadata=of_evaluation(found, decided, Urls.of(services.settings)),
        data_version=dg.DataVersion(f"{found.id}:{scores.get('tuned', '')[:16]}"),
    )


show_evaluation = dg.define_asset_job(
    "show_evaluation",
    selection=dg.AssetSelection.assets(model_evaluation),
    description="Shows an evaluation that has ended, and the verdict of the gate. Started by `watch_evaluations` for "
    "each of them.",
)


@dg.op(
    config_schema={
        "model_name": MODEL_NAME,
        "version": VERSION,
        **form(EvaluateModelVersion, left_out=["champion"]),
        "champion": other_version(EvaluateModelVersion, "champion"),
        "requested_by": REQUESTED_BY,
    },
    description="Check the version and the suite, and start the evaluation.",
)
def evaluate(context: dg.OpExecutionContext, services: ServicesParam) -> None:
    """Start the evaluation; the sensor carries it on."""
    asked: dict[str, Any] = dict(context.op_config)
    caller = caller_of(context.run, asked.pop("requested_by"), services.settings)
    with in_one_sentence():
        name, version = asked.pop("model_name"), version_of("version", asked.pop("version"))
        if asked["champion"] != "":
            asked["champion"] = version_of("champion", asked["champion"])
        made = LocalEvaluation(services, caller).evaluate(name, version, stated(asked, EvaluateModelVersion))
    counts = made.counts
    context.log.info(
        f"The evaluation {made.id} of {name} version {version} on the suite {made.suite} is {made.status}: "
        f"{counts.evaluated:,} of {counts.asked:,} pairs are asked. model_evaluation shows it once it has ended."
    )
    links = Urls.of(services.settings)
    context.add_output_metadata(
        {
            "evaluation": made.id,
            "model": name,
            "model_version": version,
            "version_page": dg.MetadataValue.url(links.version(name, version)),
            "suite": made.suite,
            "asked": counts.asked,
            "evaluated": counts.evaluated,
            "refused": sum(counts.refused.values()),
            "aged": sum(counts.aged.values()),
            "training_job": dg.MetadataValue.url(links.job(made.job_id)),
        }
    )
    context.instance.add_run_tags(context.run_id, run_tags(made.job_id, name, made.id, caller.name))


@dg.job(description="Evaluate a model version on a suite. The result appears in `model_evaluation`.")
def evaluate_model() -> None:
    """One op: evaluate."""
    evaluate()


def run_tags(job_id: str, name: str, evaluation_id: str, requested_by: str | None = None) -> dict[str, str]:
    """The tags by which people find the runs about an evaluation."""
    tags = {JOB_TAG: job_id, f"{OURS}model": name, EVALUATION_TAG: evaluation_id}
    return tags if requested_by is None else {**tags, f"{OURS}requested_by": requested_by}


def make_sensor(interval: int) -> dg.SensorDefinition:
    """The sensor, at most every `interval` seconds, running by default."""

    @dg.sensor(
        job=show_evaluation,
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Starts the evaluations that training sheets request, and follows the running ones: provides the "
            "questions once an evaluation has its slot, restarts lost ones, records the metrics, reports each"
            " that has ended with the verdict of the gate, and tags promoted versions as approved."
        ),
    )
    def watch_evaluations(context: dg.SensorEvaluationContext, services: ServicesParam) -> dg.SensorResult:
        """Start what sheets ask for, carry on every evaluation that has not ended, and have those shown that have."""
        return watch(services, context.cursor)

    return watch_evaluations


def watch(services: Services, cursor: str | None) -> dg.SensorResult:
    """One tick. The cursor is what was asked to be shown: so nothing is shown twice, or left out, by a restart."""
    started = services.automatic_evaluations.start_due()
    looked = services.evaluations.settle_all()
    services.promotions.note_moves()
    services.approval_tags.write_due()
    due, told = to_show(news.ended(services.store), cursor)
    if not due:
        said = f"Started {started} and checked {looked} evaluation(s)."
        return dg.SensorResult(skip_reason=dg.SkipReason(said), cursor=told)
    partitions = sorted({each.job_id for each in due})
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=each.key,
                partition_key=each.job_id,
                tags=run_tags(each.job_id, each.model_name, each.evaluation_id),
            )
            for each in due
        ],
        # A job that was finished without Dagster has no partition yet.
        dynamic_partitions_requests=[training_job_partitions.build_add_request(partitions)],
        cursor=told,
    )


def to_show(found: list[Ended], cursor: str | None) -> tuple[list[Ended], str]:
    """What is to be shown of all that is news, and the cursor with which it is not asked for again."""
    known: Mapping[str, Any] = json.loads(cursor) if cursor else {}
    shown = set(known.get("shown", ()))
    due = [each for each in found if each.key not in shown][:MOST]
    asked = {each.key for each in due}
    return due, json.dumps({"shown": [each.key for each in found if each.key in shown | asked]})
