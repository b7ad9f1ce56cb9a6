"""How long pages of a large training sheet take: the first look, which judges the sheet, and every one after.

    python bench/sheet_page.py [--pairs 1000000] [--rounds 5] [--format parquet|jsonl]

Prints medians for what the page of a sheet and the form ask for: by the clock, and of all processors together, as
others may use the machine, too. "In another process" has nothing in memory, as after a restart: verdicts and counts are
read from files. "Opened" is what each page cost that reads the sheet itself to see which version it is.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))
from scratch import scratch_postgres
from sheet import make_sheet

from training_pipeline.app.container import Services, assemble
from training_pipeline.app.everything import built
from training_pipeline.client.local import LocalClient
from training_pipeline.datasets.sheet_rows import ELIGIBLE
from training_pipeline.domain.access import Caller, Role
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.sheets.files.source import SETTLED_NS
from training_pipeline.testing.jobs.jobs import ScriptedBackend

HEAD = {
    "name": "Large",
    "status": "approved",
    "source_sheet": {"id": "cases", "name": "Cases"},
    "prompt_template": {"id": "which", "name": "Which"},
}


def cost(call: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the clock, and of all processors together, that a call takes."""
    start, work = time.perf_counter(), time.process_time()
    call()
    return 1000 * (time.perf_counter() - start), 1000 * (time.process_time() - work)


def show(words: str, call: Callable[[], object], rounds: int = 1) -> None:
    """Print the medians of what a call costs."""
    clock, work = (statistics.median(column) for column in zip(*(cost(call) for _ in range(rounds)), strict=True))
    print(f"{words:>44}: {clock:6.0f} ms, {work:6.0f} ms of processors", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--format", choices=["parquet", "jsonl"], default="parquet")
    asked = parser.parse_args()
    with scratch_postgres() as (_, database, scratch):
        settings = Settings(state_dir=scratch / "state")
        settings.sheets.mkdir(parents=True)
        make_sheet(pairs := settings.sheets / "large.parquet", asked.pairs)
        if asked.format == "jsonl":
            duckdb.execute(f"COPY (FROM '{pairs}') TO '{pairs.with_suffix('.jsonl')}' (FORMAT json)")
            pairs.unlink()
            pairs = pairs.with_suffix(".jsonl")
        (settings.sheets / "large.yaml").write_text(yaml.safe_dump(HEAD))
        print(f"{asked.pairs:,} pairs, {pairs.stat().st_size / 1e6:,.0f} MB of {asked.format}", flush=True)
        time.sleep(2 * SETTLED_NS / 1e9)
        measure(settings, database, asked.rounds)


def measure(settings: Settings, database: Database, rounds: int) -> None:
    """What pages ask for, first and later."""

    def process() -> tuple[Services, LocalClient]:
        services = built(assemble(settings, database, backend=ScriptedBackend()))
        return services, LocalClient(services, Caller("sam", Role.STEWARD))

    services, client = process()

    def opened() -> None:
        with services.source.open("large"):
            pass

    def page(client: LocalClient) -> None:
        client.training_sheet("large")
        client.sheet_pairs("large")
        client.sheet_edits("large")
        client.sheet_versions("large")

    def form(client: LocalClient) -> None:
        client.training_sheets()
        client.training_sheet("large")

    show("opened", opened)
    show("the page of the sheet, nobody has looked yet", lambda: page(client))
    _, another = process()
    show("the page of the sheet, in another process", lambda: page(another))
    show("the form, in another process", lambda: form(process()[1]))
    show("the page of the sheet", lambda: page(client), rounds)
    show("the form", lambda: form(client), rounds)
    digest = client.training_sheet("large").digest
    withdrawn = services.revocations.withdrawn("large")
    total = services.sheet_rows.page("large", digest, withdrawn=withdrawn).total
    filters: dict[str, dict[str, object]] = {
        "the first page": {},
        "the last page": {"after": total - 50},
        "may be trained on": {"reason": ELIGIBLE},
        "of one reason": {"reason": "duplicate"},
        "of one status": {"status": "rejected"},
        "search in ids": {"search": "9999"},
        "search that most have": {"search": "1", "status": "labeled"},
    }
    for words, of in filters.items():

        def look(of: dict[str, object] = of) -> None:
            services.sheet_rows.page("large", digest, withdrawn=withdrawn, **of)  # type: ignore[arg-type]

        show(f"pairs: {words}", look, rounds)


if __name__ == "__main__":
    main()
