"""`either_trainer.py BEHAVIOUR CONFIG.json`: the real training program for a model called real-…, else the stand-in."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

STAND_IN = Path(__file__).with_name("stand_in_trainer.py")

if __name__ == "__main__":
    config = sys.argv[-1]
    real = json.loads(Path(config).read_text())["model_name"].startswith("real-")
    program = ["-m", "training_pipeline.sft", config] if real else ["-S", str(STAND_IN), *sys.argv[1:]]
    os.execv(sys.executable, [sys.executable, *program])
