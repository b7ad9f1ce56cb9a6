from __future__ import annotations

import errno
from pathlib import Path

import pyarrow as pa
import pytest

from training_pipeline.domain.errors import Lost, Unavailable
from training_pipeline.infra.reading import unreadable

GONE = FileNotFoundError(errno.ENOENT, "No such file or directory")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (GONE, Lost),
        (OSError(errno.EIO, "Input/output error"), Unavailable),
        (OSError(errno.ESTALE, "Stale file handle"), Unavailable),
        (PermissionError(errno.EACCES, "Permission denied"), Unavailable),
        (OSError("Corrupt snappy compressed data."), Lost),
        (pa.ArrowInvalid("no magic bytes"), Lost),
        (ValueError("not JSON"), Lost),
    ],
)
def test_only_what_waiting_does_not_mend_is_lost(tmp_path: Path, error: Exception, kind: type[Unavailable]) -> None:
    (tmp_path / "another").touch()
    found = unreadable("It", error, tmp_path, hint="Restore it.")
    assert type(found) is kind
    assert str(error) in found.message
    assert "Restore it." in found.hint


@pytest.mark.parametrize("root", ["none", "empty", "staged"])
def test_nothing_is_lost_in_a_folder_whose_volume_may_not_be_mounted(tmp_path: Path, root: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "staged" / ".staging-1").mkdir(parents=True)
    assert type(unreadable("It", GONE, tmp_path / root, hint="")) is Unavailable
