"""Whether a model is asked for an answer with what the training example begins with."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import TrainingFailed
from .data import UNWRITABLE, ChatFormat, Encoded, Example
from .plain_text import Prompt


def asked_answer(example: Example) -> int:
    """Which message of an example is the answer that is asked for: the last one that is trained."""
    assistants = [index for index, message in enumerate(example.messages) if message["role"] == "assistant"]
    return [index for index, trained in zip(assistants, example.trained, strict=True) if trained][-1]


def prompts_of(examples: Sequence[Example], encoded: Sequence[Encoded], chat: ChatFormat, name: str) -> list[list[int]]:
    """The tokens that ask for that answer of each example of the file `name`, which are encoded as `encoded`.

    Raises `TrainingFailed` for the first of which the model would be asked in another way than the example begins, or
    would be trained from another place on.
    """
    prompts = chat.plain.encode_prompts([_prompt(example, chat, name) for example in examples])
    for example, one, prompt in zip(examples, encoded, prompts, strict=True):
        if one.input_ids[: len(prompt)] != prompt or one.spans[-1][0] != len(prompt):
            raise TrainingFailed(
                "template_asks_otherwise",
                f"{name}: the base model's chat template asks for the answer of {example.name} with another text than "
                "the example begins with, so the model would be served in another way than it was trained: choose "
                "another base_model, or leave the pair out.",
                pair_ids=example.pair_ids,
            )
    return prompts


def _prompt(example: Example, chat: ChatFormat, name: str) -> Prompt:
    try:
        return chat.plain.prompt_text(example.messages[: asked_answer(example)], chat.template, tools=example.tools)
    except UNWRITABLE:
        raise TrainingFailed(
            "template_cannot_ask",
            f"{name}: the base model's chat template cannot ask for the last answer of {example.name}: choose another "
            "base_model, or leave the pair out.",
            pair_ids=example.pair_ids,
        ) from None
