"""What a source no longer permits is on record within one look, once, whatever dies and when."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pytest
from sqlalchemy import text

from training_pipeline.domain.errors import NotFound, SheetChanged, SheetUnreadable
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.revocations import Revoked
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import SheetStatus, TrainingSheet
from training_pipeline.models.revocations import changes, read, records, revoke, watch
from training_pipeline.models.revocations import taints as taint_records
from training_pipeline.models.revocations.records import lock
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.revocations.revoked_rows import Row as RevokedRow
from training_pipeline.models.revocations.watch import SheetWatch
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.testing.models.revoked import register, trained_from
from training_pipeline.testing.models.used_rows import job_with
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline.testing.sheets.pairs import Row, chat, open_sheet, pair
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline_tests.datasets.test_compare import rows
from training_pipeline_tests.datasets.test_prepare import prepare
from training_pipeline_tests.models.revocations.conftest import Told

SHEET = "sheet-1"


class Source:
    """A training sheet as a test has it now; `error` is what opening it raises."""

    def __init__(self) -> None:
        self.opened = open_sheet(rows())
        self.error: Exception | None = None

    def now(self, many: list[Row], digest: str = "e", **head: Any) -> None:
        self.opened = open_sheet(many, digest=digest * 64, **head)

    def list(self) -> list[TrainingSheet]:
        raise NotImplementedError

    def get(self, sheet_id: str) -> TrainingSheet:
        raise NotImplementedError

    @contextmanager
    def open(self, sheet_id: str) -> Iterator[OpenSheet]:
        assert sheet_id == SHEET
        if self.error is not None:
            raise self.error
        yield self.opened


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return prepare(open_sheet(rows()), tmp_path_factory.mktemp("watch"))


@pytest.fixture(scope="module")
def trained(dataset: DatasetRef) -> list[str]:
    """The pairs of its training split; those of the validation split come after them."""
    manifest = read_manifest(dataset)
    return [*manifest.pair_id[manifest.split == "train"], *manifest.pair_id[manifest.split == "validation"]]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def blind() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def sheet_watch(store: JobStore, source: Source, revocations: Revocations, blind: list[tuple[str, str]]) -> SheetWatch:
    return SheetWatch(store, source, GatePolicy(), revocations, lambda *said: blind.append(said), seconds=0)


def without(*pair_ids: str, **edits: Any) -> list[Row]:
    """The pairs of the sheet with these edited, or gone where nothing is edited."""
    every = [pair(number) for number in range(30)]
    return [
        {**one, **edits} if one["pair_id"] in pair_ids else one
        for one in every
        if edits or one["pair_id"] not in pair_ids
    ]


def on_record(store: JobStore) -> list[tuple[str, tuple[str, ...], list[tuple[str, int, int]]]]:
    """Each revocation, the oldest first: how it was seen, the pairs, and what it taints with how many rows."""
    found = []
    for one in reversed(read.page(store, limit=50)[0]):
        whole = read.whole(store, one.revocation.id)
        taints = [(taint.job_id, taint.train, taint.validation) for taint in whole.taints]
        found.append((str(one.revocation.source), whole.pair_ids, taints))
    return found


def test_what_lost_a_permission_was_relabelled_or_vanished_is_recorded_in_full(
    sheet_watch: SheetWatch, source: Source, store: JobStore, index: UseIndex, dataset: DatasetRef, trained: list[str]
) -> None:
    job = job_with(store, index, SHEET, dataset, version="1")
    child = job_with(store, index, "other", dataset, version="2", base_model=trained_from(job.id))
    assert sheet_watch.look_due(sheet_id=SHEET).recorded == (), "as it was trained on"
    prohibited, gone, edited, kept = trained[:4], trained[4:6], trained[6:7], trained[7:]
    source.now(
        [
            {**one, "prohibited_uses": ["training"]}
            if one["pair_id"] in prohibited
            else {**one, "messages": chat("Question?", "Another answer.")}
            if one["pair_id"] in edited
            else one
            for one in without(*gone)
        ]
    )
    assert len(sheet_watch.look_due(sheet_id=SHEET).recorded) == 3
    assert on_record(store) == [
        ("lost_permission", tuple(sorted(prohibited)), [(child.id, 0, 0), (job.id, 4, 0)])
        if child.id < job.id
        else ("lost_permission", tuple(sorted(prohibited)), [(job.id, 4, 0), (child.id, 0, 0)]),
        *[
            (source_, pairs, taints if child.id > job.id else taints[::-1])
            for source_, pairs, taints in (
                ("relabelled", tuple(edited), [(job.id, 1, 0), (child.id, 0, 0)]),
                ("vanished", tuple(sorted(gone)), [(job.id, 2, 0), (child.id, 0, 0)]),
            )
        ],
    ]
    assert kept
    before = on_record(store)
    assert sheet_watch.look_due(sheet_id=SHEET).recorded == ()
    source.now(rows(), "f")  # all of them are allowed again
    assert sheet_watch.look_due(sheet_id=SHEET).recorded == ()
    assert on_record(store) == before, "it stays on record, and so do the taints"
    assert store.get(job.id).tainted_at is not None
    source.now(without(*prohibited, prohibited_uses=["training"]), "a")
    assert sheet_watch.look_due(sheet_id=SHEET).recorded == (), "nothing is tainted twice"
    source.now(without(trained[8], prohibited_uses=["training"]), "b")
    assert len(sheet_watch.look_due(sheet_id=SHEET).recorded) == 1
    assert on_record(store)[3][1] == (trained[8],)


def test_what_may_only_not_be_validated_on_any_more_taints_who_validated_on_it(
    sheet_watch: SheetWatch, source: Source, store: JobStore, index: UseIndex, dataset: DatasetRef, trained: list[str]
) -> None:
    job = job_with(store, index, SHEET, dataset, version="1")
    one_of_each = (trained[0], trained[-1])
    source.now(without(*one_of_each, prohibited_uses=["validation"]))
    sheet_watch.look_due(sheet_id=SHEET)
    assert on_record(store) == [("lost_permission", (trained[-1],), [(job.id, 0, 1)])]
    source.now(without(*one_of_each, prohibited_uses=["training"]), "f")
    sheet_watch.look_due(sheet_id=SHEET)
    assert on_record(store)[1] == ("lost_permission", tuple(sorted(one_of_each)), [(job.id, 1, 1)])


def test_a_copy_a_review_and_a_rejected_sheet(
    sheet_watch: SheetWatch, source: Source, store: JobStore, index: UseIndex, dataset: DatasetRef, trained: list[str]
) -> None:
    job = job_with(store, index, SHEET, dataset, version="1")
    number = int(trained[0].removeprefix("p-"))
    copy = pair(99, pair_id="a-first", messages=chat(f"Question {number}?", f"Answer {number}."))
    source.now([*rows(), copy], status=SheetStatus.REVIEW)
    assert sheet_watch.look_due(sheet_id=SHEET).recorded == (), "nothing was taken back"
    source.now(rows(), "f", status=SheetStatus.REJECTED)
    sheet_watch.look_due(sheet_id=SHEET)
    assert on_record(store) == [
        ("lost_permission", tuple(sorted(trained)), [(job.id, dataset.train_pairs, dataset.validation_pairs)])
    ]


def test_a_model_that_is_registered_later_is_looked_at_though_the_sheet_is_the_same(
    sheet_watch: SheetWatch, source: Source, store: JobStore, index: UseIndex, dataset: DatasetRef, tmp_path: Path
) -> None:
    """Its dataset is older than the last look: the sheet that was looked at then is compared with it, too."""
    job_with(store, index, SHEET, dataset, version="1")
    source.now(without("p-000001", messages=chat("Question 1?", "Another.")))
    sheet_watch.look_due(sheet_id=SHEET)
    older = prepare(open_sheet([pair(number) for number in range(40)]), tmp_path)
    job = job_with(store, index, SHEET, older, version="2")
    sheet_watch.look_due(sheet_id=SHEET)
    (_, first), (_, second) = ((source_, pairs) for source_, pairs, _ in on_record(store))
    assert (first, second) == (("p-000001",), tuple(f"p-{number:06d}" for number in range(30, 40)))
    assert [taint[0] for taint in on_record(store)[1][2]] == [job.id]


def test_a_sheet_that_nobody_can_look_at_is_told_and_looked_at_again(
    sheet_watch: SheetWatch,
    source: Source,
    store: JobStore,
    index: UseIndex,
    dataset: DatasetRef,
    blind: list[tuple[str, str]],
) -> None:
    assert sheet_watch.look_due().sheets == 0, "no model, no sheet"
    job_with(store, index, SHEET, dataset)
    assert sheet_watch.look_due().sheets == 0, "no model yet"
    job_with(store, index, SHEET, dataset, version="1")
    source.error = SheetChanged("It is being written.")
    assert (sheet_watch.look_due().blind, blind) == ((), [])
    for error in (NotFound("It is gone."), SheetUnreadable("Broken."), OSError("disk")):
        source.error = error
        assert sheet_watch.look_due().blind == ((SHEET, getattr(error, "message", "OSError")),)
    assert [why for _, why in blind] == ["It is gone.", "Broken.", "OSError"]
    assert on_record(store) == [], "what cannot be read is not withdrawn"
    source.error = None
    source.now(without("p-000001"))
    assert len(sheet_watch.look_due().recorded) == 1


def test_a_sheet_is_looked_at_when_it_is_due_and_not_judged_again(
    store: JobStore,
    source: Source,
    revocations: Revocations,
    index: UseIndex,
    dataset: DatasetRef,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sheet_watch = SheetWatch(store, source, GatePolicy(), revocations, lambda *_: None, seconds=3600)
    job_with(store, index, SHEET, dataset, version="1")
    source.now(without("p-000001"))
    assert len(sheet_watch.look_due().recorded) == 1
    assert sheet_watch.look_due().sheets == 0, "not due"
    with store.begin() as connection:
        connection.execute(text("UPDATE watched_sheets SET looked_at = looked_at - interval '1 hour'"))
    monkeypatch.setattr(watch, "changed", lambda *_: pytest.fail("it was judged again"))
    assert sheet_watch.look_due() == watch.WatchRound(sheets=1)


def test_a_sheet_is_due_counted_from_the_beginning_of_a_look(
    store: JobStore,
    source: Source,
    revocations: Revocations,
    index: UseIndex,
    dataset: DatasetRef,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, takes, right = 0.0, 0.0, source.open

    def slow(sheet_id: str) -> Any:
        nonlocal now
        now += takes
        return right(sheet_id)

    monkeypatch.setattr(source, "open", slow)
    monkeypatch.setattr(watch, "time", Mock(monotonic=lambda: now))
    sheet_watch = SheetWatch(store, source, GatePolicy(), revocations, lambda *_: None, seconds=1800)
    job_with(store, index, SHEET, dataset, version="1")
    source.now(without("p-000001"))
    takes = 3600
    assert len(sheet_watch.look_due().recorded) == 1
    assert sheet_watch.look_due().sheets == 1, "the look before had begun long ago, in which something was recorded"
    takes = 60
    assert [sheet_watch.look_due().sheets for _ in range(2)] == [1, 0], "or nothing was"


#: Everything that happens from the change in the source to the taint, in its order; it dies after each.
POINTS = (
    (watch, "changed"),
    (watch, "lock"),
    (watch, "by_record"),
    (watch, "counted"),
    (watch, "_uses"),
    (records, "insert"),
    (revoke, "found"),
    (taint_records, "record_event"),
    (revoke, "store_new"),
    (Revocations, "seen"),
    (SheetWatch, "_record"),
    (SheetWatch, "_look"),
)


def test_a_crash_anywhere_between_the_source_and_the_taint_loses_nothing_and_taints_nothing_twice(
    sheet_watch: SheetWatch,
    source: Source,
    store: JobStore,
    index: UseIndex,
    dataset: DatasetRef,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        """As a process that is killed: nothing handles it."""

    def dying(right: Any) -> Any:
        def die(*arguments: Any, **named: Any) -> Any:
            right(*arguments, **named)
            raise Killed

        return die

    hashes = read_manifest(dataset).set_index("pair_id").row_hash

    def judged(*_: object) -> changes.Changes:
        """As `changed` does, without the work."""
        gone = [
            {"pair_id": one, "row_hash": hashes[one], "validation_only": False, "source": "vanished"} for one in lost
        ]
        return changes.Changes(pa.Table.from_pylist(gone, changes.SCHEMA), (dataset,), {})

    monkeypatch.setattr(watch, "changed", judged)
    lost: list[str] = []
    job = job_with(store, index, SHEET, dataset, version="1")
    for number, (module, name) in enumerate(POINTS):
        lost.append(f"p-{number:06d}")
        source.now([], digest=f"{number:x}")
        with monkeypatch.context() as patch:
            patch.setattr(module, name, dying(getattr(module, name)))
            with pytest.raises(Killed):
                sheet_watch.look_due()
        told.clear()
        again = sheet_watch.look_due().recorded
        assert len(again) == (0 if name == "_look" else 1), name
        assert sheet_watch.look_due().recorded == ()
        found = on_record(store)
        assert [pairs for _, pairs, _ in found] == [(one,) for one in lost], name
        assert all([taint[0] for taint in taints] == [job.id] for *_, taints in found)
    tainting = [event for event in store.events(job.id)[0] if "is tainted by" in event.message]
    assert len(tainting) == len(POINTS)


def test_two_that_look_at_the_same_moment_record_once(
    sheet_watch: SheetWatch,
    source: Source,
    store: JobStore,
    index: UseIndex,
    dataset: DatasetRef,
    revocations: Revocations,
) -> None:
    job_with(store, index, SHEET, dataset, version="1")
    stricter = SheetWatch(
        store, source, GatePolicy(instruction_prompt_items=1), revocations, lambda *_: None, seconds=0
    )
    assert stricter.look_due().recorded == (), "another policy is no change in the source"
    source.now(without("p-000001"))
    with store.begin() as connection:
        (due,) = watch._due(connection, SHEET, seconds=0)
    assert len(sheet_watch._look(due, time.monotonic())[0]) == 1
    assert sheet_watch._look(due, time.monotonic()) == ([], [])
    assert len(on_record(store)) == 1


def test_a_model_that_is_registered_during_a_look_is_tainted_by_the_next_one(
    sheet_watch: SheetWatch,
    source: Source,
    store: JobStore,
    index: UseIndex,
    dataset: DatasetRef,
    revocations: Revocations,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Nothing is revoked yet when it registers, and its dataset was not among those that were looked at."""
    first = job_with(store, index, SHEET, dataset, version="1")
    other = prepare(open_sheet([pair(number) for number in range(40)]), tmp_path)
    meanwhile: list[str] = []

    def judged(*arguments: Any) -> changes.Changes:
        found = changes.changed(*arguments)
        if not meanwhile:
            job = job_with(store, index, SHEET, other)
            register(revocations, store, job, "2")
            meanwhile.append(job.id)
        return found

    monkeypatch.setattr(watch, "changed", judged)
    source.now(without("p-000001", prohibited_uses=["training"]) + [pair(number) for number in range(30, 40)])
    sheet_watch.look_due()
    sheet_watch.look_due()
    ((_, pairs, taints),) = on_record(store)
    assert pairs == ("p-000001",)
    assert sorted(job_id for job_id, *_ in taints) == sorted([first.id, *meanwhile])


