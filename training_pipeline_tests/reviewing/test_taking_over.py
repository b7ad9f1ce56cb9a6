from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.errors import Conflict, NotFound, SheetUnreadable
from training_pipeline.domain.pair_edit import PairEdit
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.usage import Status
from training_pipeline.reviewing import taking_over
from training_pipeline.reviewing.edits import SheetEdits
from training_pipeline.reviewing.log import EditLog
from training_pipeline.reviewing.taking_over import may_be_taken_over, take_over
from training_pipeline.sheets.diff import diff
from training_pipeline.sheets.files.sheet_files import SheetFiles, digest_of
from training_pipeline.sheets.files.source import SAMPLES, FileTrainingSheets
from training_pipeline.sheets.files.versions import versions
from training_pipeline.training_jobs.store.jobs import JobStore

HEAD = "name: Desks\nstatus: approved\nsource_sheet: {id: cases}\nprompt_template: {id: desk}\ntags: [CONFIDENTIAL]\n"
#: A file with a default, a separator of its own, a column to pass over, and values that cannot be read: they deny.
CSV_HEAD = (
    HEAD + 'delimiter: ";"\nlist_separator: "|"\nignored_columns: [notes]\n'
    "defaults: {prohibited_uses: [], data_classification: internal, constraints_set_by: ada}\n"
)
CSV = "pair_id;item_ref;question;answer;status;allowed_uses;notes\n" + "".join(
    f"p-{n};i-{n};Which desk takes case {n}?;desk {n % 3};{status};{uses};x\n"
    for n, (status, uses) in enumerate(
        [
            ("approved", "training|validation"),
            ("labeled", "training|nonsense"),
            ("pending", ""),
            (" Labeled ", "testing"),
        ]
    )
)


def digest_in(folder: Path, sheet_id: str) -> str:
    with FileTrainingSheets([folder]).open(sheet_id) as opened:
        return opened.digest


def desks(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "desks.yaml").write_text(CSV_HEAD)
    (folder / "desks.csv").write_text(CSV)
    return folder


@pytest.mark.parametrize(
    "sheet_id",
    ["desks", *(pytest.param(path.stem, marks=pytest.mark.nightly) for path in sorted(SAMPLES.glob("*.yaml")))],
)
def test_the_gates_say_the_same_and_the_old_sheet_is_kept(sheet_id: str, tmp_path: Path) -> None:
    folder = desks(tmp_path / "sheets")
    for path in SAMPLES.glob(f"{sheet_id}.*"):
        shutil.copy(path, folder)
    sheets = FileTrainingSheets([folder])
    with sheets.open(sheet_id) as opened:
        before, seen = export_summary(opened, GatePolicy()), opened.digest
    assert may_be_taken_over(folder, sheet_id)
    take_over(folder, sheet_id, digest=seen, actor="grace")
    ((name, kept),) = versions([folder], sheet_id)
    assert name == f"{sheet_id}@{seen[:12]}"
    with FileTrainingSheets([kept]).open(sheet_id) as was, sheets.open(sheet_id) as now:
        assert (was.digest, diff(was, now, limit=10).total) == (seen, 0)
        assert export_summary(now, GatePolicy()) == before
    files = sheets.files(sheet_id)
    assert (files.head.metadata["taken_over_by"], files.head.tags) == ("grace", sheets.get(sheet_id).tags)
    assert [path.name for path in folder.glob(f"{sheet_id}*") if path.suffix != ".yaml"] == [files.data.name]
    assert stat.S_IMODE(files.data.stat().st_mode) == 0o600
    assert not may_be_taken_over(folder, sheet_id)
    take_over(folder, sheet_id, digest="0" * 64, actor="eve")  # it is ours already: nothing to do
    assert sheets.get(sheet_id).metadata["taken_over_by"] == "grace"


def test_what_is_taken_over_is_reviewed(store: JobStore, tmp_path: Path) -> None:
    folder = desks(tmp_path / "sheets")
    edits = SheetEdits(EditLog(store), folder)
    assert "take the sheet over" in (edits.refusal("desks") or "")
    take_over(folder, "desks", digest=digest_in(folder, "desks"), actor="grace")
    assert edits.refusal("desks") is None
    approve = PairEdit(status=Status.LABELED)
    made = edits.edit("desks", ["p-2"], approve, digest=digest_in(folder, "desks"), actor="sam")
    assert (made.state, made.actor) == ("applied", "sam")
    back = edits.undo("desks", made.number, digest=made.new_digest, actor="sam")
    assert back.undoes == made.number
    assert len(versions([folder], "desks")) == 3


def test_who_looked_at_another_version_takes_nothing_over(tmp_path: Path) -> None:
    folder = desks(tmp_path / "sheets")
    seen = digest_in(folder, "desks")
    (folder / "desks.csv").write_text(CSV + "p-9;i-9;Which?;desk;labeled;training;x\n")
    with pytest.raises(Conflict, match="has changed since you opened it"):
        take_over(folder, "desks", digest=seen, actor="grace")
    assert sorted(path.name for path in folder.iterdir() if path.suffix) == ["desks.csv", "desks.yaml"]
    with pytest.raises(NotFound):
        take_over(folder, "nobody", digest=seen, actor="grace")


def test_a_file_written_anew_between_two_looks_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = desks(tmp_path / "sheets")
    newer = CSV + "p-9;i-9;Which?;desk;labeled;training;x\n"

    def looked(files: SheetFiles) -> str:
        found = digest_of(files)
        files.data.write_text(newer)
        return found

    monkeypatch.setattr(taking_over, "digest_of", looked)
    with pytest.raises(Conflict, match="has changed since you opened it"):
        take_over(folder, "desks", digest=digest_in(folder, "desks"), actor="grace")
    assert (folder / "desks.csv").read_text() == newer
    assert sorted(path.name for path in folder.iterdir()) == ["desks.csv", "desks.yaml"]


def test_what_cannot_be_read_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / "desks.yaml").write_text(HEAD)
    (folder / "desks.jsonl").write_text(json.dumps({"pair_id": "p-1"}) + "\n{")
    files = FileTrainingSheets([folder]).files("desks")
    with pytest.raises(SheetUnreadable):
        take_over(folder, "desks", digest=digest_of(files), actor="grace")
    assert (folder / "desks.jsonl").exists()
    assert list(folder.glob(".desks.*")) == []


def test_a_writer_that_is_killed_leaves_the_old_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = desks(tmp_path / "sheets")
    seen = digest_in(folder, "desks")

    class Killed(BaseException):
        """As a signal would."""

    def killed(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr("training_pipeline.sheets.files.replacing.replace_file", killed)
    with pytest.raises(Killed):
        take_over(folder, "desks", digest=seen, actor="grace")
    monkeypatch.undo()
    assert digest_in(folder, "desks") == seen
    take_over(folder, "desks", digest=seen, actor="grace")
    assert not may_be_taken_over(folder, "desks")
    assert len(list(folder.glob("desks@*"))) == 1
    assert taking_over.may_be_taken_over(folder, "nobody") is False
