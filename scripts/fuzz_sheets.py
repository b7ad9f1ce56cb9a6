"""Try made-up training sheets for as long as you like: `python scripts/fuzz_sheets.py files --state DIR`.

`files` are heads, JSONL, CSV and Parquet files, mutated: each is read and imported by the library and judged by other
readers. `verdicts` are sheets of related pairs, many judged, split and written by one statement; `datasets` the same
one by one by the whole public way, from the files of a sheet to a dataset that is read back; both are judged by the
rules in plain Python.

Each is made by the seed and its number, in a warm process that keeps its databases in memory; what is found there is
tried again with a new one. Printed are tracebacks, whatever is wrong, hangs and deaths of the process, with the numbers
that show them again (`--only NUMBER`). Stopped at any time, it goes on where it was when started again with the same
directory.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import logging
import resource
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from unittest import mock

import duckdb

from training_pipeline.infra.files import replace_file
from training_pipeline.sheets import head
from training_pipeline.sheets.files import opening, source
from training_pipeline.sheets.files.duckdb_macros import MACROS
from training_pipeline.testing.oracles import dataset_oracle
from training_pipeline.testing.oracles.sheet_oracle import judge
from training_pipeline.testing.sheets.mutated_sheets import KINDS, mutated_sheet

HANGS_AFTER = 120.0
#: What a process may take to start, on a machine that has much else to do.
STARTS_WITHIN = 900.0
#: A process that has judged so many makes room for a new one, for what an engine leaks is no finding of ours.
WARM_FOR = 2000
MEMORY = 6 * 2**30
#: Where files cost least; files of a disk that is busy would cost more than all that is done with them.
FILES: Final = next((place for place in ("/dev/shm",) if Path(place).is_dir()), None)


@dataclass(frozen=True, slots=True)
class Kind:
    """What is tried: `judged` says what is wrong with the one of a seed and a number, in an empty directory."""

    judged: Callable[[int, int, Path], list[str]]
    #: How many in all, and how many of them have one number.
    count: int
    together: int = 1
    #: What findings of a number are counted under.
    group: Callable[[int], str] = lambda _: "sheet"


WHAT: Final = {
    "files": Kind(
        lambda seed, number, directory: judge(mutated_sheet(seed, number), directory),
        100_000,
        group=lambda number: KINDS[number % len(KINDS)],
    ),
    "verdicts": Kind(dataset_oracle.together, 100_000, dataset_oracle.TOGETHER),
    "datasets": Kind(dataset_oracle.alone, 10_000),
}


def main() -> int:
    """Work through the numbers and print what was found; 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--state", type=Path, help="directory that keeps what was done and found")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, help="how many in all, with those done before")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long; start again to go on")
    parser.add_argument("--only", type=int, help="try this number alone, in this process")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker is not None:
        work(asked.what, asked.seed, asked.worker)
        return 0
    if asked.only is not None:
        found = judged(asked.what, asked.seed, asked.only)
        print("\n".join(found) or "nothing")
        return bool(found)
    if asked.state is None:
        parser.error("--state is missing")
    asked.state.mkdir(parents=True, exist_ok=True)
    return run(asked.what, asked.state, asked.seed, asked.count or WHAT[asked.what].count, asked.seconds)


