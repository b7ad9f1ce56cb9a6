"""A person who opens only the Dagster UI: launches, watches, understands, cancels and retries training jobs.

TOUR_IMAGES names a directory for the screenshots of docs/dagster-ui.md: see scripts/tour_dagster.py.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.testing.models.evaluated import SUITE, make_suite
from training_pipeline.testing.polling import until
from training_pipeline.testing.system.running_system import RunningSystem, temporary_state
from training_pipeline.testing.ui.chromium import CHROMIUM
from training_pipeline.testing.ui.dagster_ui import DagsterUI, dagster_ui

pytestmark = [
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
IMAGES = "TOUR_IMAGES"
PERSON = "ada@example.org"
SHEET = "sheet-123"  # the bundled sample


@pytest.fixture(scope="module")
def images() -> Path | None:
    directory = os.environ.get(IMAGES)
    return Path(directory) if directory else None


@pytest.fixture
def system(tmp_path: Path) -> Iterator[RunningSystem]:
    with temporary_state() as state, closing(RunningSystem(state, tmp_path / "up.out", real_trainer=True)) as running:
        broken_base_model(running.settings.models / "broken-model")
        running.up()
        yield running


def broken_base_model(directory: Path) -> None:
    """A base model that looks like one until its weights are read."""
    directory.mkdir(parents=True)
    config: dict[str, Any] = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64}
    sizes = {"intermediate_size": 128, "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 512}
    (directory / "config.json").write_text(json.dumps(config | sizes))
    model = {"type": "BPE", "vocab": {}, "merges": []}
    (directory / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model}))
    (directory / "model.safetensors").write_text("no weights")


def newest(system: RunningSystem, count: int) -> TrainingJob:
    """The job that was created last, once there are so many."""
    until(lambda: system.services.jobs.list()[1] == count, seconds=240, what=f"{count} training jobs")
    return system.services.jobs.list()[0][0]


def created(ui: DagsterUI, system: RunningSystem, count: int, *, picture: str = "", **config: Any) -> TrainingJob:
    """A training job from the Launchpad."""
    asked = {"training_sheet_id": SHEET, "requested_by": PERSON, **config}
    missing = "Missing required config entries ['model_name', 'training_sheet_id']" if count == 1 else ""
    ui.launch("create_training_job", "create", asked, says=missing, picture=picture)
    ui.until_run("Success")
    job = newest(system, count)
    assert job.created_by == PERSON
    return job


def test_a_person_works_with_mouse_and_keyboard_only(system: RunningSystem, images: Path | None) -> None:
    with dagster_ui(f"http://127.0.0.1:{system.port}", images) as ui:
        short = {"epochs": 1, "allow_never_stops": True}  # one epoch need not teach the model to stop
        config: dict[str, Any] = {"epochs": 10, "exact_match_questions": 10} if images else short
        good = created(ui, system, 1, model_name="triage-model", training_config=config, picture="launchpad")
        ui.sees(re.compile("sensor launch_pending_jobs will start it"))
        ui.picture("run")
        see_it_turn_green(ui, system, good)  # before there is another job, whose checks would be the latest
        bad = created(ui, system, 2, model_name="triage-broken", base_model="broken-model")
        find_the_cause(ui, system, bad)
        long = created(ui, system, 3, model_name="triage-long", training_config={"epochs": 50})
        cancel(ui, system, long)
        retry(ui, system, long)
        evaluate_and_promote(ui, system, good)
        compare(ui)
        see_the_schedule(ui)


def see_it_turn_green(ui: DagsterUI, system: RunningSystem, job: TrainingJob) -> None:
    """The graph, the metadata of assets, the plots and the checks."""
    system.until(job.id, lambda now: now.status is JobStatus.SUCCEEDED, "the success", seconds=600)
    ui.asset("fine_tuned_model", partition=job.id)
    ui.sees("Materialized")
    ui.sees("model_version")
    ui.picture("model")
    ui.asset("governed_pairs", partition=job.id)
    ui.sees("excluded because")
    ui.sees("contains PHI")
    ui.picture("governed-pairs")
    ui.show_loss_curve(job.id)
    ui.asset("fine_tuned_model", view="checks")
    ui.click(re.compile("^provenance_equ.*lineage_record$"))  # shortened in the middle where it does not fit
    ui.sees(re.compile("agree on all versions"))
    ui.sees("Passed")
    ui.picture("checks")
    ui.show_graph()


def find_the_cause(ui: DagsterUI, system: RunningSystem, job: TrainingJob) -> None:
    """From the red partition of the asset to the sentence that says what is wrong."""
    until(
        lambda: system.job(job.id).finalize.done_at is not None, seconds=600, what="the end of the job that must fail"
    )
    failed = system.job(job.id)
    assert failed.status is JobStatus.FAILED
    assert failed.error_message
    ui.asset("training_metrics", partition=job.id)
    ui.sees("Failed")
    ui.picture("red-asset")
    assert failed.finalize.run_id is not None
    ui.page.get_by_role("link", name=failed.finalize.run_id[:8]).first.click()
    ui.until_run("Failure")
    ui.sees(re.compile(re.escape(failed.error_message[:40])))
    ui.picture("cause", above="Stack Trace:")  # Dagster shows one, of itself


def evaluate_and_promote(ui: DagsterUI, system: RunningSystem, job: TrainingJob) -> None:
    """Figures, the gate's refusal in a sentence, and both on the page of the asset."""
    make_suite(system.services)
    version = {"model_name": job.request.model_name, "version": 1}
    ui.launch("evaluate_model", "evaluate", {**version, "suite": SUITE, "requested_by": PERSON})
    ui.until_run("Success")
    until(lambda: shown(system, job) == 1, seconds=240, what="the evaluation on the page of the asset")
    gate = {"margins": {"exact_match": 0.05}, "thresholds": {"exact_match": 0.7}}
    ui.launch("promote_model", "promote", {**version, "gate": gate, "requested_by": PERSON}, picture="promote")
    ui.until_run("Failure")
    ui.sees(re.compile("The gate says: do not ship. champion of triage-model stays at no version"))
    until(lambda: shown(system, job) == 2, seconds=120, what="the verdict on the page of the asset")
    ui.asset("model_evaluation", partition=job.id)
    ui.sees("do not ship")
    ui.picture("evaluation")


