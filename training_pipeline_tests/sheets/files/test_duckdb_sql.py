"""What each file format says, as `PAIR_SCHEMA` shows it: lenient in form, strict in meaning."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.sheets.files.checking import CheckReport, check
from training_pipeline.sheets.files.duckdb_macros import MACROS
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.sheet_files import HEAD, ROW, Put
from training_pipeline.testing.sheets.texts import JSON, NO_CALLS, NO_FUNCTIONS, NO_JSON, TWICE, TWICE_IN_TEXT
from training_pipeline.testing.soak import examples

Read = Callable[..., list[dict[str, Any]]]

LABEL = {"canonical_label_id": "l1", "label_allowed_uses": ["training"], "label_usage_reason": "contains PHI"}

NAMED = {"id": 1, "function": {"name": "look"}}
CALL = {"function": {"name": "look", "arguments": '{"at":"Graz"}'}}
BAD = {"function": {"name": "look", "arguments": '{"at": Graz}'}}


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (ROW["messages"], ROW["messages"]),
        ("text", None),
        (None, None),
        ({"role": "user"}, None),
        ([], []),
        ([1, {"role": "user"}], None),
        ([None], None),
        ([{"role": "user", "content": ["part"], "mood": 1}], [{"role": "user"}]),
        ([{"role": 5, "content": 5}], [{}]),
        ([{"role": "tool", "content": "7", "name": "sum", "tool_call_id": "c1"}],) * 2,
        ([{"role": "assistant", "weight": 1}], [{"role": "assistant", "weight": 1.0}]),
        ([{"role": "assistant", "weight": True}], [{"role": "assistant", "weight": -1.0}]),
        ([{"role": "assistant", "weight": "1"}], [{"role": "assistant", "weight": -1.0}]),
        ([{"role": "assistant", "weight": None}], [{"role": "assistant"}]),
        ([{"role": "assistant", "tool_calls": [NAMED]}], [{"role": "assistant", "tool_calls": _json([NAMED])}]),
        ([{"role": "assistant", "tool_calls": _json([NAMED])}], [{"role": "assistant", "tool_calls": _json([NAMED])}]),
        ([{"role": "assistant", "tool_calls": "null"}], [{"role": "assistant"}]),
        ([{"role": "assistant", "tool_calls": " [ ] "}], [{"role": "assistant"}]),
        *(
            ([{"role": "assistant", "tool_calls": calls}], [{"role": "assistant", "tool_calls": ""}])
            for calls in NO_CALLS
        ),
        ([{"role": "assistant", "tool_calls": [CALL]}], [{"role": "assistant", "tool_calls": _json([CALL])}]),
        ([{"role": "assistant", "tool_calls": [CALL, BAD]}], [{"role": "assistant", "tool_calls": ""}]),
        ([{"role": "assistant", "tool_calls": _json([BAD])}], [{"role": "assistant", "tool_calls": ""}]),
        ([{"role": "assistant", "tool_calls": []}], [{"role": "assistant"}]),
    ],
)
def test_messages_of_jsonl(put: Put, read: Read, messages: Any, expected: Any) -> None:
    put([ROW | {"messages": messages}])
    (row,) = read()
    assert row["messages"] == expected


@pytest.mark.parametrize(
    ("uses", "expected"),
    [(["training"], ["training"]), ([], []), (None, None), ("training", None), (["training", 5], None), ([None], None)],
)
@pytest.mark.parametrize("column", ["allowed_uses", "prohibited_uses"])
def test_uses_of_jsonl(put: Put, read: Read, column: str, uses: Any, expected: Any) -> None:
    put([ROW | {column: uses}])
    (row,) = read()
    assert row[column] == expected


def test_texts_of_jsonl(put: Put, read: Read) -> None:
    put([ROW | {"pair_id": 5, "item_ref": None, "status": True, "data_classification": ["public"]}])
    (row,) = read()
    texts = ("pair_id", "item_ref", "status", "data_classification")
    assert [row[name] for name in texts] == ["5", None, "true", '["public"]']


def test_defaults_fill_missing_columns_and_never_what_is_null_or_malformed(put: Put, read: Read) -> None:
    head = HEAD + 'defaults: {allowed_uses: [training], prohibited_uses: [], usage_reason: "it\'s stated"}\n'
    rows = [ROW | {"pair_id": str(number)} for number in range(4)]
    rows[1] = rows[1] | {"allowed_uses": None, "usage_reason": None}
    rows[2] = rows[2] | {"allowed_uses": "training", "usage_reason": "own"}
    del rows[3]["allowed_uses"]
    rows[3]["allowed_uses"] = []
    put(rows, head=head)
    found = read()
    assert [row["allowed_uses"] for row in found] == [["training"], None, None, []]
    assert [row["usage_reason"] for row in found] == [None, None, "own", None]
    put([{name: value for name, value in ROW.items() if name != "allowed_uses"}], head=head)
    (silent,) = read()
    assert (silent["allowed_uses"], silent["usage_reason"]) == (["training"], "it's stated")


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_label_constraint_that_cannot_be_read_denies(put: Put, read: Read, suffix: str) -> None:
    rows = [ROW | LABEL | {"label_prohibited_uses": "training"}]
    put(rows if suffix == ".jsonl" else pa.Table.from_pylist(rows), suffix)
    (row,) = read()
    assert (row["allowed_uses"], row["label_prohibited_uses"]) == (None, None)
    assert row["label_allowed_uses"] == ["training"]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_questions_and_answers_become_messages(put: Put, read: Read, suffix: str) -> None:
    base = {name: value for name, value in ROW.items() if name != "messages"}
    rows = [
        base | {"pair_id": "1", "question": "q", "answer": "a", "system": None},
        base | {"pair_id": "2", "question": "q", "answer": None, "system": "be brief"},
    ]
    put(rows if suffix == ".jsonl" else pa.Table.from_pylist(rows), suffix)
    first, second = (row["messages"] for row in read())
    assert first == [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert second == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "q"},
        {"role": "assistant"},
    ]


def test_csv(put: Put, read: Read) -> None:
    put(
        "\ufeffpair_id,item_ref,status,allowed_uses,prohibited_uses,question,answer,system\r\n"
        '1,i,labeled,training; validation,[],"two\nlines, one ""question""",a,\r\n'
        '2,i,labeled,"[""training"", ""testing""]",;,q,,be brief\r\n\r\n'
        "3,,labeled,,[1],q,a,\r\n",
        ".csv",
    )
    rows = read()
    assert [row["allowed_uses"] for row in rows] == [["training", "validation"], ["training", "testing"], None]
    assert [row["prohibited_uses"] for row in rows] == [[], None, None]
    assert rows[0]["messages"][0] == {"role": "user", "content": 'two\nlines, one "question"'}
    assert rows[1]["messages"][0]["role"] == "system"
    assert (rows[1]["messages"][2], rows[2]["item_ref"]) == ({"role": "assistant"}, None)


