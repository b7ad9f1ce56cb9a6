from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from training_pipeline.databricks import listing
from training_pipeline.databricks.listing import listing_digest
from training_pipeline.testing.databricks.backend import VOLUME, connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.state import Workspace

MODEL = f"/Volumes/{VOLUME.replace('.', '/')}/models/base"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with serve(tmp_path / "workspace") as served:
        folder = served.path(MODEL)
        (folder / "1_Pooling").mkdir(parents=True)
        for name, content in (("model.safetensors", "weights"), ("1_Pooling/config.json", "{}")):
            (folder / name).write_text(content)
        yield served


def test_what_is_known_changes_with_a_name_a_size_or_a_time(workspace: Workspace) -> None:
    connection, weights = connection_to(workspace), workspace.path(MODEL) / "model.safetensors"
    first = listing_digest(connection, MODEL)
    assert first is not None
    assert len(first) == 64
    assert listing_digest(connection, f"{MODEL}/") == first
    weights.touch()
    os.utime(weights, (1_800_000_000, 1_800_000_000))
    later = listing_digest(connection, MODEL)
    weights.write_text("other weights")
    os.utime(weights, (1_800_000_000, 1_800_000_000))
    larger = listing_digest(connection, MODEL)
    nested = workspace.path(MODEL) / "1_Pooling" / "config.json"
    nested.rename(nested.with_name("other.json"))
    renamed = listing_digest(connection, MODEL)
    assert len({first, later, larger, renamed}) == 4


def test_a_folder_that_cannot_be_listed_or_is_no_model_is_not_recorded(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connection_to(workspace)
    assert listing_digest(connection, f"{MODEL}-of-nobody") is None
    workspace.path(f"{MODEL}-empty").mkdir()
    assert listing_digest(connection, f"{MODEL}-empty") is None
    workspace.faults.arm("fs/directories/list", FaultKind.FORBIDDEN, times=None)
    assert listing_digest(connection, MODEL) is None
    workspace.faults.clear()
    monkeypatch.setattr(listing, "_MOST_FILES", 1)
    assert listing_digest(connection, MODEL) is None
