"""Make the screenshots of docs/dagster-ui.md: the tour through the Dagster UI, in Chromium, against the running system.

python scripts/tour_dagster.py [DIRECTORY]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
TOUR = ROOT / "training_pipeline_tests" / "test_dagster_tour.py"
COLOURS = 128  # of a page of text and lines; a screenshot in full colour is three times as large


def main() -> int:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "dagster"
    directory.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TOUR_IMAGES": str(directory)}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", str(TOUR)], env=environment, check=False, cwd=ROOT)
    for path in directory.glob("*.png"):
        image = Image.open(path).convert("RGB").quantize(COLOURS)
        image.save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size // 1024} KiB")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
