from __future__ import annotations

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.web.studies.form import further


def test_what_is_missing_for_it_was_left_out_is_no_problem() -> None:
    found = [FieldProblem("/space", "empty", "searches nothing"), FieldProblem("/hours", "too_little", "buys nothing")]
    assert further(found, {"space.epochs", "name"}) == found[1:]
    assert further(found, {"name"}) == found
    assert further(found, {"name", "hours"}) == found[:1]
