from __future__ import annotations

import pytest

from training_pipeline.domain.training_config import JobRequest, problems_of_names

ASKED = {"training_sheet_id": "s", "model_name": "triage"}


@pytest.mark.parametrize("field", ["uc_catalog", "uc_schema"])
@pytest.mark.parametrize(
    "name", ["ml/prod", "o'brien", "a.b", "a:b", "a b", "a\u00a0b", "a\n", "a\tb", "a\x00b", "a\x7f"]
)
def test_a_name_that_unity_catalog_cannot_have_is_named_and_can_be_read(field: str, name: str) -> None:
    asked = JobRequest.model_validate({**ASKED, field: name})
    (problem,) = problems_of_names(asked)
    assert (problem.pointer, problem.code) == (f"/{field}", "invalid_name")
    assert f"(got {name!r})" in problem.message
    assert problems_of_names(asked.model_copy(update={"register_to_uc": False})) == []


@pytest.mark.parametrize("name", ["ml", "ml-prod_2", "Zürich", 'a"b', "__databricks_internal"])
def test_other_names_are_left_to_the_workspace(name: str) -> None:
    asked = JobRequest.model_validate({**ASKED, "uc_catalog": name, "uc_schema": name})
    assert problems_of_names(asked) == []
