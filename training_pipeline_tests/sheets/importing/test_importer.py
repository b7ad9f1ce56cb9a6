from __future__ import annotations

import hashlib
import json
import os
import resource
import stat
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.domain.errors import Conflict, InvalidRequest, SheetUnreadable, Unavailable
from training_pipeline.domain.training_sheet import Reference, SheetStatus
from training_pipeline.domain.usage import DataClassification
from training_pipeline.sheets.files import replacing
from training_pipeline.sheets.files.checking import check
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.head import Head, read_head
from training_pipeline.sheets.importing import importer
from training_pipeline.sheets.importing.importer import Imported, import_sheet
from training_pipeline.sheets.importing.mapping import ColumnMapping
from training_pipeline.sheets.importing.request import ImportRequest

#: Word problems: a question, an answer of several lines with the result behind four hashes.
PROBLEMS = [
    {"question": f"Ann has {n} apples and buys {n} more. How many?", "answer": f"{n}+{n} = <<{n}+{n}=>>\n#### {2 * n}"}
    for n in range(1, 3001)
]
STATED: dict[str, Any] = {
    "id": "sums",
    "sheet_status": SheetStatus.APPROVED,
    "status": "labeled",
    "allow": ("training", "validation"),
    "prohibit": ("none",),
    "classification": DataClassification.PUBLIC,
    "source": Reference(id="sums"),
    "template": Reference(id="plain"),
}

TARGETS = {
    **{f"{name}_column": name for name in ("question", "answer", "status", "allowed_uses", "prohibited_uses")},
    "classification_column": "data_classification",
    "item_column": "item_ref",
    "label_column": "canonical_label_id",
}
Import = Callable[..., Imported]


@pytest.fixture
def run(tmp_path: Path) -> Import:
    """Import rows (as JSONL), a table (as Parquet) or CSV text, with everything stated unless changed."""

    def imported(content: Any, *, overwrite: bool = False, **stated: Any) -> Imported:
        suffix = ".parquet" if isinstance(content, pa.Table) else ".csv" if isinstance(content, str) else ".jsonl"
        file = tmp_path / f"foreign{suffix}"
        if isinstance(content, pa.Table):
            pq.write_table(content, file)
        else:
            lines = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
            file.write_text(lines, encoding="utf-8")
        columns = {TARGETS[name]: (stated.pop(name),) for name in list(stated) if name in TARGETS}
        reading = {name: stated.pop(name) for name in ("delimiter", "list_separator") if name in stated}
        mapping = ColumnMapping(columns=columns, **reading)
        request = ImportRequest(file=file, mapping=mapping, **{**STATED, **stated})
        return import_sheet(request, tmp_path / "in", overwrite=overwrite)

    return imported


def pairs(imported: Imported) -> list[dict[str, Any]]:
    with FileTrainingSheets([imported.data.parent]).open(imported.head_file.stem) as opened:
        return sorted(opened.pairs.to_pyarrow().to_pylist(), key=lambda row: str(row["pair_id"]))


