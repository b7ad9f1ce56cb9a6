"""Conversations of one turn, in the words of our own DuckDB: a user asks, an assistant answers, and no tool is called.

Nearly all examples are. What `comparison.py` and `rendering.py` say of any conversation, list by list, is said here of
three texts, and their hashes are worked out for a thousand pairs at a time by a function in Python that the engine
calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import reduce
from hashlib import sha256
from operator import and_
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.comparison import ANSWER, HASH_DIGITS, USER, OneTurn
from training_pipeline.domain.rules.text.characters import engine_function
from training_pipeline.domain.rules.text.many_forms import loose_forms, strict_form, texts_of

_MESSAGES: Final = PAIR_SCHEMA["messages"]
_HASHES: Final = dt.Struct(dict.fromkeys(("asked", "shown", "row_hash", "copy_hash"), dt.string))
_TEXTS: Final = {"system": dt.string, "asks": dt.string, "answers": dt.string}

_at = engine_function("list_extract", {"messages": _MESSAGES, "place": dt.int64}, _MESSAGES.value_type)
_hashes = engine_function(
    "turn_hashes", {**_TEXTS, "shows": dt.boolean, "copies": dt.boolean, "bare": dt.boolean}, _HASHES
)
_loose_form = engine_function("loose_form", {"text": dt.string}, dt.string)


def _is_one(messages: ir.ArrayValue) -> ir.BooleanValue:
    count, first, asks, answers = messages.length(), *_messages(messages)
    alone = (count == 2) | ((count == 3) & (first["role"] == "system"))
    roles = (asks["role"] == "user") & (answers["role"] == "assistant")
    texts = first["content"].notnull() & asks["content"].notnull() & answers["content"].notnull()
    calls = first["tool_calls"].isnull() & asks["tool_calls"].isnull() & answers["tool_calls"].isnull()
    return (alone & roles & texts & calls).fill_null(False)


def _is_bare(messages: ir.ArrayValue) -> ir.BooleanValue:
    fields = ("name", "weight", "tool_call_id")
    return reduce(and_, (message[field].isnull() for message in _messages(messages) for field in fields))


def _hashed(messages: ir.ArrayValue, shows: ir.BooleanValue, copies: ir.BooleanValue) -> ir.StructValue:
    first, asks, answers = _messages(messages)
    system = ibis.cases((messages.length() == 3, first["content"]))
    return _hashes(system, asks["content"], answers["content"], shows, copies, _is_bare(messages))


def _messages(messages: ir.ArrayValue) -> tuple[ir.StructValue, ir.StructValue, ir.StructValue]:
    """The first one, the question, and its answer."""
    return _at(messages, 1), _at(messages, -2), _at(messages, -1)


ONE_TURN: Final = OneTurn(
    is_one=_is_one,
    hashes=_hashed,
    question=lambda messages: _loose_form(_at(messages, -2)["content"]),
)


def turn_hashes(
    system: pa.ChunkedArray,
    asks: pa.ChunkedArray,
    answers: pa.ChunkedArray,
    shows: pa.ChunkedArray,
    copies: pa.ChunkedArray,
    bare: pa.ChunkedArray,
) -> pa.Array:
    """Of turns, by their texts, what `Comparison.of` says: the others than `asked` of those that show an example,
    `row_hash` where their messages are bare, and `copy_hash` where they may be copies.
    """
    questions = texts_of(_whole(asks))
    asking = [_USER + form for form in loose_forms(questions)]
    hashes: dict[str, list[str | None]] = {name: [None] * len(asking) for name in _HASHES.names}
    hashes["asked"] = [sha256(said).hexdigest()[:HASH_DIGITS] if len(said) > 1 else None for said in asking]
    rows = pc.indices_nonzero(_whole(shows).fill_null(False))
    given = texts_of(_whole(answers).take(rows))
    before, may_be_copy, is_bare = (column.take(rows).to_pylist() for column in (system, copies, bare))
    begun: dict[str | None, tuple[bytes, bytes]] = {}
    for row, answer, form, said, copied, plain in zip(
        rows.to_pylist(), given, loose_forms(given), before, may_be_copy, is_bare, strict=True
    ):
        question = questions[row]
        hashes["shown"][row] = sha256(asking[row] + _ANSWER + form).hexdigest()[:HASH_DIGITS]
        if said not in begun:
            begun[said] = _begun(said), _begun(None if said is None else strict_form(said.encode()).decode())
        beginning, settled = begun[said]
        row_hash = _line_hash(beginning, question, answer)
        if plain:
            hashes["row_hash"][row] = row_hash
        if copied:
            strictly = strict_form(question), strict_form(answer)
            same = beginning == settled and strictly == (question, answer)
            hashes["copy_hash"][row] = row_hash if same else _line_hash(settled, *strictly)
    return pa.StructArray.from_arrays([pa.array(found, pa.string()) for found in hashes.values()], names=[*hashes])


def loose_form(texts: pa.ChunkedArray) -> pa.Array:
    """`plain_form.loose` of each text; of null that of an empty text."""
    return pa.array(loose_forms(texts_of(_whole(texts))), pa.binary()).cast(pa.string())


def _begun(system: str | None) -> bytes:
    """The line of an example, up to the text of its question."""
    said = b"" if system is None else b'{"role":"system","content":"' + _quoted(system.encode()) + b'"},'
    return b'{"messages":[' + said + b'{"role":"user","content":"'


def _line_hash(beginning: bytes, question: bytes, answer: bytes) -> str:
    parts = (beginning, _quoted(question), b'"},{"role":"assistant","content":"', _quoted(answer), b'"}]}')
    return sha256(b"".join(parts)).hexdigest()


def _quoted(text: bytes) -> bytes:
    """A text as JSON has it, without the marks around it: as `rendering.py` writes it."""
    if special := text.translate(None, _PLAIN):
        text = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
        if special.strip(_COMMON):
            text = _CONTROL.sub(lambda found: _ESCAPED[found[0]], text)
    return text


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


_USER, _ANSWER = USER.encode(), ANSWER.encode()
_COMMON: Final = b'\\"\n'
_CONTROL: Final = re.compile(rb"[\x00-\x1f]")
_SHORT: Final = {b"\r": b"\\r", b"\t": b"\\t", b"\b": b"\\b", b"\f": b"\\f"}
_ESCAPED: Final = {bytes([code]): b"\\u%04X" % code for code in range(0x20)} | _SHORT
_PLAIN: Final = bytes(code for code in range(0x20, 0x100) if chr(code) not in '"\\')

#: The functions that the engine must know, with the types of their arguments and of what they return.
FUNCTIONS: Final[Mapping[str, tuple[Callable[..., pa.Array], list[str], str]]] = {
    "turn_hashes": (
        turn_hashes,
        ["VARCHAR", "VARCHAR", "VARCHAR", "BOOLEAN", "BOOLEAN", "BOOLEAN"],
        "STRUCT(asked VARCHAR, shown VARCHAR, row_hash VARCHAR, copy_hash VARCHAR)",
    ),
    "loose_form": (loose_form, ["VARCHAR"], "VARCHAR"),
}