def test_csv_with_messages_and_other_separators(put: Put, read: Read) -> None:
    content = "pair_id;item_ref;status;allowed_uses;messages\n1;i;labeled;training|testing;"
    put(
        content + '"[{""role"": ""user"", ""content"": ""q;r""}]"\n2;i;labeled;x;no json\n',
        ".csv",
        head=HEAD + "delimiter: ';'\nlist_separator: '|'\n",
    )
    first, second = read()
    assert first["allowed_uses"] == ["training", "testing"]
    assert (first["messages"], second["messages"]) == ([{"role": "user", "content": "q;r"}], None)


TOOLS = '[{"name":"look","parameters":{"b":1,"a":null}}]'


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        (json.loads(TOOLS), TOOLS),
        (json.dumps(json.loads(TOOLS)), TOOLS),
        (None, None),
        ([], None),
        ("[]", None),
        ("null", None),
        ("", ""),
        ("look", ""),
        ({"name": "look"}, ""),
        ([{"name": "look"}, 1], ""),
        ([None], ""),
        (5, ""),
    ],
)
def test_tool_definitions_of_jsonl(put: Put, read: Read, tools: Any, expected: str | None) -> None:
    put([ROW | {"tools": tools}, ROW | {"pair_id": "p2"}])
    assert [row.get("tools") for row in read()] == [expected, None]


