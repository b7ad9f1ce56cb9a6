"""The schedule `retrain_changed_sheets`: its tick only launches a run, and the run checks the training sheets."""

# No postponed annotations here: Dagster reads those of what it decorates.
from collections.abc import Sequence
from typing import Final

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.defs.jobs import in_one_sentence
from training_pipeline.defs.launchpad import REQUESTED_BY, caller_of
from training_pipeline.retraining.retrain import NAME, SheetCheck
from training_pipeline.settings import Settings


@dg.op(
    config_schema={
        "requested_by": REQUESTED_BY,
        "tick": dg.Field(
            dg.Noneable(str),
            default_value=None,
            description="Idempotency key: the same key creates at most one job per sheet. Null: the id of this run.",
        ),
        "dry_run": dg.Field(bool, default_value=False, description="Report what is due without creating jobs."),
    },
    description="Check every training sheet, report why it is due or not, and create the training jobs that are due.",
)
def check_sheets(context: dg.OpExecutionContext, services: dg.ResourceParam[Services]) -> None:
    """Create the jobs that are due. If a sheet cannot be checked, the run fails after all others were."""
    from training_pipeline.client.retraining import LocalRetraining

    asked = context.op_config
    tick = asked["tick"] or f"run {context.run.root_run_id or context.run_id}"
    create = not asked["dry_run"]
    caller = caller_of(context.run, asked["requested_by"], services.settings)
    with in_one_sentence():
        checks = LocalRetraining(services, caller).check_sheets(tick=tick, create=create)
    for one in checks:
        (context.log.error if one.failed else context.log.info)(_line(one))
        for warning in one.warnings:
            context.log.warning(warning)
    failed = [one for one in checks if one.failed]
    if failed:
        names = ", ".join(one.training_sheet_id for one in failed)
        raise dg.Failure(
            f"{len(failed)} of {len(checks)} training sheets could not be checked: {names}. All others were checked.",
            metadata=_report(checks),
            allow_retries=False,
        )
    context.add_output_metadata(_report(checks))


@dg.job(
    name=NAME,
    description="Check every training sheet and retrain those whose eligible pairs changed enough, by the rule that "
    "owners set in the block `retraining` of the sheet's metadata. Started by the schedule of the same name.",
)
def retrain_changed_sheets() -> None:
    """One op: check_sheets."""
    check_sheets()


def make_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """The schedule, stopped by default."""

    @dg.schedule(
        name=NAME,
        job=retrain_changed_sheets,
        cron_schedule=settings.retrain_cron,
        execution_timezone=settings.retrain_timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Checks the training sheets and retrains those that changed. Off by default.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        """One run per tick, which checks the sheets."""
        tick = context.scheduled_execution_time.isoformat()
        config = {"requested_by": f"schedule {NAME}", "tick": tick}
        return dg.RunRequest(run_key=tick, run_config={"ops": {"check_sheets": {"config": config}}})

    return schedule


_HEAD: Final = ("| training sheet | retrained | reason |", "| --- | --- | --- |")


def _line(one: SheetCheck) -> str:
    if one.failed:
        return f"{one.training_sheet_id}: could not be checked: {one.why}"
    what = f"retrained as {one.created}" if one.created else "due (dry run)" if one.due else "not retrained"
    return f"{one.training_sheet_id}: {what}: {one.why}"


def _report(checks: Sequence[SheetCheck]) -> dict[str, dg.MetadataValue]:
    rows = [f"| {one.training_sheet_id} | {_what(one)} | {one.why.replace('|', '/')} |" for one in checks]
    warnings = [f"- {warning}" for one in checks for warning in one.warnings]
    return {
        "checked": dg.MetadataValue.int(len(checks)),
        "created": dg.MetadataValue.int(sum(one.created is not None for one in checks)),
        "sheets": dg.MetadataValue.md("\n".join([*_HEAD, *rows])),
        "warnings": dg.MetadataValue.md("\n".join(warnings) or "none"),
    }


def _what(one: SheetCheck) -> str:
    return one.created or ("could not be checked" if one.failed else "due" if one.due else "no")
