"""The program around an evaluation: `python -m training_pipeline.sft --evaluate CONFIG.json`.

The models of the configuration answer the same questions one after the other, and what stays is a file of scores for
each. The questions are in a file of the run directory, which is removed whatever the end; only a full disk leaves it,
because then the same run goes on. Exit codes and `result.json` are those of `program`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..endings import fail, listen, stopped
from ..environment import importing, set_environment, use_one_gpu
from ..errors import BAD_CONFIG, DISK_FULL, OUT_OF_MEMORY, SUCCEEDED, TrainingFailed, explain, ran_out_of_memory
from ..memory import give_back
from ..output import say
from ..run_dir import RunDir, Status, read_json, write_json
from ..stop import Stopped, StopRequest

#: In the run directory: what is asked, and where the scores are.
QUESTIONS: Final = "questions.jsonl"
SCORES: Final = "scores"


def main(arguments: list[str]) -> int:
    """Run the evaluation that the one argument, a JSON file, describes; returns the exit code."""
    os.umask(0o077)
    if len(arguments) != 1:
        sys.stderr.write("Usage: python -m training_pipeline.sft --evaluate CONFIG.json\n")
        return BAD_CONFIG
    config = read_json(Path(arguments[0]))
    run = RunDir(Path(config["run_dir"]))
    stays = False
    try:
        run.create()
        return _run(config, run)
    except Exception as error:  # noqa: BLE001  # the outermost place: every ending is told
        told = _explained(error)
        stays = explain(told, run.path).error_type == DISK_FULL
        return fail(run, told)
    finally:
        if not stays:
            (run.path / QUESTIONS).unlink(missing_ok=True)


def _run(config: Mapping[str, Any], run: RunDir) -> int:
    earlier = read_json(run.result)
    if earlier and earlier["status"] == "succeeded":
        return SUCCEEDED
    run.result.unlink(missing_ok=True)
    status = Status(run.status)
    status.facts |= {"phase": "loading", "message": "starting"}
    stop = listen(run, status)
    try:
        with stop.patiently():  # so that whatever the end, it is here that the questions are removed
            status.write()
            set_environment([model["source"] for model in config["models"]])
            use_one_gpu()
            with importing():
                from .scoring import Subject
            subjects = [Subject(**model) for model in config["models"]]
            scores = _evaluate(subjects, run, status, stop, config.get("judge"))
    except Stopped:
        return stopped(run, status)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    status.tell(phase="done", message="done")
    say("Done.")
    write_json(run.result, {"status": "succeeded", "scores": scores, "seconds": status.facts["seconds"]})
    shutil.rmtree(run.base, ignore_errors=True)
    for part in (run.path / SCORES).glob("part-*"):
        part.unlink()
    run.release_reserve()
    return SUCCEEDED


def _evaluate(
    subjects: list[Any], run: RunDir, status: Status, stop: StopRequest, asked_judge: dict[str, Any] | None
) -> dict[str, Any]:
    """The file of scores of each model, by its role. Raises `Stopped`, or `TrainingFailed` with a cause."""
    from transformers.utils import logging as transformers_logging

    from .judge import Judge, JudgeOrder
    from .scores_file import ScoresFile
    from .scoring import load, score
    from .suite_pairs import read_pairs

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    questions = run.path / QUESTIONS
    if not questions.exists():
        raise TrainingFailed(
            "questions_gone", "The questions of this evaluation are gone, as they are at its end: ask for it again."
        )
    judge = None if asked_judge is None else Judge(JudgeOrder(**asked_judge))
    pairs = list(read_pairs(questions))
    wanted = {pair.key for pair in pairs}
    began = time.monotonic()
    status.tell(planned_steps=len(pairs) * len(subjects), phase="evaluating")
    published = {}
    for place, subject in enumerate(subjects):
        scores = ScoresFile(run.path / SCORES, subject.role)
        if not wanted <= scores.done():
            status.tell(message=f"loading the {subject.role} model")
            say(f"Asking the {subject.role} model {len(pairs):,} questions.")
            loaded = load(subject, run.base)
            if stop.asked:
                raise Stopped

            def told(done: int, place: int = place, role: str = subject.role) -> None:
                message = f"{role}: {done:,} of {len(pairs):,} questions answered"
                seconds = time.monotonic() - began
                status.tell(step=place * len(pairs) + done, message=message, seconds=seconds)

            score(loaded, pairs, scores, stop, told, judge)
            del loaded
            give_back()
        published[subject.role] = scores.publish(wanted, judge=judge is not None)
    return published


def _explained(error: Exception) -> Exception:
    """Memory that ran out, in words that fit an evaluation; any other error as it is."""
    if ran_out_of_memory(error):
        told = TrainingFailed(
            OUT_OF_MEMORY, "The evaluation ran out of memory: evaluate where there is more, or a smaller model."
        )
        told.__cause__ = error
        return told
    return error
