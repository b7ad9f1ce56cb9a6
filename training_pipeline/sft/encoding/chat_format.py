"""Find out how a base model writes a chat, and which part of it the assistant says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

import jinja2

from ..errors import TrainingFailed
from .data import ChatFormat, Example, Lead, Message, Renderer, Span, answer_spans
from .kept import Kept
from .plain_text import PlainText, written
from .served_template import with_fixed_date, with_prompt
from .templates import PLAIN

_TURNS: Final = [
    {"role": "user", "content": "Question one"},
    {"role": "assistant", "content": "Answer alpha"},
    {"role": "user", "content": "Question two"},
    {"role": "assistant", "content": "Answer beta"},
]
#: Stands for an answer, to see what a template writes behind one: a word, as templates take blanks away.
_MARKER: Final = "answer1x"
#: Chats that are tried before any time is spent: of one turn and of two.
_PROBES: Final = (_TURNS[:2], _TURNS)


def chat_format(tokenizer: Any, base_model: str, today: date | None = None) -> ChatFormat:
    """The chat format of `tokenizer`; raises `TrainingFailed` if a model could not be trained or served with it.

    In this order: the template's own generation markers; TRL's training variant of a template it knows; the text that
    each assistant message adds to the rendered prompt before it. A tokenizer without a template is given ours
    (`PLAIN`). Whatever is used, every answer must end with an end token that is trained, and the prompt that is served
    must be what the training example begins with. The tokenizer's template is set to what was trained: with `today`
    where it asks for the date, and with the prompt of the training examples where its own is another.
    """
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if not tokenizer.is_fast:
        raise TrainingFailed(
            "no_fast_tokenizer", f"base_model {base_model} has no fast tokenizer (tokenizer.json): choose one that has."
        )
    day = today or date.today()
    template, source = _default(tokenizer.chat_template), "its own chat template"
    if template is None:
        if tokenizer.eos_token is None:
            raise TrainingFailed(
                "no_end_token",
                f"base_model {base_model} has neither a chat template nor an end token: choose one that has.",
            )
        tokenizer.chat_template = template = PLAIN
        source = "a plain chat template of this program, as the base model has none"
    served = with_fixed_date(template, day)
    found: list[tuple[Renderer, str]] = []
    if has_generation_markers(template):
        found.append((marked(tokenizer, served), source))
    else:
        try:
            known = get_training_chat_template(tokenizer)
        except (ValueError, TypeError, jinja2.TemplateError):
            known = None
        if known:
            found.append((marked(tokenizer, with_fixed_date(known, day)), f"{source}, in TRL's variant for training"))
        found.append((prefixed(tokenizer, served), f"{source}, answers found by their prefix"))
    refusals = []
    for render, said in found:
        try:
            chat = _usable(tokenizer, served, render, said, base_model)
        except TrainingFailed as refusal:
            refusals.append(refusal)
        else:
            tokenizer.chat_template = chat.template
            return chat
    raise refusals[0]


def marked(tokenizer: Any, template: str) -> Renderer:
    """Spans are what the template itself marks with `{% generation %}`."""
    from transformers.utils.chat_template_utils import render_jinja_template

    def render(messages: Sequence[Message], tools: Sequence[Message] | None = None) -> tuple[str, list[Span]]:
        rendered: Any = render_jinja_template(
            conversations=[list(messages)],
            tools=list(tools) if tools else None,
            chat_template=template,
            return_assistant_tokens_mask=True,
            **tokenizer.special_tokens_map,
        )
        texts, spans = rendered
        return texts[0], [(start, end) for start, end in spans[0]]

    return render


def prefixed(tokenizer: Any, template: str) -> Renderer:
    """Spans are what each assistant message adds to the prompt before it; the template must never rewrite the past."""

    def render(messages: Sequence[Message], tools: Sequence[Message] | None = None) -> tuple[str, list[Span]]:
        whole = written(tokenizer, template, messages, tools)
        spans = []
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            prompt = written(tokenizer, template, messages[:index], tools, prompt=True)
            if not whole.startswith(prompt):  # what is served then is found out later
                prompt = written(tokenizer, template, messages[:index], tools)
            through = written(tokenizer, template, messages[: index + 1], tools)
            end: int | None = len(through)
            if not whole.startswith(through) or len(through) <= len(prompt):
                said, marked = _said(message)
                last = written(tokenizer, template, [*messages[:index], marked], tools)
                end = _end_of_earlier(whole, len(prompt), said, last)
            if not whole.startswith(prompt) or end is None:
                raise TrainingFailed(
                    "template_answers_uncertain",
                    "The chat template of the base model has no {% generation %} markers and writes earlier messages "
                    "differently once an answer follows, so answers and questions cannot be told apart: choose "
                    "another base_model, or add the markers to its chat template.",
                )
            spans.append((len(prompt), end))
        return whole, spans

    return render


def _said(message: Message) -> tuple[str, Message]:
    """What an answer says behind its reasoning, without blanks around it, and the answer with a marker in its place."""
    *reasoning, said = message["content"].rpartition("</think>")
    bare = said.strip()
    marked = said.replace(bare, _MARKER, 1) if bare else _MARKER
    return bare, {**message, "content": "".join(reasoning) + marked}


def _end_of_earlier(whole: str, start: int, said: str, last: str) -> int | None:
    """Where in `whole` the answer ends that begins at `start` and says `said`; in `last` the marker says it, last.

    Templates for reasoning write the last answer in another way than earlier ones; what follows it they do not.
    """
    _, marker, ending = last.rpartition(_MARKER)
    here = whole.find(said + ending, start)
    return here + len(said + ending) if marker and said + ending and here >= 0 else None


def _default(template: Any) -> str | None:
    """A chat template may come as named variants."""
    return template.get("default") if isinstance(template, dict) else template


def _usable(tokenizer: Any, template: str, render: Renderer, source: str, base_model: str) -> ChatFormat:
    """The chat format with `render`, tried on the probes; raises `TrainingFailed` where it cannot be used."""
    probes = list(_rendered_probes(render, base_model))
    leads = _leads(tokenizer, template, probes)
    if leads is None:
        prompt = _common_prompt(tokenizer, template, probes)
        if prompt is not None:
            template = with_prompt(template, prompt)
            leads = _leads(tokenizer, template, probes)
            source += ", asked as it was trained"
    if leads is None:
        raise _served_otherwise(base_model)
    kept = Kept(lambda messages, tools: render(messages, tools)[0])
    chat = ChatFormat(tokenizer, template, render, PlainText(tokenizer, template), kept, source)
    chat = dataclasses.replace(chat, leads=tuple(sorted(leads)))
    chat = dataclasses.replace(chat, ends=_end_tokens(chat, probes, base_model))
    for messages, _, _ in probes:
        prompt_ids = chat.prompt(messages[:-1])
        encoded = chat.encode([_example(messages)])[0]
        if encoded.input_ids[: len(prompt_ids)] != prompt_ids or encoded.spans[-1][0] != len(prompt_ids):
            raise _served_otherwise(base_model)
    return chat


Probe = tuple[list[Message], str, list[Span]]


def _rendered_probes(render: Renderer, base_model: str) -> Iterator[Probe]:
    """The probes that the template can write, with their answers' spans. That of one turn is always among them."""
    for messages in _PROBES:
        try:
            text, spans = render(messages, None)
        except (jinja2.TemplateError, TrainingFailed) as error:
            # Examples with several turns, if there are any, are refused by their line.
            if messages is _PROBES[0]:
                raise _unwritable(base_model) if isinstance(error, jinja2.TemplateError) else error from None
            continue
        found = answer_spans(text, spans, [turn["content"] for turn in messages if turn["role"] == "assistant"])
        if found is None:
            raise TrainingFailed(
                "template_answers_uncertain",
                f"The chat template of base_model {base_model} marks {len(spans)} answers in a chat that has "
                f"{len(messages) // 2}, so what to train on is not certain: put the whole answer with its end token "
                "inside one {% generation %} block of the template, or choose another base_model.",
            )
        yield messages, text, found


