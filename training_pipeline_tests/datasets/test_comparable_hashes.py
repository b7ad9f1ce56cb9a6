"""Whether manifests have hashes under a key or none changes no answer; what cannot be compared is not known."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.datasets.comparable_hashes import PLAIN, common_space, from_text, rows_in, with_sheet
from training_pipeline.datasets.compare import changes, recheck
from training_pipeline.datasets.diff import diff
from training_pipeline.datasets.diff import reader as engine_of
from training_pipeline.datasets.erased import Erased, erase_text
from training_pipeline.datasets.predecessor import Predecessor
from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.snapshot import snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.datasets.store import manifest_is_whole, read_dataset, verify
from training_pipeline.datasets.validation_overlap import validation_overlap
from training_pipeline.domain.errors import GovernanceChanged, SheetChanged, Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKey
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.models.revocations.changes import changed
from training_pipeline.testing.sheets.hash_keys import KeysInMemory, key_number
from training_pipeline.testing.sheets.pairs import Row, chat, open_sheet, pair
from training_pipeline.testing.soak import SEED, examples

POLICY = GatePolicy()
LIVING, OTHER, GONE = (key_number(number) for number in range(1, 4))
KEYS = KeysInMemory([OTHER, LIVING])
EVERY = KeysInMemory([GONE, OTHER, LIVING])
MARK = Erased(revocation_id="rv-1", actor="sam", erased_at=datetime(2026, 11, 29, tzinfo=UTC))


@dataclass(frozen=True)
class Making:
    """Makes datasets in a directory."""

    root: Path

    def make(
        self, rows: list[Row], key: HashKey | None, before: tuple[DatasetRef, ...] = (), digest: str = "d"
    ) -> DatasetRef:
        opened = open_sheet(rows, digest=digest * 64)
        taken = snapshot(opened, POLICY, directory=self.root / "snapshots", key=key)
        follows = Predecessor("tj", before) if before else None
        plan = split_snapshot(
            opened, taken, ratio=0.7, seed="s", min_pairs=2, predecessor=follows, keys=self._keys(key)
        )
        return write_dataset(opened, taken, plan, root=self.root / "datasets", keys=self._keys(key))

    def _keys(self, key: HashKey | None) -> KeysInMemory:
        """What can be read when the job is made: its own key, and the living ones."""
        return EVERY if key == GONE else KEYS


def sheet(count: int = 16) -> list[Row]:
    return [pair(number) for number in range(count)]


def edited(rows: list[Row], edits: list[tuple[str, int]]) -> list[Row]:
    made = [dict(row) for row in rows]
    for number, (kind, place) in enumerate(edits):
        at = place % len(made)
        if kind == "text":
            made[at]["messages"] = chat(f"Question {place}?", f"Another answer {number}.")
        elif kind == "rename":
            made[at]["pair_id"] = f"renamed-{number}-{place}"
        elif kind == "remove" and len(made) > 8:
            del made[at]
        elif kind == "prohibit":
            made[at]["prohibited_uses"] = ["training"]
        elif kind == "only_train":
            made[at]["allowed_uses"] = ["training"]
        elif kind == "add":
            made.append(pair(100 + number * 20 + at))
        elif kind == "swap":
            other = (at + 1) % len(made)
            made[at]["pair_id"], made[other]["pair_id"] = made[other]["pair_id"], made[at]["pair_id"]
    return made


_edits = st.lists(
    st.tuples(
        st.sampled_from(["text", "rename", "remove", "prohibit", "only_train", "add", "swap"]), st.integers(0, 30)
    ),
    max_size=5,
)
_keys = st.sampled_from([None, LIVING, OTHER, GONE])


def answers(root: Path, versions: list[list[Row]], keys: list[HashKey | None]) -> dict[str, Any]:
    """Everything that is told of a sequence of jobs on these versions of a sheet, and of the sheet as it is at last."""
    making = Making(root)
    datasets: list[DatasetRef] = []
    for number, rows in enumerate(versions[:-1]):
        datasets.insert(0, making.make(rows, keys[number], tuple(datasets), digest="abcdef"[number]))
    now = open_sheet(versions[-1], digest="9" * 64)
    last = datasets[0]
    comparing = diff(datasets[-1], last, keys=KEYS)
    found = changed(now, datasets, POLICY, KEYS).rows.to_pylist()
    with engine_of() as engine:
        overlap = validation_overlap(engine, datasets, KEYS)
    return {
        "texts": [(one.train_sha256, one.validation_sha256) for one in datasets],
        "kept": [one.report.kept and one.report.kept.model_dump(exclude={"dataset_digest"}) for one in datasets],
        "recheck": [recheck(now, one, POLICY, keys=KEYS) for one in datasets],
        "begun": [recheck(now, one, POLICY, begun=True, keys=KEYS) for one in datasets],
        "changes": [changes(now, one, POLICY, keys=KEYS) for one in datasets],
        "watch": {(row["pair_id"], row["source"], row["validation_only"]) for row in found},
        "diff": (comparing.counts, [(one.pair_id, one.changes) for one in comparing.pairs]),
        "overlap": (overlap.shared, overlap.total),
    }


@hypothesis.seed(SEED)
@settings(max_examples=examples(2, gate=1), deadline=None)
@given(
    edits=st.lists(_edits, min_size=2, max_size=3), mixture=st.lists(_keys, min_size=3, max_size=3), whole=st.booleans()
)
def test_no_answer_depends_on_which_manifests_have_keys(
    edits: list[list[tuple[str, int]]], mixture: list[HashKey | None], whole: bool
) -> None:
    versions = [sheet()]
    for one in edits:
        versions.append(edited(versions[-1], one))
    of_one: list[HashKey | None] = [LIVING] * 3 if whole else mixture
    with tempfile.TemporaryDirectory() as plain, tempfile.TemporaryDirectory() as mixed:
        assert answers(Path(mixed), versions, of_one) == answers(Path(plain), versions, [None] * 3)


@pytest.fixture(scope="module")
def making(tmp_path_factory: pytest.TempPathFactory) -> Making:
    return Making(tmp_path_factory.mktemp("keys"))


def without_text(making: Making, key: HashKey | None, rows: list[Row] | None = None) -> DatasetRef:
    """A dataset whose text was erased."""
    made = Making(making.root / f"erased-{key and key.id}-{rows is None}").make(rows or sheet(), key)
    erase_text(made.path, MARK)
    return made


def test_a_manifest_names_its_key_and_its_digest_needs_none(making: Making) -> None:
    keyed, plain = making.make(sheet(), LIVING), making.make(sheet(), None)
    table = pq.read_table(keyed.manifest_file)
    assert set(table["hash_key"].to_pylist()) == {LIVING.id}
    assert "hash_key" not in pq.read_schema(plain.manifest_file).names
    assert keyed.hash_key == read_dataset(keyed.path).hash_key == LIVING.id
    assert keyed.digest != plain.digest
    assert (keyed.train_sha256, keyed.validation_sha256) == (plain.train_sha256, plain.validation_sha256)
    verify(keyed)
    assert making.make(sheet(), LIVING) == keyed, "the same key and rows are the same dataset"
    hashes = pq.read_table(plain.manifest_file, columns=["row_hash"])["row_hash"].to_pylist()
    assert table["row_hash"].to_pylist() == LIVING.of_all(hashes)
    asked = pq.read_table(plain.manifest_file, columns=["prompt_hash"])["prompt_hash"].to_pylist()
    assert table["prompt_hash"].to_pylist() == [LIVING.of_questions(one) for one in asked]


def test_what_may_be_compared(making: Making) -> None:
    plain, living, other, gone = (making.make(sheet(), key) for key in (None, LIVING, OTHER, GONE))
    assert with_sheet(plain, NO_KEYS) == PLAIN
    assert with_sheet(living, KEYS) is not None
    erased = without_text(making, GONE)
    assert with_sheet(gone, KEYS) == PLAIN, "its text is there"
    assert with_sheet(erased, KEYS) is None
    assert common_space([erased, erased], KEYS) is not None, "the same key"
    assert common_space([erased, living], KEYS) is None
    assert common_space([without_text(making, LIVING), plain], KEYS) is not None
    assert common_space([without_text(making, LIVING), other], KEYS) is not None, "one of them has its text"
    assert common_space([without_text(making, LIVING), without_text(making, OTHER)], KEYS) is None
    rows = rows_in(gone, PLAIN, KEYS, ["pair_id"])
    assert rows.equals(rows_in(plain, PLAIN, NO_KEYS, ["pair_id"]))


def test_text_that_is_not_what_is_on_record_is_not_taken(making: Making) -> None:
    gone = Making(making.root / "damaged").make(sheet(), GONE)
    split = rows_in(gone, None, NO_KEYS, ["split"])["split"]
    with gone.train_file.open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(Unavailable, match="not what is on record"):
        from_text(gone, split)
    assert manifest_is_whole(gone)


def test_with_the_key_and_the_text_gone_what_texts_say_is_not_known(making: Making) -> None:
    erased = without_text(making, GONE)
    first, second = sheet()[:2]
    many = [{**first, "messages": chat("Another?", "Text.")}, {**second, "prohibited_uses": ["training"]}, *sheet()[3:]]
    now = open_sheet(many, digest="9" * 64)
    found = recheck(now, erased, POLICY, keys=KEYS)
    assert (found.text_known, found.changed, found.missing) == (False, {"training_prohibited": 1}, 1)
    with pytest.raises(GovernanceChanged, match="is not known"):
        recheck(open_sheet(sheet(), digest="9" * 64), erased, POLICY, keys=KEYS).require_unchanged("sheet-1")
    counts = changes(now, erased, POLICY, keys=KEYS)
    assert (counts.edited, counts.removed, counts.added) == (0, 1, 0)
    rows = changed(now, [erased], POLICY, KEYS).rows.to_pylist()
    assert {(row["pair_id"], row["source"]) for row in rows} == {
        (second["pair_id"], "lost_permission"),
        (sheet()[2]["pair_id"], "vanished"),
    }
    assert {row["hash_key"] for row in rows} == {GONE.id}
    told = diff(erased, Making(making.root).make(many, LIVING), keys=KEYS)
    assert (told.counts[PairChange.EDITED], told.counts[PairChange.RENAMED]) == (None, None)
    assert told.counts[PairChange.REMOVED] == 2
    with engine_of() as engine, pytest.raises(Unavailable, match="is not known"):
        validation_overlap(engine, [erased, Making(making.root).make(many, LIVING)], KEYS)


def test_what_may_have_been_trained_on_is_not_validated_on(making: Making) -> None:
    erased = without_text(making, GONE)
    columns = ["pair_id", "split"]
    stored = pq.read_table(erased.manifest_file, columns=columns).to_pylist()
    before = {row["pair_id"]: row["split"] for row in stored}
    renamed = [
        dict(row, pair_id=f"new-{row['pair_id']}") if number % 3 == 0 else row for number, row in enumerate(sheet())
    ]
    made = Making(making.root).make(renamed, LIVING, (erased,))
    for row in pq.read_table(made.manifest_file, columns=columns).to_pylist():
        assert row["split"] == before.get(row["pair_id"], "train")


def test_a_key_that_is_destroyed_while_a_dataset_is_prepared_has_it_judged_again(tmp_path: Path) -> None:
    opened = open_sheet(sheet())
    taken = snapshot(opened, POLICY, directory=tmp_path, key=LIVING)
    with pytest.raises(SheetChanged, match="was destroyed"):
        split_snapshot(opened, taken, ratio=0.7, seed="s", min_pairs=2, keys=NO_KEYS)
    plan = split_snapshot(opened, taken, ratio=0.7, seed="s", min_pairs=2, keys=KEYS)
    with pytest.raises(SheetChanged, match="was destroyed"):
        write_dataset(opened, taken, plan, root=tmp_path, keys=NO_KEYS)
