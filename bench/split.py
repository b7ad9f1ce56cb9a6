"""How long the split of a million pairs takes, and how much memory: exact ties, nearly equal questions, the plan.

    python bench/split.py                    # a million questions
    python bench/split.py --questions 100_000

The questions have 8 to 20 words of 20,000, as often as words of a language are; a fifth begins with the same sentence,
a tenth names a number, one in twenty is asked again with another letter, and one in ten shares its item. Memory is the
peak resident set of a process of its own, without that which makes the questions.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BATCH = 100_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--questions", type=int, default=1_000_000)
    arguments.add_argument("--split", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.split:
        print(json.dumps(split(given.split)))
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "questions.parquet"
        make(path, given.questions)
        done = subprocess.run([sys.executable, __file__, "--split", path], stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    print(f"{given.questions:,} questions of {found['letters']:.0f} letters")
    for name, seconds in found["seconds"].items():
        print(f"  {name:<28}{seconds:7.2f} s of processor time")
    print(f"  {'all':<28}{sum(found['seconds'].values()):7.2f} s, {found['peak_mb']:,.0f} MB at most")
    print(f"  twins made {found['made']:,}, tied {found['tied_twins']:,}; pairs tied {found['tied']:,}")
    print(f"  components {found['components']:,}, achieved {found['achieved']:.6f}")


def make(path: Path, count: int, seed: int = 7) -> None:
    """The same questions for the same arguments; a twin stands beside its question and has its number."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    weights = 1 / np.arange(2, 28)
    words = np.array(
        ["".join(rng.choice(letters, size=size, p=weights / weights.sum())) for size in rng.integers(2, 11, 20_000)]
    )
    often = 1 / np.arange(10, 20_010)
    schema = pa.schema([("question", pa.string()), ("item", pa.int64()), ("twin_of", pa.int64())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, count, BATCH):
            n = min(BATCH, count - start)
            sizes = rng.integers(8, 21, n)
            chosen = np.split(rng.choice(words, size=int(sizes.sum()), p=often / often.sum()), np.cumsum(sizes)[:-1])
            texts = ["".join(part) for part in chosen]
            kinds = rng.random(n)
            for row in range(n):
                if kinds[row] < 0.2:
                    texts[row] = "pleaseexplaintothecustomerwhatthisclausemeans" + texts[row]
                elif kinds[row] < 0.3:
                    texts[row] += str(row % 1000)
            twin_of = np.full(n, -1, dtype=np.int64)
            for row in range(1, n, 20):
                text = texts[row - 1]
                if len(text) >= 60:
                    place = len(text) // 2
                    texts[row] = text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]
                    twin_of[row] = start + row - 1
            item = start + np.arange(n)
            item = np.where(rng.random(n) < 0.1, np.maximum(item - 7, 0), item)
            writer.write_table(pa.table([texts, item, twin_of], schema=schema))


def split(path: Path) -> dict[str, object]:
    from training_pipeline.domain.rules.near.questions import near_pairs
    from training_pipeline.domain.rules.near.ties import tie_nearly
    from training_pipeline.domain.rules.split import least_of, plan_split, tie

    table = pq.read_table(path, memory_map=False)
    twin_of, item = table["twin_of"].to_numpy(), table["item"].to_numpy()
    questions = table["question"]
    del table
    clock, seconds = time.process_time(), {}

    def lap(name: str) -> None:
        nonlocal clock
        now = time.process_time()
        seconds[name], clock = now - clock, now

    codes = np.asarray(questions.combine_chunks().dictionary_encode().indices)
    component = tie([item, codes])
    lap("ties by item and question")
    near = near_pairs(questions, similarity=0.8)
    lap("nearly equal questions")
    ties = tie_nearly(component, near)
    lap("ties by them")
    order = least_of(ties.component, np.random.default_rng(1).integers(0, 2**63, len(item), dtype=np.uint64))
    plan = plan_split(ties.component, order, np.ones(len(item), dtype=bool), ratio=0.8, seed="s")
    lap("plan")
    twins = np.flatnonzero(twin_of >= 0)
    together = ties.component[twins] == ties.component[twin_of[twins]]
    return {
        "seconds": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "letters": questions.nbytes / len(questions),
        "made": len(twins),
        "tied_twins": int(together.sum()),
        "tied": ties.tied,
        "components": plan.report.components,
        "achieved": plan.report.achieved_ratio,
    }


if __name__ == "__main__":
    main()
