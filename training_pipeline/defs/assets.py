"""The assets of a training job, from the training sheet to the registered model. Each is a shell over one step."""

# No postponed annotations here: Dagster reads those of what it decorates.
from collections.abc import Iterator

import dagster as dg

from training_pipeline.datasets.snapshot import Snapshot
from training_pipeline.datasets.store import DatasetRef
from training_pipeline.defs import metadata as md
from training_pipeline.defs.partitions import training_job_partitions
from training_pipeline.defs.provenance import asset_records
from training_pipeline.defs.resources import CANONICAL_LABELS, PROMPT_TEMPLATE, SOURCE_SHEET, JobRun
from training_pipeline.domain.errors import GateRefused, GovernanceChanged, SplitRefused
from training_pipeline.training_jobs import lineage, metrics
from training_pipeline.training_jobs.claims import Phase
from training_pipeline.training_jobs.launch import SheetRef

JobRunParam = dg.ResourceParam[JobRun]
Results = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]

external_assets = [
    dg.AssetSpec(
        SOURCE_SHEET,
        group_name="source",
        partitions_def=training_job_partitions,
        description="The source dataset (a table, a folder of documents) that the questions were asked about.",
    ),
    dg.AssetSpec(
        PROMPT_TEMPLATE,
        group_name="source",
        partitions_def=training_job_partitions,
        description="The versioned prompt that turned the source sheet's items into questions.",
    ),
    dg.AssetSpec(
        CANONICAL_LABELS,
        group_name="source",
        partitions_def=training_job_partitions,
        description="The experts' ground truth that pairs were approved from, with its own usage constraints.",
    ),
]


