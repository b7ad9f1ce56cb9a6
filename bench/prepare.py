"""How fast and how small the data path is: ours, plain pandas, and what the disk and SHA-256 alone cost.

    python bench/prepare.py                       # a million pairs, three interleaved rounds
    python bench/prepare.py --near 0              # questions that are nearly equal are not looked for
    python bench/prepare.py --format jsonl        # ours and the floor only, as for 10 million:
    python bench/prepare.py --pairs 10_000_000

Every run is a process of its own, timed from its start to its end; memory is its peak resident set. The data path reads
a sheet and does everything a job does with it: both gates, export summary, snapshot, components, split, two
JSONL files, manifest, hashes. The pandas version must come to the same counts, bytes and digests, though it
does not read the text a second time to see that nothing changed, nor flush anything to disk. On a machine that does
other work, compare processor seconds; the load is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SHEET, SEED, RATIO, ITEMS = "bench", "bench", 0.8, 20
HEAD = """\
name: A large sheet
status: approved
source_sheet: {id: source, name: Source, version: v1}
prompt_template: {id: template, name: Template, version: v1}
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pairs", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--directory", type=Path, default=Path("/tmp/training_pipeline_bench"))
    arguments.add_argument("--memory", default="1GB", help="DuckDB's memory limit")
    arguments.add_argument("--near", type=float, choices=[0.0, 0.8], default=0.8, help="similarity of near-duplicates")
    arguments.add_argument("--format", choices=["parquet", "jsonl"], default="parquet")
    arguments.add_argument("--only", choices=RUNS, nargs="*", help="of ours, pandas and floor")
    arguments.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.run:
        print(json.dumps(RUNS[given.run](given.directory, given.memory, given.near)))
        return
    try:
        compare(given)
    finally:
        shutil.rmtree(given.directory, ignore_errors=True)


def compare(given: argparse.Namespace) -> None:
    shutil.rmtree(given.directory, ignore_errors=True)
    given.directory.mkdir(parents=True)
    # In a process of its own: a child's peak memory would begin at that of the process it was forked from.
    made = [sys.executable, "-c", "import sys, sheet; sheet.make_sheet(sys.argv[1], int(sys.argv[2]))"]
    target = given.directory / f"{SHEET}.parquet"
    subprocess.run([*made, str(target), str(given.pairs)], cwd=Path(__file__).parent, check=True)
    if given.format == "jsonl":
        written = target.with_suffix(".jsonl")
        copied = f"import duckdb; duckdb.execute(\"COPY (FROM '{target}') TO '{written}' (FORMAT json)\")"
        subprocess.run([sys.executable, "-c", copied], check=True)
        target.unlink()
        target = written
    (given.directory / f"{SHEET}.yaml").write_text(HEAD)
    size = target.stat().st_size
    near = f"near-duplicates from {given.near}" if given.near else "no near-duplicates"
    print(f"{given.pairs:,} pairs, {size / 1e6:,.0f} MB of {given.format}, {near}; {given.rounds} rounds, interleaved")
    print(f"median; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores", flush=True)

    with_pandas = given.pairs <= 2_000_000 and given.format == "parquet"
    names = given.only or [name for name in RUNS if name != "pandas" or with_pandas]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(given.rounds):
        for name in names:
            found[name].append(measure(name, given, "--near", str(given.near)))
    for name, runs in found.items():
        seconds = statistics.median(run["wall"] for run in runs)
        memory = max(run["peak_mb"] for run in runs)
        processor = statistics.median(run["cpu"] for run in runs)
        against = seconds / statistics.median(run["wall"] for run in found["ours"])
        each = 1e6 * processor / given.pairs
        print(
            f"{name:>7}: {seconds:7.2f} s  (processor {processor:6.1f} s, {each:5.1f} a million pairs)"
            f"  {memory:7,.0f} MB  {against:6.2f} x ours"
        )
    ours = found["ours"][0]["result"]
    print("   parts:", ", ".join(f"{part} {spent:.2f} s" for part, spent in ours.pop("parts").items()))
    print(f"   pairs: {ours['included']:,} included,", ", ".join(f"{n:,} {why}" for why, n in ours["counts"].items()))
    if "pandas" in found:
        same = found["pandas"][0]["result"] == ours
        print(
            "   pandas comes to", "the same counts, bytes and digests" if same else f"OTHER RESULTS: {found['pandas']}"
        )
        if not same:
            sys.exit(1)


