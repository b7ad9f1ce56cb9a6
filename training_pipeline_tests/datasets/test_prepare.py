"""From rows to a stored dataset: what is in it, and that nothing else can be."""

from __future__ import annotations

import hashlib
import json
import random
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.snapshot import snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.datasets.store import read_dataset, verify
from training_pipeline.domain.errors import GateRefused, SheetChanged, SplitRefused, Unavailable
from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.sft.encoding.pair_ids import pair_ids
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.testing.oracles import oracle, split_oracle
from training_pipeline.testing.sheets.hash_keys import KeysInMemory
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline.testing.sheets.pairs import Row, chat, eligible_pairs, odd_pairs, open_sheet, pair, table
from training_pipeline.testing.soak import SEED, examples

POLICY = GatePolicy()


def prepare(
    opened: OpenSheet,
    root: Path,
    *,
    policy: GatePolicy = POLICY,
    ratio: float = 0.8,
    seed: str = "s",
    least: int = 2,
    key: HashKey | None = None,
) -> DatasetRef:
    keys = KeysInMemory([] if key is None else [key])
    taken = snapshot(opened, policy, directory=root / "snapshots", key=key)
    plan = split_snapshot(opened, taken, ratio=ratio, seed=seed, min_pairs=least, keys=keys)
    return write_dataset(opened, taken, plan, root=root / "datasets", keys=keys)


def mixed() -> list[Row]:
    rows = [pair(number, reviewed_at="2026-11-01", constraints_set_by="steward") for number in range(60)]
    rows += [pair(number, item_ref="item-1", constraints_set_by=None) for number in range(60, 66)]
    left_out = [
        pair(number, status="rejected", messages=chat("Rejected?", f"Secret {number}.")) for number in range(66, 70)
    ]
    left_out.append(pair(70, prohibited_uses=["training"], usage_reason="PHI", messages=chat("PHI?", "Secret.")))
    return rows + [{**row, "constraints_set_by": None} for row in left_out]


def test_500_unrelated_pairs_give_400_and_100(tmp_path: Path) -> None:
    made = prepare(open_sheet([pair(number) for number in range(500)]), tmp_path)
    assert (made.train_pairs, made.validation_pairs) == (400, 100)
    assert len(made.train_file.read_bytes().splitlines()) == 400
    assert len(made.validation_file.read_bytes().splitlines()) == 100


def test_files_hold_what_the_reference_says(tmp_path: Path) -> None:
    made = prepare(open_sheet(mixed()), tmp_path)
    texts = {made.train_file: made.train_sha256, made.validation_file: made.validation_sha256}
    assert made.bytes == sum(path.stat().st_size for path in texts)
    for path, digest in texts.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert read_dataset(made.path) == made
    assert DatasetRef.model_validate(made.model_dump(mode="json")) == made
    assert made.path.name == made.digest
    verify(made)


def test_lines_are_the_examples_in_the_order_of_their_ids(tmp_path: Path) -> None:
    rows = mixed()
    made = prepare(open_sheet(rows), tmp_path)
    lines = {row["pair_id"]: oracle.example(row) for row in rows}
    manifest = read_manifest(made)
    for side, path in [("train", made.train_file), ("validation", made.validation_file)]:
        ids = sorted(manifest.loc[manifest["split"] == side, "pair_id"])
        assert path.read_text().splitlines() == [lines[pair_id] for pair_id in ids]
        assert list(pair_ids(made.manifest_file, side)) == ids  # as the trainer names them


def test_the_manifest_says_who_allowed_what_and_has_no_text(tmp_path: Path) -> None:
    made = prepare(open_sheet(mixed()), tmp_path)
    manifest = read_manifest(made).set_index("pair_id")
    assert len(manifest) == 71
    first = manifest.loc["p-000000"]
    assert first["split"] in {"train", "validation"}
    assert (first["reviewed_by"], first["reviewed_at"], first["constraints_set_by"]) == (
        "grace",
        "2026-11-01",
        "steward",
    )
    assert (first["gate_policy_version"], first["classification"]) == (POLICY.version, "internal")
    line = oracle.example(pair(0))
    assert line is not None
    assert first["row_hash"] == hashlib.sha256(line.encode()).hexdigest()
    assert manifest["reason"].value_counts().to_dict() == {"rejected": 4, "training_prohibited": 1}
    tied = manifest.loc[["p-000001", *(f"p-{number:06d}" for number in range(60, 66))]]
    assert tied["component"].nunique() == tied["split"].nunique() == 1
    for path in made.path.parent.parent.rglob("*"):
        assert path.is_dir() or b"Secret" not in path.read_bytes()


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    made = prepare(open_sheet(mixed()), tmp_path)
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.path.iterdir()} == {0o600}


