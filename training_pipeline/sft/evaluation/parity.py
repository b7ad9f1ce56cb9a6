"""Whether an exported model answers as the trained one does: `python -m training_pipeline.sft --parity CONFIG.json`.

Both are asked the first validation questions, greedily, and their answers are compared token by token. Prints counts
as JSON, and neither a question nor an answer.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ..environment import set_environment, use_one_gpu
from ..errors import FAILED, SUCCEEDED, TrainingFailed


def main(arguments: list[str]) -> int:
    """Compare as the one argument, a JSON file, says; returns the exit code."""
    os.umask(0o077)
    config = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    set_environment(model["source"] for model in (config["trained"], config["base"]) if model is not None)
    use_one_gpu()
    try:
        found = parity(config)
    except TrainingFailed as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    sys.stdout.write(json.dumps(found) + "\n")
    return SUCCEEDED


def parity(config: Mapping[str, Any]) -> dict[str, int]:
    """How many questions both were asked, how many tokens the longer answers have, and how many are the same.

    `base` is the base model that an adapter is for; null where the export is a whole model. Raises `TrainingFailed`.
    Writes the built-in base model to `work`.
    """
    from transformers.utils import logging as transformers_logging

    from .evaluate import questions
    from .scoring import Subject, load

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    work = Path(config["work"])
    trained = load(Subject(**config["trained"]), work)
    asked = questions(Path(config["questions"]), trained.chat, config["count"])
    first = _answers(trained, trained.model, asked)
    if config["base"] is None:
        model = load(Subject(role="exported", source=config["exported"]), work).model
    else:
        from peft import PeftModel

        base = load(Subject(**config["base"]), work)
        model = PeftModel.from_pretrained(base.model, config["exported"]).eval()
    second = _answers(trained, model, asked)
    told = [compared(one, other) for one, other in zip(first, second, strict=True) if one or other]
    return {"questions": len(told), "tokens": sum(of for of, _ in told), "same": sum(same for _, same in told)}


def compared(one: Sequence[int], other: Sequence[int]) -> tuple[int, int]:
    """How many tokens the longer one has, and how many are the same at the same place."""
    pairs = list(zip_longest(one, other))
    return len(pairs), sum(first == second for first, second in pairs)


def _answers(loaded: Any, model: Any, asked: Sequence[Any]) -> list[tuple[int, ...]]:
    """The tokens of each answer; none where question and answer do not fit into the model."""
    from .evaluate import answer

    given = answer(
        model,
        loaded.chat.tokenizer,
        asked,
        ends=loaded.ends,
        positions=loaded.positions,
        told=lambda _: None,
    )
    return [one.ids if one else () for one in given]
