from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from training_pipeline.sft import register

#: MLflow warns of its own types and asks for examples; on a worker these are lines of the log.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*")


@pytest.fixture
def served(tiny_folder: Path, tmp_path: Path) -> Any:
    """The model as MLflow serves it: packed with the file `served_chat.py` that travels with it, and loaded again."""
    import mlflow

    return mlflow.pyfunc.load_model(str(register._packed(tiny_folder, tmp_path / "served")))


def test_every_chat_has_an_answer_of_its_own_that_does_not_repeat_the_question(served: Any) -> None:
    chats = [[{"role": "user", "content": f"What follows from report {number}?"}] for number in range(2)]
    answers = served.predict(pd.DataFrame({"messages": chats}), params={"max_new_tokens": 5})
    assert len(answers) == 2
    assert all(isinstance(answer, str) and "What follows" not in answer for answer in answers)