def test_shuffled_rows_give_the_same_bytes(tmp_path: Path) -> None:
    shuffled = mixed()
    random.Random(1).shuffle(shuffled)
    first = prepare(open_sheet(mixed()), tmp_path / "one")
    second = prepare(open_sheet(shuffled), tmp_path / "two")
    assert first.digest == second.digest
    for path in first.path.iterdir():
        assert path.read_bytes() == (second.path / path.name).read_bytes()


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    """Pinned: other versions of the engine and of Parquet must come to the same digest."""
    made = prepare(open_sheet(mixed()), tmp_path)
    assert made.train_sha256 == "1b7044dde992c2bc5beda2a530aff38ebd3c08f7c9cd1bf9870b6984c7dc418d"
    assert made.digest == "618258cc2881681aa281d2dd6a4a174da5e8a2ae34eba41cd444f6e8b9752599"


def test_the_same_rows_are_stored_once(tmp_path: Path) -> None:
    first = prepare(open_sheet(mixed()), tmp_path)
    before = {path: path.stat().st_ino for path in first.path.iterdir()}
    again = prepare(open_sheet(mixed(), digest="e" * 64), tmp_path)
    assert again.path == first.path
    assert {path: path.stat().st_ino for path in first.path.iterdir()} == before
    assert again.sheet_digest == "e" * 64, "the reference is that of the job that asked"


def test_a_damaged_dataset_is_replaced(tmp_path: Path) -> None:
    made = prepare(open_sheet(mixed()), tmp_path)
    whole = made.train_file.read_bytes()
    made.train_file.write_bytes(whole.replace(b"Answer", b"Wrong!"))
    with pytest.raises(Unavailable, match=r"train\.jsonl"):
        verify(made)
    prepare(open_sheet(mixed()), tmp_path)
    assert made.train_file.read_bytes() == whole
    assert [path.name for path in made.path.parent.iterdir()] == [made.digest]


def test_two_processes_at_once_both_succeed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from training_pipeline_tests.datasets.test_prepare import *\n"
        "print(prepare(open_sheet(mixed()), Path(sys.argv[1])).digest)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    digests = {process.communicate(timeout=120)[0].strip() for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    (digest,) = digests
    verify(read_dataset(tmp_path / "datasets" / digest))
    assert [path.name for path in (tmp_path / "datasets").iterdir()] == [digest]


@pytest.mark.parametrize("change", ["edited", "gone", "twice"])
def test_text_that_was_not_judged_is_not_written(tmp_path: Path, change: str) -> None:
    opened = open_sheet(mixed())
    taken = snapshot(opened, POLICY, directory=tmp_path / "snapshots")
    plan = split_snapshot(opened, taken, ratio=0.8, seed="s", min_pairs=2)
    rows = mixed()
    if change == "edited":
        rows[5]["messages"] = chat("Question 5?", "Something else.")
    elif change == "gone":
        del rows[5]
    else:
        rows.append(pair(5, messages=chat("Question 5?", "Something else.")))
    with pytest.raises(SheetChanged, match="changed while its dataset was prepared"):
        write_dataset(replace(opened, pairs=table(rows)), taken, plan, root=tmp_path / "datasets")
    assert list((tmp_path / "datasets").iterdir()) == []


def test_too_few_pairs_are_refused_with_the_table_of_reasons(tmp_path: Path) -> None:
    rows = [pair(number) for number in range(9)] + [pair(number, status=None) for number in range(9, 100)]
    with pytest.raises(GateRefused) as refusal:
        prepare(open_sheet(rows), tmp_path, least=10)
    told = str(refusal.value)
    assert "9 of 100 pairs" in told
    assert "unlabeled" in told
    assert "91" in told


def test_a_sheet_about_one_item_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SplitRefused, match="tied together"):
        prepare(open_sheet([pair(number, item_ref="one") for number in range(20)]), tmp_path)


def test_pairs_that_may_not_validate_go_to_train_with_what_is_tied_to_them(tmp_path: Path) -> None:
    rows = [pair(number) for number in range(20)]
    rows.append(pair(20, allowed_uses=["training"], item_ref="item-3"))
    made = prepare(open_sheet(rows), tmp_path, ratio=0.2)
    assert made.report.kept_from_validation == 2
    manifest = read_manifest(made).set_index("pair_id")
    assert manifest.loc[["p-000003", "p-000020"], "split"].tolist() == ["train", "train"]


