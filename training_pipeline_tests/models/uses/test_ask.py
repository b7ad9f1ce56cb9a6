"""What the index answers is what reading every manifest from end to end would."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from training_pipeline.domain.errors import NotFound, Unavailable
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.lineage import BaseModelRecord, ModelOrigin
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.revocations import Revoked
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.domain.uses import Kind, ModelUse, Uses, question
from training_pipeline.models.revocations import affected
from training_pipeline.models.uses import ask, keys
from training_pipeline.models.uses.check import check
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.testing.models.used_rows import TABLES, dataset_of, hashed, job_with, row
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline.testing.soak import SEED, drawn, examples
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore

#: What a key is compared with in a manifest.
COLUMNS_OF: dict[Kind, str] = {kind: column for kind, (column, _) in keys.COLUMNS.items()}
SHEETS = ("invoices", "letters")
FEW = st.sampled_from(range(4))
VERDICT = st.sampled_from(["train", "validation", *map(str, Reason)])
Asked = tuple[Kind, str]


def uses(store: JobStore, kind: Kind, value: str, *, sheet: str | None = None) -> Uses:
    return ask.uses(store, question({kind: value, **({} if sheet is None else {"sheet": sheet})}))


@st.composite
def manifests(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The rows of a manifest: few names, so that they meet again in others; edited, ambiguous and invalid pairs."""
    rows = []
    pair_ids = draw(st.lists(st.sampled_from([*(f"p{n}" for n in range(6)), None]), max_size=7))
    for pair_id in pair_ids:
        ambiguous = pair_id is None or pair_ids.count(pair_id) > 1
        questions = [hashed(f"q{n}", 32) for n in draw(st.lists(FEW, max_size=3, unique=True))]
        marked = [f"+{one}" if draw(st.booleans()) else one for one in questions]
        rows.append(
            row(
                pair_id,
                "invalid" if ambiguous else draw(VERDICT),
                row_hash=draw(st.none() | FEW.map(lambda n: hashed(f"e{n}"))),
                prompt_hash=" ".join(marked) or None,
                item_ref=draw(st.none() | FEW.map(lambda n: f"i{n}")),
                canonical_label_id=draw(st.none() | FEW.map(lambda n: f"l{n}")),
            )
        )
    return rows


DATASETS = st.lists(st.tuples(st.sampled_from(SHEETS), manifests()), max_size=5)


def named(kind: Kind, stored: Any) -> list[str]:
    if not isinstance(stored, str):
        return []
    return [one.removeprefix("+") for one in stored.split()] if kind == "question_hash" else [stored]


def everything(datasets: list[tuple[str, DatasetRef]]) -> dict[Asked, dict[tuple[str, str], Counter[str]]]:
    """By reading all manifests: for each name or hash, what each dataset did with how many of its rows.

    Equal rows of one manifest count once.
    """
    found: dict[Asked, dict[tuple[str, str], Counter[str]]] = {}
    for (sheet_id, _), dataset in {(sheet_id, dataset.digest): dataset for sheet_id, dataset in datasets}.items():
        manifest = read_manifest(dataset)
        columns = [column for column, _ in keys.COLUMNS.values()]
        for _, one in manifest.drop_duplicates([*columns, "split", "reason"]).iterrows():
            verdict = one["split"] if isinstance(one["split"], str) else one["reason"]
            for kind, (column, _) in keys.COLUMNS.items():
                for value in set(named(kind, one[column])):
                    by_dataset = found.setdefault((kind, value), {})
                    by_dataset.setdefault((sheet_id, dataset.digest), Counter())[verdict] += 1
    return found


def copied(datasets: list[tuple[str, DatasetRef]], kind: Kind, value: str) -> dict[tuple[str, str], Counter[str]]:
    """By reading all manifests: what each dataset has in its splits of the rows with a name, as other rows."""
    columns = [column for column, _ in keys.COLUMNS.values()]
    column = COLUMNS_OF[kind]
    found: dict[tuple[str, str], Counter[str]] = {}
    for sheet in SHEETS:
        manifests = {one.digest: read_manifest(one) for sheet_id, one in datasets if sheet_id == sheet}
        rows = [
            (digest, tuple(map(str, one[columns])), one)
            for digest, manifest in manifests.items()
            for _, one in manifest.drop_duplicates([*columns, "split", "reason"]).iterrows()
        ]
        named_rows = {key for _, key, one in rows if one[column] == value}
        hashes = {one["row_hash"] for _, key, one in rows if key in named_rows and isinstance(one["row_hash"], str)}
        for digest in manifests:
            here = [(key, one) for in_, key, one in rows if in_ == digest]
            kept = [(key, one) for key, one in here if isinstance(one["split"], str)]
            others = [one for key, one in kept if key not in named_rows]
            counts = Counter(one["split"] for one in others if one["row_hash"] in hashes)
            left_out = [one for key, one in here if key in named_rows and one["reason"] == "duplicate"]
            if left_out and not counts and len(others) == len(kept):
                asking = {one["prompt_hash"] for one in left_out if isinstance(one["prompt_hash"], str)}
                counts = Counter(
                    {one["pair_id"]: one["split"] for one in others if one["prompt_hash"] in asking}.values()
                )
                counts = counts or Counter({"train": len(left_out)})
            if counts:
                found[sheet, digest] = counts
    return found


