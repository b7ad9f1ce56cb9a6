"""Make the screenshots of docs/dagster-ui.md: the tour through the Dagster UI, in Chromium, against the running system.

python scripts/tour_dagster.py [DIRECTORY]
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from PIL import Image

ROOT: Final = Path(__file__).parent.parent
COLOURS: Final = 128  # of a page of text and lines; a screenshot in full colour is three times as large


def tour(test: str, directory: Path, settings: Mapping[str, str] | None = None) -> int:
    """Let a test take its pictures into the directory, and make them small; its exit code."""
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TOUR_IMAGES": str(directory), "SOAK_TIMES": "2", **(settings or {})}
    command = [sys.executable, "-m", "pytest", "-q", f"training_pipeline_tests/{test}"]
    done = subprocess.run(command, env=environment, check=False, cwd=ROOT)
    for path in directory.glob("*.png"):
        image = Image.open(path).convert("RGB").quantize(COLOURS)
        image.save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size // 1024} KiB")
    return done.returncode


def main() -> int:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "dagster"
    return tour("test_dagster_tour.py", directory)


if __name__ == "__main__":
    sys.exit(main())