def refused(run: Import, content: Any, **stated: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        run(content, **stated)
    return {problem.pointer: problem.message for problem in caught.value.problems}


def test_questions_and_answers(run: Import) -> None:
    imported = run(PROBLEMS)
    rows = pairs(imported)
    assert imported.rows == len(rows) == len(PROBLEMS)
    for number, (row, problem) in enumerate(zip(rows, PROBLEMS, strict=True), 1):
        assert row["pair_id"] == row["item_ref"] == f"sums-{number:06d}"
        assert [message["content"] for message in row["messages"]] == [problem["question"], problem["answer"]]
    assert (rows[0]["status"], rows[0]["allowed_uses"]) == ("labeled", ["training", "validation"])
    assert (rows[0]["prohibited_uses"], rows[0]["data_classification"]) == ([], "public")
    assert check(imported.data, imported.head).counts == {}


def test_the_same_input_gives_the_same_sheet(run: Import) -> None:
    first = run(PROBLEMS[:50])
    before = (first.head_file.read_bytes(), first.data.read_bytes())
    second = run(PROBLEMS[:50], overwrite=True)
    assert (second.head_file.read_bytes(), second.data.read_bytes()) == before


def test_files_are_the_owners_alone_and_nothing_else_stays(run: Import) -> None:
    imported = run(PROBLEMS[:3])
    assert {path.name for path in imported.data.parent.iterdir()} == {imported.data.name, "sums.yaml"}
    for path in (imported.data, imported.head_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert imported.head_file.read_text().startswith("name: sums\nstatus: approved\n")


def test_a_sheet_says_what_is_done_beside_training(run: Import) -> None:
    assert set(refused(run, PROBLEMS[:3], evaluate_on="A suite")) == {"--evaluate-on"}
    assert set(refused(run, PROBLEMS[:3], evaluate_on="sums", evaluate_judge="A judge")) == {"--evaluate-judge"}
    assert "--evaluate-on" in refused(run, PROBLEMS[:3], evaluate_judge="house")["--evaluate-judge"]
    imported = run(PROBLEMS[:3], evaluate_on="sums-2026-11", evaluate_judge="house", exclude_near_held_out=True)
    found = read_head(imported.head_file)
    assert isinstance(found, Head)
    sheet = found.sheet("sums")
    assert (sheet.evaluate_on, sheet.evaluate_judge) == ("sums-2026-11", "house")
    assert sheet.exclude_near_held_out


def test_everything_unstated_is_named_at_once(run: Import) -> None:
    nothing = dict.fromkeys(("sheet_status", "status", "classification", "source", "template"))
    problems = refused(run, PROBLEMS[:3], **nothing, allow=(), prohibit=(), item_column="item")
    assert set(problems) == {
        "--status",
        "--allow",
        "--prohibit",
        "--classification",
        "--sheet-status",
        "--source-name",
        "--template-name",
        "--item-column",
    }
    assert problems["--item-column"] == "there is no column 'item'; the file has question, answer"


@pytest.mark.parametrize(
    ("stated", "flag"),
    [
        ({"status": "done"}, "--status"),
        ({"allow": ("training", "trainin")}, "--allow"),
        ({"prohibit": ("none", "few_shot")}, "--prohibit"),
        ({"id": "../x"}, "--id"),
        ({"question_column": "prompt"}, "--question-column"),
    ],
)
def test_statements_that_mean_nothing(run: Import, tmp_path: Path, stated: dict[str, Any], flag: str) -> None:
    assert set(refused(run, PROBLEMS[:3], **stated)) == {flag}
    assert not list(tmp_path.glob("in/*"))


@pytest.mark.parametrize("column", ["status", "allowed_uses", "prohibited_uses", "data_classification"])
def test_a_statement_of_the_file_is_not_overruled(run: Import, column: str) -> None:
    (message,) = refused(run, [PROBLEMS[0] | {column: "x"}]).values()
    assert f"has a column '{column}' of its own" in message


def test_named_columns(run: Import) -> None:
    rows = [
        {
            "q": "a?",
            "a": 7,
            "state": "approved",
            "may": ["training"],
            "not": [],
            "class": "internal",
            "doc": 12,
            "x": 1,
        },
        {"q": "b?", "a": True, "state": None, "may": "training", "not": None, "class": None, "doc": None, "x": 2},
    ]
    columns = {"question": "q", "answer": "a", "status": "state", "classification": "class", "item": "doc"}
    columns |= {"allowed_uses": "may", "prohibited_uses": "not", "label": "doc"}
    unstated: dict[str, Any] = {"status": None, "allow": (), "prohibit": (), "classification": None}
    imported = run(rows, **unstated, **{f"{name}_column": column for name, column in columns.items()})
    first, second = pairs(imported)
    assert imported.conversion.tally.unused == {"x": 2}
    assert [message["content"] for message in first["messages"]] == ["a?", "7"]
    assert (first["status"], first["allowed_uses"], first["item_ref"]) == ("approved", ["training"], "12")
    assert first["canonical_label_id"] == "12"
    # What is missing or malformed stays null, and null denies.
    assert second["messages"][1]["content"] is None
    assert [second[name] for name in ("status", "allowed_uses", "prohibited_uses", "item_ref")] == [None] * 4


def test_a_label_constraint_that_cannot_be_read_denies_for_good(run: Import) -> None:
    first, second = pairs(run([PROBLEMS[0] | {"label_prohibited_uses": uses} for uses in ("training", ["testing"])]))
    assert (first["allowed_uses"], second["allowed_uses"]) == (None, ["training", "validation"])


def test_chats_and_what_explains_them_are_carried(run: Import) -> None:
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 1}]
    rows = [{"pair_id": "p7", "messages": chat, "item_ref": "i", "reviewed_by": "dana"}]
    (row,) = pairs(run(rows, usage_reason="stated", reviewed_by="nobody"))
    assert (row["pair_id"], row["item_ref"], row["reviewed_by"]) == ("p7", "i", "dana")
    assert row["usage_reason"] == "stated"
    assert row["messages"][1]["weight"] == 1.0
    (row,) = pairs(run([rows[0] | {"usage_reason": None}], usage_reason="stated", overwrite=True))
    assert row["usage_reason"] is None, "what is stated fills no gap of a column that is there"