def shown(system: RunningSystem, job: TrainingJob) -> int:
    """How often an evaluation of the job's model version was shown."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey("model_evaluation"), asset_partitions=[job.id])
    return len(system.instance.fetch_materializations(wanted, limit=10).records)


def cancel(ui: DagsterUI, system: RunningSystem, job: TrainingJob) -> None:
    """Stop a job that trains."""
    system.until(job.id, lambda now: now.status is JobStatus.RUNNING, "the training")
    asked = {"job_id": job.id, "requested_by": PERSON, "reason": "wrong sheet"}
    ui.launch("cancel_training_job", "cancel", asked, picture="cancel")
    ui.until_run("Success")
    until(lambda: system.job(job.id).status is JobStatus.CANCELLED, seconds=240, what="the cancel")
    now = system.job(job.id)
    assert (now.cancellation.requested_by, now.cancellation.reason) == (PERSON, "wrong sheet")


def retry(ui: DagsterUI, system: RunningSystem, job: TrainingJob) -> None:
    """A new job that names the one it retries, with one change."""
    asked = {"job_id": job.id, "requested_by": "grace@example.org", "training_config": {"epochs": 1}}
    ui.launch("retry_training_job", "retry", asked, picture="retry")
    ui.until_run("Success")
    again = newest(system, 4)
    assert (again.retry_of, again.created_by, again.request.training_config["epochs"]) == (
        job.id,
        "grace@example.org",
        1,
    )
    system.until(again.id, lambda now: now.status is JobStatus.SUCCEEDED, "the success of the retry", seconds=600)
    ui.asset("fine_tuned_model", partition=again.id)
    ui.sees("Materialized")


def compare(ui: DagsterUI) -> None:
    """The figures of the jobs that succeeded, plotted."""
    ui.asset("training_metrics", view="overview")
    ui.sees("val_loss")
    ui.click("Plots")
    ui.page.locator("canvas").first.wait_for()
    ui.page.get_by_text("train_accuracy", exact=True).first.scroll_into_view_if_needed()
    ui.picture("plots")


def see_the_schedule(ui: DagsterUI) -> None:
    """Off until somebody turns it on; the sensors are on."""
    ui.page.goto(f"{ui.url}/automation")
    ui.sees("retrain_changed_sheets")
    ui.sees(re.compile("only on Monday"))
    ui.picture("automation")
    ui.page.goto(f"{ui.url}/locations/training_pipeline/sensors/poll_training_jobs")
    ui.sees("poll_training_jobs")
    ui.picture("sensor")
    ui.page.goto(f"{ui.url}/locations/training_pipeline/schedules/retrain_changed_sheets")
    ui.sees(re.compile("Looks at the training sheets|retrain_changed_sheets"))
    ui.picture("schedule")