def test_tool_definitions_of_csv_and_parquet(put: Put, read: Read) -> None:
    quoted = json.dumps(json.loads(TOOLS)).replace('"', '""')
    head = "pair_id,item_ref,status,allowed_uses,question,answer,tools\n"
    put(head + f'1,i,labeled,training,q,a,"{quoted}"\n2,i,labeled,training,q,a,\n3,i,labeled,training,q,a,x\n', ".csv")
    assert [row.get("tools") for row in read()] == [TOOLS, None, ""]


def test_tool_definitions_of_parquet_may_be_text_or_structs(put: Put, read: Read) -> None:
    rows = [ROW | {"pair_id": str(number), "tools": tools} for number, tools in enumerate([TOOLS, None, "x"])]
    put(pa.Table.from_pylist(rows), ".parquet")
    assert [row.get("tools") for row in read()] == [TOOLS, None, ""]
    structs = [[{"name": "look", "most": 1.5}], None, [{"name": "look", "most": float("inf")}]]
    rows = [ROW | {"pair_id": str(number), "tools": tools} for number, tools in enumerate(structs)]
    put(pa.Table.from_pylist(rows), ".parquet")
    assert [row.get("tools") for row in read()] == ['[{"name":"look","most":1.5}]', None, ""]


STRUCTS: dict[str, tuple[Any, Any]] = {
    "role and content": (pa.struct({"role": pa.string(), "content": pa.string()}), {}),
    "content first": (pa.struct({"content": pa.string(), "role": pa.string()}), {}),
    "whole weights": (pa.struct({"role": pa.string(), "content": pa.string(), "weight": pa.int64()}), {"weight": 1}),
    "weights in words": (
        pa.struct({"role": pa.string(), "content": pa.string(), "weight": pa.string()}),
        {"weight": "1"},
    ),
    "tool calls": (
        pa.struct({"role": pa.string(), "content": pa.string(), "tool_calls": pa.string()}),
        {"tool_calls": _json([NAMED])},
    ),
    "no tool calls": (
        pa.struct({"role": pa.string(), "content": pa.string(), "tool_calls": pa.string()}),
        {"tool_calls": ""},
    ),
    "calls that cannot be read": (
        pa.struct({"role": pa.string(), "content": pa.string(), "tool_calls": pa.string()}),
        {"tool_calls": "banana"},
    ),
    "numbers that JSON does not have": (
        pa.struct({"role": pa.string(), "content": pa.string(), "tool_calls": pa.list_(pa.float64())}),
        {"tool_calls": [float("nan")]},
    ),
    "foreign field": (pa.struct({"role": pa.string(), "content": pa.string(), "mood": pa.string()}), {"mood": "x"}),
}


@pytest.mark.parametrize("kind", STRUCTS)
def test_structs_of_parquet(put: Put, sheets: FileTrainingSheets, read: Read, kind: str) -> None:
    struct, extra = STRUCTS[kind]
    message = {"role": "assistant", "content": "a"}
    table = pa.Table.from_pylist([{name: value for name, value in ROW.items() if name != "messages"}])
    put(table.append_column("messages", pa.array([[message | extra]], pa.list_(struct))), ".parquet")
    expected: dict[str, Any] = {
        "whole weights": {"weight": 1.0},
        "weights in words": {"weight": -1.0},
        "tool calls": {"tool_calls": _json([NAMED])},
        "no tool calls": {"tool_calls": ""},
        "calls that cannot be read": {"tool_calls": ""},
        "numbers that JSON does not have": {"tool_calls": ""},
    }
    (row,) = read()
    assert row["messages"] == [message | expected.get(kind, {})]
    with sheets.open("s") as opened:
        assert opened.pairs.schema() == PAIR_SCHEMA


def test_messages_as_text_and_other_types_of_parquet(put: Put, read: Read) -> None:
    row = ROW | {"pair_id": 7, "messages": '[{"role": "user", "content": "q"}]', "allowed_uses": "training"}
    put(pa.Table.from_pylist([row, row | {"messages": "no json", "pair_id": 8}]), ".parquet")
    first, second = read()
    assert (first["pair_id"], first["allowed_uses"]) == ("7", None)
    assert (first["messages"], second["messages"]) == ([{"role": "user", "content": "q"}], None)


