from __future__ import annotations

import pytest

from training_pipeline.backends.trainer_contract import answered_questions
from training_pipeline.domain.errors import BackendFailed


def test_a_file_of_answers_that_breaks_its_contract_is_told_of_without_its_words() -> None:
    with pytest.raises(BackendFailed) as caught:
        answered_questions(b'{"question": "Who has the key to the safe?"}\n')
    assert "samples.jsonl" in str(caught.value)
    assert "safe" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_no_answers_are_no_answers() -> None:
    assert answered_questions(b"\n") == []
