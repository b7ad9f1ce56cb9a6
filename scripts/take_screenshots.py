"""Take the pictures of the pages in docs/images, in both themes: a real training on the bundled sheet, and stored jobs.

python scripts/take_screenshots.py [--only NAME]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]
from stored_jobs import store_points, stored  # noqa: E402

from training_pipeline.domain.job import JobStatus, TrainingJob  # noqa: E402
from training_pipeline.settings import Settings  # noqa: E402
from training_pipeline.training_jobs.services import Services, open_services  # noqa: E402
from training_pipeline.training_jobs.store import EventType  # noqa: E402
from training_pipeline_tests.web.browsers import Serving, alive, chromium, environment_of  # noqa: E402

IMAGES = ROOT / "docs" / "images"
COMMAND = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()"]
OUT_OF_MEMORY = (
    "Training ran out of memory: raise gradient_accumulation_steps, or lower batch_size or max_length, or choose a"
    " smaller base_model."
)


def trained(environment: dict[str, str]) -> str:
    """The id of a job that was trained for real."""
    run = [*COMMAND, "run", "sheet-123", "--model-name", "triage-model", "--epochs", "6", "--json"]
    run += ["--config", "evaluations_per_epoch=2"]
    done = subprocess.run(run, env=environment, check=True, capture_output=True, text=True)
    return str(json.loads(done.stdout)["id"])


def also(services: Services) -> tuple[TrainingJob, TrainingJob]:
    """Jobs as a team has them after a day; the one that runs, and one that failed."""
    chance, now = random.Random(4), datetime.now(UTC)
    progress = {"progress_percent": 42.0, "current_step": 168, "planned_steps": 400, "current_epoch": 1.26}
    config = {"error_message": OUT_OF_MEMORY, "error_details": {"error_type": "OutOfMemoryError"}}
    chosen = [
        stored(0, chance, now=now, status=JobStatus.RUNNING, total_epochs=3.0, eta_seconds=95.0, **progress),
        stored(1, chance, now=now - timedelta(minutes=3), status=JobStatus.QUEUED, model_name="boiler-notes"),
        stored(2, chance, now=now, status=JobStatus.FAILED, model_name="contract-clauses", **config),
    ]
    jobs = [*chosen, *(stored(number, chance, now=now) for number in range(3, 60))]
    for job in jobs:
        services.store.create(job, message="Created.")
    running, _, failed = chosen
    store_points(services.store, running.id, 168)
    services.store.record(running.id, EventType.INFO, "310 of 440 pairs may be trained on.")
    return running, failed


def taken(page: Page, name: str, theme: str, *, height: int) -> None:
    """Store what is seen, as small as it can be without another colour."""
    page.set_viewport_size({"width": 1280, "height": height})
    page.mouse.move(0, 0)
    page.wait_for_timeout(600)
    path = IMAGES / (f"{name}.png" if theme == "light" else f"{name}-dark.png")
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024:.0f} kB")


def pictures(done: str, running: TrainingJob, failed: TrainingJob) -> list[tuple[str, str, str, int]]:
    """Name, address, what shows that it is complete, and height of each picture."""
    return [
        ("train-page", "/train", "398", 900),
        ("new-job", "/train/new?sheet=sheet-123&model_name=triage-model", "Optimizer steps", 1500),
        ("job-overview", f"/train/jobs/{done}", "Configuration", 1250),
        ("job-metrics", f"/train/jobs/{done}/metrics", "Figures", 1100),
        ("job-events", f"/train/jobs/{done}/events", "Created.", 980),
        ("job-lineage", f"/train/jobs/{done}/lineage?open=gates,train&search=qa-000", "qa-0003", 1300),
        ("job-running", f"/train/jobs/{running.id}/metrics", "Figures", 1150),
        ("job-failed", f"/train/jobs/{failed.id}", "What to do", 800),
        ("login", "/train/login", "Log in", 620),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="Name of one picture.")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory(prefix="tp-pictures-", dir="/tmp") as scratch:
        Path(scratch).chmod(0o711)
        settings = Settings(state_dir=Path(scratch) / "state")
        environment = environment_of({"TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir), "LOGNAME": "grace"})
        server = Serving(environment, Path(scratch) / "serve.log", local_user="grace")
        try:
            done = trained(environment)
            services = open_services(settings)
            running, failed = also(services)
            services.store.engine.dispose()
            server.start()
            with chromium() as browser:
                for theme in ("light", "dark"):
                    page = browser.new_context(color_scheme=theme, timezone_id="Europe/Vienna").new_page()
                    for name, address, complete, height in pictures(done, running, failed):
                        if only in {None, name}:
                            page.goto(f"{server.base}{address}")
                            if name != "login":
                                alive(page)
                            expect(page.get_by_text(complete).first).to_be_visible(timeout=60_000)
                            taken(page, name, theme, height=height)
        finally:
            server.stop()
            subprocess.run([*COMMAND, "down"], env=environment, check=False, capture_output=True)


if __name__ == "__main__":
    main()