def test_structs_that_match_are_passed_through_without_lambdas(put: Put, sheets: FileTrainingSheets) -> None:
    put(pa.Table.from_pylist([ROW]), ".parquet")
    with sheets.open("s") as opened:
        connection = opened.pairs.get_backend().con
        (sql,) = connection.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'pairs'").fetchone()
    assert "_of(messages" not in sql


def in_parquet(put: Put, read: Read, **texts: str) -> dict[str, Any]:
    """The row with these texts in place of its values, as a file with columns of text says it."""
    put(pa.Table.from_pylist([ROW | texts]), ".parquet")
    (row,) = read()
    return row


@pytest.mark.parametrize("wrong", NO_JSON.values(), ids=NO_JSON)
def test_text_that_is_not_one_json_value_is_none(put: Put, read: Read, wrong: str) -> None:
    messages = wrong.replace("%s", _json(ROW["messages"]))
    assert in_parquet(put, read, messages=messages)["messages"] is None
    call = [{"role": "assistant", "tool_calls": wrong.replace("%s", _json([CALL]))}]
    assert in_parquet(put, read, messages=_json(call))["messages"] == [{"role": "assistant", "tool_calls": ""}]
    assert in_parquet(put, read, tools=wrong.replace("%s", _json([CALL])))["tools"] == ""


@pytest.mark.parametrize("right", JSON.values(), ids=JSON)
def test_text_that_is_one_json_value_is_read(put: Put, read: Read, right: str) -> None:
    assert in_parquet(put, read, messages=right.replace("%s", _json(ROW["messages"])))["messages"]


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        yield connection


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-9, 9)
        | st.text(max_size=3)
        | st.sampled_from(["NaN", ",]", '"', "\\"]),
        lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=2), values, max_size=3),
        max_leaves=6,
    )
)
@settings(max_examples=examples(30), deadline=None)
def test_whatever_python_writes_as_json_is_json(engine: duckdb.DuckDBPyConnection, value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, separators=(",", ":"), ensure_ascii=False)):
        asked = engine.execute("SELECT is_json($1), is_json('[' || $1 || ',]')", [text])
        assert asked.fetchone() == (True, False)


def test_arguments_may_hold_lists_of_texts(put: Put, read: Read) -> None:
    arguments = {"function": {"name": "look", "arguments": '{"at":["Graz","Wien"]}'}}
    calls = _json([{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [arguments]}])
    row = in_parquet(put, read, messages=calls)
    assert row["messages"][1]["tool_calls"] == _json([arguments])


def test_calls_in_text_are_compact_and_otherwise_as_they_were(put: Put, read: Read) -> None:
    calls = '[ {"id": "a  b", "function": {"name": "f"}, "n": 1.50, "m": 0.1234567890123456789} ]'
    messages = [{"role": "assistant", "tool_calls": calls}]
    put([ROW | {"messages": messages}])
    (row,) = read()
    assert row["messages"][0]["tool_calls"] == calls.replace(" ", "").replace("ab", "a  b")


def test_a_call_is_an_object_with_a_named_function(put: Put, read: Read) -> None:
    """Chat templates pass over anything else: the answer would be the end token alone."""
    calls = [*NO_FUNCTIONS, *map(json.dumps, NO_FUNCTIONS), [{"function": {"name": "look"}}]]
    answers = [{"role": "assistant", "content": "", "tool_calls": each} for each in calls]
    path = put([ROW | {"pair_id": f"p{at:02d}", "messages": [answer]} for at, answer in enumerate(answers)])
    read_calls = [row["messages"][0]["tool_calls"] for row in sorted(read(), key=lambda row: row["pair_id"])]
    assert read_calls == [""] * 2 * len(NO_FUNCTIONS) + ['[{"function":{"name":"look"}}]']
    assert check_of(path).counts["invalid_tool_calls"] == 2 * len(NO_FUNCTIONS)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("calls", [*TWICE, TWICE_IN_TEXT])
