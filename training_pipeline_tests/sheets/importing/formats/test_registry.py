"""Counts, order and texts of each format that has no words for a status; and hostile variants of all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.sheets.importing.formats.base import Notes
from training_pipeline.sheets.importing.formats.registry import FORMATS, recognised
from training_pipeline.sheets.importing.importer import import_sheet
from training_pipeline.sheets.importing.mapping import ColumnMapping
from training_pipeline.sheets.importing.pairs import judged, pair_of, plan_of
from training_pipeline.sheets.importing.stored import stored
from training_pipeline.sheets.importing.tally import Tally
from training_pipeline.testing.sheets.imports import import_rows, pairs_of, request_for, turns

CALL = '{"name": "fly", "arguments": {"m": 1}}'

Turns = list[tuple[str, str | None]]
#: Format, rows as it has them, and the turns they stand for.
PUBLISHED: list[tuple[str, list[dict[str, Any]], list[Turns]]] = [
    (
        "openai-chat",
        [
            {"messages": [{"role": "user", "content": f"q{n} "}, {"role": "assistant", "content": f" a{n}\n"}]}
            for n in range(3)
        ],
        [[("user", f"q{n} "), ("assistant", f" a{n}\n")] for n in range(3)],
    ),
    (
        "prompt-completion",
        [{"prompt": "The sky is", "completion": " blue."}, {"prompt": "2", "completion": " 3"}],
        [[("user", "The sky is"), ("assistant", " blue.")], [("user", "2"), ("assistant", " 3")]],
    ),
    (
        "prompt-completion",
        [
            {
                "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}],
                "completion": [{"role": "assistant", "content": "a"}],
            }
        ],
        [[("system", "s"), ("user", "q"), ("assistant", "a")]],
    ),
    (
        "sharegpt",
        [
            {
                "conversations": [
                    {"from": "human", "value": "q"},
                    {"from": "function_call", "value": CALL},
                    {"from": "observation", "value": "ok"},
                    {"from": "gpt", "value": "a"},
                ],
                "system": "s",
                "tools": '[{"name": "fly", "parameters": {}}]',
            }
        ],
        [[("system", "s"), ("user", "q"), ("assistant", None), ("tool", "ok"), ("assistant", "a")]],
    ),
    (
        "alpaca",
        [
            {"instruction": "Name it.", "input": "cat", "output": "mammal"},
            {"instruction": "Say hi.", "input": "", "output": "hi", "system": "s", "history": [["q", "a"]]},
        ],
        [
            [("user", "Name it.\n\ncat"), ("assistant", "mammal")],
            [("system", "s"), ("user", "q"), ("assistant", "a"), ("user", "Say hi."), ("assistant", "hi")],
        ],
    ),
    (
        "columns",
        [{"Question": "q", "Answer": 7, "id": 1}],
        [[("user", "q"), ("assistant", "7")]],
    ),
]


@pytest.mark.parametrize(("name", "rows", "expected"), PUBLISHED)
@pytest.mark.parametrize("as_parquet", [False, True])
def test_counts_order_and_texts(
    tmp_path: Path,
    name: str,
    rows: list[dict[str, Any]],
    expected: list[list[tuple[str, str | None]]],
    as_parquet: bool,
) -> None:
    if as_parquet:
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: [row.get(name) for row in rows] for name in names}
        pq.write_table(pa.table(columns), tmp_path / "a.parquet")
        imported = import_sheet(request_for(tmp_path / "a.parquet", status="labeled"), tmp_path / "in")
    else:
        imported = import_rows(tmp_path, rows, status="labeled")
    pairs = pairs_of(imported)
    assert imported.conversion.format.name == name
    assert [turns(pair) for pair in pairs] == expected
    assert imported.conversion.tally.sound == len(rows)
    if name == "sharegpt":
        (call,) = json.loads(pairs[0]["messages"][2]["tool_calls"])
        assert call["function"] == {"name": "fly", "arguments": '{"m": 1}'}
        assert pairs[0]["messages"][3]["tool_call_id"] == call["id"]
        assert json.loads(pairs[0]["tools"])[0]["function"]["name"] == "fly"


def test_rows_that_lack_a_column_do_not_change_what_the_file_is() -> None:
    rows = [{"instruction": "i", "output": "o"}] * 3 + [{"instruction": "i"}]
    assert recognised(rows)[0].name == "alpaca"


@pytest.mark.parametrize("part", ["input", "context", "Passage", "system_prompt", "image"])
def test_a_column_that_belongs_to_the_question_is_mapped_or_ignored(tmp_path: Path, part: str) -> None:
    rows = [{"question": "q", "answer": "a", part: "p"}, {"question": "q2", "answer": "a"}]
    with pytest.raises(InvalidRequest, match=rf"'{part}' \(1 rows\) belongs to the question by its name"):
        import_rows(tmp_path, rows, status="labeled")
    ignored = import_rows(tmp_path, rows, status="labeled", mapping={"ignore": [part]})
    assert ignored.conversion.tally.unused == {part: 1}
    mapped = import_rows(tmp_path, rows, status="labeled", mapping={"columns": {"question": [part, "question"]}})
    assert [pair["messages"][0]["content"] for pair in pairs_of(mapped)] == ["p\n\nq", "q2"]


KEYS = st.sampled_from(
    [
        "role",
        "content",
        "from",
        "value",
        "text",
        "type",
        "weight",
        "train",
        "tool_calls",
        "function_call",
        "name",
        "id",
        "result",
        "from_name",
        "completed_by",
        "reviews",
        "accepted",
        "ground_truth",
        "choices",
        "status",
        "user_id",
    ]
)
COLUMNS = st.sampled_from(
    [
        "messages",
        "prompt",
        "completion",
        "conversations",
        "instruction",
        "input",
        "output",
        "history",
        "system",
        "tools",
        "chosen",
        "rejected",
        "label",
        "preferred_output",
        "data",
        "annotations",
        "predictions",
        "fields",
        "responses",
        "_input_hash",
        "_task_hash",
        "_timestamp",
        "answer",
        "accept",
        "options",
        "question",
        "id",
        "pair_id",
        "suggestions",
        "status",
        "allowed_uses",
        "label_prohibited_uses",
        "reply.responses",
        "reply.responses.status",
    ]
)
SECRET = "the-text-of-a-pair that stays where it is"
LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.just(SECRET)
LEAVES |= st.sampled_from(["user", "assistant", CALL, "[]", "{}", "[1]", '{"a": "\\ud800"}', "accept", "training"])
HOSTILE = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@pytest.mark.soak
@settings(max_examples=300, deadline=None)
@given(row=st.dictionaries(COLUMNS, HOSTILE, max_size=6), name=st.sampled_from(sorted(FORMATS)))
def test_whatever_a_row_holds_it_becomes_a_pair_or_is_left_out_and_no_text_is_told(
    row: dict[str, Any], name: str
) -> None:
    form, notes, tally = FORMATS[name], Notes(), Tally()
    before = json.dumps(row)
    flat = form.flatten(row, notes, "agree")
    assert json.dumps(row) == before
    if flat is None:
        assert notes.left_out
        return
    stated: dict[str, object] = {"allowed_uses": ["training"]}
    plan = plan_of([flat], form, ColumnMapping(), stated=stated, sheet_id="s", is_text=False)
    pair = pair_of(flat, plan, notes, tally)
    sound, problems = judged(pair, plan, notes, 1)
    made = stored(pair)
    table = pa.Table.from_pylist([made], PAIR_SCHEMA.to_pyarrow())
    assert table.to_pylist()[0]["pair_id"] == made["pair_id"]
    told = json.dumps([[problem.path, problem.message] for problem in problems]) + json.dumps(
        list(tally.unmapped.items())
    )
    assert SECRET not in told
    if sound:
        assert all(isinstance(m.get("content"), str) or m["tool_calls"] for m in made["messages"])
    label = "label_prohibited_uses"
    if label in flat.columns and row[label] is not None and made[label] is None:
        assert made["allowed_uses"] is None
