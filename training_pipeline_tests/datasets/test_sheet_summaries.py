from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Event
from typing import ClassVar

import pytest

from training_pipeline.datasets import sheet_summaries
from training_pipeline.datasets.known_versions import KnownVersions
from training_pipeline.datasets.sheet_findings import SheetFindings
from training_pipeline.datasets.sheet_summaries import SheetSummaries
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.errors import NotFound, PipelineError, SheetUnreadable
from training_pipeline.domain.export_summary import ExportSummary
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.files import source as files
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.polling import until
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.sheets.unstamped import Unstamped

POLICY = GatePolicy()
MOST = 1000


def nothing() -> Withdrawn:
    return NOTHING


class Opening(FileTrainingSheets):
    """Counts how often a sheet is opened, and has happen what is told right before."""

    opened = 0
    happening: ClassVar[list[Callable[[], object]]] = []

    @contextmanager
    def open(self, sheet_id: str) -> Iterator[OpenSheet]:
        type(self).opened += 1
        while self.happening:
            self.happening.pop()()
        with super().open(sheet_id) as found:
            yield found


class Judging:
    """Counts how often the pairs are judged; waits to be let go on where it is told to."""

    def __init__(self) -> None:
        self.times, self.let = 0, Event()
        self.let.set()

    def __call__(self, opened: OpenSheet, policy: GatePolicy, *, withdrawn: Withdrawn) -> ExportSummary:
        self.times += 1
        assert self.let.wait(120)
        return export_summary(opened, policy, withdrawn=withdrawn)


@pytest.fixture
def judging(monkeypatch: pytest.MonkeyPatch) -> Judging:
    found = Judging()
    monkeypatch.setattr(sheet_summaries, "export_summary", found)
    monkeypatch.setattr(Opening, "opened", 0)
    return found


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opening:
    write_sheet(tmp_path, "small", rows(40))
    monkeypatch.setattr(files, "SETTLED_NS", -(10**15))  # no test waits until its file is old
    return Opening([tmp_path])


def summaries(source: Opening | Unstamped, kept: Path, withdrawn: Callable[[], Withdrawn] = nothing) -> SheetSummaries:
    findings = SheetFindings(kept / "kept", POLICY)
    return SheetSummaries(KnownVersions(source, kept / "kept"), findings, POLICY, lambda _: withdrawn())


def test_a_version_is_opened_and_judged_once_by_whichever_process(
    source: Opening, judging: Judging, tmp_path: Path
) -> None:
    first = summaries(source, tmp_path).count("small", most=MOST)
    assert first.summary is not None
    assert (first.sheet.id, first.summary.total, first.summary.eligible) == ("small", 40, 40)
    assert summaries(source, tmp_path).count("small", most=MOST) == first
    assert (source.opened, judging.times) == (1, 1)


def test_all_who_ask_at_once_share_one_judging(source: Opening, judging: Judging, tmp_path: Path) -> None:
    found, together = summaries(source, tmp_path), Barrier(8)
    judging.let.clear()

    def ask() -> str:
        together.wait(120)
        return found.count("small", most=MOST).digest

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        until(lambda: judging.times == 1, what="the judging")
        judging.let.set()
        assert len({one.result(120) for one in asking}) == 1
    assert (source.opened, judging.times) == (1, 1)


def test_where_a_source_has_no_stamps_a_sheet_is_opened_each_time_and_judged_once(
    source: Opening, judging: Judging, tmp_path: Path
) -> None:
    found = summaries(Unstamped(source), tmp_path)
    assert found.count("small", most=MOST) == found.count("small", most=MOST)
    assert (source.opened, judging.times) == (2, 1)


def test_a_changed_sheet_is_judged_anew(source: Opening, judging: Judging, tmp_path: Path) -> None:
    found = summaries(source, tmp_path)
    before = found.count("small", most=MOST)
    write_sheet(tmp_path, "small", [*rows(39), *rows(1, pair_id="x", status="rejected")])
    after = found.count("small", most=MOST)
    assert after.summary is not None
    assert (after.summary.eligible, after.digest == before.digest, judging.times) == (39, False, 2)


def test_a_sheet_that_changes_before_it_is_opened_is_not_taken_for_what_it_was(
    source: Opening, judging: Judging, tmp_path: Path
) -> None:
    found, before = summaries(source, tmp_path), source.look("small")
    head = (tmp_path / "small.yaml").read_bytes()
    source.happening.append(lambda: (tmp_path / "small.yaml").write_bytes(head + b"# looked through\n"))
    seen = found.count("small", most=MOST)
    (tmp_path / "small.yaml").write_bytes(head)  # and its stamp is what it was at first
    assert source.look("small") == before
    assert found.count("small", most=MOST).digest != seen.digest


def test_counts_of_another_version_than_was_opened_are_not_kept(
    source: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sheet is another one while its pairs are read, and then again what it was."""
    found = summaries(Unstamped(source), tmp_path)

    def changing(opened: OpenSheet, policy: GatePolicy, *, withdrawn: Withdrawn) -> ExportSummary:
        write_sheet(tmp_path, "small", [*rows(39), *rows(1, pair_id="x", status="rejected")])
        return export_summary(opened, policy, withdrawn=withdrawn)

    with monkeypatch.context() as patched:
        patched.setattr(sheet_summaries, "export_summary", changing)
        with pytest.raises(PipelineError):
            found.count("small", most=MOST)
    write_sheet(tmp_path, "small", rows(40))
    counted = found.count("small", most=MOST).summary
    assert counted is not None
    assert counted.eligible == 40


def test_what_is_withdrawn_counts_at_once(source: Opening, judging: Judging, tmp_path: Path) -> None:
    withdrawn = NOTHING
    found = summaries(source, tmp_path, lambda: withdrawn)
    assert found.count("small", most=MOST).summary is not None
    with source.open("small") as opened:
        pair_id = opened.pairs.limit(1).to_pandas()["pair_id"][0]
    withdrawn = Withdrawn(named=(("pair", pair_id),))
    counted = found.count("small", most=MOST).summary
    assert counted is not None
    assert counted.excluded[Reason.REVOKED] == 1


def test_a_sheet_with_more_pairs_is_not_judged(source: Opening, judging: Judging, tmp_path: Path) -> None:
    found = summaries(source, tmp_path)
    assert found.count("small", most=39).summary is None
    assert found.count("small", most=39).summary is None
    assert (source.opened, judging.times) == (1, 0)
    assert found.count("small", most=40).summary is not None
    assert found.count("small", most=39).summary is None
    assert (source.opened, judging.times) == (2, 1)


def test_what_is_wrong_is_told_each_time_until_it_is_mended(source: Opening, judging: Judging, tmp_path: Path) -> None:
    found = summaries(source, tmp_path)
    with pytest.raises(NotFound):
        found.count("none", most=MOST)
    whole = (tmp_path / "small.jsonl").read_bytes()
    (tmp_path / "small.jsonl").write_bytes(whole + b"{")
    for _ in range(2):
        with pytest.raises(SheetUnreadable):
            found.count("small", most=MOST)
    (tmp_path / "small.jsonl").write_bytes(whole)
    assert found.count("small", most=MOST).summary is not None
