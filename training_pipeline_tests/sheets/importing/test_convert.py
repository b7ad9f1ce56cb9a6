from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.domain.errors import InvalidRequest, PipelineError, SheetUnreadable
from training_pipeline.sheets.importing import tally
from training_pipeline.sheets.importing.importer import Imported, dry, import_sheet
from training_pipeline.sheets.importing.mapping import read_mapping, write_mapping
from training_pipeline.testing.sheets.foreign_files import Cell, workbook
from training_pipeline.testing.sheets.imports import import_rows, pairs_of, request_for

REVIEWED = "Frage,Antwort,ok_for_training,approved_by,on\n" + "".join(
    f"q{n}?,a{n},{['Yes', 'no', ''][n % 3]},{['Ann', 'Bo', ''][n % 3]},2026-01-0{n % 9 + 1}\n" for n in range(30)
)
#: As a domain expert would say it.
MAPPING: dict[str, Any] = {
    "columns": {
        "question": "Frage",
        "answer": "Antwort",
        "allowed_uses": "ok_for_training",
        "reviewed_by": "approved_by",
        "reviewed_at": "on",
        "constraints_set_by": "approved_by",
    },
    "values": {"allowed_uses": {"yes": "training, validation", "no": ""}},
}


def imported(tmp_path: Path, content: str | bytes, name: str = "a.csv", **given: Any) -> Imported:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return import_sheet(request_for(file, **{"status": "labeled", **given}), tmp_path / "in", overwrite=True)


def test_a_column_of_yes_and_no_needs_no_helper_column(tmp_path: Path) -> None:
    found = imported(tmp_path, REVIEWED, mapping=MAPPING, allow=())
    pairs = pairs_of(found)
    assert [pair["allowed_uses"] for pair in pairs[:3]] == [["training", "validation"], [], None]
    who = [(pair["reviewed_by"], pair["constraints_set_by"], pair["reviewed_at"]) for pair in pairs[:3]]
    assert who == [("Ann", "Ann", "2026-01-01"), ("Bo", "Bo", "2026-01-02"), (None, None, "2026-01-03")]
    assert [pair["messages"][0]["content"] for pair in pairs] == [f"q{n}?" for n in range(30)]


def test_a_second_import_uses_what_the_first_one_found(tmp_path: Path) -> None:
    first = imported(tmp_path, REVIEWED.replace(",", ";"), mapping=MAPPING, allow=())
    saved = read_mapping(write_mapping(first.conversion.resolved()), "m.yaml")
    assert saved.format == "columns"
    assert saved.delimiter == ";"
    second = imported(tmp_path, REVIEWED.replace(",", ";"), mapping=saved, allow=())
    assert pairs_of(first) == pairs_of(second)


def test_words_that_mean_nothing_are_named_with_their_counts(tmp_path: Path) -> None:
    content = REVIEWED.replace("no", "perhaps").replace(",Yes,Ann,2026-01-01\n", ",ja,Ann,2026-01-01\n", 1)
    with pytest.raises(InvalidRequest) as caught:
        imported(tmp_path, content, mapping=MAPPING, allow=())
    (problem,) = caught.value.problems
    assert problem.pointer == "--allowed-uses-column"
    assert "'perhaps' (10), 'ja' (1)" in problem.message
    assert "--map-value allowed_uses:VALUE=training,validation" in problem.message
    assert not [path for path in (tmp_path / "in").iterdir() if path.suffix != ".lock"]


def test_without_a_mapping_of_values_yes_is_no_use(tmp_path: Path) -> None:
    columns = {"columns": MAPPING["columns"]}
    with pytest.raises(InvalidRequest, match=r"means nothing in allowed_uses: 'Yes' \(10\), 'no' \(10\)"):
        imported(tmp_path, REVIEWED, mapping=columns, allow=())


