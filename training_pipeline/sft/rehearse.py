"""What a training would refuse or cut, without training: the tokenizer, its chat template, and every example.

`python -m training_pipeline.sft --rehearse CONFIG.json` prints it as one JSON list. Only for a base model in a folder:
another one is not here yet. Writes nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from .base_model import is_folder
from .chat_format import chat_format
from .config import BadConfig, Config, read
from .data import IGNORED, ChatFormat, Example, read_examples
from .errors import BAD_CONFIG, SUCCEEDED, TrainingFailed
from .findings import CONTROL_TOKENS, CUT, CUT_OFF, REFUSED, Finding
from .pair_ids import pair_ids
from .token_file import BATCH, batches, encoded_with_ends


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
    """Everything that the trainer would refuse or cut, and control tokens in texts. Reads only."""
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
    spelt = Finding(CONTROL_TOKENS, "spell a control token of the base model, which is trained on as plain text.")
    for name, path in (("train_file", config.train_file), ("validation_file", config.validation_file)):
        examples = read_examples(path, name, ids=pair_ids(config.manifest_file, name.removesuffix("_file")))
        try:
            for example, why, labels in _each(chat, examples, name):
                if chat.plain.mask(example.messages, example.tools)[2]:
                    spelt.add(example)
                if why is not None:
                    refused.setdefault(_kind(why, example), Finding(REFUSED, str(why))).add(example)
                elif all(label == IGNORED for label in labels[: config.max_length]):
                    cut_off.add(example)
                elif len(labels) > config.max_length:
                    cut.add(example)
        except TrainingFailed as broken:  # a line that is no example ends the file
            refused[str(broken)] = Finding(REFUSED, str(broken), 1, list(broken.pair_ids))
    return [*refused.values(), *(finding for finding in (cut_off, cut, spelt) if finding.count)]


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
