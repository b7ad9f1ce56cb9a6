from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, seed, settings
from hypothesis import strategies as st

from training_pipeline.domain.errors import SheetUnreadable
from training_pipeline.domain.rules.examples.chat_format import INVALIDATING, Severity
from training_pipeline.domain.rules.gates import judge_each
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.domain.usage import TagConstraints
from training_pipeline.sheets.files.checking import CheckReport, check
from training_pipeline.sheets.files.inspecting import parquet_problems
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.mutated_sheets import mutated_sheet
from training_pipeline.testing.sheets.sheet_files import HEAD, ROW, Put
from training_pipeline.testing.sheets.texts import NO_CALLS, NO_FUNCTIONS
from training_pipeline.testing.soak import SEED, examples


def report(path: Path, limit: int = 100) -> CheckReport:
    files = FileTrainingSheets([path.parent]).files(path.stem)
    return check(files.data, files.head, limit=limit)


def found(result: CheckReport) -> set[tuple[int | None, str, str]]:
    return {(problem.line, problem.path, problem.code) for problem in result.problems}


def row(pair_id: str, question: str = "q", answer: str = "a", **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return ROW | {"pair_id": pair_id, "messages": messages, **fields}


def test_a_sound_sheet(put: Put) -> None:
    assert report(put([row("1"), row("2", "r")])) == CheckReport(2, {}, 0, 0, ())


def test_broken_lines_do_not_stop_the_check(put: Put) -> None:
    lines = [json.dumps(row("1")), '{"pair_id": tru}', "[1]", "", json.dumps(row("2", "r", "")), '{"a": 1}']
    result = report(put("\n".join(lines)))
    assert found(result) >= {
        (2, "", "broken_json"),
        (3, "", "not_an_object"),
        (5, "messages[1].content", "missing_content"),
        (6, "a", "unknown_column"),
        (6, "messages", "missing_messages_list"),
        (6, "pair_id", "missing_pair_id"),
    }
    assert result.rows == 5


def test_every_row_of_a_repeated_id_is_named(put: Put) -> None:
    result = report(put([row("1"), row("2", "r"), row("1", "s"), row("1", "t")]))
    assert found(result) == {(line, "pair_id", "duplicate_pair_id") for line in (1, 3, 4)}


def test_blank_ids_are_missing_and_not_repeated(put: Put) -> None:
    assert set(report(put([row(""), row("", "r")])).counts) == {"missing_pair_id"}


def test_duplicates_and_contradictions_are_warnings(put: Put) -> None:
    rows = [row("1"), row("2"), row("3", " Q ", "b"), row("4", "Q", "A "), row("5", "other")]
    result = report(put(rows))
    assert found(result) == {(2, "messages", "duplicate_example"), (3, "messages", "same_question_different_answers")}
    assert (result.errors, result.warnings) == (0, 2)


def test_keys_that_stand_twice(put: Put) -> None:
    text = json.dumps(row("1"))
    twice = text.replace('"role": "user"', '"role": "user", "role": "system"')
    assert report(put(twice)).counts == {"repeated_key": 1}
    assert report(put(text[:-1] + ', "status": "rejected"}')).counts == {"repeated_column": 1}


def test_defaults_count_as_stated(put: Put) -> None:
    bare = {name: value for name, value in ROW.items() if name not in {"allowed_uses", "data_classification"}}
    assert set(report(put([bare])).counts) == {"missing_allowed_uses", "missing_classification", "missing_column"}
    stated = HEAD + "defaults: {allowed_uses: [training], data_classification: public}\n"
    assert report(put([bare], head=stated)).counts == {}


def test_a_default_fills_no_gap_of_a_column_that_is_there(put: Put) -> None:
    stated = HEAD + "defaults: {allowed_uses: [training], data_classification: public, usage_reason: none}\n"
    bare = {name: value for name, value in row("1").items() if name not in {"allowed_uses", "data_classification"}}
    null = row("2", "r", allowed_uses=None, data_classification=None)
    assert found(report(put([bare, null], head=stated))) == {
        (line, name, code)
        for line in (1, 2)
        for name, code in (("allowed_uses", "missing_allowed_uses"), ("data_classification", "missing_classification"))
    }


def test_copies_and_questions_are_those_of_the_gates(put: Put) -> None:
    ab, system = "\u00e4b?", [{"role": "system", "content": "Be brief."}]
    rows = [
        row("1", ab, "-5"),
        row("2", "a\u0308b?", " -5"),  # a copy after NFC and trimming
        row("3", "\u200bÄB", "-5"),  # the same question and answer, though no copy
        row("4", ab, "six"),
        row("5", "c", "x", messages=[*system, *row("5", ab, "seven")["messages"]]),
        row("6", "!", "x"),
        row("7", "?", "y"),
    ]
    assert found(report(put(rows))) == {
        (2, "messages", "duplicate_example"),
        (4, "messages", "same_question_different_answers"),
        (5, "messages", "same_question_different_answers"),
    }


def test_csv_lines_and_columns(put: Put) -> None:
    path = put(
        "pair_id,item_ref,status,allowed_uses,prohibited_uses,data_classification,question,answer,system\n"
        '1,i,labeled,training,[],public,"a\nb",x,\n'
        "2,i,labeled,training,[],public,c,,be brief\n"
        "3,i,labeled,training,[],public,<|im_end|>,y\n",
        ".csv",
    )
    assert found(report(path)) == {(4, "answer", "missing_content"), (5, "", "wrong_field_count")}


def test_parquet_rows(put: Put) -> None:
    rows = [row("1"), row("2", "r", status="done"), row("3", "s", item_ref=None)]
    result = report(put(pa.Table.from_pylist(rows), ".parquet"))
    assert found(result) == {(2, "status", "unknown_status"), (3, "item_ref", "missing_item_ref")}


def test_the_limit_shows_errors_first_and_counts_the_rest(put: Put) -> None:
    rows = [row(str(number), str(number), data_classification=None) for number in range(30)]
    rows[20]["status"] = "done"
    result = report(put(rows), limit=5)
    assert [problem.severity for problem in result.problems] == [Severity.ERROR] + [Severity.WARNING] * 4
    assert (result.errors, result.warnings, result.not_shown) == (1, 30, 26)
    assert result.counts == {"missing_classification": 30, "unknown_status": 1}


def test_many_rows_take_seconds_and_little_memory(put: Put) -> None:
    path = put([row(str(number), f"question {number} " * 60) for number in range(10_000)])
    tracemalloc.start()
    try:
        started = time.monotonic()
        assert report(path).rows == 10_000
        assert time.monotonic() - started < 60
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20 < path.stat().st_size
    finally:
        tracemalloc.stop()


TEXTS = st.sampled_from(["", " ", "\u00a0", "a", "Labeled", " edited\n", "pending", "flagged", "done", "training"])
VALUES = st.none() | st.booleans() | st.integers(-1, 2) | TEXTS
ARGUMENTS = st.sampled_from(
    [
        '{"a": 1}',
        '{"a": ",}"}',
        '{"a": 1,}',
        '{"\\"": [1, ]}',
        "{}",
        "7",
        "",
        "{",
        "{a: 1}",
        "{} x",
        None,
        {},
        {"a": 1},
        5,
    ]
)
FUNCTION = st.fixed_dictionaries({"name": st.just("f"), "arguments": ARGUMENTS}) | st.sampled_from([None, "f"])
CALLS = st.lists(st.fixed_dictionaries({"function": FUNCTION}), max_size=2).flatmap(
    lambda calls: st.sampled_from([calls, json.dumps(calls)])
)
MESSAGE: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", "assistant", "system", "tool", "bot"]) | VALUES,
        "content": TEXTS | VALUES,
        "weight": st.sampled_from([0, 1, 1.0, 0.5, True, "1", None]),
        "tool_calls": st.sampled_from([None, [], "[1]", "null", *NO_CALLS, *NO_FUNCTIONS]) | CALLS,
        "name": VALUES,
    },
)
GOOD = st.just({"role": "user", "content": "q"}) | st.just({"role": "assistant", "content": "a"})
USES = st.lists(st.sampled_from(["training", " Validation ", "x", None, 5]), max_size=2) | VALUES
ROWS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "pair_id": st.sampled_from(["1", "2", "3", "4", "5", "6", 6, "", None]),
        "messages": st.lists(GOOD | MESSAGE | VALUES, max_size=4) | st.lists(GOOD, min_size=1, max_size=3) | VALUES,
        "tools": st.sampled_from(
            [None, [], [{"name": "t"}], '[{"name": "t"}]', "x", {}, 5, [1], "null", "[]", "", True]
        ),
        "item_ref": VALUES | st.just("i"),
        "status": TEXTS | VALUES,
        "allowed_uses": USES,
        "prohibited_uses": USES,
        "label_prohibited_uses": USES,
        "data_classification": st.sampled_from(["public", " Internal", "x", "", None, 5]),
    },
)


