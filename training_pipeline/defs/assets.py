"""The assets of a training job, from the training sheet to the registered model. Each wraps one step."""

# No postponed annotations here: Dagster reads those of what it decorates.
from collections.abc import Iterator, Mapping

import dagster as dg

from training_pipeline.datasets.store import read_dataset
from training_pipeline.datasets.verify import Finding
from training_pipeline.defs import checks
from training_pipeline.defs import metadata as md
from training_pipeline.defs import training_metadata as training_md
from training_pipeline.defs.graph import EXTERNAL, about
from training_pipeline.defs.partitions import training_job_partitions
from training_pipeline.defs.provenance import asset_records, input_versions
from training_pipeline.defs.resources import JobRun
from training_pipeline.domain.errors import (
    BackendFailed,
    GateRefused,
    GovernanceChanged,
    PermissionWithdrawn,
    RecordsDisagree,
    SplitRefused,
)
from training_pipeline.domain.job import Phase
from training_pipeline.domain.refs import required
from training_pipeline.training_jobs.lifecycle.finalize import files_looked_at
from training_pipeline.training_jobs.lifecycle.provenance import disagreements
from training_pipeline.training_jobs.store import lineage, metrics

JobRunParam = dg.ResourceParam[JobRun]
Results = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]

LAUNCHED = ("training_sheet", "governed_pairs", "train_split", "validation_split", "fine_tuning_run")
FINISHED = ("training_metrics", "fine_tuned_model")

external_assets = [dg.AssetSpec(key, partitions_def=training_job_partitions, **about(key)) for key in EXTERNAL]


