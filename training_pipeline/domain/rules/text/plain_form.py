"""The forms of `normal_form.py` in Python, for one text at a time."""

from __future__ import annotations

import re
from functools import cache

from training_pipeline.domain.rules.text.character_table import (
    IOTA,
    IOTA_MARK,
    composed_letters,
    decomposed_images,
    folded_images,
    mark_ranks,
    punctuation,
)
from training_pipeline.domain.rules.text.white_space import WHITE_SPACE


def loose(text: str) -> str:
    """`text` as questions and examples are compared."""
    ordered = _ordered(text.translate(_folding())).replace(IOTA_MARK, IOTA)
    composed = _composed(ordered)
    return composed.strip(_punctuation()) or composed


def strict(text: str) -> str:
    """`text` as copies are compared."""
    return _composed(_ordered(text.translate(_decomposing()))).strip(WHITE_SPACE)


def _composed(text: str) -> str:
    return text if text.isascii() else _pairs().sub(lambda pair: composed_letters()[pair[0]], text)


def _ordered(text: str) -> str:
    return text if text.isascii() else _runs_of_marks().sub(_sorted, text)


def _sorted(run: re.Match[str]) -> str:
    return "".join(sorted(run[0], key=lambda mark: mark_ranks()[ord(mark)]))


@cache
def _pairs() -> re.Pattern[str]:
    return re.compile("|".join(composed_letters()))


@cache
def _runs_of_marks() -> re.Pattern[str]:
    return re.compile(f"[{''.join(map(chr, mark_ranks()))}]{{2,}}")


@cache
def _folding() -> dict[int, str]:
    return dict(folded_images())


@cache
def _decomposing() -> dict[int, str]:
    return dict(decomposed_images())


@cache
def _punctuation() -> str:
    return "".join(map(chr, punctuation()))