def run(what: str, state: Path, seed: int, count: int, seconds: float) -> int:
    """Have the numbers tried from where the state stands; returns 1 if anything was found so far."""
    kind, file = WHAT[what], state / f"{what}-seed-{seed}.json"
    known: dict[str, Any] = {"done": 0, "seconds": 0.0, "processor": 0.0, "found": []}
    if file.exists():
        known = json.loads(file.read_text())
    numbers = -(-count // kind.together)
    started, before, processor = time.monotonic(), known["seconds"], known["processor"]

    def keep() -> None:
        known["seconds"] = before + time.monotonic() - started
        replace_file(file, json.dumps(known).encode())

    while known["done"] < numbers and time.monotonic() - started < seconds:
        until = min(numbers, known["done"] + max(WARM_FOR // kind.together, 100))
        worker(what, seed, known, until, started + seconds, keep)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        known["processor"] = processor + used.ru_utime + used.ru_stime
        keep()
    report(what, seed, known)
    return bool(known["found"])


def report(what: str, seed: int, known: dict[str, Any]) -> None:
    """Print what was done and found so far."""
    kind = WHAT[what]
    tried = known["done"] * kind.together
    print(f"{tried:,} {what} in {known['seconds']:,.0f} s, {known['processor']:,.0f} s of processor time (seed {seed})")
    print(f"{len(known['found'])} findings")
    kinds = Counter((kind.group(number), finding) for number, finding in known["found"])
    example = {(kind.group(number), finding): number for number, finding in reversed(known["found"])}
    for (group, finding), times in kinds.most_common():
        print(f"  {times} x {group}: {finding} ({what} --seed {seed} --only {example[group, finding]})")


def worker(what: str, seed: int, known: dict[str, Any], until: int, ends: float, keep: Callable[[], None]) -> None:
    """Have one warm process judge the next numbers; where it dies or hangs, that is found of the number it was at."""
    command = [sys.executable, __file__, what, "--seed", str(seed), "--worker", str(known["done"])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert process.stdout is not None
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    try:
        if selector.select(STARTS_WITHIN):
            process.stdout.readline()
        while known["done"] < until and time.monotonic() < ends:
            line = process.stdout.readline() if selector.select(HANGS_AFTER) else "hang"
            if line.startswith("{"):
                answer = json.loads(line)
                known["found"] += [[answer["number"], finding] for finding in answer["found"]]
                known["done"] = answer["number"] + 1
            else:
                ending = "hang" if line == "hang" else f"death of the process ({process.wait()})"
                known["found"].append([known["done"], ending])
                known["done"] += 1
                break
            if known["done"] * WHAT[what].together % 50 == 0:
                keep()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        selector.close()


def work(what: str, seed: int, number: int) -> None:
    """Try one number after the other and tell each on a line, until the reader has gone."""
    logging.disable(logging.WARNING)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    print("started", flush=True)
    while True:
        with warm() as usable:
            found: list[str] = []
            while not found and usable():
                if found := judged(what, seed, number):
                    break
                print(json.dumps({"number": number, "found": found}), flush=True)
                number += 1
        if found:
            print(json.dumps({"number": number, "found": judged(what, seed, number)}), flush=True)
            number += 1


@contextmanager
def warm() -> Iterator[Callable[[], bool]]:
    """Inside, connections share a database in memory for each way to configure one, and a head is parsed once.

    A new database with its macros costs more than all that is done in it. Each connection has tables of its own.
    What is yielded tells whether the databases can be used still.
    """
    connect, databases = duckdb.connect, dict[str, duckdb.DuckDBPyConnection]()

    def connected(database: str = ":memory:", *, config: Any = None, **_: Any) -> duckdb.DuckDBPyConnection:
        options = {name: value for name, value in (config or {}).items() if name != "temp_directory"}
        key = json.dumps([database, options], sort_keys=True)
        if key not in databases:
            databases[key] = connect(database, config=options)
            databases[key].execute(MACROS.replace("TEMP MACRO", "MACRO"))
        return databases[key].cursor()

    def usable() -> bool:
        try:
            return all(database.execute("SELECT 1").fetchall() for database in databases.values())
        except duckdb.Error:
            return False

    parse_head = lru_cache(maxsize=100)(head.parse_head)
    with (
        mock.patch.object(duckdb, "connect", connected),
        mock.patch.object(opening, "MACROS", "SELECT 1"),
        mock.patch.object(importlib.metadata, "version", lru_cache(importlib.metadata.version)),
        mock.patch.object(head, "parse_head", parse_head),
        mock.patch.object(source, "parse_head", parse_head),
    ):
        yield usable
    for database in databases.values():
        database.close()


def judged(what: str, seed: int, number: int) -> list[str]:
    """What is wrong with what the library makes of the one with this number."""
    with tempfile.TemporaryDirectory(prefix="fuzz-sheets-", dir=FILES) as directory:
        try:
            return WHAT[what].judged(seed, number, Path(directory))
        except Exception as error:  # noqa: BLE001 - whatever it raises, it is a finding
            last = traceback.extract_tb(error.__traceback__)[-1]
            return [f"traceback {type(error).__name__} in {Path(last.filename).name}:{last.lineno}"]


if __name__ == "__main__":
    sys.exit(main())
