"""One model is asked the questions of a suite, greedily and in batches, and its answers are scored where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..config import BUILTIN_TINY, TinySize
from ..encoding.chat_format import chat_format
from ..encoding.data import ChatFormat
from ..errors import TrainingFailed
from ..integrity import folder_sha256, unchanged
from ..memory import halved
from ..model import tiny
from ..model.base_model import is_folder, is_local, unloadable
from ..model.own_files import refuse_files_elsewhere
from ..model.positions import positions
from ..stop import Stopped, StopRequest
from . import evaluate, scorers
from .choices import Choices
from .evaluate import BATCH, Answer, Question
from .judge import Judge, Judged
from .scores_file import ScoresFile
from .suite_pairs import Asked, Pair, ask

#: Tokens that go through a model at once where the loss of the expert's answers is measured: each needs a number for
#: every word of the vocabulary.
_LOSS_TOKENS: Final = 2048


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to be asked. `files` are what its folder must hold, by SHA-256; null where that is not known.

    For the built-in base model `built_in` has what it is made from: `train_file`, `max_length`, `seed`.
    """

    role: str
    source: str
    revision: str | None = None
    files: dict[str, str] | None = None
    built_in: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that can be asked."""

    model: Any
    chat: ChatFormat
    ends: list[int]
    positions: int | None


def load(subject: Subject, work: Path) -> Loaded:
    """Load a model and find out how it is asked. Raises `TrainingFailed` in a sentence with what to do.

    Writes the built-in base model to `work`. On a GPU where there is one; no code from outside is run.
    """
    source = subject.source
    if source == BUILTIN_TINY:
        made = subject.built_in
        tiny.create(work, Path(made["train_file"]), TinySize(), max_length=made["max_length"], seed=made["seed"])
        source = str(work)
    if is_folder(source):
        with unchanged(f"The {subject.role} model", Path(source)):
            if subject.files is not None:
                _refuse_changed(subject)
            return _loaded(subject, source)
    return _loaded(subject, source)


def _loaded(subject: Subject, source: str) -> Loaded:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": is_local(source)}
    if subject.revision and not is_local(source):
        options["revision"] = subject.revision
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        refuse_files_elsewhere(source, source, AutoConfig.from_pretrained(source, **options), **options)
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
        model: Any = AutoModelForCausalLM.from_pretrained(
            source, use_safetensors=True, dtype="auto" if device == "cuda" else torch.float32, **options
        )
    except (RuntimeError, MemoryError, TrainingFailed):  # memory that ran out: nothing about the files
        raise
    except Exception as error:  # tokenizers and safetensors raise bare exceptions, or classes of their own
        raise unloadable(subject.source, error) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    chat = chat_format(tokenizer, subject.source)
    known = model.generation_config.eos_token_id
    before = known if isinstance(known, list) else [] if known is None else [known]
    ends = [*before, *sorted(chat.ends - {*before})]
    return Loaded(model.to(device).eval(), chat, ends, positions(model.config.to_dict()))


def score(
    loaded: Loaded,
    pairs: Sequence[Pair],
    scores: ScoresFile,
    stop: StopRequest,
    told: Callable[[int], None],
    judge: Judge | None = None,
) -> None:
    """Ask for the answer of every pair that has no scores yet, and keep its scores. Raises `Stopped` between batches.

    `told` hears how many pairs are done. What the model answers is neither kept nor shown; the judge reads it, where
    there is one and it may read the pair.
    """
    choices = Choices(pairs)
    done = scores.done()
    left = sorted((pair for pair in pairs if pair.key not in done), key=lambda pair: (pair.length, str(pair.key)))
    for start in range(0, len(left), BATCH):
        if stop.asked:
            raise Stopped
        asked = [ask(pair, loaded.chat) for pair in left[start : start + BATCH]]
        scores.add(list(_scores(loaded, asked, choices, stop, judge)))
        told(len(pairs) - len(left) + start + len(asked))


def _scores(
    loaded: Loaded, asked: Sequence[Asked], choices: Choices, stop: StopRequest, judge: Judge | None
) -> Iterator[dict[str, Any]]:
    can = [each for each in asked if each.question is not None]
    questions = [each.question for each in can if each.question is not None]
    # None would count as a wrong answer: where memory does not suffice for one there are no scores.
    answers = halved(questions, lambda some: _answers(loaded, some), needed=True)
    losses = _losses(loaded, can)
    chosen = _chosen(loaded, can, losses, choices)
    by_key = {each.pair.key: found for each, *found in zip(can, answers, losses, chosen, strict=True)}
    found = [by_key.get(each.pair.key, (None, None, _unasked(choices, each.pair))) for each in asked]
    judged: Sequence[Judged | None] = [None] * len(asked)
    if judge is not None:
        given = {each.pair.key: text for each, text in zip(can, evaluate.texts(answers), strict=True)}
        judged = judge.judge(asked, [given.get(each.pair.key) for each in asked], stop)
    for each, scored, verdict in zip(asked, found, judged, strict=True):
        yield _row(each, *scored) | _judged(verdict)


def _answers(loaded: Loaded, questions: Sequence[Question]) -> list[Answer | None]:
    return evaluate.answer(
        loaded.model,
        loaded.chat.tokenizer,
        questions,
        ends=loaded.ends,
        positions=loaded.positions,
        told=lambda _: None,
    )


def _judged(verdict: Judged | None) -> dict[str, Any]:
    if verdict is None:
        return {}
    return {"judged_right": verdict.score, "not_judged": verdict.reason, "judged_by": verdict.model}


def _row(asked: Asked, given: Answer | None, loss: float | None, chosen: float | None) -> dict[str, Any]:
    """The scores of an answer, without a word of it. One that there is none of is a wrong one."""
    tokens = len(asked.input_ids) - asked.start
    return {
        **asked.pair.keys,
        "length": scorers.length(asked.expected),
        **scorers.score(asked.expected, given.text if given else None),
        "choice_accuracy": chosen,
        "token_loss": loss,
        "bits_per_byte": None if loss is None else scorers.bits_per_byte(loss, tokens, asked.expected),
        "expected_tokens": float(tokens) if tokens else None,
        "answer_tokens": float(given.tokens) if given else None,
        "stopped": float(given.stopped) if given else None,
    }


def _chosen(
    loaded: Loaded, asked: Sequence[Asked], losses: Sequence[float | None], choices: Choices
) -> list[float | None]:
    """1 where the expert's answer has a smaller loss than all others on offer, else 0; None where none are.

    Where the model comes to no loss, as of an answer that does not fit, it did not choose: that is a wrong choice.
    """
    offered = [[ask(other, loaded.chat) for other in choices.others(each.pair)] for each in asked]
    found = iter(_losses(loaded, [other for others in offered for other in others]))
    chosen: list[float | None] = []
    for own, others in zip(losses, offered, strict=True):
        theirs = [next(found) for _ in others]
        row = [np.nan if loss is None else loss for loss in (own, *theirs)]
        right = float(scorers.choices(np.array([row]))[0]) if theirs else None
        chosen.append(right if right is None or not np.isnan(right) else 0.0)
    return chosen


def _unasked(choices: Choices, pair: Pair) -> float | None:
    """The choice of a model that cannot be asked: a wrong one, where there is something to choose from."""
    return 0.0 if choices.others(pair) else None


def _losses(loaded: Loaded, asked: Sequence[Asked]) -> list[float | None]:
    """The mean loss of a token of each expert's answer; None where it does not fit into the model, or is not finite."""
    room = loaded.positions or 1 << 30
    losses: list[float | None] = [None] * len(asked)
    order = sorted(
        (index for index, each in enumerate(asked) if len(each.input_ids) <= room and each.start < len(each.input_ids)),
        key=lambda index: len(asked[index].input_ids),
    )
    while order:
        longest = len(asked[order[-1]].input_ids)
        batch = [order.pop() for _ in range(min(len(order), max(1, _LOSS_TOKENS // longest)))]
        some = [asked[index] for index in batch]
        made = halved(some, lambda part: list(_batch_losses(loaded, part)), needed=True)
        for index, loss in zip(batch, made, strict=True):
            losses[index] = loss
    return losses


def _batch_losses(loaded: Loaded, asked: Sequence[Asked]) -> Iterator[float | None]:
    import torch

    padded = loaded.chat.tokenizer.pad(
        {"input_ids": [each.input_ids for each in asked]}, padding=True, padding_side="right", return_tensors="pt"
    ).to(loaded.model.device)
    with torch.no_grad():
        logits = loaded.model(**padded).logits
    for row, each in enumerate(asked):
        end = len(each.input_ids)
        told = logits[row, each.start - 1 : end - 1].float()
        loss = torch.nn.functional.cross_entropy(told, padded["input_ids"][row, each.start : end])
        yield float(loss) if bool(torch.isfinite(loss)) else None


def _refuse_changed(subject: Subject) -> None:
    """Raise `TrainingFailed` where the folder of a model does not hold the files on record, by name and SHA-256."""
    expected = subject.files or {}
    found = folder_sha256(Path(subject.source))
    changed = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    if changed:
        shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        raise TrainingFailed(
            "model_changed",
            f"The {subject.role} model in {subject.source} is not the one on record (changed, added or gone: {shown}), "
            "so its answers would be those of another model: restore these files from a backup, then try again.",
        )
