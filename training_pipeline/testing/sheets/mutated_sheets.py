"""Training sheets as files, mutated: heads, JSONL, CSV and Parquet, each made by a seed and a number alone."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.testing.sheets.sheet_files import HEAD

KINDS: Final = ("head", "jsonl", "csv", "parquet")
#: Stands in every question: no message of ours may show it.
SECRET: Final = "Zq7secret"

_YAML: Final = (
    *(
        "2026-02-30",
        "2026-13-01",
        "!!int x",
        "!!float x",
        '!!binary "%"',
        "!!timestamp x",
        "!!set {a: 1}",
        "!!omap [a]",
    ),
    *("&m {x: *m}", "*gone", '"\\ud800"', '"a\\0b"', ".nan", ".inf", "0x" + "f" * 300, "9" * 5000, "1e400", "1:61:99"),
    *("[" * 200, "{a: " * 40, "{? [a] : 1}", "{<<: 3}", "{<<: [*a, *a]}", "!!python/object:os.system {}", "!<x> y"),
    *("|\n  block", ">-\n folded", "'it''s'", '"\\x41"', "~", '""', "[]", "{}", "yes", "=", "{1: 2}", "{a: 1, a: 2}"),
    *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "\u2028", "\ufeff", "\x85", "- - - x", "%YAML 1.1"),
    *("<<", "{<<: {a: 1}, a: 2}", "{<<: [{a: 1}, {b: 2}]}", "&m {a: 1, b: {<<: {c: 1}}}", "1" + ":1" * 400),
    "{? 0x%s : 1}" % ("f" * 3600),  # more digits than Python writes out
    "\n  a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"  b{n}: &b{n} [*a,*a]\n" for n in range(9)),
    "\n  a0: &a0 [x]\n" + "".join(f"  a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)),
)
_JSON: Final = (
    *(
        "NaN",
        "-Infinity",
        "1e999",
        "9" * 5000,
        "-0",
        "1E5",
        "01",
        "0x1",
        "true",
        "null",
        '""',
        '"\\u0000"',
        '"\\ud800"',
    ),
    *('"\\ud83d\\ude00"', "[]", "{}", "[null]", "[[]]", '[{"role": "user"}]', "[" * 2000 + "]" * 2000, '{"a":' * 600),
    *('{"a": 1, "a": 2}', "[1, 2]", '["training"] x', "'x'", "/**/ 1", "[1,]", '"\t"', '"labeled"', '["training", 1]'),
    *("18446744073709551616", "0.1e1", '"\\x"', '"\x7f"', "\u00a0", "\ufeff", '["few_shot", null]', '"unterminated'),
)
_TEXT: Final = (
    *(
        "",
        '"',
        '""',
        '"a',
        'a"b',
        "a,b",
        "a;b",
        "\n",
        "\r",
        '"a\nb"',
        '"a\r\nb"',
        "\0",
        "NULL",
        "nan",
        "[",
        '["training"',
    ),
    *(
        '["training"] x',
        "\ufeff",
        "\u3000",
        "training;",
        ";;",
        "\u017f",
        "x" * 3000,
        "#",
        "\\",
        '\\"',
        "'",
        " \t ",
        "\x1a",
        "=1",
    ),
)
_BYTES: Final = (
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b'"',
    b"\\",
    b",",
    b"\n",
    b"\r",
    b"\t",
    b"{",
    b"[",
)


@dataclass(frozen=True, slots=True)
class MutatedSheet:
    """The bytes of a head and of a file of pairs with the ending `suffix`."""

    kind: str
    head: bytes
    suffix: str
    pairs: bytes


def mutated_sheet(seed: int, number: int) -> MutatedSheet:
    """The sheet with this number, the same for the same seed; their kinds take turns."""
    chance = random.Random(f"{seed} {number}")
    kind = KINDS[number % len(KINDS)]
    rows = [_row(chance, position) for position in range(chance.randint(1, 5))]
    head, suffix = _head(chance), ".jsonl" if kind == "head" else f".{kind}"
    if kind == "head":
        return MutatedSheet(kind, _broken_head(chance, head), suffix, _jsonl(chance, rows, sound=True))
    write: dict[str, Callable[..., bytes]] = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}
    pairs = write[kind](chance, rows, sound=chance.random() < 0.4)
    if chance.random() < 0.7:
        pairs = _broken_bytes(chance, pairs)
    return MutatedSheet(kind, head.encode(), suffix, pairs)


def _head(chance: random.Random) -> str:
    extra: tuple[str, ...] = (
        "owner: ann@example.org\n",
        "tags: [PHI]\n",
        "metadata: {a: [1, {b: 2.5}], c: 2026-01-02}\n",
    )
    extra += ("defaults: {allowed_uses: [training], data_classification: internal}\n", "ignored_columns: [more]\n")
    return HEAD + "".join(line for line in extra if chance.random() < 0.5)


def _row(chance: random.Random, position: int) -> dict[str, Any]:
    question = f"Ä {SECRET} {chance.randint(0, 999)}?"
    row: dict[str, Any] = {"pair_id": f"p{position}", "item_ref": f"i{position}", "status": "labeled"}
    row |= {"allowed_uses": ["training", "validation"], "prohibited_uses": chance.choice([[], ["testing"]])}
    row |= {"data_classification": "internal", "question": question, "answer": f'say "{position}", ok'}
    return row


def _broken_head(chance: random.Random, head: str) -> bytes:
    lines = head.splitlines()
    for _ in range(chance.randint(1, 2)):
        where, value = chance.randrange(len(lines)), chance.choice(_YAML)
        key = lines[where].partition(":")[0]
        match chance.randrange(5):
            case 0:
                lines[where] = f"{key}: {value}"
            case 1:
                lines.insert(where, f"{chance.choice(['metadata', 'created_at', 'owner', 'x', value])}: {value}")
            case 2:
                lines.append(f"metadata: {{a: 1, b: {value}}}" if "\n" not in value else f"metadata: {value}")
            case 3:
                lines.append(f"defaults: {{{chance.choice(['allowed_uses', 'reviewed_at', 'usage_reason'])}: {value}}}")
            case _:
                start, end = sorted(chance.choices(range(len(lines[where]) + 1), k=2))
                lines[where] = lines[where][:start] + value + lines[where][end:]
    content = "\n".join(lines).encode() + b"\n"
    return _broken_bytes(chance, content) if chance.random() < 0.3 else content


def _broken_bytes(chance: random.Random, content: bytes) -> bytes:
    """A few bits flipped, bytes put in, and pieces taken out, doubled, moved or cut off."""
    made = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        start = chance.randint(0, len(made))
        end = min(len(made), start + chance.choice([1, 1, 2, 4, 16, 100]))
        match chance.randrange(8):
            case 0 | 1 if start < len(made):
                made[start] ^= 1 << chance.randrange(8)
            case 2 | 3:
                made[start:start] = chance.choice(_BYTES)
            case 4:
                del made[start:end]
            case 5:
                made[start:start] = made[start:end]
            case 6:
                made[start:end] = chance.randbytes(end - start)
            case _ if chance.random() < 0.3:
                del made[start:]
    return bytes(made)


def _jsonl(chance: random.Random, rows: list[dict[str, Any]], *, sound: bool) -> bytes:
    lines = []
    for row in rows:
        if chance.random() < 0.5:
            row = {**row, "messages": _messages(row)}
            del row["question"], row["answer"]
        fields = {name: json.dumps(value, ensure_ascii=chance.random() < 0.5) for name, value in row.items()}
        if not sound and chance.random() < 0.7:
            fields[chance.choice([*fields, "more", "usage_reason"])] = chance.choice(_JSON)
        named = [f'"{name}": {value}' for name, value in fields.items()]
        if not sound and chance.random() < 0.1:
            named.append(chance.choice(named))
        lines.append("{" + ", ".join(named) + "}")
    return (chance.choice(["\n", "\r\n", "\n\n"]).join(lines) + chance.choice(["\n", ""])).encode()


def _messages(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": row["question"]}, {"role": "assistant", "content": row["answer"], "weight": 1}]


def _csv(chance: random.Random, rows: list[dict[str, Any]], *, sound: bool) -> bytes:
    names = list(rows[0])
    chance.shuffle(names)
    table = [names, *([_cell(row[name]) for name in names] for row in rows)]
    text = io.StringIO()
    end = chance.choice(["\n", "\r\n"])
    csv.writer(text, lineterminator=end, quoting=chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])).writerows(table)
    lines = text.getvalue().split(end)
    for _ in range(0 if sound else chance.randint(1, 3)):
        where = chance.randrange(len(lines))
        fields = lines[where].split(",")
        fields[chance.randrange(len(fields))] = chance.choice(_TEXT)
        lines[where] = ",".join(fields) + chance.choice(["", "", "", ",", " "])
    return (chance.choice(["", "", "\ufeff"]) + end.join(lines)).encode()


def _cell(value: Any) -> str:
    return ";".join(value) if isinstance(value, list) else str(value)


def _parquet(chance: random.Random, rows: list[dict[str, Any]], *, sound: bool) -> bytes:
    columns: dict[str, Any] = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
    columns["prohibited_uses"] = columns["prohibited_uses"].cast(pa.list_(pa.string()))
    if chance.random() < 0.5:
        columns["messages"] = pa.array([_messages(row) for row in rows])
        del columns["question"], columns["answer"]
    if not sound:
        name = chance.choice([*columns, "more", "usage_reason"])
        columns[name] = _odd_column(chance, len(rows))
    options = {"compression": chance.choice(["none", "snappy", "zstd"]), "use_dictionary": chance.random() < 0.5}
    options |= {"data_page_version": chance.choice(["1.0", "2.0"]), "write_statistics": chance.random() < 0.7}
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def _odd_column(chance: random.Random, rows: int) -> pa.Array:
    makers: tuple[Callable[[], pa.Array], ...] = (
        lambda: pa.array([float("nan")] * rows),
        lambda: pa.array([b"q\xff0"] * rows),
        lambda: pa.array([2**62] * rows, pa.timestamp("us")),
        lambda: pa.array([2**62 + 1] * rows, pa.timestamp("ns")),
        lambda: pa.array([2**30] * rows, pa.date32()),
        lambda: pa.array([None] * rows),
        lambda: pa.array([["training", None]] * rows),
        lambda: pa.array([[{"role": "user", "x": 1}]] * rows),
        lambda: pa.array([[["training"]]] * rows),
        lambda: pa.array([{"a": SECRET}] * rows),
        lambda: pa.array([[("k", "v")]] * rows, pa.map_(pa.string(), pa.string())),
        lambda: pa.array(["training"] * rows).dictionary_encode(),
        lambda: pa.array([True] * rows),
        lambda: pa.array([Decimal("1.5")] * rows, pa.decimal128(5, 2)),
        lambda: pa.Array.from_buffers(pa.string(), rows, [None, *_bad_text(rows)]),
    )
    return chance.choice(makers)()


def _bad_text(rows: int) -> list[pa.Buffer]:
    """The buffers of an array of texts that are no UTF-8."""
    offsets = pa.array(range(0, 2 * rows + 1, 2), pa.int32()).buffers()[1]
    return [offsets, pa.py_buffer(b"\xc3\xff" * rows)]