@dg.asset(partitions_def=training_job_partitions, deps=EXTERNAL, code_version="1", **about("training_sheet"))
def training_sheet(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Read the sheet's head and digest."""
    with job_run.step(context, Phase.LAUNCH) as job:
        sheet = job_run.sheet or job_run.launcher.read_sheet(job)
        yield dg.MaterializeResult(
            metadata=md.of_sheet(job, sheet, job_run.links), data_version=dg.DataVersion(sheet.digest)
        )


@dg.asset(
    partitions_def=training_job_partitions,
    deps=[training_sheet],
    code_version="1",
    check_specs=checks.GOVERNED_PAIRS,
    **about("governed_pairs"),
)
def governed_pairs(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Judge every pair and store the verdicts."""
    with job_run.step(context, Phase.LAUNCH) as job:
        launcher = job_run.launcher
        taken = launcher.judge(job, required(job.data.sheet, "training sheet"))
        summary = taken.summary
        excluded = sum(summary.excluded.values())
        counts = {"total": summary.total, "included": summary.eligible, "excluded": excluded}
        adds_up = summary.total == summary.eligible + excluded
        yield checks.result("accounting_adds_up", "governed_pairs", adds_up, **counts)
        enough = summary.eligible >= launcher.min_pairs
        needed = {"included": summary.eligible, "needed": launcher.min_pairs}
        yield checks.result("enough_pairs", "governed_pairs", enough, **needed)
        failures = launcher.gate_failures(job, taken)
        yield checks.of_finding("no_pair_fails_a_gate", "governed_pairs", failures)
        if not adds_up:
            raise GateRefused(f"The counts of pairs do not add up: {counts}. Nothing was trained.")
        if not enough:
            raise GateRefused(
                f"Only {summary.eligible} of {summary.total} pairs may be trained on; {launcher.min_pairs} are needed."
                f"\n{summary.to_text()}",
                hint="Review more pairs or change their usage constraints, then retry.",
            )
        _require_kept(failures, "are not approved or not allowed for training according to the source")
        yield dg.MaterializeResult(
            metadata=md.of_snapshot(job, taken, job_run.links), data_version=dg.DataVersion(taken.digest)
        )


@dg.multi_asset(
    name="splits",
    specs=[
        dg.AssetSpec(
            name, deps=[governed_pairs], code_version="1", partitions_def=training_job_partitions, **about(name)
        )
        for name in ("train_split", "validation_split")
    ],
    partitions_def=training_job_partitions,
    check_specs=checks.SPLITS,
)
def splits(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Split the included pairs and store the dataset under its digest."""
    with job_run.step(context, Phase.LAUNCH) as job:
        launcher, taken = job_run.launcher, required(job.data.snapshot, "snapshot")
        try:
            dataset = launcher.split(job, taken)
        except SplitRefused:
            yield checks.result("both_sides_filled", "validation_split", False)
            raise
        report = dataset.report
        sides = {"train": report.train, "validation": report.validation}
        held_out, torn = launcher.held_out_in_train(job, taken), launcher.torn_ties(taken, dataset)
        yield checks.of_finding("no_held_out_prompt_in_train", "train_split", held_out)
        yield checks.of_finding("no_component_torn", "train_split", torn)
        yield checks.result("both_sides_filled", "validation_split", min(sides.values()) > 0, **sides)
        _require_kept(held_out, "ask a question that is held out for evaluation or testing")
        _require_kept(torn, "groups of related pairs are in both splits", of="")
        for name, digest in (("train", dataset.train_sha256), ("validation", dataset.validation_sha256)):
            yield dg.MaterializeResult(
                asset_key=f"{name}_split",
                metadata=md.of_split(job, dataset, name, job_run.links),
                data_version=dg.DataVersion(digest),
            )


def _require_kept(finding: Finding | None, what: str, *, of: str = " included pairs") -> None:
    """Raise `GateRefused` if a rule was broken: a bug, or a source that contradicts itself."""
    if finding is None or not finding.broken:
        return
    named = f" (such as {', '.join(finding.pair_ids)})" if finding.pair_ids else ""
    raise GateRefused(
        f"{finding.broken:,}{of} {what}{named}. Nothing was trained.",
        hint="Check the training sheet with `training-pipeline sheets check`. If it has no problems, report a bug.",
    )


@dg.asset(
    partitions_def=training_job_partitions,
    deps=["train_split", "validation_split"],
    code_version="1",
    check_specs=checks.FINE_TUNING_RUN,
    **about("fine_tuning_run"),
)
def fine_tuning_run(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Hand the dataset to the backend and return at once."""
    with job_run.step(context, Phase.LAUNCH) as job:
        services = job_run.services
        launcher, dataset = job_run.launcher, required(job.data.dataset, "dataset")
        try:
            launcher.unchanged(job, dataset)
        except GovernanceChanged:
            yield checks.result("unchanged_since_snapshot", "fine_tuning_run", False)
            raise
        yield checks.result("unchanged_since_snapshot", "fine_tuning_run", True)
        launcher.record_lineage(
            job, required(job.data.sheet, "training sheet"), required(job.data.snapshot, "snapshot"), dataset
        )
        job = launcher.submit(job, dataset)
        yield dg.MaterializeResult(
            metadata=training_md.of_submission(job, job_run.links),
            data_version=dg.DataVersion(f"{job.id}:{job.attempt}:{dataset.digest[:16]}"),
        )
        # The event is stored by now: what follows a yield runs after Dagster has written it.
        keys = [dg.AssetKey(name) for name in (*EXTERNAL, *LAUNCHED)]
        lineage.add_assets(services.store, job.id, asset_records(context.instance, keys, job.id))
        launcher.launched(job.id)


@dg.asset(
    partitions_def=training_job_partitions,
    deps=[fine_tuning_run],
    code_version="1",
    check_specs=checks.TRAINING_METRICS,
    **about("training_metrics"),
)
def training_metrics(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Store the final metrics; for a job that failed or timed out, fail with its cause."""
    with job_run.step(context, Phase.FINALIZE) as job:
        services, asset = job_run.services, "training_metrics"
        try:
            services.finalizer.require_trained(job)
        except BackendFailed:
            if (job.error_details or {}).get("error_type") == "NothingToTrain":
                yield checks.result("trained_tokens_in_every_example", asset, False)
            raise
        result = services.finalizer.store_metrics(job)
        frame = metrics.series(services.store, job.id)
        # Only a training that found trained tokens in every example gets this far: the trainer counts them first.
        trained = {name: result.custom_metrics.get(name) for name in ("trained_tokens", "train_examples")}
        counted = {name: int(value) for name, value in trained.items() if value is not None}
        yield checks.of_trained_tokens(counted.get("trained_tokens"), counted.get("train_examples"))
        first, last = result.train_loss_first, result.train_loss
        not_finite = services.finalizer.not_finite(job)
        lower = first is not None and last is not None and last < first
        losses = {"train_loss_first": first, "train_loss": last}
        yield checks.result(
            "metrics_finite_and_loss_lower",
            asset,
            lower and not not_finite,
            not_finite=not_finite,
            **{name: value for name, value in losses.items() if value is not None},
        )
        yield dg.MaterializeResult(
            metadata=training_md.of_metrics(services.store.get(job.id), result, frame, job_run.links),
            data_version=dg.DataVersion(training_md.digest_of_frame(frame)),
        )
        records = asset_records(context.instance, [context.asset_key], job.id)
        lineage.add_assets(services.store, job.id, records)


@dg.asset(
    partitions_def=training_job_partitions,
    deps=[training_metrics, "train_split", "validation_split"],
    code_version="1",
    check_specs=checks.FINE_TUNED_MODEL,
    **about("fine_tuned_model"),
)
def fine_tuned_model(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Register the model; only then has the job succeeded."""
    with job_run.step(context, Phase.FINALIZE) as job:
        services, asset = job_run.services, "fine_tuned_model"
        result = services.backend.result(job.id, job.attempt)
        try:
            services.finalizer.require_permission(job, result)
        except PermissionWithdrawn as error:
            yield checks.result("still_permitted", asset, False, **checks.of_withdrawal(error))
            raise
        yield checks.result("still_permitted", asset, True)
        job = services.finalizer.register(job, result)
        problems = services.finalizer.model_problems(job, result)
        files = {"files": files_looked_at(result)}
        yield checks.result("model_registered_and_files_match", asset, not problems, **files, **_told(problems))
        if problems:
            told = "; ".join(problems)
            raise RecordsDisagree(f"The model of training job {job.id} does not match its record: {told}.")
        keys = [dg.AssetKey(name) for name in (*EXTERNAL, *LAUNCHED, *FINISHED)]
        materialized = asset_records(context.instance, keys, job.id)
        # What a launch run that died after its submit, or an earlier attempt of this one, did not get to write.
        known = lineage.read(services.store, job.id).assets
        added = {key: record for key, record in materialized.items() if key not in known or key == asset}
        lineage.add_assets(services.store, job.id, added)
        record = lineage.read(services.store, job.id)
        found = disagreements(
            record,
            materialized=materialized,
            inputs=input_versions(context.instance, dg.AssetKey("training_sheet"), job.id),
            dataset=read_dataset(required(job.data.dataset, "dataset").path),
            tags=services.finalizer.tags(job),
            result=result,
            config=job.request.training_config,
        )
        yield checks.result("provenance_equals_lineage_record", asset, not found, **_told(found))
        if found:
            raise RecordsDisagree(f"The records of training job {job.id} disagree: {'; '.join(found)}.")
        yield dg.MaterializeResult(
            metadata=training_md.of_model(job, result, record, job_run.links),
            data_version=dg.DataVersion(training_md.digest_of_files(result.model_files)),
        )
        records = asset_records(context.instance, [context.asset_key], job.id)
        lineage.add_assets(services.store, job.id, records)
        services.finalizer.succeed(job.id)


def _told(problems: list[str]) -> Mapping[str, dg.MetadataValue]:
    return {"problems": dg.MetadataValue.md("\n".join(f"- {problem}" for problem in problems))} if problems else {}


LAUNCH_ASSETS = [training_sheet, governed_pairs, splits, fine_tuning_run]
FINALIZE_ASSETS = [training_metrics, fine_tuned_model]
