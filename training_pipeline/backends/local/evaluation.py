"""An evaluation on this machine: a run as a training is, whose program asks models and scores their answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from training_pipeline.backends.evaluating import EvaluationOrder, ScoresFile
from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.domain.errors import BackendFailed
from training_pipeline.infra.file_lock import try_lock
from training_pipeline.infra.files import new_private_file, sha256
from training_pipeline.infra.json_file import read_json, write_json

#: The program; it is given the path of config.json.
PROGRAM: Final = (sys.executable, "-m", "training_pipeline.sft", "--evaluate")
#: An evaluation that takes longer is stopped.
TIMEOUT_SECONDS: Final = 24 * 3600.0
#: So long it keeps its slot and waits for its questions.
QUESTIONS_SECONDS: Final = 3600.0


def config(order: EvaluationOrder, run: RunDirectory) -> dict[str, Any]:
    """What the program reads."""
    found = {"run_dir": str(run.path), "models": [model.model_dump(mode="json") for model in order.models]}
    return found if order.judge is None else found | {"judge": order.judge.model_dump(mode="json")}


def hand_over(run: RunDirectory, lines: Callable[[], Iterable[str]], *, asked: float) -> bool:
    """Write the questions, readable by their owner only, and let the run begin. See `Evaluating`.

    One at a time: whoever comes second finds the answer given, and reads no text.
    """
    lock = try_lock(run.path / "questions.lock")
    if lock is None:
        return False
    try:
        if not _asks(run, asked):
            return False
        try:
            run.half_questions.unlink(missing_ok=True)  # of a process that was killed
            with os.fdopen(new_private_file(run.half_questions), "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines())
            if not _asks(run, asked):  # ended meanwhile, and with it what removes the questions
                return False
            run.half_questions.replace(run.questions)
            write_json(run.permission, {"asked": asked})
        finally:
            run.half_questions.unlink(missing_ok=True)
        if run.outcome() is not None:
            run.forget_questions()
        return True
    finally:
        os.close(lock)


def scores(run: RunDirectory) -> Mapping[str, ScoresFile]:
    """The scores of each model, by role. Raises `BackendFailed` where a file is not what the program wrote. Reads."""
    result = read_json(run.result) or {}
    found = {}
    for role, told in result.get("scores", {}).items():
        path = run.path / told["file"]
        if not path.is_file() or sha256(path) != told["sha256"]:
            raise BackendFailed(
                f"The scores in {path} are gone or not those that were measured.", hint="Evaluate the version again."
            )
        found[role] = ScoresFile.model_validate({**told, "path": path})
    return found


def _asks(run: RunDirectory, asked: float) -> bool:
    supervision = run.supervision()
    given = (read_json(run.permission) or {}).get("asked")
    return (
        run.outcome() is None
        and not run.cancel.exists()
        and supervision is not None
        and supervision.asks_since == asked
        and given != asked
    )
