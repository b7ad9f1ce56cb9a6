"""JSON objects as rows, with every fault of their text told in the words of a file of pairs."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.domain.rules.examples.json_text import Ambiguous, first_counts, no_constant
from training_pipeline.sheets.files.row import Row, broken_row, repeated_names
from training_pipeline.sheets.shown_name import shown_name

#: So deep an object may be nested. Where this process would give up depends on who raised its recursion limit.
DEEPEST: Final = 900
_BYTE_ORDER_MARK: Final = "\ufeff"
_TOO_DEEP: Final = "is not JSON that can be read: nested too deeply, or not a number"
_TEXT: Final = re.compile(r'"(?:\\.|[^"\\])*"')


class JsonObjects:
    """Reads one object after the other; the decoder is made once, for that takes longer than a small object."""

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(object_pairs_hook=self._first_counts, parse_constant=no_constant)
        self._repeated: list[str] = []  # the keys that stand twice in the object that was read last: the outermost
        self._faulty = 0  # the objects with such keys

    def of_bytes(self, line: int, content: bytes) -> Row:
        """The object in UTF-8 bytes, or the problem with it."""
        try:
            return self.of_text(line, content.decode())
        except UnicodeDecodeError as error:
            return broken_row(line, "wrong_encoding", f"is not UTF-8 at byte {error.start + 1}; save the file as UTF-8")

    def of_text(self, line: int, text: str) -> Row:
        """The object in a text, or the problem with it."""
        self._repeated, self._faulty = [], 0
        if is_too_deep(text):
            return broken_row(line, "broken_json", _TOO_DEEP)
        try:
            values = self._decoder.decode(text)
        except json.JSONDecodeError as error:
            if line == 1 and text.startswith(_BYTE_ORDER_MARK):
                advice = "begins with a byte order mark; save the file as UTF-8 without BOM"
                return broken_row(line, "broken_json", advice)
            byte = len(error.doc[: error.pos].encode(errors="surrogatepass")) + 1
            expected = error.msg[0].lower() + error.msg[1:]
            return broken_row(line, "broken_json", f"is not JSON: {expected} at byte {byte}")
        except (ValueError, RecursionError):
            return broken_row(line, "broken_json", _TOO_DEEP)
        return self._row(line, values, has_escapes="\\u" in text)

    def first_in(self, line: int, text: str, start: int) -> tuple[Row, int] | None:
        """The value that begins at `start`, and where it ends; null where it is not whole, or no JSON."""
        self._repeated, self._faulty = [], 0
        try:
            values, end = self._decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return None
        return self._row(line, values, has_escapes=text.find("\\u", start, end) >= 0), end

    def _row(self, line: int, values: object, *, has_escapes: bool) -> Row:
        if has_escapes and _has_half_a_pair(values):
            half = "holds half of a surrogate pair (\\ud800 to \\udfff) that stands alone"
            return broken_row(line, "broken_json", half)
        if not isinstance(values, dict):
            return broken_row(line, "not_an_object", f"is {_kind(values)}; every line must be one JSON object")
        if not self._faulty:
            return Row(line, values)
        problems = [
            Problem(shown_name(key), "repeated_column", "appears twice in this line; keep one", line)
            for key in self._repeated
        ]
        if self._faulty > bool(self._repeated):
            twice = "a key appears twice in one object; the first counts"
            problems.append(Problem("messages", "repeated_key", twice, line))
        return Row(line, values, problems)

    def _first_counts(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = first_counts(pairs)
        self._repeated = []
        if isinstance(values, Ambiguous):
            self._repeated = repeated_names(key for key, _ in pairs)
            self._faulty += 1
        return values


def is_too_deep(text: str, deepest: int = DEEPEST) -> bool:
    """Whether JSON text is nested deeper than that. What has few brackets is not looked through."""
    if text.count("[") + text.count("{") <= deepest:
        return False
    now = most = 0
    for character in re.sub(r"[^][{}]+", "", _TEXT.sub("", text)):
        now += 1 if character in "[{" else -1
        most = max(most, now)
    return most > deepest


def _has_half_a_pair(values: object) -> bool:
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _kind(value: object) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