def told(answer: Uses) -> dict[tuple[str, str], Counter[str]]:
    return {
        (sheet.training_sheet_id, use.digest): Counter(
            {**use.refused, **{side: getattr(use, side) for side in ("train", "validation") if getattr(use, side)}}
        )
        for sheet in answer.sheets
        for use in sheet.datasets
        if use.refused or use.train or use.validation
    }


def told_copies(answer: Uses) -> dict[tuple[str, str], Counter[str]]:
    return {
        (sheet.training_sheet_id, use.digest): +Counter(train=use.copies.train, validation=use.copies.validation)
        for sheet in answer.sheets
        for use in sheet.datasets
        if use.copies.train or use.copies.validation
    }


@pytest.mark.parametrize(
    "digits", drawn([pytest.param(16, id="64 bits"), pytest.param(1, id="4 bits, so that all collide")])
)
@hypothesis.seed(SEED)
@hypothesis.settings(
    max_examples=examples(10, gate=4), suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@given(drawn=DATASETS)
def test_the_answers_are_those_of_reading_all_manifests(
    drawn: list[tuple[str, list[dict[str, Any]]]],
    digits: int,
    store: JobStore,
    index: UseIndex,
    tmp_path: Path,
) -> None:
    with store.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES}, training_job_lineage, training_job_events, training_jobs CASCADE"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "DIGITS", digits)
        datasets = [(sheet_id, dataset_of(tmp_path, sheet_id, rows)) for sheet_id, rows in drawn]
        for sheet_id, dataset in datasets:
            job_with(store, index, sheet_id, dataset, source_sheet="the source")
        expected = everything(datasets)
        for (kind, value), by_dataset in expected.items():
            answer = uses(store, kind, value)
            assert told(answer) == by_dataset, (kind, value)
            if kind != "question_hash":
                assert told_copies(answer) == copied(datasets, kind, value), (kind, value)
            columns = [COLUMNS_OF[kind]] if kind != "question_hash" else []
            assert all(value == getattr(one, name) for sheet in answer.sheets for one in sheet.rows for name in columns)
            for sheet_id in {sheet for sheet, _ in by_dataset}:
                of_sheet = told(uses(store, kind, value, sheet=sheet_id))
                assert of_sheet == {key: found for key, found in by_dataset.items() if key[0] == sheet_id}
        unknown: list[Asked] = [("pair", "p9"), ("item", "i9"), ("row_hash", hashed("e9")), ("question_hash", "0" * 32)]
        for kind, value in unknown:
            with pytest.raises(NotFound):
                uses(store, kind, value)
        assert [found for found in check(store) if found.problems] == []
        before = {asked: uses(store, *asked) for asked in expected}
        assert len(list(index.rebuild())) == len({(sheet_id, dataset.digest) for sheet_id, dataset in datasets})
        assert {asked: told(uses(store, *asked)) for asked in expected} == {a: told(u) for a, u in before.items()}


@pytest.fixture
def small(tmp_path: Path) -> DatasetRef:
    return dataset_of(
        tmp_path,
        "invoices",
        [
            row("p-0001", "train", canonical_label_id="l-1"),
            row("p-0002", "validation", canonical_label_id="l-1"),
            row("p-0003", "training_prohibited"),
        ],
    )