def test_a_holder_of_a_row_on_record_without_a_taint_is_tainted_in_the_same_revocation(
    sheet_watch: SheetWatch,
    source: Source,
    store: JobStore,
    index: UseIndex,
    dataset: DatasetRef,
    told: Told,
    tmp_path: Path,
) -> None:
    first = job_with(store, index, SHEET, dataset, version="1")
    source.now(without("p-000001", prohibited_uses=["training"]) + [pair(number) for number in range(30, 40)])
    (revocation,) = sheet_watch.look_due(sheet_id=SHEET).recorded
    other = prepare(open_sheet([pair(number) for number in range(40)]), tmp_path)
    missed = job_with(store, index, SHEET, other, version="2")  # registered as if nothing had been revoked
    child = job_with(store, index, "other", other, version="3", base_model=trained_from(missed.id))
    told.clear()
    assert sheet_watch.look_due(sheet_id=SHEET).recorded == (), "nothing new was revoked"
    ((_, _, taints),) = on_record(store)
    assert sorted(taints) == sorted([(first.id, 1, 0), (missed.id, 1, 0), (child.id, 0, 0)])
    assert told == [(revocation, tuple(sorted([missed.id, child.id])), ())]
    assert sheet_watch.look_due(sheet_id=SHEET).recorded == ()
    assert len(told) == 1, "nothing is tainted twice"


