"""What a training would make of its data, without training: the tokenizer, its chat template, and every example.

`python -m training_pipeline.sft --rehearse CONFIG.json` prints a `Rehearsal` as one JSON object. Only for a base
model in a folder, or in the copy of the Hub on this machine: another one is not here yet. Asks no network, and writes
nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..config import BadConfig, Config, read
from ..encoding.chat_format import chat_format
from ..encoding.data import IGNORED, ChatFormat, Encoded, Example, read_examples
from ..encoding.digests import chat_template_sha256, tokenizer_sha256
from ..encoding.pair_ids import pair_ids
from ..encoding.token_file import BATCH, batches, encoded_with_ends
from ..errors import BAD_CONFIG, SUCCEEDED, TrainingFailed
from ..model.base_model import folder_here, is_folder
from ..model.generation import try_generation
from ..model.positions import refuse_too_long_for
from .findings import CONTROL_TOKENS, CUT, CUT_OFF, REFUSED, Finding


@dataclass(slots=True)
class Rehearsal:
    """What came of a rehearsal. `lengths` counts the examples by their tokens, before any cut."""

    findings: list[Finding] = field(default_factory=list)
    lengths: dict[int, int] = field(default_factory=dict)
    #: Examples with a token that the vocabulary does not have; null where the tokenizer could not be asked.
    unknown_tokens: int | None = None
    #: What the recipe of the training would say of them; null where the tokenizer could not be asked.
    tokenizer_sha256: str | None = None
    chat_template_sha256: str | None = None


def main(arguments: list[str]) -> int:
    """Rehearse the training that the one argument, a JSON file, describes; returns the exit code."""
    try:
        config = read(Path(arguments[0]))
    except (BadConfig, IndexError) as problem:
        sys.stderr.write(f"{problem}\n")
        return BAD_CONFIG
    sys.stdout.write(json.dumps(asdict(rehearse(config))) + "\n")
    return SUCCEEDED


def rehearse(config: Config) -> Rehearsal:
    """Everything that the trainer would refuse or cut, control tokens in texts, and tokens. Reads only."""
    from transformers import AutoTokenizer

    if (folder := folder_here(config.base_model, config.base_model_revision)) is None:
        return Rehearsal()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        chat = chat_format(tokenizer, config.base_model)
        try_generation(folder, config.base_model)
        refuse_too_long_for(config.base_model, folder, config.max_length)
    except TrainingFailed as refusal:
        return Rehearsal([Finding(REFUSED, str(refusal), 1)])
    except Exception as error:  # noqa: BLE001 - tokenizers raise classes of their own
        if not is_folder(config.base_model):
            return Rehearsal()  # a file of it may not be here yet
        said = f"The tokenizer of base_model {config.base_model} cannot be loaded ({type(error).__name__})."
        return Rehearsal([Finding(REFUSED, said, 1)])
    told = Rehearsal(
        tokenizer_sha256=tokenizer_sha256(tokenizer), chat_template_sha256=chat_template_sha256(chat.template)
    )
    # Some tokenizers name an end token as the unknown one too, because they know every byte.
    known = {tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.bos_token_id, *chat.ends}
    unknown = None if tokenizer.unk_token_id in known else tokenizer.unk_token_id
    strange = 0
    refused: dict[str, Finding] = {}
    cut_off = Finding(CUT_OFF, f"would lose the whole answer to max_length {config.max_length}: raise max_length.")
    cut = Finding(CUT, f"would lose the end: more tokens than max_length {config.max_length}.")
    spelt = Finding(CONTROL_TOKENS, "spell a control token of the base model, which is trained on as plain text.")
    for name, path in (("train_file", config.train_file), ("validation_file", config.validation_file)):
        examples = read_examples(path, name, ids=pair_ids(config.manifest_file, name.removesuffix("_file")))
        try:
            for example, why, encoded in _each(chat, examples, name):
                if chat.plain.mask(example.messages, example.tools)[2]:
                    spelt.add(example)
                if encoded is None:
                    refused.setdefault(_kind(why, example), Finding(REFUSED, str(why))).add(example)
                    continue
                tokens = len(encoded.input_ids)
                told.lengths[tokens] = told.lengths.get(tokens, 0) + 1
                strange += unknown is not None and unknown in encoded.input_ids
                if all(label == IGNORED for label in encoded.labels[: config.max_length]):
                    cut_off.add(example)
                elif tokens > config.max_length:
                    cut.add(example)
        except TrainingFailed as broken:  # a line that is no example ends the file
            refused[str(broken)] = Finding(REFUSED, str(broken), 1, list(broken.pair_ids))
    told.unknown_tokens = strange
    told.findings = [*refused.values(), *(finding for finding in (cut_off, cut, spelt) if finding.count)]
    return told


def _each(
    chat: ChatFormat, examples: Iterator[Example], name: str
) -> Iterator[tuple[Example, TrainingFailed | None, Encoded | None]]:
    """Each example with why it is refused, or as tokens."""
    for batch in batches(examples, BATCH):
        try:
            found: list[Encoded | None] = [encoded for encoded, _ in encoded_with_ends(chat, batch, name)]
        except TrainingFailed:
            found = [None] * len(batch)
        for example, one in zip(batch, found, strict=True):
            try:
                encoded = one or encoded_with_ends(chat, [example], name)[0][0]
            except TrainingFailed as refusal:
                yield example, refusal, None
            else:
                yield example, None, encoded


def _kind(refusal: TrainingFailed | None, example: Example) -> str:
    """What is the same in refusals of one kind, which differ in the example that they name."""
    return str(refusal).replace(example.name, "")
