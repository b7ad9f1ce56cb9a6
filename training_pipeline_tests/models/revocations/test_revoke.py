"""Who is tainted by what: recorded once, in one transaction, whenever the model came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.revocations import RevocableKind, Revoked, Taint, Withdrawn
from training_pipeline.domain.uses import question
from training_pipeline.models.revocations import read, records, revoke
from training_pipeline.models.revocations import taints as taint_records
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.revocations.taints import in_words
from training_pipeline.models.uses import ask
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.testing.models.revoked import register, tainted_jobs, trained_from
from training_pipeline.testing.models.used_rows import NO_DIGEST, dataset_of, hashed, job_with, row
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline_tests.models.revocations.conftest import Told

PAIR = Revoked(kind="pair", value="p-1", training_sheet_id="invoices")
LABEL = Revoked(kind="label", value="l-1")


def messages(store: JobStore, job_id: str) -> list[str]:
    return [event.message for event in store.events(job_id)[0]]


def _crashing(right: Any) -> Any:
    """The same, and then the process dies."""

    def crash(*arguments: Any, **named: Any) -> Any:
        right(*arguments, **named)
        raise ConnectionError("killed")

    return crash


def test_every_version_and_descendant_is_tainted_once_in_one_transaction(
    revocations: Revocations, store: JobStore, index: UseIndex, invoices: DatasetRef, letters: DatasetRef, told: Told
) -> None:
    """A chain of three generations, and a version that learned from the row itself and through its base model."""
    first = job_with(store, index, "invoices", invoices, version="1")
    child = job_with(store, index, "letters", letters, version="2", base_model=trained_from(first.id))
    grandchild = job_with(store, index, "letters", letters, version="3", base_model=trained_from(child.id, first.id))
    again = job_with(store, index, "invoices", invoices, version="4", base_model=trained_from(child.id, first.id))
    kept = job_with(store, index, "invoices", invoices, status=JobStatus.SUCCEEDED)
    lineage.set_model(store, kept.id, version=None, files={"model.safetensors": NO_DIGEST})
    running = job_with(store, index, "invoices", invoices)
    clean = job_with(store, index, "letters", letters, version="5")
    failed = job_with(store, index, "invoices", invoices, status=JobStatus.FAILED)
    preview = revocations.preview(PAIR)
    recorded = revocations.revoke(PAIR, reason=" wrong patient ", actor="grace")
    expected = {
        first.id: (1, 0, ()),
        child.id: (0, 0, (first.id,)),
        grandchild.id: (0, 0, (first.id,)),
        again.id: (1, 0, (first.id,)),
        kept.id: (1, 0, ()),
    }
    assert tainted_jobs(store, recorded.revocation.id) == expected
    assert {taint.job_id for taint in preview.taints} == expected.keys()
    assert (preview.in_progress, preview.known) == ((running.id,), None)
    assert (recorded.known, recorded.revocation.reason, recorded.revocation.actor) == (False, "wrong patient", "grace")
    assert told == [(recorded.revocation.id, tuple(sorted(expected)), (running.id,))]
    later = job_with(store, index, "letters", letters, version="6")
    successors = read.whole(store, recorded.revocation.id).successors
    versions = {taint.job_id: taint.model_version for taint in recorded.taints}
    assert successors.keys() == expected.keys()
    assert all(successors[job_id] in {"5", "6"} for job_id in versions), "never one of those that are tainted"
    assert later.id not in expected
    for job_id in expected:
        assert store.get(job_id).tainted_at is not None
        assert messages(store, job_id)[0].startswith(f"The model is tainted by {recorded.revocation.id}: ")
    assert "will not be registered" in messages(store, running.id)[0]
    assert all(store.get(job.id).tainted_at is None for job in (running, clean, failed))
    assert not any(recorded.revocation.id in message for message in messages(store, failed.id))


def test_the_same_revocation_twice_is_one(
    revocations: Revocations, store: JobStore, index: UseIndex, invoices: DatasetRef, told: Told
) -> None:
    job = job_with(store, index, "invoices", invoices, version="1")
    recorded = revocations.revoke(PAIR, reason="first", actor="grace")
    again = revocations.revoke(PAIR, reason="second", actor="ada")
    assert again.known
    assert (again.revocation, again.taints) == (recorded.revocation, recorded.taints)
    assert revocations.preview(PAIR).known == recorded.revocation
    assert len(told) == 1
    assert len(messages(store, job.id)) == 2  # created, tainted
    other = revocations.revoke(LABEL, reason="third", actor="ada")
    assert tainted_jobs(store, other.revocation.id) == {job.id: (8, 2, ())}, "ten pairs share the label"
    since = store.get(job.id).tainted_at
    assert since is not None
    assert since <= other.revocation.created_at, "since the first of them"


def test_a_pair_that_no_model_used_is_on_record_and_taints_what_learns_from_it_later(
    revocations: Revocations, store: JobStore, index: UseIndex, invoices: DatasetRef
) -> None:
    recorded = revocations.revoke(PAIR, reason="asked for", actor="grace")
    assert (recorded.taints, recorded.known) == ((), False)
    refused = revocations.revoke(
        Revoked(kind="pair", value="bad", training_sheet_id="invoices"), reason="r", actor="grace"
    )
    job = job_with(store, index, "invoices", invoices)
    register(revocations, store, job, "1")
    assert tainted_jobs(store, recorded.revocation.id) == {job.id: (1, 0, ())}
    assert tainted_jobs(store, refused.revocation.id) == {}, "what was refused was not learned from"
    register(revocations, store, job, "1")
    assert len(messages(store, job.id)) == 2, "tainted once"
    other = job_with(store, index, "letters", invoices)  # the same rows, of another sheet
    register(revocations, store, other, "1")
    assert store.get(other.id).tainted_at is None
    assert [taint.job_id for taint in read.whole(store, recorded.revocation.id).taints] == [job.id]
    (listed,), total = read.page(store, job_id=job.id, limit=5)
    assert (listed.revocation, listed.tainted, total) == (recorded.revocation, 1, 1)
    assert [one.tainted for one in read.page(store, limit=5)[0]] == [0, 1]


@pytest.mark.parametrize(
    "asked",
    [
        PAIR,
        LABEL,
        Revoked(kind="label", value="l-1", training_sheet_id="invoices"),
        Revoked(kind="item", value="item of p-1"),
        Revoked(kind="row_hash", value=str(row("p-1", "train")["row_hash"])),
        Revoked(kind="question_hash", value=str(row("p-1", "train")["prompt_hash"])),
        Revoked(kind="question_hash", value=str(row("p-1", "train")["prompt_hash"]), training_sheet_id="invoices"),
        Revoked(kind="sheet", value="invoices"),
        Revoked(kind="sheet", value="papers"),
    ],
    ids=lambda asked: f"{asked.kind} of {asked.training_sheet_id}",
)
def test_before_or_after_its_registration_a_model_is_tainted_alike(
    revocations: Revocations,
    store: JobStore,
    index: UseIndex,
    invoices: DatasetRef,
    letters: DatasetRef,
    asked: Revoked,
) -> None:
    before = job_with(store, index, "invoices", invoices, version="1", source_sheet="papers")
    recorded = revocations.revoke(asked, reason="r", actor="grace")
    after = job_with(store, index, "invoices", invoices, source_sheet="papers")
    register(revocations, store, after, "2")
    child = job_with(store, index, "letters", letters, source_sheet="notes", base_model=trained_from(after.id))
    register(revocations, store, child, "3")
    from_both = trained_from(child.id, after.id)
    grandchild = job_with(store, index, "letters", letters, source_sheet="notes", base_model=from_both)
    register(revocations, store, grandchild, "4")
    found = tainted_jobs(store, recorded.revocation.id)
    assert found[before.id] == found[after.id]
    assert found[after.id][0] > 0
    assert found[child.id] == found[grandchild.id] == (0, 0, (after.id,))
    assert revocations.held(after) == {recorded.revocation.id: sum(found[after.id][:2])}
    assert revocations.held(child) == {}
    learned = [f"p-{number}" for number in range(1, 9)] + ["v-1", "v-2"] if asked.kind == "label" else ["p-1"]
    learned = [] if asked.kind in {"question_hash", "sheet"} else learned
    examples = {("row_hash", str(row(pair_id, "train")["row_hash"])) for pair_id in learned}
    known = revocations.withdrawn("invoices")
    assert known == Withdrawn(named=known.named)
    assert {*known.named} == {(asked.kind, asked.value), *examples}
    elsewhere = revocations.withdrawn("letters")
    assert bool(elsewhere) is (asked.training_sheet_id is None and asked.kind != "sheet")


def test_an_item_is_revoked_in_one_source_sheet_and_in_all_that_was_made_from_it(
    revocations: Revocations, store: JobStore, index: UseIndex, tmp_path: Path
) -> None:
    models, trained_on = {}, {}
    for name, source in (("B", "invoices"), ("B2", "invoices"), ("C", "letters"), ("invoices", "papers")):
        rows = [row(f"{name}-1", "train", item_ref="1", canonical_label_id="l"), row(f"{name}-2", "validation")]
        trained_on[name] = dataset_of(tmp_path, name, rows)
        models[name] = job_with(store, index, name, trained_on[name], version=name, source_sheet=source).id
    of_letters = [models["C"]]
    kinds: tuple[tuple[RevocableKind, str], ...] = (("item", "1"), ("label", "l"))
    for kind, value in kinds:
        asked = Revoked(kind=kind, value=value, training_sheet_id="letters")
        assert {one.job_id for one in revocations.preview(asked).taints} == {*of_letters}
        recorded = revocations.revoke(asked, reason="r", actor="grace").revocation.id
        of_letters.append(job_with(store, index, "C", trained_on["C"], source_sheet="letters").id)
        register(revocations, store, store.get(of_letters[-1]), f"of {kind}")
        assert tainted_jobs(store, recorded) == dict.fromkeys(of_letters, (1, 0, ()))
        assert (kind, value) in revocations.withdrawn("C").named
        assert not revocations.withdrawn("B")
    # A training sheet that has the name of the source sheet is meant as well.
    asked = Revoked(kind="item", value="1", training_sheet_id="invoices")
    assert {one.job_id for one in revocations.revoke(asked, reason="r", actor="grace").taints} == {
        models[name] for name in ("B", "B2", "invoices")
    }
    with pytest.raises(NotFound) as caught:
        ask.uses(store, question({"pair": "C-1", "sheet": "letters"}))
    assert "source sheet" in caught.value.hint
    assert [one.training_sheet_id for one in ask.uses(store, question({"item": "1", "sheet": "letters"})).sheets] == [
        "C"
    ]


def test_a_new_sheet_leaves_out_what_was_revoked_in_the_sheet_that_it_is_made_from(services: Services) -> None:
    made_from = services.source.get("small").source_sheet.id
    assert not services.revocations.withdrawn("small")
    kinds: tuple[tuple[RevocableKind, str], ...] = (("item", "item-0003"), ("label", "nobody's"))
    for kind, value in kinds:
        asked = Revoked(kind=kind, value=value, training_sheet_id=made_from)
        services.revocations.revoke(asked, reason="r", actor="grace")
        assert (kind, value) in services.revocations.withdrawn("small").named
    services.revocations.revoke(Revoked(kind="item", value="x", training_sheet_id="else"), reason="r", actor="grace")
    assert len(services.revocations.withdrawn("small").named) == 2


@pytest.mark.parametrize(
    "copy",
    [{"row_hash": hashed("same")}, {"prompt_hash": hashed("asks", 32)}, {"prompt_hash": None}],
    ids=["the very same", "with another blank", "of before questions were kept"],
)
def test_what_was_left_out_as_a_copy_taints_what_learned_from_the_one_that_was_kept(
    revocations: Revocations, store: JobStore, index: UseIndex, tmp_path: Path, copy: dict[str, Any]
) -> None:
    left_out = row("p-1", "duplicate", **{"row_hash": hashed("p-1"), **copy})
    rows = [left_out, row("p-2", "train", **copy), row("p-3", "train")]
    dataset = dataset_of(tmp_path, "invoices", rows)
    before = job_with(store, index, "invoices", dataset, version="1")
    assert revocations.preview(PAIR).taints[0].train == 1
    recorded = revocations.revoke(PAIR, reason="r", actor="grace")
    after = job_with(store, index, "invoices", dataset)
    register(revocations, store, after, "2")
    assert tainted_jobs(store, recorded.revocation.id) == {before.id: (1, 0, ()), after.id: (1, 0, ())}
    # Another dataset that has the text under the other id alone is under the same revocation, and what was kept for
    # the pair is not trained on again.
    renamed = dataset_of(tmp_path, "invoices", [row("p-7", "train", row_hash=hashed("same")), row("p-8", "validation")])
    learned = {recorded.revocation.id: 1} if "row_hash" in copy else {}
    assert revocations.held(job_with(store, index, "invoices", renamed)) == learned


def test_where_the_index_cannot_say_who_learned_manifests_are_asked(
    revocations: Revocations, store: JobStore, index: UseIndex, invoices: DatasetRef, letters: DatasetRef, told: Told
) -> None:
    unindexed = job_with(store, None, "invoices", invoices, version="1")
    job_with(store, index, "letters", letters, version="2", source_sheet="papers")
    assert [one.job_id for one in revocations.preview(PAIR).taints] == [unindexed.id]
    assert revocations.version() == 0, "a preview leaves nothing"
    for asked, rows in ((PAIR, (1, 0)), (LABEL, (8, 2)), (Revoked(kind="sheet", value="invoices"), (8, 2))):
        recorded = revocations.revoke(asked, reason="r", actor="grace")
        assert tainted_jobs(store, recorded.revocation.id) == {unindexed.id: (*rows, ())}
        assert (recorded.unread, told[-1][1]) == ((), (unindexed.id,))
    assert revocations.read_again() == 0


@pytest.mark.parametrize(
    ("asked", "indexed", "damage"),
    [(PAIR, False, None), (Revoked(kind="sheet", value="invoices"), False, None), (LABEL, True, b"no Parquet")],
    ids=["not indexed, a pair", "not indexed, a sheet", "damaged"],
)
def test_a_manifest_that_cannot_be_read_is_said_stays_open_and_is_asked_once_it_is_there(
    revocations: Revocations,
    store: JobStore,
    index: UseIndex,
    invoices: DatasetRef,
    tmp_path: Path,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    asked: Revoked,
    indexed: bool,
    damage: bytes | None,
) -> None:
    other = dataset_of(tmp_path, "invoices", [row("p-1", "train", canonical_label_id="l-1"), row("z", "validation")])
    hidden = job_with(store, index if indexed else None, "invoices", invoices, version="1")
    seen = job_with(store, index, "invoices", other, version="2")
    whole = invoices.manifest_file.read_bytes()
    invoices.manifest_file.unlink()
    if damage is not None:
        invoices.manifest_file.write_bytes(damage)
    preview = revocations.preview(asked)
    recorded = revocations.revoke(asked, reason="r", actor="grace")
    (unread,) = recorded.unread
    assert (preview.unread, [one.job_id for one in preview.taints]) == (recorded.unread, [seen.id])
    assert (unread.training_sheet_id, unread.dataset_digest) == ("invoices", invoices.digest)
    assert str(invoices.manifest_file) in unread.why
    assert told == [(recorded.revocation.id, (seen.id,), ())], "what can be read is tainted at once"
    assert revocations.revoke(asked, reason="again", actor="ada").unread == recorded.unread
    for _ in range(2):
        assert revocations.read_again() == 1
        assert [one.unread for one in read.page(store, limit=5)[0]] == [1]
        assert read.whole(store, recorded.revocation.id).unread == recorded.unread
    invoices.manifest_file.write_bytes(whole)
    for step in ("found", "store_new"):
        with monkeypatch.context() as patch:
            patch.setattr(revoke, step, _crashing(getattr(revoke, step)))
            with pytest.raises(ConnectionError):
                revocations.read_again()
        assert read.whole(store, recorded.revocation.id).unread == recorded.unread, "nothing is lost by a crash"
    assert [revocations.read_again() for _ in range(2)] == [0, 0]
    taints = tainted_jobs(store, recorded.revocation.id)
    assert taints.keys() == {hidden.id, seen.id}
    assert taints[hidden.id] == ((1, 0, ()) if asked == PAIR else (8, 2, ()))
    assert [one for one in told if one[1] == (hidden.id,)] == [(recorded.revocation.id, (hidden.id,), ())]
    assert len([one for one in messages(store, hidden.id) if "is tainted by" in one]) == 1, "not twice"
    assert read.whole(store, recorded.revocation.id).unread == ()


def test_models_that_share_a_revoked_label_on_two_ways_are_tainted_once(
    revocations: Revocations, store: JobStore, index: UseIndex, invoices: DatasetRef, tmp_path: Path, told: Told
) -> None:
    """A diamond: two models of two sheets that hold the label come from one that does, and a fourth from both."""
    notes = dataset_of(tmp_path, "notes", [row("n-1", "train", canonical_label_id="l-1"), row("n-2", "validation")])
    clean = dataset_of(tmp_path, "clean", [row("c-1", "train"), row("c-2", "validation")])
    top = job_with(store, index, "invoices", invoices, version="1")
    left = job_with(store, index, "notes", notes, version="2", base_model=trained_from(top.id))
    right = job_with(store, index, "invoices", invoices, version="3", base_model=trained_from(top.id))
    merged = trained_from(left.id, right.id, top.id)
    before = job_with(store, index, "clean", clean, version="4", base_model=merged)
    itself = job_with(store, index, "notes", notes, version="5", base_model=merged)
    recorded = revocations.revoke(LABEL, reason="r", actor="grace")
    after = job_with(store, index, "clean", clean, base_model=merged)
    register(revocations, store, after, "6")
    again = job_with(store, index, "notes", notes, base_model=merged)
    register(revocations, store, again, "7")
    on_both_ways = (left.id, right.id, top.id)
    assert tainted_jobs(store, recorded.revocation.id) == {
        top.id: (8, 2, ()),
        left.id: (1, 0, (top.id,)),
        right.id: (8, 2, (top.id,)),
        before.id: (0, 0, on_both_ways),
        itself.id: (1, 0, on_both_ways),
        after.id: (0, 0, on_both_ways),
        again.id: (1, 0, on_both_ways),
    }
    named = [job_id for _, taints, _ in told for job_id in taints]
    assert len(named) == len(set(named)) == 7
    for job_id in named:
        assert len([one for one in messages(store, job_id) if "is tainted by" in one]) == 1


def test_a_crash_anywhere_in_the_transaction_leaves_nothing(
    revocations: Revocations, store: JobStore, index: UseIndex, invoices: DatasetRef, monkeypatch: pytest.MonkeyPatch
) -> None:

    job = job_with(store, index, "invoices", invoices, version="1")
    for module, step in (
        (records, "insert"),
        (revoke, "found"),
        (taint_records, "record_event"),
        (revoke, "store_new"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, step, _crashing(getattr(module, step)))
            with pytest.raises(ConnectionError):
                revocations.revoke(PAIR, reason="r", actor="grace")
        assert (store.get(job.id).tainted_at, len(messages(store, job.id))) == (None, 1)
        assert revocations.version() == 0
    assert len(revocations.revoke(PAIR, reason="r", actor="grace").taints) == 1
    assert revocations.version() > 0


def test_a_taint_in_words() -> None:
    taint = Taint(
        revocation_id="rv", job_id="a", model_name="m", model_version="1", train=1200, inherited_from=("b", "c")
    )
    assert in_words(taint) == "of its rows 1,200 in train, 0 in validation; inherited from b, c"
    assert in_words(taint.model_copy(update={"train": 0})) == "inherited from b, c"
