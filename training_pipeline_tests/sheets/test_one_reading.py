from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.domain.errors import NotFound, SheetChanged, SheetUnreadable, Unavailable
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.files import source as files
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.one_reading import OneReading
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.sheets.unstamped import Unstamped


class Opening(FileTrainingSheets):
    """Counts what is opened, and what is open."""

    opened = 0
    held = 0

    @contextmanager
    def open(self, sheet_id: str) -> Iterator[OpenSheet]:
        type(self).opened += 1
        type(self).held += 1
        try:
            with super().open(sheet_id) as found:
                yield found
        finally:
            type(self).held -= 1


@pytest.fixture
def sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opening:
    monkeypatch.setattr(files, "SETTLED_NS", -(10**15))  # no test waits until its file is old
    monkeypatch.setattr(Opening, "opened", 0)
    monkeypatch.setattr(Opening, "held", 0)
    write_sheet(tmp_path, "small", rows(12))
    write_sheet(tmp_path, "other", rows(5))
    return Opening([tmp_path])


def read(source: OneReading | FileTrainingSheets, sheet_id: str = "small") -> tuple[str, list[str]]:
    """The digest, and the pairs, which are asked for."""
    with source.open(sheet_id) as opened:
        return opened.digest, sorted(opened.pairs.pair_id.to_pyarrow().to_pylist())


def test_steps_that_come_after_each_other_share_a_reading(sheets: Opening) -> None:
    once = OneReading(sheets)
    assert once.get("small") == sheets.get("small")
    assert [sheet.id for sheet in once.list()] == ["other", "small"]
    assert read(once) == read(once) == read(once)
    assert (sheets.opened, sheets.held) == (1, 1)
    assert read(once, "other")[1] == [f"p-{number:04d}" for number in range(5)]
    assert (sheets.opened, sheets.held) == (2, 1)
    once.close()
    once.close()
    assert sheets.held == 0
    read(once)
    assert sheets.opened == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(["read", "pairs", "head", "same size", "close"]), min_size=1, max_size=5))
def test_every_step_reads_what_is_there(sheets: Opening, tmp_path: Path, steps: list[str]) -> None:
    once, pairs, head = OneReading(sheets), tmp_path / "small.jsonl", tmp_path / "small.yaml"
    for count, step in enumerate(steps):
        if step == "pairs":
            write_sheet(tmp_path, "small", rows(5 + count))
        elif step == "head":
            head.write_bytes(head.read_bytes() + b"# read\n")
        elif step == "same size":
            pairs.write_bytes(pairs.read_bytes().replace(b"p-0001", b"p-9999"))
        elif step == "close":
            once.close()
        assert read(once) == read(FileTrainingSheets([tmp_path]))
    once.close()


def test_a_change_while_a_step_reads_is_noticed_and_the_next_step_reads_anew(sheets: Opening, tmp_path: Path) -> None:
    once = OneReading(sheets)
    read(once)
    with pytest.raises(SheetChanged), once.open("small"):
        write_sheet(tmp_path, "small", rows(7))
    assert len(read(once)[1]) == 7
    (tmp_path / "small.jsonl").unlink()  # between two steps
    with pytest.raises(SheetUnreadable):
        read(once)
    (tmp_path / "small.yaml").unlink()
    with pytest.raises(NotFound):
        read(once)
    assert sheets.held == 0


def test_what_fails_gives_the_reading_up_and_is_told_as_the_source_tells_it(sheets: Opening) -> None:
    once = OneReading(sheets)
    read(once)
    with pytest.raises(KeyError), once.open("small"):
        raise KeyError("a step")
    assert sheets.held == 0
    with pytest.raises(Unavailable), once.open("small") as opened:
        opened.pairs.get_backend().con.execute("SELECT json('{')")
    assert (sheets.held, sheets.opened) == (0, 2)
    with once.open("small"):
        read(once)  # within another step
    assert (sheets.held, sheets.opened) == (1, 4)


def test_what_may_have_changed_unseen_is_opened_anew(
    sheets: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = OneReading(Unstamped(sheets))
    assert read(once) == read(once)
    monkeypatch.setattr(files, "SETTLED_NS", 10**15)  # as if it were written at this moment
    once = OneReading(sheets)
    assert read(once) == read(once)
    assert (sheets.opened, sheets.held) == (4, 0)
