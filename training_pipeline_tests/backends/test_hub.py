from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

from training_pipeline.backends.hub import Hub, HubCopy, HubModel, licence_of_folder, of_hub
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.testing.servers.hub import hub_copy

CARD = "---\nlibrary_name: transformers\n{said}\n---\n# A model\n"


def answer(_: object, name: str, *, revision: str | None, **__: object) -> SimpleNamespace:
    return SimpleNamespace(sha=revision or f"commit of {name}", card_data=SimpleNamespace(license="mit"))


def test_the_hub_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", answer)
    assert Hub().commit_now("owner/model") == "commit of owner/model"
    assert Hub().model("owner/model") == HubModel("commit of owner/model", "mit")
    assert Hub().model("owner/model", "c0ffee") == HubModel("c0ffee", "mit")


@pytest.mark.parametrize("error", [OSError("no route"), RuntimeError("a client's own"), ValueError("no such model")])
def test_where_it_does_not_answer_the_copy_of_this_machine_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", silent)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    hub = Hub()
    assert hub.model("owner/model") == HubModel()
    assert hub.model("owner/model", "decaf") == HubModel("decaf")
    copy = tmp_path / "models--owner--model"
    (copy / "refs").mkdir(parents=True)
    (copy / "refs" / "main").write_text("c0ffee\n")
    assert hub.model("owner/model") == HubModel("c0ffee")
    (copy / "snapshots" / "c0ffee").mkdir(parents=True)
    (copy / "snapshots" / "c0ffee" / "README.md").write_text(CARD.format(said="license: apache-2.0"))
    assert hub.model("owner/model") == HubModel("c0ffee", "apache-2.0")
    # A job that is created now must not be given yesterday's commit for today's: its launch asks again.
    assert hub.commit_now("owner/model") is None


def test_a_hub_that_takes_its_time_keeps_no_job_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    late = threading.Event()

    def slow(*given: Any, **named: Any) -> SimpleNamespace:
        late.wait(60)
        return answer(*given, **named)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", slow)
    began = time.monotonic()
    assert Hub(seconds_at_creation=0.05).commit_now("owner/model") is None
    assert time.monotonic() - began < 5
    late.set()


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ("license: mit", "mit"),
        ("license:\n- mit\n- apache-2.0", "mit, apache-2.0"),
        ("license: other\nlicense_name: gemma", "gemma"),
        ("license: other", "other"),
        ("tags: [chat]", None),
        ("license: 7", "7"),
        ("license: ' '", None),
        ("license: [", None),
        (f"license: {'x' * 500}", "x" * 200),
        (f"license: mit\nfiller: {'x' * (1 << 20)}", None),
    ],
)
def test_the_licence_is_what_the_card_names(tmp_path: Path, said: str, licence: str | None) -> None:
    assert licence_of_folder(tmp_path) is None
    (tmp_path / "README.md").write_text(CARD.format(said=said))
    assert licence_of_folder(tmp_path) == licence


def test_the_record_says_when_the_commit_was_found() -> None:
    found = HubModel("c0ffee", "mit")
    known = {"reference": "o/m", "revision": "c0ffee", "licence": "mit"}
    assert of_hub("o/m", found, at_creation=True) == BaseModelRecord(**known, resolved_at="creation")
    assert of_hub("o/m", found, at_creation=False) == BaseModelRecord(**known, resolved_at="launch")
    assert of_hub("o/m", HubModel(), at_creation=False) == BaseModelRecord(reference="o/m")


def test_the_copy_of_this_machine_is_found_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: pytest.fail("the Hub was asked"))
    assert Hub().copy("owner/model") is None
    (tmp_path / "model").mkdir()
    folder = hub_copy(tmp_path / "hub", "owner/model", tmp_path / "model", commit="c0ffee")
    assert Hub().copy("owner/model") is None  # its tokenizer is not here
    for name in ("config.json", "tokenizer_config.json"):
        (folder / name).write_text("{}")
    assert Hub().copy("owner/model") == HubCopy(folder, "c0ffee")
