"""The hashes of texts that somebody has, as manifests hold them: to ask for a text without sending it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.rendering import prompt_hash, rendered, row_hash
from training_pipeline.domain.rules.tool_definitions import with_tools

_FIELDS = ("role", "content", "name", "weight", "tool_calls", "tool_call_id")
_SCHEMA = ibis.schema({name: PAIR_SCHEMA[name] for name in ("messages", "tools")})


@dataclass(frozen=True, slots=True)
class TextHashes:
    """What a text can be found by: as a whole example, and as a question. No text is in it."""

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
        asked = [{"role": "user", "content": text}]
        return TextHashes((), tuple(_hashed(asked, None)[1]))
    canonical, questions = _hashed(example["messages"], example.get("tools"))
    as_given = hashlib.sha256(stripped.encode()).hexdigest()
    return TextHashes(tuple(dict.fromkeys([as_given, canonical])), tuple(questions))


def texts_of(content: bytes) -> Iterator[str]:
    """The texts of a file: each line of JSONL, or the whole of any other. Raises `InvalidRequest` where it has none."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest("The file is not UTF-8.", hint="Save it as UTF-8.") from None
    lines = [line for line in text.splitlines() if line.strip()]
    yield from lines if lines and all(line.lstrip().startswith("{") for line in lines) else [text]


def _example(text: str) -> dict[str, Any] | None:
    """The example in a text; None where it is no JSON."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    messages = found.get("messages") if isinstance(found, dict) else None
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages) or not messages:
        raise InvalidRequest(
            "The file has JSON that is no example.", hint='An example is {"messages": [{"role": …, "content": …}, …]}.'
        )
    return dict(found)


def _hashed(messages: Sequence[Mapping[str, Any]], tools: Any) -> tuple[str, list[str]]:
    """The hash of an example and those of its questions."""
    rows = [{"messages": [_message(message) for message in messages], "tools": _json(tools)}]
    table = ibis.memtable(rows, schema=_SCHEMA)
    hashes = table.select(
        row=row_hash(with_tools(rendered(table.messages), table.tools)), question=prompt_hash(table.messages)
    )
    found = ibis.duckdb.connect().to_pyarrow(hashes).to_pylist()[0]
    return found["row"], (found["question"] or "").split()


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: message.get(name) for name in _FIELDS}
    content, calls = fields["content"], fields["tool_calls"]
    return {**fields, "content": content if isinstance(content, str) else None, "tool_calls": _json(calls)}


def _json(value: Any) -> str | None:
    """As the canonical rendering writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else None
