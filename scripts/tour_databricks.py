"""Make the screenshots of docs/databricks.md: jobs by sensors alone, from tables to model versions, on the stand-in.

python scripts/tour_databricks.py [--pairs FILE] [--images DIRECTORY]

FILE is JSONL with `question` and `answer` on each line, as the training split of GSM8K has them; the first 500 are
trained on. Without it, 200 pairs are made up.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tour_dagster import ROOT, tour

TEST = "test_databricks_system.py::test_sensors_alone_take_a_job_from_a_table_to_a_registered_version"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, help="questions and answers to train on")
    parser.add_argument("--images", type=Path, default=ROOT / "docs" / "images" / "databricks")
    given = parser.parse_args()
    return tour(TEST, given.images, {"TOUR_PAIRS": str(given.pairs.absolute())} if given.pairs else {})


if __name__ == "__main__":
    sys.exit(main())
