"""Take the pictures of the pages in docs/images, in both themes: of a real training, stored jobs, and a spreadsheet.

python scripts/take_screenshots.py [--only NAME]...
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]
from pictured_sheet import chosen, reviewed, selected, spreadsheet  # noqa: E402
from stored_jobs import stored  # noqa: E402

from training_pipeline.app.container import Services, open_services  # noqa: E402
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob  # noqa: E402
from training_pipeline.settings import Settings  # noqa: E402
from training_pipeline.testing.jobs.estimated_jobs import estimated  # noqa: E402
from training_pipeline.testing.polling import until  # noqa: E402
from training_pipeline.testing.studies.seen_study import seen_study  # noqa: E402
from training_pipeline.testing.ui.browsers import Serving, alive, chromium, environment_of  # noqa: E402

IMAGES = ROOT / "docs" / "images"
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
COMMAND = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()"]
NEW_STUDY = (
    "/train/new-study?sheet=sheet-123&name=triage-2026-12&model_name=triage-model&most_trials=12&most_at_once=2"
    "&space.learning_rate=log&space.learning_rate.low=1e-4&space.learning_rate.high=1e-2"
)
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


@contextmanager
def training(environment: dict[str, str], services: Services, log: Path) -> Iterator[TrainingJob]:
    """A job that is being trained, with some hundred steps of its curves."""
    run = [*COMMAND, "run", "sheet-123", "--model-name", "triage-longer", "--epochs", "50", "--batch-size", "2"]

    def far_enough() -> bool:
        jobs, _ = services.jobs.list(search="triage-longer")
        return bool(jobs) and (jobs[0].progress.current_step or 0) > 300

    with log.open("wb") as out, subprocess.Popen(run, env=environment, stdout=out, stderr=out) as process:
        try:
            until(far_enough, seconds=180, what=f"300 steps of training ({log})")
            yield services.jobs.list(search="triage-longer")[0][0]
        finally:
            for job in services.jobs.list(search="triage-longer", statuses=ACTIVE)[0]:
                services.jobs.cancel(job.id, actor="grace", reason="The pictures are taken.")
            process.wait(timeout=120)  # it sees to it that the training ends


def also(services: Services) -> TrainingJob:
    """Jobs as a team has them after a day, as rows in the store; the one that failed."""
    chance, now = random.Random(4), datetime.now(UTC)
    config = {"error_message": OUT_OF_MEMORY, "error_details": {"error_type": "OutOfMemoryError"}}
    queued = stored(1, chance, now=now, status=JobStatus.QUEUED, model_name="boiler-notes")
    failed = stored(2, chance, now=now, status=JobStatus.FAILED, model_name="contract-clauses", **config)
    for job in (queued, failed, *(stored(number, chance, now=now) for number in range(3, 60))):
        services.store.create(job, message="Created.")
    seen_study(services, "triage-2026-11")
    for place in range(24):
        middle = chance.uniform(60, 900)
        took = middle * chance.lognormvariate(0, 0.17)
        estimated(services.store, middle, took, place=place, model_name="triage-model")
    return failed


def fewer_colours(picture: Image.Image) -> Image.Image:
    """The picture in 256 colours: the most common ones as they are, and the others of letters' edges as the nearest."""
    pixels = np.asarray(picture)
    colours, where, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    common = colours[np.argsort(-counts)[:160]]
    others = picture.quantize(96, method=Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = np.concatenate([common, np.reshape(others, (-1, 3))])
    nearest = np.square(colours[:, None].astype(int) - palette[None]).sum(axis=2).argmin(axis=1)
    small = Image.fromarray(nearest[where].reshape(pixels.shape[:2]).astype(np.uint8), mode="P")
    small.putpalette(palette.astype(np.uint8).tobytes())
    return small


def taken(page: Page, name: str, theme: str) -> None:
    """Store what is seen."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(600)
    path = IMAGES / (f"{name}.png" if theme == "light" else f"{name}-dark.png")
    page.screenshot(path=path)
    with Image.open(path) as picture:
        small = fewer_colours(picture.convert("RGB"))
    small.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024:.0f} kB")


def pictures(done: str, running: TrainingJob, failed: TrainingJob) -> list[tuple[str, str, str, int]]:
    """Name, address, what shows that it is complete, and height of each picture; first what will be over soon."""
    return [
        ("job-running", f"/train/jobs/{running.id}/metrics", "Training time", 1150),
        ("train-page", "/train", "398", 900),
        ("sheet", "/train/sheets/sheet-123", "would be cut", 1400),
        ("new-job", "/train/new?sheet=sheet-123&model_name=triage-model", "Optimizer steps", 1690),
        ("job-overview", f"/train/jobs/{done}", "Configuration", 1360),
        ("job-metrics", f"/train/jobs/{done}/metrics", "Training time", 1180),
        ("job-events", f"/train/jobs/{done}/events", "Created.", 800),
        ("job-lineage", f"/train/jobs/{done}/lineage?open=gates,train&search=qa-000", "qa-0003", 1470),
        ("study", "/train/studies/triage-2026-11", "Progress of the search", 1900),
        ("new-study", NEW_STUDY, "All 12 trials, at most", 1900),
        ("estimates", "/train/estimates", "Job by job", 1180),
        ("job-failed", f"/train/jobs/{failed.id}", "What to do", 800),
        ("import", "/train/import", "Drop a file here", 1700),
        ("review", "/train/sheets/desks", "agreed on with legal", 1180),
        ("login", "/train/login", "Log in", 620),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="Name of a picture; all where none is named.")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory(prefix="tp-pictures-", dir="/tmp") as scratch:
        Path(scratch).chmod(0o711)
        settings = Settings(state_dir=Path(scratch) / "state")
        environment = environment_of({"TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir), "LOGNAME": "grace"})
        server = Serving(environment, Path(scratch) / "serve.log", local_user="grace")
        try:
            done = trained(environment)
            services = open_services(settings)
            failed = also(services)
            file = spreadsheet(Path(scratch))
            reviewed(COMMAND, environment, services, file)
            acts: dict[str, Callable[[Page], None]] = {"import": lambda page: chosen(page, file), "review": selected}
            server.start()
            with training(environment, services, Path(scratch) / "run.log") as running, chromium() as browser:
                looks: list[tuple[Literal["light", "dark"], Page]] = []
                for theme in THEMES:
                    page = browser.new_context(color_scheme=theme, timezone_id="Europe/Vienna").new_page()
                    looks.append((theme, page))
                for name, address, complete, height in pictures(done, running, failed):
                    for theme, page in looks:
                        if only is None or name in only:
                            page.set_viewport_size({"width": 1280, "height": height})
                            page.goto(f"{server.base}{address}")
                            if name != "login":
                                alive(page)
                            expect(page.get_by_text(complete).first).to_be_visible(timeout=60_000)
                            if name in acts:
                                acts[name](page)
                            taken(page, name, theme)
            services.store.engine.dispose()
        finally:
            server.stop()
            subprocess.run([*COMMAND, "down"], env=environment, check=False, capture_output=True)


if __name__ == "__main__":
    main()