def test_csv_and_parquet(run: Import) -> None:
    text = "Frage;Antwort;uses\nq;a;training|testing\n"
    names = {"question_column": "Frage", "answer_column": "Antwort", "allow": (), "allowed_uses_column": "uses"}
    (from_csv,) = pairs(run(text, delimiter=";", list_separator="|", **names))
    table = pa.table({"Frage": ["q"], "Antwort": ["a"], "uses": [["training", "testing"]]})
    (from_parquet,) = pairs(run(table, overwrite=True, **names))
    assert from_csv == from_parquet
    assert from_csv["allowed_uses"] == ["training", "testing"]


def test_a_sheet_is_only_replaced_when_told_to(run: Import) -> None:
    imported = run(PROBLEMS[:3])
    with pytest.raises(Conflict, match="--replace"):
        run(PROBLEMS[:5])
    assert len(pairs(imported)) == 3
    assert len(pairs(run(PROBLEMS[:5], overwrite=True))) == 5


def test_other_files_of_the_replaced_sheet_go(run: Import, tmp_path: Path) -> None:
    run(PROBLEMS[:3])
    (tmp_path / "in" / "sums.csv").write_text("x")
    assert len(pairs(run(PROBLEMS[:5], overwrite=True))) == 5


def test_files_of_another_sheet_stay_whatever_a_head_names(run: Import, tmp_path: Path) -> None:
    other = run(PROBLEMS[:3], id="other")
    (tmp_path / "in" / "sums.yaml").write_text(f"pairs_file: {other.data.name}\n")
    run(PROBLEMS[:5], overwrite=True)
    assert len(pairs(other)) == 3


@pytest.mark.parametrize("call", ["sync", "sha256", "replace_file", "write_head"])
def test_a_replacement_that_fails_leaves_the_old_sheet(
    run: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    imported = run(PROBLEMS[:3])
    before = imported.head_file.read_bytes(), imported.data.read_bytes()

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replacing if hasattr(replacing, call) else importer, call, fails)
    with pytest.raises(Unavailable, match="cannot be written: No space left on device"):
        run(PROBLEMS[:5], overwrite=True)
    assert (imported.head_file.read_bytes(), imported.data.read_bytes()) == before
    assert len(pairs(imported)) == 3
    monkeypatch.undo()
    assert len(pairs(run(PROBLEMS[:7], overwrite=True))) == 7


@pytest.mark.parametrize("place", range(1, 12))
def test_a_kill_at_any_time_leaves_the_old_sheet_or_the_new_one(run: Import, tmp_path: Path, place: int) -> None:
    """The process ends, without another word, at the nth call that changes a name."""
    run(PROBLEMS[:3])
    file = tmp_path / "new.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in PROBLEMS[:5]))
    child = os.fork()
    if child == 0:
        left = [place]

        def dies(event: str, _: object) -> None:
            if event in {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "open", "shutil.rmtree"}:
                left[0] -= 1
                if left[0] == 0:
                    os._exit(1)

        sys.addaudithook(dies)
        import_sheet(ImportRequest(file=file, **STATED), tmp_path / "in", overwrite=True)
        os._exit(0)
    assert os.waitpid(child, 0)[0] == child
    with FileTrainingSheets([tmp_path / "in"]).open("sums") as opened:
        assert opened.pairs.count().to_pyarrow().as_py() in (3, 5)
    assert len(pairs(run(PROBLEMS[:7], overwrite=True))) == 7


def test_whoever_reads_meanwhile_sees_the_old_sheet_or_the_new_one(run: Import, tmp_path: Path) -> None:
    sheets = FileTrainingSheets([tmp_path / "in"], threads=1)
    run(PROBLEMS[:3])
    ended = threading.Event()
    seen: set[object] = set()

    def read() -> None:
        while not ended.is_set():
            assert [sheet.id for sheet in sheets.list()] == ["sums"]
            try:
                with sheets.open("sums") as opened:
                    seen.add(opened.pairs.count().to_pyarrow().as_py())
            except Unavailable as error:
                seen.add(error.hint)

    with ThreadPoolExecutor() as pool:
        reader = pool.submit(read)
        try:
            for number in range(200):  # each replaced at once, until a reader found the time for a whole sheet
                run(PROBLEMS[: 3 + number % 2], overwrite=True)
                if number > 10 and {3, 4} & seen:
                    break
                time.sleep(number / 500)
        finally:
            ended.set()
        reader.result()
    assert {3, 4} & seen
    assert seen <= {3, 4, "Try again."}
    left = {path.name.partition("@")[0] for path in (tmp_path / "in").iterdir()}
    assert left == {"sums", "sums.yaml", "versions"}
    assert len(list((tmp_path / "in").glob("sums@*"))) == 1


