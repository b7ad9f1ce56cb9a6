"""YAML from people: plain data within bounds, or the one reason why not; never what a constructor raises."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import yaml

#: Largest document in bytes; a head is a page of text.
LARGEST: Final = 256 * 1024
#: Most values in a document, each use of an anchor counted again.
MOST_VALUES: Final = 10_000
#: Deepest nesting of lists and mappings.
DEEPEST: Final = 32
#: Most characters of a number: what a long one costs to read grows with the square of its length.
LONGEST_NUMBER: Final = 1000
_SHOWN: Final = 60
_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


@dataclass(frozen=True, slots=True)
class BrokenYaml(Exception):
    """Why the document cannot be read; `line` counts from 1 and is null where none is known."""

    code: str
    message: str
    line: int | None = None


def load(content: bytes) -> object:
    """The document in `content`: text, numbers, truth values, null, dates, lists and mappings.

    Raises `BrokenYaml` for anything else: bytes that are no UTF-8, YAML that is broken, too large or too deep, anchors
    that hold themselves or multiply, tags that cannot be made, keys that stand twice.
    """
    return _load(content, _Loader)


def load_texts(content: bytes) -> object:
    """`load`, with every value as the text that stands there: `yes`, `1` and `2026-01-01` are words."""
    return _load(content, _TextLoader)


def unstorable(value: object, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every part of a document that neither JSON nor PostgreSQL can hold, as JSON pointer and reason."""
    match value:
        case str():
            if reason := _bad_text(value):
                yield pointer, reason
        case bool() | None:
            pass
        case int() if not -(2**63) <= value < 2**63:
            yield pointer, "is a number beyond 64 bits; put it in quotes"
        case float() if not math.isfinite(value):
            yield pointer, "is not a finite number; put it in quotes"
        case int() | float() | date():
            pass
        case list():
            for number, inner in enumerate(value):
                yield from unstorable(inner, f"{pointer}/{number}")
        case dict():
            for key, inner in value.items():
                if not isinstance(key, str):
                    yield pointer, f"has the key {_shown(key)}, which is not text; put it in quotes"
                elif reason := _bad_text(key):
                    yield pointer, f"has a key that {reason}"
                else:
                    yield from unstorable(inner, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
        case _:
            yield pointer, f"is of the type {type(value).__name__}; expected text, a number, a list or a mapping"


def _load(content: bytes, loader: type[_Loader]) -> object:
    if len(content) > LARGEST:
        raise BrokenYaml("too_large", f"is larger than {LARGEST // 1024} KiB; it has no room for data")
    try:
        return yaml.load(content.decode("utf-8-sig"), Loader=loader)  # noqa: S506 - a subclass of SafeLoader
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BrokenYaml("wrong_encoding", "is not UTF-8; save the file as UTF-8", line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at column {mark.column + 1}" if mark else ""
        what = _shortened(error.problem or error.context or "is broken")
        raise BrokenYaml("broken_yaml", f"{what}{where}", mark.line + 1 if mark else None) from None
    except yaml.YAMLError:
        raise BrokenYaml("broken_yaml", "holds a character that YAML does not allow") from None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - one broken document stops no other
        raise BrokenYaml("broken_yaml", f"cannot be read ({type(error).__name__})") from None


def _bad_text(text: str) -> str | None:
    if "\0" in text:
        return "must not contain the character NUL"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "must not contain half of a surrogate pair"
    return None


def _shown(key: object) -> str:
    try:
        return _shortened(repr(key))
    except ValueError:  # a number of more digits than Python writes
        return f"of the type {type(key).__name__}"


def _shortened(text: str) -> str:
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}…"


class _Loader(yaml.SafeLoader):
    """Keeps the bounds while the document is composed, and gives whatever a constructor raises a place."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._values = 0
        self._depth = 0
        self._sizes: dict[int, int] = {}  # the values below a node that has an anchor, by the node's identity
        self._compared: set[int] = set()  # the mappings whose keys were compared, by the node's identity

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        if self._depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"is nested deeper than {DEEPEST} levels", problem_mark=mark)
        before = self._values
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._sizes:
                raise yaml.MarkedYAMLError(
                    problem=f"the anchor '{_shortened(str(event.anchor))}' holds itself", problem_mark=mark
                )
            self._values += self._sizes[id(node)]
        else:
            self._values += 1
            self._sizes[id(node)] = self._values - before
        if self._values > MOST_VALUES:
            message = f"has more than {MOST_VALUES:,} values, those behind anchors counted at each use"
            raise yaml.MarkedYAMLError(problem=message, problem_mark=mark)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag in _NUMBERS and len(node.value) > LONGEST_NUMBER:
            message = f"is a number of more than {LONGEST_NUMBER:,} characters; put it in quotes"
            raise yaml.MarkedYAMLError(problem=message, problem_mark=node.start_mark)
        try:
            return super().construct_object(node, deep=deep)
        except (yaml.YAMLError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - what a constructor raises for a value that is none of its type
            kind = str(node.tag).rpartition(":")[2]
            message = f"is no {_shortened(kind)}, though its form or its tag says so; put it in quotes"
            raise yaml.MarkedYAMLError(problem=message, problem_mark=node.start_mark) from None

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuses a key that appears twice, where YAML would silently keep the last one; then merges what `<<` names.

        What a key says itself counts before what is merged, so only the keys that were written are compared.
        """
        if id(node) not in self._compared:
            self._compared.add(id(node))
            self._compare_keys(node)
        super().flatten_mapping(node)

    def _compare_keys(self, node: yaml.MappingNode) -> None:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int) and key in seen:
                message = f"the key {_shown(key)} appears twice"
                raise yaml.MarkedYAMLError(problem=message, problem_mark=key_node.start_mark)
            if isinstance(key, str | int):
                seen.add(key)


for _sign in ("merge", "value"):  # a plain `<<` and `=`, which are text where they merge nothing
    _Loader.add_constructor(f"tag:yaml.org,2002:{_sign}", lambda _, node: node.value)


class _TextLoader(_Loader):
    """Resolves no scalar to anything but text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - as its base class declares it