def test_what_happened_while_nobody_looked_taints_once_when_somebody_does(
    source: Source,
    store: JobStore,
    index: UseIndex,
    dataset: DatasetRef,
    trained: list[str],
    revocations: Revocations,
    told: Told,
) -> None:
    """The daemon is down: a source changes, a model is registered, somebody revokes. Then one process after another."""
    first = job_with(store, index, SHEET, dataset, version="1")
    source.now(without(trained[0], prohibited_uses=["training"]))
    second = job_with(store, index, SHEET, dataset, version="2")
    child = job_with(store, index, "other", dataset, version="3", base_model=trained_from(second.id))
    by_hand = Revoked(kind="pair", value=trained[1], training_sheet_id=SHEET)
    revocations.revoke(by_hand, reason="r", actor="grace")
    expected = [(first.id, 1, 0), (second.id, 1, 0), (child.id, 0, 0)]
    assert [sorted(taints) for *_, taints in on_record(store)] == [sorted(expected)], "taints wait for no daemon"
    for _ in range(3):
        started = SheetWatch(store, source, GatePolicy(), revocations, lambda *_: None, seconds=0)
        assert started.look_due(sheet_id=SHEET).blind == ()
    said = [(how, pairs, sorted(taints)) for how, pairs, taints in on_record(store)]
    assert said == [("by_hand", (), sorted(expected)), ("lost_permission", (trained[0],), sorted(expected))]
    assert [len(jobs) for _, jobs, _ in told] == [3, 3], "nobody is told twice"