def test_the_text_of_a_pair_in_the_wrong_column_is_not_told(tmp_path: Path) -> None:
    secret = "what the patient in room twelve said to everybody"
    with pytest.raises(InvalidRequest) as caught:
        imported(tmp_path, f"question,answer\nq,{secret}\n", mapping={"columns": {"status": "answer"}}, status=None)
    assert secret not in str(caught.value)
    assert "a text of 49 characters (1)" in str(caught.value)


def test_a_spreadsheet_with_truth_values(tmp_path: Path) -> None:
    table: list[list[Cell]] = [["question", "answer", "ok"], ["q", 12.0, True], ["q2", "a2", False], ["q3", "a3", None]]
    mapping = {
        "columns": {"allowed_uses": "ok"},
        "values": {"allowed_uses": {"true": "training", "false": ""}},
    }
    pairs = pairs_of(imported(tmp_path, workbook({"s": table}), "a.xlsx", mapping=mapping, allow=()))
    assert [pair["allowed_uses"] for pair in pairs] == [["training"], [], None]
    assert pairs[0]["messages"][1]["content"] == "12"


def test_near_identical_mistakes_are_one_line_with_their_rows(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": " " if n % 2 else "a", "n": n} for n in range(40)]
    conversion = import_rows(tmp_path, rows, status="labeled").conversion
    (finding,) = conversion.tally.findings
    assert finding.where("x.jsonl", "line") == "x.jsonl, lines 2, 4, 6, 8, 10 and 15 more, answer"
    assert (finding.code, conversion.tally.sound, conversion.tally.pairs) == ("missing_content", 20, 40)


def test_a_column_that_comes_late_counts_for_all_rows(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"question": f"q{n}", "answer": "a"} for n in range(300)]
    rows[250]["context"] = "late"
    with pytest.raises(InvalidRequest, match=r"'context' \(1 rows\)"):
        import_rows(tmp_path, rows, status="labeled")


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(REVIEWED)
    found = dry(request_for(file, status="labeled", mapping=MAPPING, allow=())).tally
    assert (found.rows, found.pairs, found.sound) == (30, 30, 30)
    with pytest.raises(InvalidRequest, match="which column is the question"):
        dry(request_for(file, status="labeled"))
    file.write_text("question,answer\nq,\n")
    with pytest.raises(SheetUnreadable, match="line 2, answer: is null"):
        dry(request_for(file, status="labeled"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("lines", ["p1,Is there a fracture?,No\np2,q,a\n", "What is it?,What is it?\nq,a\n"])
def test_a_file_without_a_line_of_names_shows_no_text_of_a_pair(tmp_path: Path, lines: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(lines)
    with pytest.raises(PipelineError) as refused:
        dry(request_for(file, status="labeled"))
    told = [f"{problem.pointer} {problem.message}" for problem in refused.value.problems]
    assert "characters)" in told[0]
    assert not [text for text in told if "fracture" in text or "What is" in text]


@pytest.mark.parametrize("name", ["prompt", "conversations"])
def test_columns_of_lists_are_no_text(tmp_path: Path, name: str) -> None:
    rows = [{name: [{"role": "user", "content": "q"}], "b": "a"}]
    with pytest.raises(SheetUnreadable, match="is a list; expected text"):
        import_rows(tmp_path, rows, status="labeled", mapping={"columns": {"question": name, "answer": "b"}})


@pytest.mark.parametrize(
    ("row", "mapping"),
    [
        ({"instruction": "i", "input": ["p"], "output": "o"}, {}),
        ({"instruction": "i", "input": "p", "output": "o", "history": "h"}, {}),
        ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "system": 1}, {}),
        ({"question": "q", "context": ["p"], "answer": "a"}, {"columns": {"question": ["context", "question"]}}),
        ({"question": "q", "system": {"x": 1}, "answer": "a"}, {}),
    ],
)
def test_what_is_left_of_a_conversation_does_not_pass_for_the_whole(
    tmp_path: Path, row: dict[str, Any], mapping: dict[str, Any]
) -> None:
    with pytest.raises(SheetUnreadable, match="has no sound row"):
        import_rows(tmp_path, [row], status="labeled", mapping=mapping)


@pytest.mark.parametrize("name", ["label", "Approved", "is_correct"])
def test_a_column_that_may_judge_the_answers_is_not_left_aside(tmp_path: Path, name: str) -> None:
    rows = [{"prompt": "q", "completion": "a", name: "bad"}]
    with pytest.raises(InvalidRequest, match=rf"'{name}' \(1 rows\) may judge the answers"):
        import_rows(tmp_path, rows, status="labeled")
    assert import_rows(tmp_path, rows, status="labeled", mapping={"ignore": [name]}).rows == 1


def test_a_file_of_too_many_columns_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MOST_COLUMNS", 50)
    rows = [{"question": "q", "answer": "a", f"c{n}": n} for n in range(100)]
    with pytest.raises(InvalidRequest, match="different columns or keys"):
        import_rows(tmp_path, rows, status="labeled")


def test_an_id_that_stands_twice_is_told_at_its_row(tmp_path: Path) -> None:
    rows = [{"question": f"q{n}", "answer": "a", "key": n % 3} for n in range(4)]
    found = import_rows(tmp_path, rows, status="labeled", mapping={"columns": {"pair_id": "key"}})
    (finding,) = found.conversion.tally.findings
    assert (finding.where("x.jsonl", "line"), finding.code) == ("x.jsonl, line 4, key", "duplicate_pair_id")


def test_rows_inside_of_one_object_are_pointed_at(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="FILE: is one object; if the list in 'data' has the rows"):
        import_rows(tmp_path, [{"version": 1, "data": [{"question": "q", "answer": "a"}]}], status="labeled")


@pytest.mark.parametrize("spelling", ["Status", "STATUS", " status ", "review_status", "Review Status", "reviewStatus"])
def test_a_review_in_the_file_is_not_overruled_however_it_is_spelled(tmp_path: Path, spelling: str) -> None:
    content = f"question,answer,{spelling}\nq,a,rejected\n"
    with pytest.raises(InvalidRequest) as caught:
        imported(tmp_path, content)
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == ("--status-column", "ignored_statement")
    found = imported(tmp_path, content, status=None, mapping={"columns": {"status": spelling.strip()}})
    assert [pair["status"] for pair in pairs_of(found)] == ["rejected"]


@pytest.mark.parametrize("spelling", ["Prohibited_Uses", "prohibited uses", "PROHIBITED-USES"])
def test_a_prohibition_in_the_file_is_not_overruled_however_it_is_spelled(tmp_path: Path, spelling: str) -> None:
    with pytest.raises(InvalidRequest, match="--prohibited-uses-column"):
        imported(tmp_path, f"question,answer,{spelling}\nq,a,training\n")


def test_a_label_narrows_however_its_columns_are_spelled(tmp_path: Path) -> None:
    content = "question,answer,Label_Prohibited_Uses,Label Usage Reason,Reviewed-By\nq,a,training,PHI,ann\n"
    (pair,) = pairs_of(imported(tmp_path, content))
    narrowed = (pair["label_prohibited_uses"], pair["label_usage_reason"], pair["reviewed_by"])
    assert narrowed == (["training"], "PHI", "ann")


def test_a_column_that_is_there_in_two_spellings_is_not_passed_over(tmp_path: Path) -> None:
    content = "question,answer,Label_Prohibited_Uses,label_prohibited_uses\nq,a,training,\n"
    with pytest.raises(InvalidRequest, match="'Label_Prohibited_Uses' of its own"):
        imported(tmp_path, content)
    named = {"columns": {"label_prohibited_uses": "Label_Prohibited_Uses"}}
    (pair,) = pairs_of(imported(tmp_path, content, mapping=named))
    assert pair["label_prohibited_uses"] == ["training"]