@pytest.mark.parametrize("kind", ["dangling", "directory", "broken"])
def test_what_is_no_sheet_is_replaced_or_refused(run: Import, tmp_path: Path, kind: str) -> None:
    head = tmp_path / "in" / "sums.yaml"
    head.parent.mkdir()
    match kind:
        case "dangling":
            head.symlink_to(tmp_path / "nowhere")
        case "directory":
            head.mkdir()
        case _:
            head.write_text("created_at: 2026-02-30")
    with pytest.raises(Conflict, match="--replace"):
        run(PROBLEMS[:3])
    if kind == "directory":
        with pytest.raises(Conflict, match="is a directory"):
            run(PROBLEMS[:3], overwrite=True)
    else:
        assert len(pairs(run(PROBLEMS[:3], overwrite=True))) == 3


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (pa.table({"question": [b"q"], "answer": ["a"]}), "row 1, question: is bytes; expected text"),
        (pa.table({"question": ["q"], "answer": [[{"role": "x"}]]}), "row 1, answer: is a list; expected text"),
        (pa.table({"question": ["q"], "answer": [float("nan")]}), "row 1, answer: is null; expected text"),
        ("question,answer\nq,\n", "line 2, answer: is null; expected text"),
    ],
)
def test_a_file_without_a_sound_row_is_refused_by_row_and_column(run: Import, rows: Any, expected: str) -> None:
    with pytest.raises(SheetUnreadable, match=expected):
        run(rows)


@pytest.mark.parametrize(
    "rows",
    [[{"question": "q", "answer": "a", "ID": 1, "id": 2}], "question,answer,\nq,a,\n", "question,answer\nq,a,,\n"],
)
def test_names_in_capitals_and_columns_without_a_name_keep_nobody_out(run: Import, rows: Any) -> None:
    (pair,) = pairs(run(rows))
    assert [message["content"] for message in pair["messages"]] == ["q", "a"]


def test_capitals_in_a_file_ending_mean_nothing(tmp_path: Path) -> None:
    file = tmp_path / "UPPER.JSONL"
    file.write_text("".join(json.dumps(row) + "\n" for row in PROBLEMS[:3]))
    assert import_sheet(ImportRequest(file=file, **STATED), tmp_path / "in").rows == 3


def test_a_file_is_not_replaced_by_what_is_made_of_it(run: Import, tmp_path: Path) -> None:
    imported = run(PROBLEMS[:3])
    with pytest.raises(Conflict, match="would be replaced"):
        import_sheet(ImportRequest(file=imported.data, **STATED), tmp_path / "in", overwrite=True)


def test_broken_files_write_nothing(run: Import, tmp_path: Path) -> None:
    with pytest.raises(SheetUnreadable, match="line 2: has 3 fields where the header has 2"):
        run("question,answer\nq,a,secret\n")
    with pytest.raises(SheetUnreadable, match="holds no pairs"):
        run([])
    with pytest.raises(SheetUnreadable, match="doc: is a list; expected text"):
        run(pa.table({"question": ["q"], "answer": ["a"], "doc": [["x"]]}), item_column="doc")
    assert not list(tmp_path.glob("in/*"))


def test_a_full_disk_is_said_and_leaves_nothing(run: Import, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wide = [{"question": hashlib.sha256(str(n).encode()).hexdigest(), "answer": "a"} for n in range(5000)]
    file = tmp_path / "wide.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in wide))
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(Unavailable, match="cannot be written"):
            import_sheet(ImportRequest(file=file, **STATED), tmp_path / "in")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list((tmp_path / "in").iterdir())


def test_files_that_are_not_there_or_of_another_kind(tmp_path: Path) -> None:
    for name, expected in (("none.jsonl", "there is no file"), ("x.docx", "is none of .jsonl, .ndjson, .json")):
        if name == "x.docx":
            (tmp_path / name).touch()
        with pytest.raises(InvalidRequest, match=expected):
            import_sheet(ImportRequest(file=tmp_path / name, **STATED), tmp_path / "in")