def measure(name: str, given: argparse.Namespace, *also: str, script: str = __file__) -> dict[str, Any]:
    command = [sys.executable, script, "--run", name, "--directory", str(given.directory)]
    command += ["--memory", given.memory, *also]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{name} failed")
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "result": json.loads(output),
    }


def empty(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return directory


def ours(directory: Path, memory: str, near: float) -> dict[str, Any]:
    from training_pipeline.datasets.prepare import write_dataset
    from training_pipeline.datasets.snapshot import snapshot
    from training_pipeline.datasets.split import split_snapshot
    from training_pipeline.domain.rules.policy import GatePolicy
    from training_pipeline.sheets.files.source import FileTrainingSheets

    out = empty(directory / "ours")
    source = FileTrainingSheets([directory], memory_limit=memory, temp_directory=directory / "spill")
    policy = GatePolicy(instruction_prompt_items=ITEMS, near_question_similarity=near)
    clock = [time.perf_counter()]
    with source.open(SHEET) as opened:
        clock.append(time.perf_counter())
        taken = snapshot(opened, policy, directory=out / "snapshots")
        clock.append(time.perf_counter())
        plan = split_snapshot(opened, taken, ratio=RATIO, seed=SEED, min_pairs=10)
        clock.append(time.perf_counter())
        made = write_dataset(opened, taken, plan, root=out / "datasets")
    clock.append(time.perf_counter())
    for file in (made.train_file, made.validation_file):  # for the floor
        (directory / file.name).unlink(missing_ok=True)
        (directory / file.name).hardlink_to(file)
    summary = made.summary
    warnings = {warning.code: warning.count for warning in summary.warnings}
    return {
        "counts": {str(reason): count for reason, count in summary.excluded.items() if count},
        "included": summary.eligible,
        "reasons": sorted(row.count for row in summary.reasons),
        "classifications": summary.classifications,
        "approvers": summary.approvers,
        "warnings": warnings,
        "manifest": made.manifest_sha256,
        "train": made.train_sha256,
        "validation": made.validation_sha256,
        "parts": {
            part: later - earlier
            for part, earlier, later in zip(
                ("open", "judge and snapshot", "split", "write"), clock, clock[1:], strict=False
            )
        },
    }


def pandas(directory: Path, _memory: str, near: float) -> dict[str, Any]:
    from plain_pandas import prepare

    from training_pipeline.domain.rules.policy import Reason

    out = empty(directory / "pandas")
    made = prepare(directory / f"{SHEET}.parquet", out, seed=SEED, ratio=RATIO, items=ITEMS, similarity=near)
    order = [str(reason) for reason in Reason]
    made["counts"] = {why: made["counts"][why] for why in order if why in made["counts"]}
    made["warnings"] = {code: count for code, count in made["warnings"].items() if count}
    return made


def floor(directory: Path, _memory: str, _near: float) -> dict[str, Any]:
    """Read the sheet's bytes, write the dataset's bytes, hash them."""
    (sheet,) = [path for path in directory.glob(f"{SHEET}.*") if path.suffix != ".yaml"]
    with sheet.open("rb") as file:
        while file.read(1 << 20):
            pass
    for name in ("train.jsonl", "validation.jsonl"):
        digest = hashlib.sha256()
        with (directory / name).open("rb") as source, (directory / "floor").open("wb") as target:
            while block := source.read(1 << 20):
                digest.update(block)
                target.write(block)
            os.fsync(target.fileno())
    return {}


RUNS = {"ours": ours, "pandas": pandas, "floor": floor}

if __name__ == "__main__":
    main()
