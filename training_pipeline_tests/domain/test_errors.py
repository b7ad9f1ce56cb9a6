from __future__ import annotations

from training_pipeline.domain import errors
from training_pipeline.domain.errors import BackendUnreachable, FieldProblem, InvalidRequest, PipelineError, Unavailable


def kinds(root: type[PipelineError] = PipelineError) -> list[type[PipelineError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


def test_an_error_names_every_field_and_says_what_to_do() -> None:
    problems = [FieldProblem("/model_name", "missing", "is missing"), FieldProblem("/epochs", "type", "is no number")]
    error = InvalidRequest("The request is wrong in 2 places.", hint="Mend them.", problems=problems)
    assert str(error).splitlines() == [
        "The request is wrong in 2 places.",
        "  /model_name: is missing",
        "  /epochs: is no number",
        "Mend them.",
    ]
    assert error.problems == tuple(problems)
    assert str(PipelineError("It broke.")) == "It broke."


def test_every_kind_has_a_code_of_its_own() -> None:
    ours = [kind for kind in kinds() if kind.__module__ == errors.__name__]
    codes = [kind.code for kind in ours]
    assert len(codes) == len(set(codes)) > 10


def test_what_may_pass_is_tried_again_and_only_an_unreachable_backend_is_waited_for() -> None:
    ours = [kind for kind in kinds() if kind.__module__ == errors.__name__]
    assert {kind for kind in ours if not kind.recurs} == {Unavailable, BackendUnreachable}
    assert {kind for kind in ours if kind.waits} == {BackendUnreachable}
