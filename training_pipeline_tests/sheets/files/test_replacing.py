"""What is removed beside a sheet is what `writing` made, and nothing else."""

from __future__ import annotations

import os
import string
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.sheets.files.replacing import writing

LEFT = f".desks.writing-{'0a' * 16}"
IDS = st.sampled_from(["desks", "desks.bak", "Desks", "desk", "desks.writing-1"])
#: Names that people, editors and other programs give to what is beside a sheet.
NAMES = st.one_of(
    st.text(string.ascii_letters + string.digits + "._-@~", min_size=1, max_size=40).map(".desks.{}".format),
    st.builds(".{}.{}".format, IDS, st.sampled_from(["bak", "swp", "writing", "writing-1", "abcd_123", "0a" * 16])),
    st.text("0123456789abcdefg", min_size=30, max_size=34).map(".desks.writing-{}".format),
)


def names(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


@pytest.fixture
def head(tmp_path: Path) -> Path:
    return tmp_path / "desks.yaml"


def test_the_folder_is_its_owners_and_gone_afterwards(head: Path) -> None:
    with writing(head) as written:
        written.write_text("pairs")
        assert written.parent.parent == head.parent
        assert written.parent.stat().st_mode & 0o777 == 0o700
    assert names(head.parent) == set()


def test_an_error_leaves_nothing(head: Path) -> None:
    def write_half() -> None:
        with writing(head) as written:
            written.write_text("half of them")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert names(head.parent) == set()


def test_what_a_killed_writer_left_is_removed(head: Path) -> None:
    (head.parent / LEFT).mkdir()
    (head.parent / LEFT / "pairs").write_text("half of them")
    others = head.parent / LEFT.replace("desks", "desks.bak")  # of another sheet: its next writer removes it
    others.mkdir()
    with writing(head):
        assert not (head.parent / LEFT).exists()
    assert names(head.parent) == {others.name}


@given(name=NAMES)
def test_what_somebody_else_called_alike_stays(name: str) -> None:
    with TemporaryDirectory() as folder:
        mine = Path(folder) / name
        mine.mkdir()
        (mine / "notes").write_text("mine")
        with writing(Path(folder) / "desks.yaml"):
            pass
        assert (mine / "notes").read_text() == "mine"


@pytest.mark.parametrize("kind", ["file", "link", "more"])
def test_even_under_our_own_name_only_what_we_write_is_removed(head: Path, kind: str) -> None:
    mine = head.parent / "mine"
    mine.mkdir()
    (mine / "pairs").write_text("mine")
    left = head.parent / LEFT
    match kind:
        case "file":
            left.write_text("mine")
        case "link":
            left.symlink_to(mine)
        case _:
            left.mkdir()
            os.link(mine / "pairs", left / "notes")
    before = names(head.parent)
    with writing(head):
        pass
    assert names(head.parent) == before
    assert (mine / "pairs").read_text() == "mine"