@pytest.mark.parametrize("in_text", [False, True])
def test_a_key_that_stands_twice_in_a_call_makes_a_pair_invalid(
    put: Put, read: Read, calls: str, suffix: str, in_text: bool
) -> None:
    """Whoever reads the last of the two would train on something else than what was judged."""
    messages = '[{"role":"user","content":"q"},{"role":"assistant","content":"a","tool_calls":%s}]'
    row = {name: value for name, value in ROW.items() if name != "messages"}
    path = put_texts(put, row, {"messages": messages % (json.dumps(calls) if in_text else calls)}, suffix)
    assert read()[0]["messages"][1]["tool_calls"] == ""
    assert checked(path) & {"invalid_tool_calls", "invalid_tool_arguments"}


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("tools", TWICE)
def test_a_key_that_stands_twice_in_tool_definitions_makes_a_pair_invalid(
    put: Put, read: Read, tools: str, suffix: str
) -> None:
    path = put_texts(put, ROW | {"messages": json.dumps(ROW["messages"])}, {"tools": tools}, suffix)
    assert read()[0]["tools"] == ""
    assert "invalid_tools" in checked(path)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("number", ["1e999", "-2.5E+400", "9" * 400, "1" + "0" * 250 + "e99"])
@pytest.mark.parametrize("place", ["[%s]", '[{"function":{"arguments":"{\\"n\\": %s}"}}]'])
@pytest.mark.parametrize("in_text", [False, True])
def test_a_number_that_no_double_can_hold_makes_a_pair_invalid(
    put: Put, read: Read, number: str, suffix: str, place: str, in_text: bool
) -> None:
    calls = place % number
    messages = '[{"role":"user","content":"q"},{"role":"assistant","content":"a","tool_calls":%s}]'
    row = {name: value for name, value in ROW.items() if name != "messages"}
    path = put_texts(put, row, {"messages": messages % (json.dumps(calls) if in_text else calls)}, suffix)
    assert read()[0]["messages"][1]["tool_calls"] == ""
    assert checked(path) & {"invalid_tool_calls", "invalid_tool_arguments"}


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_tool_definitions_have_no_such_number_either(put: Put, read: Read, suffix: str) -> None:
    tools = '[{"type":"function","most":1e999}]'
    path = put_texts(put, ROW | {"messages": json.dumps(ROW["messages"])}, {"tools": tools}, suffix)
    assert read()[0]["tools"] == ""
    assert "invalid_tools" in checked(path)


def test_numbers_that_a_double_can_hold_are_kept(put: Put, read: Read) -> None:
    numbers = '[1e308,-1.5E+300,1e-999,123456789012345678901234567890,"1e999",{"a1e999":5}]'
    calls = f'[{{"function":{{"name":"add","arguments":{numbers}}}}}]'
    path = put([ROW | {"messages": [*ROW["messages"][:1], {"role": "assistant", "content": "a", "tool_calls": calls}]}])
    assert read()[0]["messages"][1]["tool_calls"] == calls
    assert "invalid_tool_calls" not in checked(path)


def put_texts(put: Put, row: dict[str, Any], texts: dict[str, str], suffix: str) -> Path:
    """A file of one row; of `texts`, which are JSON, JSONL has the values."""
    if suffix == ".jsonl":
        stated = {name: value for name, value in row.items() if name not in texts} | {"messages": ROW["messages"]}
        stated = {name: value for name, value in stated.items() if name not in texts}
        return put(json.dumps(stated)[:-1] + "".join(f',"{name}":{text}' for name, text in texts.items()) + "}\n")
    whole = row | texts
    if suffix == ".parquet":
        return put(pa.Table.from_pylist([whole]), suffix)
    file = io.StringIO()
    writer = csv.DictWriter(file, [*whole])
    writer.writeheader()
    writer.writerow({name: ";".join(value) if isinstance(value, list) else value for name, value in whole.items()})
    return put(file.getvalue(), suffix)


def checked(path: Path) -> set[str]:
    """The codes of what `check` says of the sheet."""
    return set(check_of(path).counts)


def check_of(path: Path) -> CheckReport:
    files = FileTrainingSheets([path.parent]).files("s")
    return check(files.data, files.head)
