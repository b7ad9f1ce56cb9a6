"""What a person waits for on the pages, measured in Chromium on this machine's own server.

    python bench/page.py [--jobs 10000] [--points 100000] [--pages 50] [--rounds 5] [--only-compare]

Prints medians, each with its goal and its ratio to the same with next to nothing in it: a list of 10 jobs, a job of 100
points. Every page is opened in a fresh context, with nothing cached. A list is open when its rows are there and its
websocket is; a chart is drawn when ECharts says so.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page
from sqlalchemy import text

from training_pipeline.app.container import Services, open_services
from training_pipeline.cli.system.environment import prepare_environment
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.store.events import EventType

sys.path.insert(0, str(Path(__file__).parent.parent))
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.testing.ui.browsers import Serving, chromium, environment_of

sys.path.insert(0, str(Path(__file__).parent))
from stored_jobs import store_jobs, store_points

ROWS = "document.querySelectorAll('table.jobs tbody tr').length"
OPEN = f"window.did_handshake === true && {ROWS} > 0 && performance.now()"
# A chart of which nothing was measured is hidden.
CHARTS = "[...document.querySelectorAll('.chart-canvas')].filter((each) => each.offsetParent)"
DRAWN = f"{CHARTS}.length && Math.max(...{CHARTS}.map((each) => Number(each.dataset.drawn ?? NaN)))"
#: A comparison is open when what the window shows of it is there.
IN_WINDOW = f"{CHARTS}.filter((each) => each.getBoundingClientRect().top < innerHeight)"
COMPARED_ROWS = "document.querySelectorAll('table tbody tr').length"
SHOWN = (
    f"window.did_handshake === true && {COMPARED_ROWS} > 0 && {IN_WINDOW}.every((each) => each.dataset.drawn)"
    " && performance.now()"
)
#: So many jobs with so many points are compared.
COMPARED, COMPARED_POINTS = 8, 10_000
#: Chooses the other of two statuses, and gives the milliseconds until all rows have it.
FILTER = """async (status) => {
  const chip = [...document.querySelectorAll('.chip')].find((each) => each.textContent.startsWith(status));
  const start = performance.now();
  chip.click();
  const done = () => {
    const rows = [...document.querySelectorAll('table.jobs tbody tr')];
    return rows.length && rows.every((row) => row.querySelector('.badge').textContent.trim() === status);
  };
  while (!done()) await new Promise(requestAnimationFrame);
  const milliseconds = performance.now() - start;
  chip.click();
  return milliseconds;
}"""


def opened(browser: Browser, address: str, ready: str) -> float:
    """Milliseconds from asking for the page until `ready` is true."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address)
    milliseconds = page.wait_for_function(f"({ready}) || null", timeout=60_000).json_value()
    context.close()
    return float(milliseconds)


def filtered(page: Page, status: str) -> float:
    """Milliseconds until the list shows jobs of one status only."""
    milliseconds = float(page.evaluate(FILTER, status))
    page.wait_for_timeout(600)
    return milliseconds


def median(measure: Callable[[], float], rounds: int) -> float:
    return statistics.median(measure() for _ in range(rounds))


def say(what: str, milliseconds: float, small: float, goal: float) -> None:
    verdict = "ok" if milliseconds <= goal else "TOO SLOW"
    print(f"{what}: {milliseconds:.0f} ms (goal {goal:.0f}; {milliseconds / small:.2f} times the small one) {verdict}")