def _leads(tokenizer: Any, template: str, probes: Sequence[Probe]) -> set[Lead] | None:
    """What stands between the served prompt and the answer; None where a last answer does not follow its prompt."""
    leads: set[Lead] = {("", "")}
    for messages, text, spans in probes:
        for turn, (start, _) in enumerate(spans):
            prompt = written(tokenizer, template, messages[: 2 * turn + 1], prompt=True)
            if text.startswith(prompt):
                end = len(prompt)
                leads.add((text[end:start], text[start:end]))
            elif turn == len(spans) - 1:
                return None
    return leads


def _common_prompt(tokenizer: Any, template: str, probes: Sequence[Probe]) -> str | None:
    """The text in front of every last answer, where it is always the same and follows the messages before it."""
    prompts = set()
    for messages, text, _ in probes:
        before = written(tokenizer, template, messages[:-1])
        answer = text.find(messages[-1]["content"], len(before))
        if not text.startswith(before) or answer < 0:
            return None
        prompts.add(text[len(before) : answer])
    return prompts.pop() if len(prompts) == 1 else None


def _end_tokens(chat: ChatFormat, probes: Sequence[Probe], base_model: str) -> frozenset[int]:
    """The tokens that end an answer. A model that never sees the end of an answer in training never learns to stop."""
    control = {*chat.tokenizer.all_special_ids, *chat.tokenizer.added_tokens_decoder}
    ends = set()
    for encoded in chat.encode([_example(messages) for messages, _, _ in probes]):
        for start, end in encoded.spans:
            last = encoded.input_ids[end - 1] if start < end else None
            if last is None or last not in control:
                raise TrainingFailed(
                    "template_without_end",
                    f"The chat template of base_model {base_model} writes no end token as the last part of every "
                    "answer, so the model would never learn to stop: choose another base_model, or put the end token "
                    "inside the template's {% generation %} block, behind the content.",
                )
            ends.add(last)
    return frozenset(ends)


def _example(messages: list[Message]) -> Example:
    return Example(0, messages, [True] * (len(messages) // 2))


def _unwritable(base_model: str) -> TrainingFailed:
    return TrainingFailed(
        "template_cannot_write",
        f"The chat template of base_model {base_model} cannot write a question and its answer: choose another "
        "base_model.",
    )


def _served_otherwise(base_model: str) -> TrainingFailed:
    return TrainingFailed(
        "template_asks_otherwise",
        f"The chat template of base_model {base_model} asks for an answer with another text than it writes in front of "
        "one, so the model would be served in another way than it was trained: make the text behind "
        "add_generation_prompt the beginning of an answer in the template, or choose another base_model.",
    )
