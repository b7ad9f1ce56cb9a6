"""What people write is text, even where it spells a control token: the model reads its letters, not the token.

The trainer imports this file, and it travels with a registered model, so it stands alone.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import jinja2

Span = tuple[int, int]

#: What a chat template may raise for a chat that it cannot write: it is code of others.
UNWRITABLE: Final = (jinja2.TemplateError, LookupError, TypeError, ValueError)
#: Unicode's noncharacters stand in no text that people exchange, and no text holds all of those for private use. One is
#: put into each control token in a content, so that the tokenizer no longer finds the token; its own token ids are then
#: left out.
_MASKS: Final = (range(0xFDD0, 0xFDF0), range(0xF0000, 0xFFFFE))
#: In what the assistant says these are no injection: chat templates look for them, to find the reasoning.
_REASONING: Final = frozenset({"<think>", "</think>"})


class NoJson(ValueError):
    """The arguments of a tool call are text that is no JSON."""


def as_message(given: Mapping[str, Any]) -> dict[str, Any]:
    """A message of a chat as chat templates expect it: without what is null, with tool calls of which the arguments are
    objects. Raises `NoJson`, `TypeError`, `ValueError` or `KeyError` for what is no message.
    """
    message = {key: value for key, value in given.items() if value is not None and key != "weight"}
    message.setdefault("content", "")
    if not isinstance(message["role"], str) or not isinstance(message["content"], str):
        raise TypeError("role and content of a message must be text")
    if "tool_calls" in message:
        message["tool_calls"] = [_tool_call(call) for call in _parsed(message["tool_calls"])]
    return message


def as_tools(given: Any) -> list[dict[str, Any]] | None:
    """The definitions of tools, given as a list or as its JSON text; None for none. Raises `ValueError`."""
    tools = list(_parsed(given) or ()) if given is not None else None
    if tools and not all(isinstance(tool, dict) for tool in tools):
        raise ValueError("tools must be a list of objects")
    return tools or None


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """A tool call whose arguments are an object, where they come as JSON text."""
    function = call.get("function")
    if not isinstance(function, dict):
        return dict(call)
    try:
        arguments = _parsed(function.get("arguments", {}))
    except ValueError:
        raise NoJson("the arguments of a tool call are no JSON") from None
    return {**call, "function": {**function, "arguments": arguments}}


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


class Prompt(NamedTuple):
    """A question as text, with a character in each control token of a content, and where no token reaches over."""

    text: str
    mask: str
    cuts: list[int]


class PlainText:
    """Chats as a tokenizer writes them, with control tokens in contents, names and tool calls read as letters.

    Control tokens are the tokenizer's special tokens, and those added ones that its chat template names.
    """

    def __init__(self, tokenizer: Any, template: str) -> None:
        self.tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder.values()
        named = {
            token.content for token in added if token.special or (_is_tag(token.content) and token.content in template)
        }
        control = {token for token in {*named, *tokenizer.all_special_tokens} if len(token) > 1 and not token.isspace()}
        ids = {tokenizer.convert_tokens_to_ids(token): token.strip() for token in control}
        #: What stands for a character that the vocabulary does not have is no control token there.
        self._spelling = {token: spelt for token, spelt in ids.items() if token != tokenizer.unk_token_id}
        self._anywhere = _pattern(control)
        self._in_answers = _pattern(control - _REASONING)

    def mask(
        self, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]] | None = None
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]] | None, str]:
        """Copies of both with a character put into each control token, and that character; "" for none."""
        said = list(_strings([list(messages), list(tools or ())]))
        defined = list(tools) if tools else None
        if self._anywhere is None or not any(map(self._anywhere.search, said)):
            return list(messages), defined, ""
        used = set().union(*said)
        mask = next(character for character in map(chr, itertools.chain(*_MASKS)) if character not in used)
        return (
            [self._masked_message(message, mask) for message in messages],
            _masked(defined, self._anywhere, mask),
            mask,
        )

    def _masked_message(self, message: dict[str, Any], mask: str) -> dict[str, Any]:
        pattern = self._in_answers if message.get("role") == "assistant" else self._anywhere
        if pattern is None:
            return message
        return {key: value if key == "role" else _masked(value, pattern, mask) for key, value in message.items()}

    def encode(
        self, texts: Sequence[str], masks: Sequence[str], cuts: Sequence[Sequence[int]]
    ) -> list[tuple[list[int], list[Span]]]:
        """Token ids and their character spans. No token reaches over a cut, a position in the text, or holds a mask."""
        if not texts:
            return []  # the tokenizer takes no empty batch
        return [
            self._whole(text, mask, at, ids, offsets)
            for text, mask, at, (ids, offsets) in zip(texts, masks, cuts, self._tokens(texts), strict=True)
        ]

    def prompt(
        self,
        messages: Sequence[dict[str, Any]],
        template: str | None = None,
        *,
        tools: Sequence[dict[str, Any]] | None = None,
    ) -> list[int]:
        """The token ids that ask the model for the next answer, by `template` or the tokenizer's own."""
        return self.encode_prompts([self.prompt_text(messages, template, tools=tools)])[0]

    def prompt_text(
        self,
        messages: Sequence[dict[str, Any]],
        template: str | None = None,
        *,
        tools: Sequence[dict[str, Any]] | None = None,
    ) -> Prompt:
        """What `prompt` encodes; raises what the template raises."""
        masked, defined, mask = self.mask(messages, tools)
        text = written(self.tokenizer, template, masked, defined, prompt=True)
        return Prompt(text, mask, self.starts(text, masked, template, tools=defined))

    def encode_prompts(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """The token ids of each."""
        encoded = self.encode(
            [prompt.text for prompt in prompts],
            [prompt.mask for prompt in prompts],
            [prompt.cuts for prompt in prompts],
        )
        return [ids for ids, _ in encoded]

    def starts(
        self,
        text: str,
        messages: Sequence[dict[str, Any]],
        template: str | None = None,
        *,
        tools: Sequence[dict[str, Any]] | None = None,
    ) -> list[int]:
        """Where in `text`, which begins with `messages`, their answers begin: each behind what asked for it.

        No token of an answer that is given reaches in front of it, as none did when the model wrote it.
        """
        found = []
        for place, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            with contextlib.suppress(*UNWRITABLE):
                asked = written(self.tokenizer, template, messages[:place], tools, prompt=True)
                found.append(len(os.path.commonprefix([asked, text])))  # noqa: RUF071 - by character, as is meant
        return found

    def _tokens(self, texts: Iterable[str]) -> list[tuple[list[int], list[Span]]]:
        found = self.tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return list(zip(found["input_ids"], found["offset_mapping"], strict=True))

    def _whole(
        self, text: str, mask: str, cuts: Sequence[int], ids: list[int], offsets: list[Span]
    ) -> tuple[list[int], list[Span]]:
        masked = [index for index, character in enumerate(text) if character == mask] if mask else []
        wanted = {*cuts, *masked, *(index + 1 for index in masked)}
        crossed, done = {cut for cut in wanted if _crossed(offsets, cut)}, set[int]()
        while (crossed := crossed | self._inside_disguises(text, ids, offsets)) != done:
            done = crossed
            edges = [0, *sorted(crossed), len(text)]
            pieces = [(start, text[start:end]) for start, end in itertools.pairwise(edges) if start < end]
            tokens = self._tokens(piece for _, piece in pieces)
            ids = [token for piece_ids, _ in tokens for token in piece_ids]
            offsets = [
                (start + first, start + last)
                for (start, _), (_, spans) in zip(pieces, tokens, strict=True)
                for first, last in spans
            ]
        if masked:
            kept = [index for index, (start, end) in enumerate(offsets) if text[start:end] != mask]
            ids, offsets = [ids[index] for index in kept], [offsets[index] for index in kept]
        return ids, offsets

    def _inside_disguises(self, text: str, ids: Sequence[int], offsets: Sequence[Span]) -> set[int]:
        """Where to cut control tokens that only the tokenizer's normalizer made of a text, as of `<|IM_END|>`."""
        return {
            start + 1
            for token, (start, end) in zip(ids, offsets, strict=True)
            if token in self._spelling and end - start > 1 and text[start:end].strip() != self._spelling[token]
        }


def written(
    tokenizer: Any,
    template: str | None,
    messages: Sequence[dict[str, Any]],
    tools: Sequence[dict[str, Any]] | None = None,
    *,
    prompt: bool = False,
) -> str:
    """The chat as text, by `template` or the tokenizer's own; raises what the template raises.

    Unlike the tokenizer it also asks for an answer to nothing, as in a chat that the assistant begins.
    """
    from transformers.utils.chat_template_utils import render_jinja_template

    rendered: Any = render_jinja_template(
        conversations=[list(messages)],
        tools=list(tools) if tools else None,
        chat_template=template or tokenizer.chat_template,
        add_generation_prompt=prompt,
        **tokenizer.special_tokens_map,
    )
    return str(rendered[0][0])


def _is_tag(token: str) -> bool:
    """Runs of line breaks or blanks are added tokens too, but nothing to hide."""
    return len(token) > 2 and not any(character.isspace() for character in token)


def _pattern(tokens: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted(tokens, key=lambda token: (-len(token), token))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _strings(value: Any) -> Iterator[str]:
    """Every text in `value`, as `_masked` comes by it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        yield from _strings(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _masked(value: Any, pattern: re.Pattern[str], mask: str) -> Any:
    if isinstance(value, str):
        return pattern.sub(lambda found: found[0][0] + mask + found[0][1:], value)
    if isinstance(value, dict):
        return {_masked(key, pattern, mask): _masked(item, pattern, mask) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, pattern, mask) for item in value]
    return value


def _crossed(offsets: Sequence[Span], cut: int) -> bool:
    """Whether a token begins before `cut` and ends after it."""
    index = bisect_right(offsets, cut, key=lambda span: span[1])
    return index < len(offsets) and offsets[index][0] < cut < offsets[index][1]