def test_the_sheet_of_an_ancestor_that_is_no_model_on_record_is_looked_at(
    sheet_watch: SheetWatch, source: Source, store: JobStore, index: UseIndex, dataset: DatasetRef
) -> None:
    failed = job_with(store, index, SHEET, dataset, status=JobStatus.FAILED)
    child = job_with(store, index, "other", dataset, version="2", base_model=trained_from(failed.id))
    source.now(without("p-000001"))
    assert len(sheet_watch.look_due(sheet_id=SHEET).recorded) == 1
    assert on_record(store) == [("vanished", ("p-000001",), [(child.id, 0, 0)])]


def test_a_model_that_was_registered_while_its_row_was_revoked_is_tainted_once_without_the_key(
    sheet_watch: SheetWatch,
    source: Source,
    store: JobStore,
    index: UseIndex,
    dataset: DatasetRef,
    revocations: Revocations,
) -> None:
    """The row is on record by a hash under a key that is gone: the registration knows it by its pair."""
    gone: RevokedRow = ("p-000001", "a" * 64, False, "hk-0000000000000001")
    with store.begin() as connection:
        lock(connection)
        revocations.seen(connection, SHEET, "before", "vanished", [gone], [])
    job = job_with(store, index, SHEET, dataset)
    register(revocations, store, job, "1")
    source.now(without("p-000001"))
    assert sheet_watch.look_due().recorded == ()
    ((_, _, taints),) = on_record(store)
    assert [job_id for job_id, *_ in taints] == [job.id]


