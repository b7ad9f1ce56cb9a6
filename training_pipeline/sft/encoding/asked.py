"""Whether a model is asked for an answer with what the training example begins with."""

from __future__ import annotations

from ..errors import TrainingFailed
from .data import UNWRITABLE, ChatFormat, Encoded, Example


def asked_answer(example: Example) -> int:
    """Which message of an example is the answer that is asked for: the last one that is trained. Pure."""
    assistants = [index for index, message in enumerate(example.messages) if message["role"] == "assistant"]
    return [index for index, trained in zip(assistants, example.trained, strict=True) if trained][-1]


def prompt_of(example: Example, encoded: Encoded, chat: ChatFormat) -> list[int]:
    """The tokens that ask for that answer of a validation example, which is encoded as `encoded`.

    Raises `TrainingFailed` where the model would be asked in another way than the example begins. Pure.
    """
    try:
        prompt = chat.prompt(example.messages[: asked_answer(example)], example.tools)
    except UNWRITABLE:
        raise TrainingFailed(
            f"validation_file: the base model's chat template cannot ask for the last answer of {example.name}: "
            "choose another base_model, or leave the pair out.",
            pair_ids=example.pair_ids,
        ) from None
    if encoded.input_ids[: len(prompt)] != prompt:
        raise TrainingFailed(
            f"validation_file: the base model's chat template asks for the answer of {example.name} with another "
            "text than the example begins with, so the model would be served in another way than it was trained: "
            "choose another base_model, or leave the pair out.",
            pair_ids=example.pair_ids,
        )
    return prompt
