from __future__ import annotations

import pytest
from pydantic import ValidationError

from training_pipeline.domain.training_config import JobRequest
from training_pipeline.domain.validation import problems_from_validation

ASKED = {"training_sheet_id": "s", "model_name": "triage"}


@pytest.mark.parametrize("field", ["uc_catalog", "uc_schema"])
@pytest.mark.parametrize(
    "name", ["ml/prod", "o'brien", "a.b", "a:b", "a b", "a\u00a0b", "a\n", "a\tb", "a\x00b", "a\x7f"]
)
def test_a_name_that_unity_catalog_cannot_have_is_refused(field: str, name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        JobRequest.model_validate({**ASKED, field: name})
    (problem,) = problems_from_validation(list(caught.value.errors()))
    assert (problem.pointer, problem.code) == (f"/{field}", "string_pattern_mismatch")
    assert f"(got {name!r})" in problem.message


@pytest.mark.parametrize("name", ["ml", "ml-prod_2", "Zürich", 'a"b', "__databricks_internal"])
def test_other_names_are_left_to_the_workspace(name: str) -> None:
    asked = JobRequest.model_validate({**ASKED, "uc_catalog": name, "uc_schema": name})
    assert (asked.uc_catalog, asked.uc_schema) == (name, name)