def test_a_lost_manifest_is_no_silent_no(
    sheet_watch: SheetWatch, source: Source, store: JobStore, index: UseIndex, tmp_path: Path
) -> None:
    lost, other = (prepare(open_sheet(made), tmp_path / str(at)) for at, made in enumerate((rows(), rows()[:28])))
    jobs = [
        job_with(store, index, SHEET, dataset, version=str(number), status=JobStatus.SUCCEEDED).id
        for number, dataset in enumerate((lost, other), 1)
    ]
    source.now(without("p-000001"))
    whole = lost.manifest_file.read_bytes()
    # The last of a file is what is read first, so that this one breaks only where its rows are read.
    for damage in (None, whole[:8] + bytes(len(whole) // 2) + whole[8 + len(whole) // 2 :]):
        lost.manifest_file.unlink(missing_ok=True)
        if damage is not None:
            lost.manifest_file.write_bytes(damage)
        for _ in range(2):
            looked = sheet_watch.look_due()
            ((_, why),) = looked.blind
            assert str(lost.manifest_file) in why
            assert looked.sheets == 1
        ((source_of, _, taints),) = on_record(store)
        assert (source_of, [job_id for job_id, *_ in taints]) == ("vanished", jobs[1:]), "what can be read is looked at"
    lost.manifest_file.write_bytes(whole)
    looked = sheet_watch.look_due()
    assert (looked.blind, looked.recorded) == ((), ())
    ((_, _, taints),) = on_record(store)
    assert {job_id for job_id, *_ in taints} == {*jobs}, "and the other one is once it is there again"
    assert changes.SCHEMA.names == ["pair_id", "row_hash", "validation_only", "source", "hash_key"]


SAID = chat("Wo ist das Caf\u00e9?", "Dort, im Caf\u00e9.")
#: What may become of a pair's text, and whether that is another one.
COSMETIC: dict[str, list[dict[str, Any]]] = {
    "a name": [{**SAID[0], "name": "ann"}, SAID[1]],
    "an empty name": [{**SAID[0], "name": ""}, SAID[1]],
    "a weight": [SAID[0], {**SAID[1], "weight": 1.0}],
    "a blank at the end": [SAID[0], {**SAID[1], "content": SAID[1]["content"] + " "}],
    "another spelling of accents": [{**one, "content": unicodedata.normalize("NFD", one["content"])} for one in SAID],
    "nothing": SAID,
}
OTHER = {
    "capitals": [{**one, "content": one["content"].upper()} for one in SAID],
    "another answer": chat(SAID[0]["content"], "Hier."),
}


@pytest.mark.parametrize("renamed", [False, True], ids=["same id", "another id"])
def test_a_copy_of_what_was_trained_on_takes_nothing_back(tmp_path: Path, renamed: bool) -> None:
    first = [{**pair(number), **({"messages": SAID} if number == 7 else {})} for number in range(30)]
    trained_on = prepare(open_sheet(first), tmp_path)
    for becomes, messages in {**COSMETIC, **OTHER}.items():
        edited = {**first[7], "messages": messages, **({"pair_id": "p-new"} if renamed else {})}
        now = open_sheet([*first[:7], edited, *first[8:]], digest="e" * 64)
        found = [
            (row["pair_id"], row["source"]) for row in changes.changed(now, [trained_on], GatePolicy()).rows.to_pylist()
        ]
        taken_back = [("p-000007", "vanished" if renamed else "relabelled")]
        assert found == ([] if becomes in COSMETIC else taken_back), becomes


def test_a_copy_under_another_id_has_to_be_permitted(tmp_path: Path) -> None:
    first = [pair(number) for number in range(30)]
    trained_on = prepare(open_sheet(first), tmp_path)
    manifest = read_manifest(trained_on)
    for side in ("train", "validation"):
        name = manifest.pair_id[manifest.split == side].iloc[0]
        number = int(name.removeprefix("p-"))

        def changed_to(number: int = number, **edits: Any) -> list[tuple[str, str, bool]]:
            now = [*first[:number], {**first[number], "pair_id": "p-new", **edits}, *first[number + 1 :]]
            found = changes.changed(open_sheet(now, digest="e" * 64), [trained_on], GatePolicy()).rows.to_pylist()
            return [(row["pair_id"], row["source"], row["validation_only"]) for row in found]

        assert changed_to() == []
        assert changed_to(status="rejected") == [(name, "vanished", False)]
        only = [(name, "lost_permission", True)] if side == "validation" else []
        assert changed_to(allowed_uses=["training"]) == only
        trained_on.train_file.rename(tmp_path / "away")  # erased: what its rows said is not known any more
        assert changed_to() == [(name, "vanished", False)]
        (tmp_path / "away").rename(trained_on.train_file)
