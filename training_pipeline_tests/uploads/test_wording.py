from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.sheets.importing.mapping import TARGETS
from training_pipeline.sheets.importing.request import ImportRequest, flag_of, unstated
from training_pipeline.uploads.wording import as_field, in_words


@pytest.mark.parametrize("target", TARGETS)
def test_the_option_of_every_column_is_a_field(target: str) -> None:
    assert as_field(FieldProblem(flag_of(target), "c", "m")).pointer == f"/mapping/columns/{target}"


def test_everything_that_may_be_unstated_is_asked_for_without_an_option() -> None:
    asked = ImportRequest(file=Path("x"), id="not an id!", prohibit=("none", "training"), status="?", allow=("?",))
    problems = [as_field(one) for one in unstated(asked)]
    assert {one.pointer for one in problems} == {
        *("/status", "/allow", "/classification", "/id", "/prohibit", "/sheet_status", "/source", "/template"),
    }
    assert [one.message for one in problems if "--" in one.message] == []


def test_what_only_a_command_line_can_do_is_not_advised() -> None:
    hint = "Nothing was written. `training-pipeline sheets check /state/uploads/up-1/a.csv` lists every problem."
    assert in_words(hint) == "Nothing was written."
    said = in_words("is not stated; give --status (as --status labeled) or --status-column")
    assert said == 'is not stated; give status (as status "labeled") or mapping.columns.status'
