from __future__ import annotations

import hashlib
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.errors import BackendFailed, PipelineError, Unavailable
from training_pipeline.models.versions.files import Place, files, place, problems, snippet
from training_pipeline.testing.jobs.jobs import ScriptedBackend, a_result, new_job
from training_pipeline.testing.soak import examples


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


def test_files_are_told_with_their_sizes(backend: ScriptedBackend, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"123")
    backend.outcome = a_result(tmp_path)
    where = place(backend, new_job(), "triage", "1")
    assert where == Place(tmp_path, str(tmp_path))
    hashes = {"model.safetensors": "0" * 64, "config.json": "1" * 64}
    assert [(file.path, file.bytes) for file in files(hashes, where)] == [
        ("config.json", None),
        ("model.safetensors", 3),
    ]
    compile(snippet(where) or "", "snippet", "exec")
    assert str(tmp_path) in (snippet(where) or "")


@pytest.mark.parametrize(
    ("outcome", "lost"),
    [(BackendFailed("of its model these are gone: x"), True), (Unavailable("no answer"), False), (None, False)],
)
def test_a_model_that_cannot_be_read_has_no_snippet(
    backend: ScriptedBackend, outcome: PipelineError | None, lost: bool
) -> None:
    backend.outcome = outcome
    where = place(backend, new_job(), "triage", "1")
    assert (where.folder, where.lost) == (None, lost)
    assert where.unreadable
    assert snippet(where) is None
    assert [file.bytes for file in files({"a": "0" * 64}, where)] == [None]


def test_a_folder_that_is_gone_another_backend_and_unity_catalog(backend: ScriptedBackend, tmp_path: Path) -> None:
    backend.outcome = a_result(tmp_path / "gone")
    gone = place(backend, new_job(), "triage", "1")
    assert gone.lost
    assert "gone" in gone.unreadable
    assert "backend local" in place(backend, new_job(backend="local"), "triage", "1").unreadable
    catalog = place(backend, new_job(backend="databricks"), "main.ml.triage", "7")
    assert (catalog.folder, catalog.location) == (None, "models:/main.ml.triage/7")
    compile(snippet(catalog) or "", "snippet", "exec")
    assert "models:/main.ml.triage/7" in (snippet(catalog) or "")


NAMES = st.sampled_from(["a.bin", "b.json", "deep/c.txt", "deep/d.txt"])


@hypothesis.settings(max_examples=examples(40))
@given(
    recorded=st.dictionaries(NAMES, st.sampled_from([b"", b"one", b"two"])),
    there=st.dictionaries(NAMES, st.sampled_from([b"", b"one", b"two"])),
)
def test_every_file_that_differs_is_named_and_no_other(
    recorded: dict[str, bytes], there: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("model")
    for name, content in there.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in recorded.items()}
    found = problems(hashes, folder)
    wrong = {name for name in {*recorded, *there} if recorded.get(name) != there.get(name)}
    assert {message.split(" is ")[0] for message in found} == wrong
    assert len(found) == len(wrong)
