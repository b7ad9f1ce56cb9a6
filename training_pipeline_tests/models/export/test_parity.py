from __future__ import annotations

import sys
from pathlib import Path

import pytest

from training_pipeline.domain.errors import Unavailable
from training_pipeline.models.export import parity
from training_pipeline.models.export.parity import Parity, compare


@pytest.mark.parametrize(
    ("tokens", "same", "holds"), [(100, 99, True), (1000, 989, False), (0, 0, False), (20, 20, True)]
)
def test_99_of_100_tokens_must_be_the_same(tokens: int, same: int, holds: bool) -> None:
    assert Parity(questions=20, tokens=tokens, same=same).holds is holds


def test_fewer_than_20_questions_are_no_test() -> None:
    assert Parity(questions=20, tokens=100, same=100).too_few is None
    assert "has 19 that could be asked" in str(Parity(questions=19, tokens=100, same=100).too_few)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('base_model is gone')", "base_model is gone"),
        ("import sys; sys.exit(7)", "exit code 7"),
        ("print('{}')", "exit code 0"),
        ("import time; time.sleep(60)", "within 0.5 seconds"),
    ],
)
def test_a_test_that_says_nothing_is_no_parity(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, said: str
) -> None:
    monkeypatch.setattr(parity, "PROGRAM", (sys.executable, "-S", "-c", program))
    with pytest.raises(Unavailable, match=said):
        compare({}, tmp_path, None, tmp_path / "questions", seconds=0.5 if "sleep" in program else 20.0)
