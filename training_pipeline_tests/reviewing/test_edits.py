from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from sqlalchemy import text

from training_pipeline.domain.errors import Conflict, InvalidRequest, NotFound
from training_pipeline.domain.pair_edit import PairEdit
from training_pipeline.domain.usage import Status, Use
from training_pipeline.reviewing import edits as module
from training_pipeline.reviewing.edits import SheetEdits
from training_pipeline.sheets.files import replacing, versions
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.training_jobs.store.jobs import JobStore

APPROVE = PairEdit(status=Status.LABELED)
REJECT = PairEdit(status=Status.REJECTED)


def digest(edits: SheetEdits) -> str:
    found = edits.digest("s")
    assert found is not None
    return found


def pairs(folder: Path) -> dict[str, dict[str, Any]]:
    return {row["pair_id"]: row for row in pq.read_table(FileTrainingSheets([folder]).files("s").data).to_pylist()}


def statuses(folder: Path) -> list[str]:
    return [pair["status"] for _, pair in sorted(pairs(folder).items())]


def test_edits_of_one_or_many_and_their_log(edits: SheetEdits, store: JobStore, tmp_path: Path) -> None:
    sheets = tmp_path / "in"
    before, seen = pairs(sheets), digest(edits)
    first = edits.edit("s", ["p-0", "p-1", "p-4"], APPROVE, digest=seen, actor="grace")
    assert (first.state, first.pairs, first.actor, first.undoes) == ("applied", 3, "grace", None)
    assert (first.old_digest, first.new_digest) == (seen, digest(edits))
    now = pairs(sheets)
    assert statuses(sheets) == ["labeled", "labeled", "unlabeled", "unlabeled", "labeled", "unlabeled"]
    assert now["p-2"] == before["p-2"]
    with FileTrainingSheets([sheets], threads=1).open("s") as opened:
        assert int(opened.pairs.filter(opened.pairs.status == "labeled").count().execute()) == 3
    changed = {"status": "labeled", "reviewed_by": "grace", "reviewed_at": now["p-0"]["reviewed_at"]}
    assert now["p-0"] == {**before["p-0"], **changed}

    uses = PairEdit(
        allowed_uses=(Use.EVALUATION,), prohibited_uses=(Use.TRAINING,), usage_reason="held out", answer="desk 7"
    )
    second = edits.edit("s", ["p-0"], uses, digest=first.new_digest, actor="sam")
    pair = pairs(sheets)["p-0"]
    assert [message["content"] for message in pair["messages"]] == ["Which desk takes case 0?", "desk 7"]
    assert (pair["allowed_uses"], pair["prohibited_uses"], pair["usage_reason"]) == (
        ["evaluation"],
        ["training"],
        "held out",
    )
    assert (pair["reviewed_by"], pair["constraints_set_by"], pair["status"]) == ("sam", "sam", "labeled")
    assert pair["constraints_set_at"] == pair["reviewed_at"]

    ((one,), total) = edits.log.page("s", pair_id="p-1", limit=10)
    assert (total, one.number, [edited.pair_id for edited in one.edited]) == (1, first.number, ["p-1"])
    every, total = edits.log.page("s", pair_id=None, limit=10)
    assert (total, [each.number for each in every]) == (2, [second.number, first.number])
    (edited,) = every[0].edited
    assert (edited.before.allowed_uses, edited.after.allowed_uses) == (("training", "validation"), ("evaluation",))
    assert (edited.before.constraints_set_by, edited.after.constraints_set_by) == (None, "sam")
    assert edited.before.row_hash != edited.after.row_hash
    with store.begin() as connection:
        kept = connection.execute(text("SELECT before || after FROM sheet_edit_pairs")).scalars().all()
    assert "desk" not in json.dumps(kept)

    files = FileTrainingSheets([sheets]).files("s")
    for path in (files.data, files.head_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(list(sheets.glob("s@*"))) == 1
    assert {name for name, _ in versions.versions([sheets], "s")} == {
        f"s@{one[:12]}" for one in (seen, first.new_digest)
    }


def test_two_stewards_at_one_pair_and_at_different_ones(edits: SheetEdits, tmp_path: Path) -> None:
    seen = digest(edits)
    first = edits.edit("s", ["p-0", "p-1"], APPROVE, digest=seen, actor="grace")
    with pytest.raises(Conflict) as refused:
        edits.edit("s", ["p-1", "p-2"], REJECT, digest=seen, actor="sam")
    (problem,) = refused.value.problems
    assert problem.message == f"p-1: changed by grace in edit {first.number}: status unlabeled to labeled"
    assert statuses(tmp_path / "in")[1:3] == ["labeled", "unlabeled"]
    # What nobody changed is as it was seen, whatever became of other pairs.
    second = edits.edit("s", ["p-2"], REJECT, digest=seen, actor="sam")
    assert statuses(tmp_path / "in")[:3] == ["labeled", "labeled", "rejected"]
    with pytest.raises(Conflict, match="replaced or approved"):
        edits.edit("s", ["p-3"], REJECT, digest="0" * 64, actor="sam")
    head = tmp_path / "in" / "s.yaml"
    head.write_text(head.read_text() + "description: another head\n")
    with pytest.raises(Conflict, match="replaced or approved"):
        edits.edit("s", ["p-3"], REJECT, digest=second.new_digest, actor="sam")


def test_undo_and_undo_of_it(edits: SheetEdits, tmp_path: Path) -> None:
    sheets = tmp_path / "in"
    before = pairs(sheets)
    closed = PairEdit(allowed_uses=(), answer="nobody", status=Status.REJECTED)
    first = edits.edit("s", ["p-0"], closed, digest=digest(edits), actor="grace")
    other = edits.edit("s", ["p-1"], APPROVE, digest=first.new_digest, actor="grace")
    back = edits.undo("s", first.number, digest=other.new_digest, actor="sam")
    assert (back.undoes, back.state) == (first.number, "applied")
    now = pairs(sheets)["p-0"]
    opened = {"constraints_set_by": "sam", "constraints_set_at": now["constraints_set_at"]}
    assert now == {**before["p-0"], **opened}  # whoever opens a use is on record for it
    with pytest.raises(Conflict, match=f"was undone by edit {back.number}"):
        edits.undo("s", first.number, digest=back.new_digest, actor="sam")
    again = edits.undo("s", back.number, digest=back.new_digest, actor="sam")
    assert pairs(sheets)["p-0"]["messages"][-1]["content"] == "nobody"
    assert pairs(sheets)["p-1"]["status"] == "labeled"

    edits.edit("s", ["p-1"], REJECT, digest=again.new_digest, actor="eve")
    with pytest.raises(Conflict, match="have changed since") as refused:
        edits.undo("s", other.number, digest=digest(edits), actor="grace")
    assert refused.value.problems[0].message.startswith("p-1: changed after this edit")
    with pytest.raises(NotFound):
        edits.undo("s", 999, digest=digest(edits), actor="grace")


def test_versions_of_edits_are_forgotten_but_not_what_was_imported(
    edits: SheetEdits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    imported = digest(edits)
    made = [imported]
    for number in range(5):
        status = APPROVE if number % 2 else REJECT
        made.append(edits.edit("s", [f"p-{number}"], status, digest=made[-1], actor="grace").new_digest)
    kept = {name for name, _ in versions.versions([tmp_path / "in"], "s")}
    assert kept == {f"s@{one[:12]}" for one in (imported, *made[-3:-1])}
    (first,) = edits.log.page("s", pair_id="p-1", limit=1)[0]
    with pytest.raises(Conflict, match="no longer kept"):
        edits.undo("s", first.number, digest=made[-1], actor="grace")


def test_a_version_that_an_import_replaced_stays_whatever_edits_follow(
    edits: SheetEdits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    sheets = tmp_path / "in"
    reviewed = edits.edit("s", ["p-0"], APPROVE, digest=digest(edits), actor="grace").new_digest

    def replace(description: str) -> str:
        kept = versions.version_of(sheets, "s")
        assert kept is not None
        versions.keep(kept)
        kept.files.head_file.write_text(f"{kept.files.head_file.read_text()}description: {description}\n")
        return digest(edits)

    again = replaced = replace("imported")
    for number in range(1, 6):
        again = edits.edit("s", [f"p-{number}"], REJECT, digest=again, actor="grace").new_digest
        kept = {name for name, _ in versions.versions([sheets], "s")}
        assert {f"s@{reviewed[:12]}", f"s@{replaced[:12]}"} <= kept
    assert len(kept) == 5  # the one that was imported first, these two, and what the latest two edits replaced


@pytest.mark.parametrize(
    ("pair_ids", "edit", "codes"),
    [
        (["p-0"], PairEdit(), ["missing"]),
        (["p-0", "p-1"], PairEdit(answer="a"), ["one_pair"]),
        (["p-0"], PairEdit(answer=" \u00a0"), ["missing_content"]),
        (["p-0", "x", "y"], APPROVE, ["unknown_pair", "unknown_pair"]),
        (["p-0", "p-5"], PairEdit(allowed_uses=(Use.TRAINING, Use.EVALUATION)), ["beyond_label"]),
    ],
)
def test_what_is_refused_whole(edits: SheetEdits, pair_ids: list[str], edit: PairEdit, codes: list[str]) -> None:
    seen = digest(edits)
    with pytest.raises(InvalidRequest) as refused:
        edits.edit("s", pair_ids, edit, digest=seen, actor="grace")
    assert [problem.code for problem in refused.value.problems] == codes
    assert (digest(edits), edits.log.page("s", pair_id=None, limit=1)) == (seen, ([], 0))


def test_tags_of_the_source_are_not_overruled(edits: SheetEdits, tmp_path: Path) -> None:
    head = tmp_path / "in" / "s.yaml"
    head.write_text(yaml.safe_dump({**yaml.safe_load(head.read_text()), "tags": ["phi"]}))
    allowing = PairEdit(allowed_uses=(Use.TRAINING,))
    with pytest.raises(InvalidRequest, match="p-0: training: source table is tagged PHI"):
        edits.edit("s", ["p-0"], allowing, digest=digest(edits), actor="grace")


def test_whose_pairs_are_somebody_elses(edits: SheetEdits, tmp_path: Path) -> None:
    (tmp_path / "in" / "theirs.yaml").write_text((tmp_path / "in" / "s.yaml").read_text().replace("pairs_file", "#"))
    (tmp_path / "in" / "theirs.jsonl").write_text('{"pair_id": "1"}\n')
    for one, sheet_id, why in (
        (edits, "theirs", "theirs.jsonl, which belongs to whoever wrote it"),
        (edits, "triage", "comes with the program"),
        (SheetEdits(edits.log, None), "s", "Unity Catalog"),
        (SheetEdits(edits.log, tmp_path / "nowhere"), "s", "comes with the program"),
    ):
        assert why in (one.refusal(sheet_id) or "")
        assert one.digest(sheet_id) is None
        with pytest.raises(Conflict, match=why):
            one.edit(sheet_id, ["1"], APPROVE, digest="0" * 64, actor="grace")


class Killed(BaseException):
    pass


def killed_at(line: int) -> Any:
    """Raises at the so-manieth line that is run in what writes sheets."""
    left = line
    writing = [SheetEdits._write, SheetEdits._forget, replacing.put_in_place, versions.keep, versions._put]
    codes = {one.__code__ for one in writing}

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if frame.f_code not in codes:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise Killed
        return trace

    return trace


def test_killed_at_any_line_it_is_the_old_version_or_the_new_one_with_its_entry(
    edits: SheetEdits, tmp_path: Path
) -> None:
    sheets, line = tmp_path / "in", 0
    outcomes: set[object] = set()
    while "done" not in outcomes:
        line += 1
        old, before = digest(edits), statuses(sheets)
        edit = REJECT if before[0] == "labeled" else APPROVE
        _, logged = edits.log.page("s", pair_id=None, limit=1)
        try:
            sys.settrace(killed_at(line))
            edits.edit("s", ["p-0"], edit, digest=old, actor="grace")
            outcomes.add("done")
        except Killed:
            pass
        finally:
            sys.settrace(None)
        edits.settle("s")
        entries, total = edits.log.page("s", pair_id=None, limit=1)
        took_effect = digest(edits) != old
        assert statuses(sheets) == [str(edit.status) if took_effect else before[0], *before[1:]]
        if took_effect:
            assert (total, entries[0].state, entries[0].new_digest) == (logged + 1, "applied", digest(edits))
        elif total > logged:
            assert entries[0].state == "abandoned"
        outcomes.add((took_effect, total > logged))
    assert outcomes == {"done", (False, False), (False, True), (True, True)}
    assert line > 30
