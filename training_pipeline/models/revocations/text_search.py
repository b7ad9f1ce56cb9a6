"""Finds files that hold the text of rows, as it is or by its letters alone: see `letters`.

What was found is in no message: it is the text itself.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from training_pipeline.models.revocations.file_contents import NotSearchable, contents
from training_pipeline.models.revocations.letters import BETWEEN, LEAST, LONGEST, letters

#: A shorter text stands in many places that have nothing to do with the row.
LEAST_BYTES: Final = 16
#: So many texts are searched for at most.
MOST_TEXTS: Final = 200


@dataclass(frozen=True, slots=True)
class Texts:
    """The text of rows in the forms in which it may stand in a file."""

    forms: tuple[bytes, ...] = field(repr=False)
    #: Whether a row may stand somewhere without being found: by the most that is searched for, or where everything that
    #: it says is short, or is said by other rows, too.
    in_part: bool
    #: Files with text of the rows that could not be read.
    unreadable: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The files that hold one of the texts, and those that could not be read."""

    files: tuple[Path, ...]
    unreadable: tuple[Path, ...]
    #: Those of a form that is not taken apart: whether they hold one is not known.
    not_searched: tuple[Path, ...] = ()


def texts_of(files: Iterable[Path], row_hashes: Collection[str]) -> Texts:
    """The lines with these SHA-256, and what is said in them, as it may stand in a file. Reads only.

    What is said in other rows of these files too, as a common system prompt is, and what is short, is left out: a file
    that has it tells nothing.
    """
    lines: dict[bytes, list[str]] = {}
    others: set[bytes] = set()
    unreadable: list[Path] = []
    for path in files:
        try:
            for line in _lines(path):
                if hashlib.sha256(line).hexdigest() in row_hashes:
                    lines[line] = [*_said(line)]
                else:
                    others.update(hashlib.sha256(_bytes(text)).digest() for text in _said(line))
        except OSError:
            unreadable.append(path)
    forms: dict[bytes, None] = dict.fromkeys(lines)
    in_part = False
    for said in lines.values():
        own = [text for text in said if hashlib.sha256(_bytes(text)).digest() not in others]
        searched = [form for text in own for form in _forms(text) if len(form) >= LEAST_BYTES]
        forms |= dict.fromkeys(searched)
        in_part = in_part or not searched
    in_part = in_part or bool(unreadable) or len(forms) > MOST_TEXTS
    return Texts(tuple(forms)[:MOST_TEXTS], in_part, tuple(unreadable))


def search(roots: Iterable[Path], texts: Sequence[bytes]) -> SearchResult:
    """Look for the texts in every file under these directories. Reads only; symbolic links are not followed."""
    found: dict[Path, None] = {}
    unreadable: dict[Path, None] = {}
    not_searched: dict[Path, None] = {}
    if not texts:
        return SearchResult((), ())
    by_letters = tuple(dict.fromkeys(one for text in texts if len(one := letters(text)) >= LEAST))
    for path in _files(roots):
        try:
            if _holds(path, texts, by_letters):
                found[path] = None
        except NotSearchable:
            not_searched[path] = None
        except FileNotFoundError:  # it is gone meanwhile
            continue
        except OSError:
            unreadable[path] = None
    return SearchResult(tuple(sorted(found)), tuple(sorted(unreadable)), tuple(sorted(not_searched)))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


def _said(line: bytes) -> Iterator[str]:
    """Every content of a message in an example; none of a damaged line, which is known by its hash alone."""
    try:
        example: Any = json.loads(line)
        said = [message.get("content") for message in example.get("messages", [])]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return
    yield from (content for content in said if isinstance(content, str))


def _forms(text: str) -> Iterator[bytes]:
    """A text as it is, and as JSON and CSV have it."""
    yield _bytes(text)
    for ascii_only in (False, True):
        yield _bytes(json.dumps(text, ensure_ascii=ascii_only)[1:-1])
    yield _bytes(text.replace('"', '""'))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # a damaged line may have half a character


def _files(roots: Iterable[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for root in roots:
        for directory, _, names in os.walk(root.resolve()):
            for name in names:
                path = Path(directory, name)
                if path not in seen and path.is_file() and not path.is_symlink():
                    seen.add(path)
                    yield path


def _holds(path: Path, texts: Sequence[bytes], by_letters: Sequence[str]) -> bool:
    for piece in contents(path, overlap=LONGEST * max(map(len, texts)) + BETWEEN):
        if any(text in piece for text in texts):
            return True
        if by_letters and b"\0" not in piece:  # else it is no text
            said = letters(piece)
            if any(text in said for text in by_letters):
                return True
    return False
