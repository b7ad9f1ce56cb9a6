"""How long it takes to tell what lifting each restriction of a sheet adds: `python bench/lifting.py [PAIRS]`.

The first answer also builds the plan, which is made once a process; the second one is that of a server that runs.
"""

from __future__ import annotations

import sys
import time

from training_pipeline.datasets.lifting import lifting
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.testing.sheets.pairs import Row, open_sheet, pair

KINDS: tuple[Row, ...] = (
    {"status": "rejected"},
    {"status": "flagged"},
    {"status": "pending"},
    {"allowed_uses": ["evaluation"]},
    {"prohibited_uses": ["training"], "constraints_set_by": "ada"},
    {"label_prohibited_uses": ["training"], "canonical_label_id": "label-1"},
)


def main(pairs: int) -> None:
    """Print two lines: seconds of the clock and of the processor, and how many restrictions were judged."""
    rows = [pair(number, **(KINDS[number % 50] if number % 50 < len(KINDS) else {})) for number in range(pairs)]
    opened = open_sheet(rows, tags=("CONFIDENTIAL",))
    for answer in ("first", "second"):
        clock, processor = time.perf_counter(), time.process_time()
        found = lifting(opened, GatePolicy())
        print(
            f"{answer}: {pairs:,} pairs, {len(found.restrictions)} restrictions: {time.perf_counter() - clock:.2f} s, "
            f"{time.process_time() - processor:.2f} s of the processor"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
