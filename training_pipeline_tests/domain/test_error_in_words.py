from __future__ import annotations

from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.errors import Unavailable


def test_an_error_of_a_library_is_told_by_its_type_alone() -> None:
    assert describe(RuntimeError("token=dapi123")) == "RuntimeError"
    assert describe(Unavailable("It is away.", hint="Wait.")) == "It is away. Wait."
    assert describe(Unavailable("It is away.")) == "It is away."
