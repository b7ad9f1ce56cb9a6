"""The hashes of texts that somebody has, as manifests hold them: to ask for a text without sending it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from training_pipeline.datasets.earlier_questions import question_of_policy_3, questions_of_policy_6
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.examples.json_text import (
    NO_JSON,
    as_double,
    first_counts,
    is_ambiguous,
    parsed,
    read,
)
from training_pipeline.domain.rules.examples.rendering import rendered, row_hash
from training_pipeline.domain.rules.examples.tool_definitions import with_tools
from training_pipeline.domain.rules.plain_comparison import questions, spoken

_TEXTS = ("role", "content", "name", "tool_call_id")
_SCHEMA = ibis.schema({name: PAIR_SCHEMA[name] for name in ("messages", "tools")})


@dataclass(frozen=True, slots=True)
class TextHashes:
    """What a text can be found by: as a whole example, and as a question. No text is in it.

    Behind the questions are those that manifests of gate policies 4 to 6 have otherwise, and that of policies 1 to 3.
    """

    row_hashes: tuple[str, ...]
    question_hashes: tuple[str, ...]


def text_hashes(text: str) -> TextHashes:
    """The hashes of a text: of an example in JSON, as in `train.jsonl` (`{"messages": […]}`), else of a question.

    An example is looked for by the bytes of its line and as we would write it. Raises `InvalidRequest`, without the
    text, for JSON that is no example, and where there is no text at all.
    """
    stripped = text.strip()
    if not stripped:
        raise InvalidRequest("The file has no text.", hint="Give a question, or examples in JSONL.")
    example = _example(stripped)
    if example is None:
        return TextHashes((), _questions([{"role": "user", "content": text}]))
    messages = stored_pair(example)["messages"]
    as_given = hashlib.sha256(stripped.encode()).hexdigest()
    rows = dict.fromkeys([as_given, _row_hash(messages, example.get("tools"))])
    return TextHashes(tuple(rows), _questions(messages))


def texts_of(content: bytes) -> Iterator[str]:
    """The texts of a file: see `numbered_texts`."""
    return (text for _, text in numbered_texts(content))


def numbered_texts(content: bytes) -> Iterator[tuple[int, str]]:
    """The texts of a file, each with the line that it begins at: each line of JSONL, or the whole of any other.

    What is JSON as a whole is one text, and so is a question that begins with a brace. JSONL is a file whose lines are
    all JSON, or whose first line is an example. Lines end with a line feed alone. Raises `InvalidRequest` where the
    file has no UTF-8, or where its first line is an example and another one is no JSON, or has a key twice.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest("The file is not UTF-8.", hint="Save it as UTF-8.") from None
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines or not lines[0][1].lstrip().startswith("{") or parsed(text) is not NO_JSON:
        yield 1, text
        return
    broken = [(number, line) for number, line in lines if parsed(line.strip()) is NO_JSON]
    if not broken:
        yield from lines
    elif _is_example(lines[0][1]):
        number, line = broken[0]
        what = "is no JSON" if read(line) is NO_JSON else "has a key twice in an object"
        raise InvalidRequest(
            f"Line {number} of the file {what}; its first line is an example, and so must the others be.",
            hint="Give examples in JSONL, one object a line, or a question alone.",
        )
    else:
        yield 1, text


def _is_example(line: str) -> bool:
    found = read(line)
    return isinstance(found, dict) and "messages" in found


def _example(text: str) -> dict[str, Any] | None:
    """The example in a text; None where it is no JSON."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text, object_pairs_hook=first_counts)
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidRequest("The file has half a surrogate pair, which no text has.") from None
    except (ValueError, RecursionError):
        return None
    if is_ambiguous(found):
        raise InvalidRequest("The file has JSON with a key twice in an object.", hint="Leave one of the two out.")
    messages = found.get("messages") if isinstance(found, dict) else None
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages) or not messages:
        raise InvalidRequest(
            "The file has JSON that is no example.", hint='An example is {"messages": [{"role": …, "content": …}, …]}.'
        )
    return dict(found)


def _row_hash(messages: Sequence[Mapping[str, Any]], tools: Any) -> str:
    table = ibis.memtable([{"messages": messages, "tools": _json(tools)}], schema=_SCHEMA)
    found = ibis.duckdb.connect().to_pyarrow(row_hash(with_tools(rendered(table.messages), table.tools)))
    return str(found[0].as_py())


def _questions(messages: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The hashes of the questions that are asked outright, in their order, then those of the earlier policies."""
    outright = [question[0] for question in questions(spoken(messages)) if question]
    return tuple(dict.fromkeys([*outright, *questions_of_policy_6(messages), question_of_policy_3(messages)]))


def stored_pair(example: Mapping[str, Any]) -> dict[str, Any]:
    """The `messages` and `tools` of an example in JSON, as a sheet has them."""
    messages = [_message(message) for message in example["messages"]]
    return {"messages": messages, "tools": _json(example.get("tools"))}


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: value for name in _TEXTS if isinstance(value := message.get(name), str)}
    number = as_double(message.get("weight"))
    return {**dict.fromkeys(_TEXTS), **texts, "weight": number, "tool_calls": _json(message.get("tool_calls"))}


def _json(value: Any) -> str | None:
    """As the canonical rendering writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else None
