"""What the words of a file mean in a training sheet.

A word that is neither mapped nor known means nothing: it is counted, which stops the import.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

from training_pipeline.domain.rules.examples.chat_format import word_of
from training_pipeline.sheets.importing.formats.messages import parsed_json
from training_pipeline.sheets.importing.mapping import WORDS, ColumnMapping
from training_pipeline.sheets.importing.tally import Tally

#: Column of the sheet to word of the file to what it means there; nothing stands for: not stated.
Meanings = Mapping[str, Mapping[str, tuple[str, ...]]]


def meanings_of(mapping: ColumnMapping, status_words: Mapping[str, str]) -> Meanings:
    """What the mapping says, over what the format's own words for a status mean unless a column has the status."""
    found = {
        target: {word_of(word): meant for word, meant in words.items()} for target, words in mapping.values.items()
    }
    if status_words and "status" not in mapping.columns:
        own = {word: (meant,) for word, meant in status_words.items()}
        found["status"] = own | found.get("status", {})
    return found


def as_text(value: object) -> str | None:
    """A value as text: a number or a moment as JSON would write it; null for what is no single value."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return json.dumps(value)
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
        case _:
            return None


def word_meant(text: str | None, target: str, meanings: Meanings, tally: Tally) -> str | None:
    """The one word that a text stands for; itself where nothing is said of this column."""
    if text is None or not text.strip():
        return None
    meaning = meanings.get(target)
    if meaning is None:
        if target in WORDS and word_of(text) not in WORDS[target]:
            tally.add_unmapped(target, text)
        return text
    found = meaning.get(word_of(text))
    if found is None:
        tally.add_unmapped(target, text)
        return None
    return found[0] if found else None


def uses_meant(value: object, target: str, meanings: Meanings, tally: Tally, separator: str | None) -> object:
    """The uses in a value: a list of words, or text with a separator where a file has nothing but text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    meaning, text = meanings.get(target), as_text(value)
    if isinstance(value, list):
        words: list[object] = value
    elif text is not None and meaning is not None and word_of(text) in meaning:
        words = [text]
    elif isinstance(value, str) and separator is not None:
        parsed = parsed_json(value) if value.lstrip().startswith("[") else None
        words = parsed if isinstance(parsed, list) else _split(value, separator)
    elif meaning is not None and text is not None:
        words = [text]
    else:
        return value
    if not all(isinstance(word, str) for word in words):
        return value
    return _uses([str(word) for word in words], target, meaning, tally)


def _uses(words: list[str], target: str, meaning: Mapping[str, tuple[str, ...]] | None, tally: Tally) -> list[str]:
    made: list[str] = []
    for word in words:
        if meaning is not None and (meant := meaning.get(word_of(word))) is not None:
            made.extend(meant)
            continue
        is_known = word_of(word) in WORDS[target]
        if is_known or meaning is None:
            made.append(word)
        if not is_known:
            tally.add_unmapped(target, word)
    return list(dict.fromkeys(made))


def _split(text: str, separator: str) -> list[object]:
    return [word for word in (part.strip() for part in text.split(separator)) if word]
