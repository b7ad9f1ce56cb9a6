from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from training_pipeline.databricks.volume_folders import Folder, Kind, VolumeFolders
from training_pipeline.domain.errors import BackendDenied
from training_pipeline.testing.databricks.backend import VOLUME, connection_to
from training_pipeline.testing.databricks_workspace.app import serve


def test_a_folder_is_listed_looked_into_and_removed(tmp_path: Path) -> None:
    with serve(tmp_path / "workspace") as workspace:
        root = f"/Volumes/{VOLUME.replace('.', '/')}/training_pipeline"
        deep = workspace.path(f"{root}/runs/tj-1-1/model/inner")
        deep.mkdir(parents=True)
        (deep / "weights").write_bytes(b"x" * 10)
        (deep.parents[1] / "result.json").write_bytes(b"{}")
        (workspace.path(f"{root}/runs") / "a file").write_text("x")
        folders = VolumeFolders(connection_to(workspace), VOLUME)
        (folder,) = folders.folders()
        assert folder == Folder(Kind.RUN, "tj-1-1", f"{root}/runs/tj-1-1")
        content = folders.content(folder)
        assert (content.size, content.has_model) == (12, True)
        assert abs((datetime.now(UTC) - content.newest).total_seconds()) < 600
        with workspace.without(VOLUME, "WRITE VOLUME"), pytest.raises(BackendDenied, match="WRITE VOLUME"):
            folders.remove(folder)
        folders.remove(folder)
        folders.remove(folder)
        assert folders.folders() == []
        assert workspace.path(f"{root}/runs").is_dir()