def test_jobs_and_registered_versions_are_told_with_the_datasets(
    store: JobStore, index: UseIndex, small: DatasetRef
) -> None:
    registered = job_with(store, index, "invoices", small, version="3", model_name="triage")
    running = job_with(store, index, "invoices", small)
    pending = job_with(store, index, "invoices", small, status=JobStatus.PENDING)
    store.update(pending.id, {"submit_intended_at": None})
    other = job_with(store, index, "letters", small, version="1")  # the same rows, of another sheet
    answer = uses(store, "pair", "p-0002", sheet="invoices")
    (sheet,) = answer.sheets
    (dataset,) = sheet.datasets
    assert (sheet.row_count, [one.pair_id for one in sheet.rows]) == (1, ["p-0002"])
    assert (dataset.train, dataset.validation, dataset.refused, dataset.manifest) == (0, 1, {}, True)
    found = {job.job_id: (job.submitted, job.model_version) for job in dataset.jobs}
    assert found == {registered.id: (True, "3"), running.id: (True, None), pending.id: (False, None)}
    assert answer.model_versions == (ModelUse(model_name="triage", model_version="3", job_id=registered.id),)
    both = uses(store, "label", "l-1")
    assert [sheet.training_sheet_id for sheet in both.sheets] == ["invoices", "letters"]
    assert {model.job_id for model in both.model_versions} == {registered.id, other.id}


def test_what_was_refused_is_told_with_the_reason_and_nothing_learned_from_it(
    store: JobStore, index: UseIndex, small: DatasetRef
) -> None:
    job_with(store, index, "invoices", small, version="3")
    answer = uses(store, "pair", "p-0003")
    assert told(answer) == {("invoices", small.digest): Counter({"training_prohibited": 1})}
    assert answer.model_versions == ()


def test_what_was_left_out_as_a_copy_was_learned_through_the_one_that_was_kept(
    store: JobStore, index: UseIndex, tmp_path: Path
) -> None:
    same = hashed("the same")
    one = dataset_of(tmp_path, "invoices", [row("p0", "train", row_hash=same), row("p1", "duplicate", row_hash=same)])
    asks = hashed("the question", 32)
    kept = row("p0", "validation", prompt_hash=asks)
    spaced = [kept, row("p1", "duplicate", row_hash=hashed("with a blank at its end"), prompt_hash=asks)]
    two = dataset_of(tmp_path, "letters", spaced)
    models = [job_with(store, index, sheet, each, version="1") for sheet, each in (("invoices", one), ("letters", two))]
    answer = uses(store, "pair", "p1")
    assert told(answer) == {
        (sheet.training_sheet_id, sheet.datasets[0].digest): {"duplicate": 1} for sheet in answer.sheets
    }
    found = [dataset.copies for sheet in answer.sheets for dataset in sheet.datasets]
    assert [(each.train, each.validation, each.pair_ids) for each in found] == [(1, 0, ("p0",)), (0, 1, ("p0",))]
    assert {model.job_id for model in answer.model_versions} == {model.id for model in models}


def test_descendants_are_told_with_the_way_that_leads_to_them(
    store: JobStore, index: UseIndex, small: DatasetRef, tmp_path: Path
) -> None:
    first = job_with(store, index, "invoices", small, version="1")
    other = dataset_of(tmp_path, "letters", [row("x", "train"), row("y", "validation")])

    def origin(job_id: str) -> ModelOrigin:
        return ModelOrigin(job_id=job_id, model_name="triage", model_version="1", base_model="base")

    def from_(*job_ids: str) -> BaseModelRecord:
        return BaseModelRecord(reference="base", ancestors=tuple(map(origin, job_ids)))

    child = job_with(store, index, "letters", other, version="2", base_model=from_(first.id))
    unregistered = job_with(store, index, "letters", other, base_model=from_(first.id))
    grandchild = job_with(store, index, "letters", other, version="3", base_model=from_(unregistered.id, first.id))
    again = job_with(store, index, "invoices", small, version="4", base_model=from_(child.id, first.id))
    unrelated = job_with(store, index, "letters", other, version="5", base_model=from_("tj-else"))
    job_with(store, index, "letters", other, version="6", base_model=BaseModelRecord(reference="b", ancestors=()))
    job_with(store, index, "letters", other, version="7", base_model=BaseModelRecord(reference="b"))
    kept = job_with(store, index, "letters", other, base_model=from_(first.id))
    own = job_with(store, index, "invoices", small)
    with store.begin() as connection:
        for one in (kept, own):
            lineage.set_model(store.within(connection), one.id, version=None, files={"model.safetensors": "0" * 64})
    answer = uses(store, "pair", "p-0001")
    asked = Revoked(kind="pair", value="p-0001", training_sheet_id="invoices")
    with store.begin() as connection:
        tainted = affected.found(connection, affected.datasets_of(store.within(connection), asked)).tainted
    assert {model.job_id for model in answer.model_versions} == tainted.keys(), "those that a revocation taints"
    assert {model.job_id: model.through for model in answer.model_versions} == {
        own.id: (),  # kept as an artifact
        kept.id: (first.id,),
        first.id: (),
        again.id: (),  # it was trained on the pair itself
        child.id: (first.id,),
        grandchild.id: (first.id, unregistered.id),
    }
    assert unrelated.id in {model.job_id for model in uses(store, "pair", "x").model_versions}