def test_an_instruction_ties_nothing(tmp_path: Path) -> None:
    rows = [pair(number, messages=chat("Summarise.", f"Summary {number}.")) for number in range(30)]
    assert prepare(open_sheet(rows), tmp_path).report.components == 30
    with pytest.raises(SplitRefused):
        prepare(open_sheet(rows), tmp_path, policy=GatePolicy(instruction_prompt_items=30))


def test_canonical_labels_are_counted(tmp_path: Path) -> None:
    rows = [pair(number, canonical_label_id=f"label-{number // 2}") for number in range(20)]
    rows.append(pair(20, canonical_label_id="label-99", status="rejected"))
    assert prepare(open_sheet(rows), tmp_path).canonical_labels == 10


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Writing more than `size` bytes to a file fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [10, 2_000, 6_000])
def test_a_full_disk_leaves_no_half_dataset(tmp_path: Path, size: int) -> None:
    opened = open_sheet(mixed())
    taken = snapshot(opened, POLICY, directory=tmp_path / "snapshots")
    plan = split_snapshot(opened, taken, ratio=0.8, seed="s", min_pairs=2)
    with pytest.raises(Unavailable, match="Cannot write a dataset"), files_no_larger_than(size):
        write_dataset(opened, taken, plan, root=tmp_path / "datasets")
    assert list((tmp_path / "datasets").iterdir()) == []
    write_dataset(opened, taken, plan, root=tmp_path / "datasets")


sheets = st.lists(eligible_pairs(st.integers(0, 10_000)), min_size=5, max_size=60, unique_by=lambda row: row["pair_id"])


@seed(SEED)
@settings(deadline=None, max_examples=examples(8, gate=3))
@given(
    good=sheets,
    odd=st.lists(odd_pairs, max_size=10),
    tags=st.sampled_from([(), ("CONFIDENTIAL",)]),
    items=st.sampled_from([2, 20]),
    ratio=st.sampled_from([0.1, 0.5, 0.8, 0.95]),
    shuffle=st.randoms(use_true_random=False),
)
def test_any_sheet(
    tmp_path_factory: pytest.TempPathFactory,
    good: list[Row],
    odd: list[Row],
    tags: tuple[str, ...],
    items: int,
    ratio: float,
    shuffle: random.Random,
) -> None:
    """No pair that fails a gate reaches a split, the accounting adds up, nothing is torn, order makes no difference."""
    root = tmp_path_factory.mktemp("any")
    # Nearly equal questions have an oracle of their own, in test_near_questions.py.
    rows, policy = [*good, *odd], GatePolicy(instruction_prompt_items=items, near_question_similarity=0)
    try:
        made = prepare(open_sheet(rows, tags=tags), root, policy=policy, ratio=ratio)
    except (GateRefused, SplitRefused):
        made = None
    expected = oracle.judge(rows, list(tags), items)
    included = [row for row, (reason, _) in zip(rows, expected, strict=True) if reason is None]
    groups = split_oracle.ties(rows, included, items)
    validates = {row["pair_id"] for row, (reason, may) in zip(rows, expected, strict=True) if reason is None and may}
    free = [group for group in groups if group <= validates]
    if made is None:
        assert len(included) < 2 or not free or len(groups) == 1
        return

    manifest = read_manifest(made)
    assert len(manifest) == len(rows) == made.summary.total
    kept = manifest[manifest["split"].notna()]
    assert sorted(kept["pair_id"]) == sorted(row["pair_id"] for row in included)
    assert manifest["reason"].isna().equals(manifest["split"].notna())
    assert len(included) == made.summary.eligible == made.train_pairs + made.validation_pairs
    written = made.train_file.read_text().splitlines() + made.validation_file.read_text().splitlines()
    assert sorted(map(json.loads, written), key=str) == sorted(
        (json.loads(oracle.example(row) or "") for row in included), key=str
    )
    validation = set(kept.loc[kept["split"] == "validation", "pair_id"])
    assert validation <= validates
    assert all(group <= validation or not group & validation for group in groups)
    assert kept.groupby("component")["pair_id"].apply(set).tolist() == sorted(groups, key=min)

    shuffled = rows.copy()
    shuffle.shuffle(shuffled)
    again = prepare(open_sheet(shuffled, tags=tags), root / "again", policy=policy, ratio=ratio)
    assert again.digest == made.digest
    assert again.train_file.read_bytes() == made.train_file.read_bytes()