@dg.asset(
    group_name="source",
    partitions_def=training_job_partitions,
    deps=[SOURCE_SHEET, PROMPT_TEMPLATE, CANONICAL_LABELS],
    code_version="1",
    description="The training sheet as the job read it: its head, and the digest of everything stored in it.",
)
def training_sheet(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Read the sheet's head and digest."""
    with job_run.step(context, Phase.LAUNCH) as job:
        sheet = job_run.services.launcher.read_sheet(job)
        yield dg.MaterializeResult(metadata=md.of_sheet(sheet), data_version=dg.DataVersion(sheet.digest))


@dg.asset(
    group_name="governance",
    partitions_def=training_job_partitions,
    deps=[training_sheet],
    code_version="1",
    kinds={"ibis"},
    check_specs=[
        dg.AssetCheckSpec(
            "accounting_adds_up",
            asset="governed_pairs",
            blocking=True,
            description="All pairs = included pairs + pairs excluded for exactly one reason each. Blocks.",
        ),
        dg.AssetCheckSpec(
            "enough_pairs",
            asset="governed_pairs",
            blocking=True,
            description="At least as many pairs pass both gates as the settings ask for. Blocks.",
        ),
    ],
    description="The verdict of the quality gate and the usage gate on every pair, with one reason for each that is "
    "left out. Identifiers, hashes and verdicts only; no text.",
)
def governed_pairs(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Judge every pair and store the verdicts."""
    with job_run.step(context, Phase.LAUNCH) as job:
        launcher = job_run.services.launcher
        taken = launcher.judge(job, SheetRef.model_validate(job.sheet))
        summary = taken.summary
        excluded = sum(summary.excluded.values())
        counts = {"total": summary.total, "included": summary.eligible, "excluded": excluded}
        adds_up = summary.total == summary.eligible + excluded
        yield dg.AssetCheckResult(check_name="accounting_adds_up", passed=adds_up, metadata=counts)
        enough = summary.eligible >= launcher.min_pairs
        needed = {"included": summary.eligible, "needed": launcher.min_pairs}
        yield dg.AssetCheckResult(check_name="enough_pairs", passed=enough, metadata=needed)
        if not adds_up:
            raise GateRefused(f"The accounting does not add up: {counts}. Nothing is trained on.")
        if not enough:
            raise GateRefused(
                f"Only {summary.eligible} of {summary.total} pairs may be trained on; {launcher.min_pairs} are needed."
                f"\n{summary.to_text()}",
                hint="Have more pairs reviewed, or their usage constraints changed, then retry.",
            )
        yield dg.MaterializeResult(metadata=md.of_snapshot(taken), data_version=dg.DataVersion(taken.digest))


@dg.multi_asset(
    name="splits",
    specs=[
        dg.AssetSpec(
            name,
            group_name="governance",
            deps=[governed_pairs],
            code_version="1",
            kinds={"file"},
            partitions_def=training_job_partitions,
            description=description,
        )
        for name, description in (
            ("train_split", "The pairs that the model is trained on, one chat example a line."),
            ("validation_split", "The pairs that the model is validated on; nothing in it is tied to the train split."),
        )
    ],
    partitions_def=training_job_partitions,
    check_specs=[
        dg.AssetCheckSpec(
            "both_sides_filled",
            asset="validation_split",
            blocking=True,
            description="A split with two sides exists for pairs that are tied to one another. Blocks.",
        )
    ],
)
def splits(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Split the included pairs and store the dataset under its digest."""
    with job_run.step(context, Phase.LAUNCH) as job:
        validation = dg.AssetKey("validation_split")
        try:
            dataset = job_run.services.launcher.split(job, Snapshot.model_validate(job.snapshot))
        except SplitRefused:
            yield dg.AssetCheckResult(check_name="both_sides_filled", asset_key=validation, passed=False)
            raise
        report = dataset.report
        sides = {"train": report.train, "validation": report.validation}
        yield dg.AssetCheckResult(
            check_name="both_sides_filled", asset_key=validation, passed=min(sides.values()) > 0, metadata=sides
        )
        for name, digest in (("train", dataset.train_sha256), ("validation", dataset.validation_sha256)):
            yield dg.MaterializeResult(
                asset_key=f"{name}_split",
                metadata=md.of_split(dataset, name),
                data_version=dg.DataVersion(digest),
            )


@dg.asset(
    group_name="training",
    partitions_def=training_job_partitions,
    deps=["train_split", "validation_split"],
    code_version="1",
    kinds={"transformers"},
    check_specs=[
        dg.AssetCheckSpec(
            "unchanged_since_snapshot",
            asset="fine_tuning_run",
            blocking=True,
            description="Right before submitting, the source still allows every included pair. Blocks.",
        )
    ],
    description="The run at the backend that the dataset was handed to. It is watched by `poll_training_jobs`.",
)
def fine_tuning_run(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Hand the dataset to the backend and return at once."""
    with job_run.step(context, Phase.LAUNCH) as job:
        services = job_run.services
        launcher, dataset = services.launcher, DatasetRef.model_validate(job.dataset)
        try:
            launcher.unchanged(job, dataset)
        except GovernanceChanged:
            yield dg.AssetCheckResult(check_name="unchanged_since_snapshot", passed=False)
            raise
        yield dg.AssetCheckResult(check_name="unchanged_since_snapshot", passed=True)
        launcher.record_lineage(job, SheetRef.model_validate(job.sheet), Snapshot.model_validate(job.snapshot), dataset)
        job = launcher.submit(job, dataset)
        yield dg.MaterializeResult(
            metadata=md.of_submission(job),
            data_version=dg.DataVersion(f"{job.id}:{job.attempt}:{dataset.digest[:16]}"),
        )
        # The event is stored by now: what follows a yield runs after Dagster has written it.
        upstream = [SOURCE_SHEET, PROMPT_TEMPLATE, CANONICAL_LABELS]
        names = ("training_sheet", "governed_pairs", "train_split", "validation_split", "fine_tuning_run")
        keys = [*upstream, *(dg.AssetKey(name) for name in names)]
        lineage.add_assets(services.store, job.id, asset_records(context.instance, keys, job.id))
        launcher.launched(job.id)


@dg.asset(
    group_name="training",
    partitions_def=training_job_partitions,
    deps=[fine_tuning_run],
    code_version="1",
    description="The final figures of the training job, and its loss curve.",
)
def training_metrics(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Store the final figures; for a job that failed or timed out, fail with its cause."""
    with job_run.step(context, Phase.FINALIZE) as job:
        services = job_run.services
        services.finisher.require_trained(job)
        result = services.finisher.store_metrics(job)
        frame = metrics.series(services.store, job.id)
        yield dg.MaterializeResult(
            metadata=md.of_metrics(services.store.get(job.id), result, frame),
            data_version=dg.DataVersion(md.digest_of_frame(frame)),
        )
        records = asset_records(context.instance, [context.asset_key], job.id)
        lineage.add_assets(services.store, job.id, records)


@dg.asset(
    group_name="registry",
    partitions_def=training_job_partitions,
    deps=[training_metrics, "train_split", "validation_split"],
    code_version="1",
    kinds={"mlflow"},
    description="The model version that the training job registered, with the hashes of its files and its lineage.",
)
def fine_tuned_model(context: dg.AssetExecutionContext, job_run: JobRunParam) -> Results:
    """Register the model; only then has the job succeeded."""
    with job_run.step(context, Phase.FINALIZE) as job:
        services = job_run.services
        result = services.backend.result(job.id, job.attempt)
        job = services.finisher.register(job, result)
        yield dg.MaterializeResult(
            metadata=md.of_model(job, result, lineage.read(services.store, job.id)),
            data_version=dg.DataVersion(md.digest_of_files(result.model_files)),
        )
        records = asset_records(context.instance, [context.asset_key], job.id)
        lineage.add_assets(services.store, job.id, records)
        services.finisher.succeed(job.id)


LAUNCH_ASSETS = [training_sheet, governed_pairs, splits, fine_tuning_run]
FINALIZE_ASSETS = [training_metrics, fine_tuned_model]
