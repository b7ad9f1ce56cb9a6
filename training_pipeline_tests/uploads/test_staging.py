from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.errors import NotFound, Unavailable
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.staging import Upload, Uploads, UploadTooLarge, safe_name


def put(uploads: Uploads, content: bytes = b"a,b\n", *, owner: str = "ada", name: str = "a.csv") -> Upload:
    with uploads.receive(owner, name) as receiving:
        receiving.write(content)
    return receiving.upload


def test_an_upload_is_its_owners_alone(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", UploadLimits())
    upload = put(uploads)
    assert uploads.get(upload.id, "ada").file.read_bytes() == b"a,b\n"
    assert stat.S_IMODE(upload.file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in (upload.folder, upload.folder.parent)} == {0o700}
    for upload_id, owner in ((upload.id, "eve"), ("up-" + "0" * 32, "ada"), ("../" + upload.id, "ada")):
        with pytest.raises(NotFound):
            uploads.get(upload_id, owner)
    uploads.delete(upload)
    uploads.delete(upload)
    with pytest.raises(NotFound):
        uploads.get(upload.id, "ada")


def test_nothing_stays_of_one_that_is_too_large_or_breaks_off(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", UploadLimits(bytes=10, user_bytes=100))
    with pytest.raises(UploadTooLarge, match="larger than 10 bytes"):
        put(uploads, b"0" * 11)
    with pytest.raises(TypeError), uploads.receive("ada", "a.csv") as receiving:
        receiving.write(None)  # type: ignore[arg-type]
    assert list((tmp_path / "uploads").iterdir()) == []


def test_one_persons_uploads_have_a_limit_together(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", UploadLimits(bytes=1000, user_bytes=1500))
    put(uploads, b"0" * 900)
    with pytest.raises(UploadTooLarge, match="together"):
        put(uploads, b"0" * 900)
    put(uploads, b"0" * 900, owner="eve")


def test_an_hour_later_it_is_gone(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", UploadLimits())
    old, new = put(uploads), put(uploads)
    before = time.time() - 3601
    os.utime(old.folder / "upload.json", (before, before))
    with pytest.raises(NotFound):
        uploads.get(old.id, "ada")
    uploads.sweep()
    assert not old.folder.exists()
    assert uploads.get(new.id, "ada") == new


@given(st.text(max_size=300))
def test_whatever_a_file_is_called_it_stays_in_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert Path(safe).name == safe
    assert 0 < len(safe.encode()) <= 120
    assert not safe.startswith(".")
    assert safe != "upload.json"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\Antworten März.xlsx", "Antworten März.xlsx"),
        ("x" * 300 + ".csv", "x" * 116 + ".csv"),
        ("", "upload"),
        ("upload.json", "upload"),
    ],
)
def test_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("upload_id", ["up-" + "0" * 32, "up-" + "f" * 32])
def test_what_is_no_upload_stops_none(tmp_path: Path, upload_id: str) -> None:
    (tmp_path / upload_id).write_text("")  # as earlier versions left one where an upload was deleted meanwhile
    uploads = Uploads(tmp_path, UploadLimits())
    put(uploads)
    uploads.sweep()
    with pytest.raises(NotFound):
        uploads.get(upload_id, "ada")


def test_an_upload_that_is_deleted_while_it_is_looked_for_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(tmp_path, UploadLimits())
    upload = put(uploads)
    is_old = uploads._is_old

    def deleted(folder: Path) -> bool:
        uploads.delete(upload)
        return is_old(folder)

    monkeypatch.setattr(uploads, "_is_old", deleted)
    with pytest.raises(NotFound):
        uploads.get(upload.id, "ada")
    assert not is_old(upload.folder)


def test_uploads_that_cannot_be_looked_through_are_an_outage(tmp_path: Path) -> None:
    (tmp_path / "uploads").symlink_to("uploads")
    with pytest.raises(Unavailable, match="cannot be written"):
        put(Uploads(tmp_path / "uploads", UploadLimits()))
