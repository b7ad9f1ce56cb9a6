"""What a training would refuse or cut, without training: the tokenizer, its chat template, and every example.

`python -m training_pipeline.sft --rehearse CONFIG.json` prints it as one JSON list. Only for a base model in a folder:
another one is not here yet. Writes nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from .base_model import is_folder
from .chat_format import chat_format
from .config import BadConfig, Config, read
from .data import IGNORED, ChatFormat, Example, read_examples
from .errors import BAD_CONFIG, SUCCEEDED, TrainingFailed
from .pair_ids import NAMED, pair_ids
from .token_file import BATCH, batches, encoded_with_ends

#: The job would fail.
REFUSED: Final = "training_refused"
CUT_OFF: Final = "answers_cut_off"
#: The job would go on.
CUT: Final = "examples_cut"


@dataclass(slots=True)
class Finding:
    """Something that the trainer would refuse or cut; `pair_ids` are the first of `count`. Never quotes a pair."""

    code: str
    message: str
    count: int = 0
    pair_ids: list[str] = field(default_factory=list)

    def add(self, example: Example) -> None:
        """Count one more example."""
        self.count += 1
        if len(self.pair_ids) < NAMED:
            self.pair_ids.extend(example.pair_ids)


def main(arguments: list[str]) -> int:
    """Rehearse the training that the one argument, a JSON file, describes; returns the exit code."""
    try:
        config = read(Path(arguments[0]))
    except (BadConfig, IndexError) as problem:
        sys.stderr.write(f"{problem}\n")
        return BAD_CONFIG
    sys.stdout.write(json.dumps([asdict(finding) for finding in rehearse(config)]) + "\n")
    return SUCCEEDED


def rehearse(config: Config) -> list[Finding]:
    """Everything that the trainer would refuse or cut. Reads only."""
    from transformers import AutoTokenizer

    if not is_folder(config.base_model):
        return []
    try:
        tokenizer = AutoTokenizer.from_pretrained(config.base_model, trust_remote_code=False, local_files_only=True)
        chat = chat_format(tokenizer, config.base_model)
    except TrainingFailed as refusal:
        return [Finding(REFUSED, str(refusal), 1)]
    except Exception as error:  # noqa: BLE001 - tokenizers raise classes of their own
        said = f"The tokenizer of base_model {config.base_model} cannot be loaded ({type(error).__name__})."
        return [Finding(REFUSED, said, 1)]
    refused: dict[str, Finding] = {}
    cut_off = Finding(CUT_OFF, f"would lose the whole answer to max_length {config.max_length}: raise max_length.")
    cut = Finding(CUT, f"would lose the end: more tokens than max_length {config.max_length}.")
    for name, path in (("train_file", config.train_file), ("validation_file", config.validation_file)):
        examples = read_examples(path, name, ids=pair_ids(config.manifest_file, name.removesuffix("_file")))
        try:
            for example, why, labels in _each(chat, examples, name):
                if why is not None:
                    refused.setdefault(_kind(why, example), Finding(REFUSED, str(why))).add(example)
                elif all(label == IGNORED for label in labels[: config.max_length]):
                    cut_off.add(example)
                elif len(labels) > config.max_length:
                    cut.add(example)
        except TrainingFailed as broken:  # a line that is no example ends the file
            refused[str(broken)] = Finding(REFUSED, str(broken), 1, list(broken.pair_ids))
    return [*refused.values(), *(finding for finding in (cut_off, cut) if finding.count)]


def _each(
    chat: ChatFormat, examples: Iterator[Example], name: str
) -> Iterator[tuple[Example, TrainingFailed | None, list[int]]]:
    """Each example with why it is refused, or with its labels."""
    for batch in batches(examples, BATCH):
        try:
            for example, (encoded, _) in zip(batch, encoded_with_ends(chat, batch, name), strict=True):
                yield example, None, encoded.labels
        except TrainingFailed:
            for example in batch:
                try:
                    ((encoded, _),) = encoded_with_ends(chat, [example], name)
                except TrainingFailed as refusal:
                    yield example, refusal, []
                else:
                    yield example, None, encoded.labels


def _kind(refusal: TrainingFailed, example: Example) -> str:
    """What is the same in refusals of one kind, which differ in the example that they name."""
    return str(refusal).replace(example.name, "")
