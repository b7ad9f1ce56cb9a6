"""A rehearsal of a training on this machine: the training program says what it would make of the data, and trains
nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from training_pipeline.backends.rehearsal import NOT_REHEARSED, Rehearsal
from training_pipeline.backends.submission import Submission
from training_pipeline.backends.trainer_contract import trainer_config
from training_pipeline.domain.advice.facts import TokenLengths
from training_pipeline.domain.export_summary import SheetWarning
from training_pipeline.sft.encoding.pair_ids import listed
from training_pipeline.sft.preflight.findings import CUT_OFF, REFUSED

PROGRAM: Final = (sys.executable, "-m", "training_pipeline.sft", "--rehearse")
_SECONDS: Final = 60.0


def rehearse(submission: Submission, *, seconds: float = _SECONDS) -> Rehearsal:
    """What the training program would make of the data; what kept it from saying so is a warning. Reads only."""
    with tempfile.TemporaryDirectory(prefix="training-pipeline-") as directory:
        config = Path(directory) / "config.json"
        config.write_text(json.dumps(trainer_config(submission, Path(directory) / "run")), encoding="utf-8")
        try:
            done = subprocess.run([*PROGRAM, str(config)], capture_output=True, timeout=seconds, check=True)
            said = json.loads(done.stdout)
            lengths = {int(length): count for length, count in said["lengths"].items()}
            return Rehearsal(
                warnings=tuple(_warning(**finding) for finding in said["findings"]),
                lengths=TokenLengths(counts=lengths) if lengths else None,
                unknown_tokens=said["unknown_tokens"],
                tokenizer_sha256=said["tokenizer_sha256"],
                chat_template_sha256=said["chat_template_sha256"],
            )
        except (subprocess.SubprocessError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            why = f"it took longer than {seconds:g} s" if isinstance(error, subprocess.TimeoutExpired) else "it failed"
            message = f"What the trainer would refuse could not be found out: {why} ({type(error).__name__})."
            return Rehearsal(warnings=(SheetWarning(code=NOT_REHEARSED, count=1, message=message),))


def _warning(code: str, message: str, count: int, pair_ids: list[str]) -> SheetWarning:
    if code == REFUSED:
        also = f" The same with {count - 1:,} more: {listed(pair_ids, count)}." if count > 1 else ""
        return SheetWarning(code=code, count=count, message=f"The job would fail. {message}{also}")
    fails = "The job would fail: " if code == CUT_OFF else ""
    which = f"{count:,} {'example' if count == 1 else 'examples'} ({listed(pair_ids, count)})"
    return SheetWarning(code=code, count=count, message=f"{fails}{which} {message}")