def compare(browser: Browser, server: Serving, services: Services, folder: Path, rounds: int) -> None:
    """Open the comparison of eight jobs, and of two short ones; and one again with its curves smoothed."""

    def submitted(points: int, number: int) -> str:
        rows = [row(f"p-{n}", "validation" if (n + number) % 5 == 0 else "train") for n in range(1_000)]
        dataset = dataset_of(folder, "sheet-123", rows)
        job = job_with(services.store, services.uses, "sheet-123", dataset, status=JobStatus.SUCCEEDED)
        store_points(services.store, job.id, points)
        return job.id

    def address(ids: list[str], query: str = "") -> str:
        return f"{server.base}/train/compare?jobs={','.join(ids)}{query}"

    small = [submitted(100, number) for number in range(2)]
    large = [submitted(COMPARED_POINTS, number) for number in range(COMPARED)]
    opened(browser, address(small), DRAWN)  # what happens once in a process
    few = median(lambda: opened(browser, address(small), SHOWN), rounds)
    many = median(lambda: opened(browser, address(large), SHOWN), rounds)
    whole = median(lambda: opened(browser, address(large), DRAWN), rounds)
    smooth = median(lambda: opened(browser, address(large, "&smoothing=0.9"), SHOWN), rounds)
    say(f"{COMPARED} jobs of {COMPARED_POINTS:,} points are compared, what the window shows is there", many, few, 1000)
    say("the same, all charts drawn", whole, few, 1500)
    say("what the window shows, smoothed", smooth, few, 1500)


def many_pages(browser: Browser, server: Serving, services: Services, job_id: str, count: int) -> None:
    """Open pages on one job; count who listens, and time until a change is on all of them."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    pages = [context.new_page() for _ in range(count)]
    for page in pages:
        page.goto(f"{server.base}/train/jobs/{job_id}/events")
    for page in pages:
        page.wait_for_function("window.did_handshake === true", polling=100, timeout=120_000)
    with services.store.begin() as connection:
        listening = connection.scalar(
            text("SELECT count(*) FROM pg_stat_activity WHERE query ILIKE 'LISTEN%' AND datname = current_database()")
        )
    start = time.monotonic()
    services.store.record(job_id, EventType.INFO, "Seen by everybody.")
    for page in pages:
        page.get_by_text("Seen by everybody.").wait_for(timeout=60_000)
    seconds = time.monotonic() - start
    print(f"{count} pages on one job: {listening} database listener, a change on all {seconds:.1f} s later")
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only-compare", action="store_true", help="Measure the comparison alone.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tp-bench-", dir="/tmp") as scratch:
        Path(scratch).chmod(0o711)
        settings = Settings(state_dir=Path(scratch) / "state")
        known = {"TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir)}
        server = Serving(environment_of(known), Path(scratch) / "serve.log")
        prepare_environment(settings)
        services = open_services(settings)
        try:
            large, small, *_ = store_jobs(services.store, 10)
            store_points(services.store, large, arguments.points)
            store_points(services.store, small, 100)
            server.start()
            with chromium() as browser:
                compare(browser, server, services, Path(scratch), arguments.rounds)
                if arguments.only_compare:
                    return
                opened(browser, f"{server.base}/train", OPEN)  # what happens once in a process
                rounds = arguments.rounds
                few = median(lambda: opened(browser, f"{server.base}/train", OPEN), rounds)
                short = median(lambda: opened(browser, f"{server.base}/train/jobs/{small}/metrics", DRAWN), rounds)
                long = median(lambda: opened(browser, f"{server.base}/train/jobs/{large}/metrics", DRAWN), rounds)
                page = browser.new_context().new_page()
                page.goto(f"{server.base}/train")
                page.wait_for_function(f"({OPEN}) || null")
                quick = median(lambda: filtered(page, "succeeded"), rounds)
                store_jobs(services.store, arguments.jobs)
                many = median(lambda: opened(browser, f"{server.base}/train", OPEN), rounds)
                page.goto(f"{server.base}/train")
                page.wait_for_function(f"({OPEN}) || null")
                page.wait_for_timeout(1500)
                slow = median(lambda: filtered(page, "failed"), rounds)
                say(f"the list of {arguments.jobs:,} jobs opens", many, few, 1000)
                say("it filters", slow, quick, 300)
                say(f"{arguments.points:,} points are drawn, the page opened anew", long, short, 1000)
                many_pages(browser, server, services, large, arguments.pages)
        finally:
            print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            server.stop()
            services.store.engine.dispose()
            down = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()", "down"]
            subprocess.run(down, env=environment_of(known), check=False, capture_output=True)


if __name__ == "__main__":
    main()
