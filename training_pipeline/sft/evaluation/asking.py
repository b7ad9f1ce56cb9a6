"""Models answer one question: `python -m training_pipeline.sft --ask`, with the order as JSON on standard input.

The order has `work` (an empty directory that whoever starts this removes), `models` (see `scoring.Subject`),
`messages`, `max_tokens`, `seconds` and `memory_mb`. Each answer is a line of JSON on standard output, once it is there.
Nothing that is asked or answered is written anywhere else.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from ..encoding.data import UNWRITABLE, Message
from ..encoding.plain_text import as_message
from ..environment import set_environment, use_one_gpu
from ..errors import SUCCEEDED, TrainingFailed, explain, ran_out_of_memory
from .evaluate import SLACK, Question, answer

#: What it gives way to trainings with.
_NICENESS: Final = 10
#: So long after its time is over it ends itself, should whoever started it be gone.
_GRACE_SECONDS: Final = 5


def main(_: list[str]) -> int:
    """Answer; returns 0, also where a model could not: that is told in its line."""
    os.umask(0o077)
    order: dict[str, Any] = json.load(sys.stdin)
    signal.alarm(int(order["seconds"]) + _GRACE_SECONDS)
    os.nice(_NICENESS)
    # What a library prints is no answer.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        set_environment([model["source"] for model in order["models"]])
        use_one_gpu()
        ask(order, answers)
    return SUCCEEDED


def ask(order: dict[str, Any], answers: TextIO) -> None:
    """Write the answer of each model, or why there is none."""
    from .scoring import Subject, load

    _bound_gpu(order["memory_mb"])
    for place, told in enumerate(order["models"]):
        subject = Subject(**told)
        began = time.monotonic()
        try:
            loaded = load(subject, Path(order["work"]) / f"base-{place}")
            said = _answer(loaded, order["messages"], order["max_tokens"])
            del loaded
        except Exception as error:  # noqa: BLE001  # another model may still answer
            said = {"problem": _told(error, Path(order["work"]))}
        gc.collect()
        line = {"role": subject.role, "seconds": time.monotonic() - began, **said}
        answers.write(json.dumps(line) + "\n")
        answers.flush()


def _answer(loaded: Any, messages: Sequence[Message], max_tokens: int) -> dict[str, Any]:
    try:
        prompt = loaded.chat.prompt([as_message(message) for message in messages])
    except UNWRITABLE:
        raise TrainingFailed(
            "template_cannot_ask", "The chat template of this model cannot ask this question."
        ) from None
    room = max_tokens if loaded.positions is None else min(max_tokens, loaded.positions - len(prompt))
    if room < 1:
        raise TrainingFailed(
            "question_too_long",
            f"The question has {len(prompt):,} tokens, and this model takes {loaded.positions:,} with its answer: "
            "shorten it.",
        )
    asked = Question("", "", prompt, room - SLACK)
    (given,) = answer(
        loaded.model, loaded.chat.tokenizer, [asked], ends=loaded.ends, positions=loaded.positions, told=lambda _: None
    )
    if given is None:
        raise TrainingFailed("no_answer", "This model gave no answer: shorten the question.")
    return {"answer": given.text, "stopped": given.stopped, "tokens": given.tokens}


def _bound_gpu(memory_mb: int) -> None:
    """Take no more of a GPU than of the machine's memory."""
    import torch

    if torch.cuda.is_available():
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, memory_mb * 2**20 / total))


def _told(error: Exception, work: Path) -> str:
    if ran_out_of_memory(error):
        return "There is not enough memory for this model: raise TRAINING_PIPELINE_PLAYGROUND_MEMORY_MB where there is."
    if isinstance(error, TrainingFailed):
        return str(error)
    return f"This model could not be asked ({explain(error, work).error_type})."
