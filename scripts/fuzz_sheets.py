"""Mutate training sheets for as long as you like: `python scripts/fuzz_sheets.py --state DIR --files 100000`.

Each file is made by the seed and its number, read and imported by the library in a warm process, and judged by other
readers. Printed are tracebacks, wrong acceptances, hangs and deaths of the process, with the numbers that show them
again (`--only NUMBER`). Stopped at any time, it goes on where it was when started again with the same directory.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import selectors
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from training_pipeline.infra.files import replace_file
from training_pipeline.testing.mutated_sheets import KINDS, mutated_sheet
from training_pipeline.testing.sheet_oracle import judge

HANGS_AFTER = 120.0
#: A process that has judged so many makes room for a new one, for what an engine leaks is no finding of ours.
WARM_FOR = 2000
MEMORY = 6 * 2**30


def main() -> int:
    """Work through the numbers and print what was found; 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, help="directory that keeps what was done and found")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=int, default=100_000, help="how many in all, with those done before")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long; start again to go on")
    parser.add_argument("--only", type=int, help="judge this number alone, in this process")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker is not None:
        work(asked.seed, asked.worker)
        return 0
    if asked.only is not None:
        found = judged(asked.seed, asked.only)
        print("\n".join(found) or "nothing")
        return bool(found)
    if asked.state is None:
        parser.error("--state is missing")
    asked.state.mkdir(parents=True, exist_ok=True)
    return run(asked.state, asked.seed, asked.files, asked.seconds)


def run(state: Path, seed: int, files: int, seconds: float) -> int:
    """Have the numbers judged from where the state stands; returns 1 if anything was found so far."""
    file = state / f"seed-{seed}.json"
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"done": 0, "seconds": 0.0, "found": []}
    started, before = time.monotonic(), known["seconds"]
    while known["done"] < files and time.monotonic() - started < seconds:
        until = min(files, known["done"] + WARM_FOR)
        worker(seed, known, until, started + seconds, lambda: keep(file, known, before + time.monotonic() - started))
    keep(file, known, before + time.monotonic() - started)
    kinds = Counter((KINDS[number % len(KINDS)], finding) for number, finding in known["found"])
    example = {(KINDS[number % len(KINDS)], finding): number for number, finding in reversed(known["found"])}
    print(f"{known['done']:,} files in {known['seconds']:,.0f} s (seed {seed}): {len(known['found'])} findings")
    for (kind, finding), times in kinds.most_common():
        print(f"  {times} x {kind}: {finding} (--seed {seed} --only {example[kind, finding]})")
    return bool(known["found"])


def keep(file: Path, known: dict[str, Any], seconds: float) -> None:
    """Write down what is done and found."""
    known["seconds"] = seconds
    replace_file(file, json.dumps(known).encode())


def worker(seed: int, known: dict[str, Any], until: int, ends: float, keep: Any) -> None:
    """Have one warm process judge the next numbers; where it dies or hangs, that is found of the number it was at."""
    command = [sys.executable, __file__, "--seed", str(seed), "--worker", str(known["done"])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert process.stdout is not None
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    try:
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
            if known["done"] % 50 == 0:
                keep()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        selector.close()


def work(seed: int, number: int) -> None:
    """Judge one number after the other and tell each on a line, until the reader has gone."""
    logging.disable(logging.WARNING)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    while True:
        print(json.dumps({"number": number, "found": judged(seed, number)}), flush=True)
        number += 1


def judged(seed: int, number: int) -> list[str]:
    """What is wrong with what the library makes of the sheet with this number."""
    with tempfile.TemporaryDirectory(prefix="fuzz-sheets-") as directory:
        return judge(mutated_sheet(seed, number), Path(directory))


if __name__ == "__main__":
    sys.exit(main())