def test_a_sheet_and_a_template_are_asked_for_as_a_whole(
    store: JobStore, index: UseIndex, small: DatasetRef, tmp_path: Path
) -> None:
    other = dataset_of(tmp_path, "letters", [row("x", "train"), row("y", "validation")])
    one = job_with(store, index, "invoices", small, version="1", source_sheet="documents", template="triage")
    two = job_with(store, index, "letters", other, version="2", source_sheet="documents", template="reply")
    whole = Counter({"train": 1, "validation": 1, "training_prohibited": 1})
    assert told(uses(store, "sheet", "invoices")) == {("invoices", small.digest): whole}
    assert told(uses(store, "template", "triage")) == {("invoices", small.digest): whole}
    of_source = uses(store, "sheet", "documents")
    assert {sheet.training_sheet_id for sheet in of_source.sheets} == {"invoices", "letters"}
    assert {model.job_id for model in of_source.model_versions} == {one.id, two.id}
    with pytest.raises(NotFound, match="Nearest: triage"):
        uses(store, "template", "triages")
    with pytest.raises(NotFound, match="Nearest: invoices"):
        uses(store, "sheet", "invoice")


def test_an_unknown_name_is_told_with_the_nearest(store: JobStore, index: UseIndex, small: DatasetRef) -> None:
    job_with(store, index, "invoices", small)
    for kind, value, near in (("pair", "p-0009", "p-0001, p-0002, p-0003"), ("label", "l-2", "l-1")):
        with pytest.raises(NotFound, match=f"Nearest: {near}") as caught:
            uses(store, kind, value)  # type: ignore[arg-type]
        assert value in caught.value.message
    with pytest.raises(NotFound, match="has the sheet 'letters'"):
        uses(store, "pair", "p-0001", sheet="letters")


def test_a_lost_or_damaged_manifest_is_said_and_never_a_silent_no(
    store: JobStore, index: UseIndex, small: DatasetRef, tmp_path: Path
) -> None:
    job_with(store, index, "invoices", small)
    other = dataset_of(tmp_path, "letters", [row("x", "train")])
    right = small.manifest_file.read_bytes()
    for wrong in (right[:100], other.manifest_file.read_bytes(), None):
        small.manifest_file.unlink()
        if wrong is not None:
            small.manifest_file.write_bytes(wrong)
        with pytest.raises(Unavailable, match="index check"):
            uses(store, "pair", "p-0001")
        (found,) = check(store)
        assert found.digest == small.digest
        assert small.digest in found.problems[0]
    # Another dataset has the row as well: its manifest confirms it.
    edited = dataset_of(tmp_path, "invoices", [row("p-0001", "train", canonical_label_id="l-1"), row("new", "train")])
    job_with(store, index, "invoices", edited)
    answer = uses(store, "pair", "p-0001")
    assert answer.lost_manifests == (str(small.manifest_file),)
    assert {use.digest: use.manifest for use in answer.sheets[0].datasets} == {small.digest: False, edited.digest: True}
    small.manifest_file.write_bytes(right)
    assert uses(store, "pair", "p-0001").lost_manifests == ()


def test_datasets_of_before_are_no_silent_no_either(
    store: JobStore, index: UseIndex, small: DatasetRef, tmp_path: Path
) -> None:
    job_with(store, None, "invoices", small)
    for kind, value in (("pair", "p-0001"), ("sheet", "invoices"), ("pair", "unknown")):
        with pytest.raises(Unavailable, match=r"1 of the datasets.*\n.*index rebuild --missing"):
            uses(store, kind, value)  # type: ignore[arg-type]
    assert list(index.rebuild(missing=True)) == [small]
    assert told(uses(store, "pair", "p-0001")) == {("invoices", small.digest): Counter({"train": 1})}
    gone = dataset_of(tmp_path, "letters", [row("x", "train")])
    shutil.rmtree(gone.path)
    job_with(store, None, "letters", gone)
    (error,) = index.rebuild(missing=True)
    assert str(gone.manifest_file) in str(error)
    for kind, value, sheet in (
        ("pair", "p-0001", None),
        ("pair", "p-0001", "letters"),
        ("sheet", "letters", None),
        ("template", "triage", None),
    ):
        with pytest.raises(Unavailable, match="index rebuild"):
            uses(store, kind, value, sheet=sheet)  # type: ignore[arg-type]
    # What the sheet that is not known does not concern is answered.
    assert told(uses(store, "pair", "p-0001", sheet="invoices")) == {("invoices", small.digest): Counter({"train": 1})}
