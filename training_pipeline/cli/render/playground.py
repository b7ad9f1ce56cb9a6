"""What models answered, for a terminal: plain text, and nothing in it that a terminal would obey."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.text import Text

if TYPE_CHECKING:
    from training_pipeline.schemas.playground import PlaygroundAnswer, PlaygroundAnswers

_TITLES: Final = {"base": "Base model", "tuned": "This version", "champion": "Champion"}


def answers(found: PlaygroundAnswers) -> RenderableType:
    """What was asked, where it was a pair, and every answer."""
    return Group(*_parts(found))


def plain(text: str) -> str:
    """The text with every control character but the line feed and the tabulator shown as one sign."""
    return "".join(one if one in "\n\t" or one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _parts(found: PlaygroundAnswers) -> Iterator[Text]:
    if found.expected is not None:
        for turn in found.messages:
            yield from _text(f"Asked ({turn.role})", turn.content)
        yield from _text("The expert's answer", found.expected)
    for each in found.answers:
        yield from _answer(each)
    if found.note:
        yield Text(plain(found.note), style="yellow")


def _answer(each: PlaygroundAnswer) -> Iterator[Text]:
    title = f"{_TITLES[each.role]}: {each.model}"
    if each.answer is None:
        yield Text(plain(title), style="bold")
        yield Text(plain(each.problem or "It gave no answer."), style="red")
        return
    ended = "" if each.stopped else ", cut off at max_tokens"
    yield from _text(title, each.answer or "(nothing)")
    yield Text(f"{each.tokens:,} tokens, {each.seconds:.1f} s{ended}", style="dim")


def _text(title: str, text: str) -> Iterator[Text]:
    yield Text(plain(title), style="bold")
    yield Text(plain(text))