@seed(SEED)
@settings(
    max_examples=examples(30, gate=10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(ROWS.map(lambda fields: ROW | fields), min_size=1, max_size=12),
    left_out=st.lists(
        st.sets(st.sampled_from(["allowed_uses", "prohibited_uses", "data_classification"])), max_size=12
    ),
    stated=st.sampled_from(
        ["", "defaults: {allowed_uses: [training], prohibited_uses: [], data_classification: public}\n"]
    ),
)
def test_check_and_gates_agree_on_what_is_invalid_and_what_is_denied(
    put: Put, sheets: FileTrainingSheets, rows: list[dict[str, Any]], left_out: list[set[str]], stated: str
) -> None:
    # The row's place travels in a column that neither of the two looks at.
    rows = [row | {"reviewed_by": str(line)} for line, row in enumerate(rows, 1)]
    for row, names in zip(rows, left_out, strict=False):
        for name in names:
            del row[name]
    result = report(put(rows, head=HEAD + stated), limit=10_000)
    assume("missing_column" not in result.counts)
    with sheets.open("s") as opened:
        judged = judge_each(opened.pairs, TagConstraints()).select("reviewed_by", "reason").to_pyarrow().to_pylist()
    reasons: dict[int | None, str | None] = {int(row["reviewed_by"]): row["reason"] for row in judged}
    invalid = {problem.line for problem in result.problems if problem.code in INVALIDATING}
    assert {line for line, reason in reasons.items() if reason == Reason.INVALID} == invalid
    denying = {"uses_not_a_list", "unknown_use", "unknown_classification", "missing_status", "missing_classification"}
    denying |= {"missing_allowed_uses", "missing_prohibited_uses"}
    denied = {problem.line for problem in result.problems if problem.code in denying}
    assert all(reasons[line] is not None for line in denied)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_check_and_gates_agree_in_other_formats(put: Put, sheets: FileTrainingSheets, suffix: str) -> None:
    if suffix == ".csv":
        head = "pair_id,item_ref,status,allowed_uses,prohibited_uses,data_classification,messages\n"
        chat = '"[{""role"": ""assistant"", ""content"": ""a""}]"'
        lines = [
            f"1,i,labeled,training,[],public,{chat}",
            "2,i,labeled,training,[],public,x",
            f"3, ,labeled,,;,x,{chat}",
        ]
        path = put(head + "\n".join(lines), suffix)
    else:
        chats: list[Any] = [[{"role": "assistant", "content": "a"}], [{"role": "user", "content": None}], None, [None]]
        path = put(
            pa.Table.from_pylist([ROW | {"pair_id": str(n), "messages": c} for n, c in enumerate(chats)]), suffix
        )
    result = report(path)
    with sheets.open("s") as opened:
        judged = judge_each(opened.pairs, TagConstraints()).select("pair_id", "reason").to_pyarrow().to_pylist()
    invalid = sum(row["reason"] == Reason.INVALID for row in judged)
    assert invalid == len({problem.line for problem in result.problems if problem.code in INVALIDATING}) > 0


def test_parquet_with_a_column_that_is_short_is_no_sound_sheet(put: Put, sheets: FileTrainingSheets) -> None:
    """Arrow's batches end there without a word, and the engine reads another column instead: of mutated files."""
    made = mutated_sheet(222, 639)
    path = put(made.pairs, ".parquet", head=made.head.decode())
    assert "corrupt_parquet" in {problem.code for problem in report(path).problems}
    with pytest.raises(SheetUnreadable, match="cannot be read as Parquet"), sheets.open(path.stem):
        pass


def test_parquet_that_says_text_in_one_of_its_two_schemas_is_no_sound_sheet(
    put: Put, sheets: FileTrainingSheets
) -> None:
    """Arrow goes by the schema that it wrote beside Parquet's own, the engine by that one: of mutated files."""
    made = mutated_sheet(227, 1955)
    path = put(made.pairs, ".parquet", head=made.head.decode())
    (found,) = (problem for problem in report(path).problems if problem.severity is Severity.ERROR)
    assert (found.path, found.code) == ("messages", "wrong_type")
    with pytest.raises(SheetUnreadable, match="expected text"), sheets.open(path.stem):
        pass


def test_parquet_in_which_the_engine_sees_other_lists_than_arrow_is_no_sound_sheet(
    put: Put, sheets: FileTrainingSheets
) -> None:
    """A list in one place of its footer and none in another: of mutated files. Its messages were null."""
    made = mutated_sheet(223, 3867)
    path = put(made.pairs, ".parquet", head=made.head.decode())
    assert [found for found in parquet_problems(path) if (found.path, found.code) == ("messages", "corrupt_parquet")]
    with pytest.raises(SheetUnreadable, match="cannot be read"), sheets.open(path.stem):
        pass


def test_parquet_with_a_column_twice_is_no_sound_sheet(put: Put, sheets: FileTrainingSheets) -> None:
    path = put(pa.Table.from_pylist([ROW]).append_column("status", pa.array(["unlabeled"])), ".parquet")
    (found,) = report(path).problems[:1]
    assert (found.path, found.code, found.message) == ("status", "repeated_column", "stands twice in its schema")
    with pytest.raises(SheetUnreadable, match="stands twice in its schema"), sheets.open(path.stem):
        pass


def test_parquet_that_only_the_engine_refuses_is_no_sound_sheet(put: Put, sheets: FileTrainingSheets) -> None:
    """A footer that contradicts itself, which Arrow passes over: found among mutated files."""
    made = mutated_sheet(1, 3567)
    path = put(made.pairs, ".parquet", head=made.head.decode())
    assert pq.read_table(path).num_rows == 5
    assert {problem.code for problem in report(path).problems if problem.severity is Severity.ERROR} == {
        "corrupt_parquet"
    }
    with pytest.raises(SheetUnreadable), sheets.open(path.stem):
        pass
