"""Find out how a base model writes a chat, and which part of it the assistant says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import jinja2

from .data import ChatFormat, Example, Message, Renderer, Span
from .errors import TrainingFailed
from .templates import PLAIN

_PROBE: Final = Example(0, [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], [True])


def chat_format(tokenizer: Any, base_model: str) -> ChatFormat:
    """The chat format of `tokenizer`; raises `TrainingFailed` if it cannot be told what the assistant says.

    In this order: the template's own generation markers; TRL's training variant of a template it knows; the text that
    each assistant message adds to the rendered prompt before it. A tokenizer without a template is given ours
    (`PLAIN`). Whatever is used, the end of an answer must be a special token and be trained on.
    """
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if not tokenizer.is_fast:
        raise TrainingFailed(f"base_model {base_model} has no fast tokenizer (tokenizer.json): choose one that has.")
    template, source = _default(tokenizer.chat_template), "its own chat template"
    if template is None:
        if tokenizer.eos_token is None:
            raise TrainingFailed(
                f"base_model {base_model} has neither a chat template nor an end token: choose one that has."
            )
        tokenizer.chat_template = template = PLAIN
        source = "a plain chat template of this program, as the base model has none"
    if has_generation_markers(template):
        render = marked(tokenizer, template)
    else:
        try:
            known = get_training_chat_template(tokenizer)
        except (ValueError, TypeError, jinja2.TemplateError):
            known = None
        if known:
            render, source = marked(tokenizer, known), "its own chat template, in TRL's variant for training"
        else:
            render, source = prefixed(tokenizer, template), "its own chat template, answers found by their prefix"
    chat = ChatFormat(tokenizer, render, lambda messages: _render(tokenizer, template, messages, prompt=True), source)
    _refuse_unstoppable(chat, base_model)
    return chat


def marked(tokenizer: Any, template: str) -> Renderer:
    """Spans are what the template itself marks with `{% generation %}`."""
    from transformers.utils.chat_template_utils import render_jinja_template

    def render(messages: Sequence[Message]) -> tuple[str, list[Span]]:
        rendered: Any = render_jinja_template(
            conversations=[list(messages)],
            chat_template=template,
            return_assistant_tokens_mask=True,
            **tokenizer.special_tokens_map,
        )
        texts, spans = rendered
        return texts[0], [(start, end) for start, end in spans[0]]

    return render


def prefixed(tokenizer: Any, template: str) -> Renderer:
    """Spans are what each assistant message adds to the prompt before it; the template must never rewrite the past."""

    def render(messages: Sequence[Message]) -> tuple[str, list[Span]]:
        whole = _render(tokenizer, template, messages)
        spans = []
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            prompt = _render(tokenizer, template, messages[:index], prompt=True)
            through = _render(tokenizer, template, messages[: index + 1])
            if not (through.startswith(prompt) and whole.startswith(through) and len(through) > len(prompt)):
                raise TrainingFailed(
                    "The chat template of the base model has no {% generation %} markers and writes earlier messages "
                    "differently once an answer follows, so the answers cannot be told from the questions: choose "
                    "another base_model, or add the markers to its chat template."
                )
            spans.append((len(prompt), len(through)))
        return whole, spans

    return render


def _render(tokenizer: Any, template: str, messages: Sequence[Message], *, prompt: bool = False) -> str:
    text: str = tokenizer.apply_chat_template(
        list(messages), chat_template=template, tokenize=False, add_generation_prompt=prompt
    )
    return text


def _default(template: Any) -> str | None:
    """A chat template may come as named variants."""
    return template.get("default") if isinstance(template, dict) else template


def _refuse_unstoppable(chat: ChatFormat, base_model: str) -> None:
    """A model that never sees the end of an answer in training never learns to stop."""
    encoded = chat.encode([_PROBE])[0]
    special = {*chat.tokenizer.all_special_ids, *chat.tokenizer.added_tokens_decoder}
    if not any(label in special for label in encoded.labels):
        raise TrainingFailed(
            f"The chat template of base_model {base_model} writes no end token as a part of the answer, so the model "
            "would never learn to stop: choose another base_model, or put the end token inside the template's "
            "{% generation %} block."
        )
