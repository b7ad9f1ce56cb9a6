from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest

from training_pipeline.backends.hub import commit_of


def test_the_hub_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_: object, name: str, **__: object) -> SimpleNamespace:
        return SimpleNamespace(sha=f"commit of {name}")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", answer)
    assert commit_of("owner/model") == "commit of owner/model"


@pytest.mark.parametrize("error", [OSError("no route"), RuntimeError("a client's own"), ValueError("no such model")])
def test_where_it_does_not_answer_the_copy_of_this_machine_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", silent)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert commit_of("owner/model") is None
    refs = tmp_path / "models--owner--model" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text("c0ffee\n")
    assert commit_of("owner/model") == "c0ffee"
