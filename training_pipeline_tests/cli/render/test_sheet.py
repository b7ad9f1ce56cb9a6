from __future__ import annotations

from pathlib import Path

from training_pipeline.cli.render.sheet import report_as_json, show_report
from training_pipeline.cli.render.terminal import terminal
from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.sheets.files.checking import CheckReport

WRONG = Problem("/messages/0/role", "unknown_role", "is [wizard]", 7)
WHOLE = Problem("item_ref", "missing_column", "is missing")
REPORT = CheckReport(
    rows=1200, counts={"unknown_role": 3, "missing_column": 1}, errors=4, warnings=0, problems=(WHOLE, WRONG)
)


def shown(report: CheckReport) -> str:
    console = terminal(width=120, color_system=None)
    with console.capture() as captured:
        show_report(console, Path("/data/sheet.jsonl"), report)
    return captured.get()


def test_a_report_is_the_same_in_json() -> None:
    found = report_as_json(Path("s.jsonl"), REPORT)
    assert (found["rows"], found["errors"], found["warnings"], found["not_shown"]) == (1200, 4, 0, 2)
    assert [problem["line"] for problem in found["problems"]] == [None, 7]
    assert {problem["severity"] for problem in found["problems"]} == {"error"}


def test_problems_are_shown_as_they_are_and_what_is_not_shown_is_counted() -> None:
    text = shown(REPORT)
    assert "is [wizard]" in text
    assert "sheet.jsonl" in text
    assert "2 more are not shown" in text
    assert text.rstrip().endswith("1,200 rows, 4 errors, 0 warnings.")


def test_a_sound_sheet_is_one_line() -> None:
    assert shown(CheckReport(5, {}, 0, 0, ())) == "5 rows, 0 errors, 0 warnings.\n"
