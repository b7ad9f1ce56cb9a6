"""Asks the training program whether an exported model answers as the trained one does."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from training_pipeline.domain.errors import Unavailable

PROGRAM: Final = (sys.executable, "-m", "training_pipeline.sft", "--parity")
#: So many questions of the validation split are asked, or all where there are fewer.
QUESTIONS: Final = 20
#: The least share of equal tokens: sums in another order may turn a token where two are nearly as likely.
LEAST: Final = 0.99
_SECONDS: Final = 3600.0


class Parity(BaseModel):
    """How many questions both models were asked, how many tokens that gave, and how many of those are the same."""

    model_config = ConfigDict(frozen=True)

    questions: int
    tokens: int
    same: int

    @property
    def share(self) -> float:
        """The share of equal tokens; 0 where there is none."""
        return self.same / self.tokens if self.tokens else 0.0

    @property
    def too_few(self) -> str | None:
        """Why these answers are no test, in words; null where they are."""
        if self.questions >= QUESTIONS:
            return None
        return (
            f"Fewer than {QUESTIONS} questions: the validation split has {self.questions:,} that could be asked, and "
            "the same answers to so few say little of other questions. Compare some more yourself."
        )

    @property
    def holds(self) -> bool:
        """Whether the export answers as the trained model does."""
        return self.tokens > 0 and self.share >= LEAST


def compare(
    trained: dict[str, Any], exported: Path, base: dict[str, Any] | None, questions: Path, *, seconds: float = _SECONDS
) -> Parity:
    """Ask both in a process of its own. Raises `Unavailable` where it cannot say. Writes to a temporary folder only."""
    with tempfile.TemporaryDirectory(prefix="training-pipeline-") as folder:
        config = Path(folder) / "config.json"
        asked = {
            "trained": trained,
            "exported": str(exported),
            "base": base,
            "questions": str(questions),
            "count": QUESTIONS,
            "work": str(Path(folder) / "base"),
        }
        config.write_text(json.dumps(asked), encoding="utf-8")
        try:
            done = subprocess.run([*PROGRAM, str(config)], capture_output=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"The export could not be tested within {seconds:g} seconds.") from None
    try:
        return Parity.model_validate_json(done.stdout)
    except ValidationError:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise Unavailable(f"The export could not be tested: {last or f'exit code {done.returncode}'}.") from None
