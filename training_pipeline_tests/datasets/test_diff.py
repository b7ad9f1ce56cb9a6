"""What changed between two manifests: the same as whoever compares them row by row would say."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import hypothesis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.datasets.diff import ChangedPair, diff
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.manifest import MANIFEST_SCHEMA
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.text.id_order import counted_id
from training_pipeline.testing.soak import SEED, examples

Row = dict[str, Any]


def stored(directory: Path, name: str, rows: list[Row]) -> DatasetRef:
    """As much of a dataset as is compared."""
    path = directory / f"{name}.parquet"
    whole = [dict.fromkeys(MANIFEST_SCHEMA.names) | row for row in rows]
    pq.write_table(pa.Table.from_pylist(whole, schema=MANIFEST_SCHEMA), path)
    return cast("DatasetRef", SimpleNamespace(manifest_file=path, digest=name, hash_key=None))


def included(pair_id: str, text: str, split: str = "train") -> Row:
    return {"pair_id": pair_id, "row_hash": text, "split": split, "reviewed_by": "grace"}


def excluded(pair_id: str | None, reason: str = "unlabeled") -> Row:
    return {"pair_id": pair_id, "reason": reason, "constraints_set_by": "sam"}


def test_every_kind_of_change_is_told_with_who_decided(tmp_path: Path) -> None:
    first = stored(
        tmp_path,
        "first",
        [included(*row) for row in (("kept", "a"), ("edited", "b"), ("gone", "c"), ("withdrawn", "d"))]
        + [included("old", "e"), included("moved", "f", "validation"), excluded("refused")],
    )
    second = stored(
        tmp_path,
        "second",
        [
            *(included(*row) for row in (("kept", "a"), ("edited", "B"), ("new", "e", "validation"))),
            *(included("moved", "F"), included("refused", "g")),
            *(excluded("withdrawn", "training_prohibited"), excluded(None)),
        ],
    )
    found = diff(first, second)
    assert {pair.pair_id: pair.changes for pair in found.pairs} == {
        "edited": (PairChange.EDITED,),
        "gone": (PairChange.REMOVED,),
        "moved": (PairChange.EDITED, PairChange.MOVED),
        "new": (PairChange.RENAMED, PairChange.MOVED),
        "refused": (PairChange.ADDED,),
        "withdrawn": (PairChange.REMOVED,),
    }
    assert found.counts == {
        PairChange.ADDED: 1,
        PairChange.REMOVED: 2,
        PairChange.EDITED: 2,
        PairChange.RENAMED: 1,
        PairChange.MOVED: 2,
    }
    states = {pair.pair_id: pair for pair in found.pairs}
    assert states["gone"].after is None
    assert (after := states["withdrawn"].after) is not None
    assert (after["reason"], after["constraints_set_by"]) == ("training_prohibited", "sam")
    assert (before := states["refused"].before) is not None
    assert before["reason"] == "unlabeled"
    assert (renamed := states["new"].before) is not None
    assert renamed["pair_id"] == "old"
    some = diff(first, second, changes=[PairChange.MOVED, PairChange.ADDED], limit=2)
    assert ([pair.pair_id for pair in some.pairs], some.more, some.counts) == (["moved", "new"], True, found.counts)
    rest = diff(first, second, changes=[PairChange.MOVED, PairChange.ADDED], limit=2, after="new")
    assert ([pair.pair_id for pair in rest.pairs], rest.more) == (["refused"], False)


ids = st.sampled_from([f"p{number}" for number in (0, 1, 2, 9, 10, 11, 100)])
texts = st.sampled_from("abcdefg")
sides = st.sampled_from(["train", "validation", None])


@st.composite
def manifests(draw: st.DrawFn) -> list[Row]:
    """Included pairs have ids and examples of their own, as in every dataset; excluded ones may share an id."""
    rows = draw(st.lists(st.tuples(ids, texts, sides), max_size=7))
    taken: dict[str, Row] = {}
    for pair_id, text, side in rows:
        known = {row["row_hash"] for row in taken.values() if row.get("split")}
        if pair_id not in taken and side is not None and text not in known:
            taken[pair_id] = included(pair_id, text, side)
        elif pair_id not in taken:
            taken[pair_id] = excluded(pair_id, f"because {text}")
    doubled = [row for row in taken.values() if "reason" in row and draw(st.booleans())]
    return [*taken.values(), *doubled, excluded(None, "invalid")]


def by_hand(first: list[Row], second: list[Row]) -> dict[str, set[str]]:
    one, two = ({row["pair_id"]: row for row in rows if row.get("split")} for rows in (first, second))
    found: dict[str, set[str]] = {}
    for pair_id in one.keys() & two.keys():
        old, new = one[pair_id], two[pair_id]
        found[pair_id] = {name for name, key in (("edited", "row_hash"), ("moved", "split")) if old[key] != new[key]}
    gone = {one[pair_id]["row_hash"]: pair_id for pair_id in one.keys() - two.keys()}
    for pair_id in two.keys() - one.keys():
        was = gone.pop(two[pair_id]["row_hash"], None)
        found[pair_id] = {"added"} if was is None else {"renamed"}
        if was is not None and one[was]["split"] != two[pair_id]["split"]:
            found[pair_id].add("moved")
    return {pair_id: kinds for pair_id, kinds in found.items() if kinds} | {name: {"removed"} for name in gone.values()}


@hypothesis.seed(SEED)
@settings(max_examples=examples(60, gate=25), deadline=None)
@given(manifests(), manifests(), st.integers(1, 4))
def test_it_is_what_a_person_would_find_and_pages_lead_through_all_of_it(
    first: list[Row], second: list[Row], size: int
) -> None:
    with TemporaryDirectory() as directory:
        one, two = stored(Path(directory), "one", first), stored(Path(directory), "two", second)
        pairs: list[ChangedPair] = []
        while True:
            page = diff(one, two, limit=size, after=pairs[-1].pair_id if pairs else "")
            pairs += page.pairs
            if not page.more:
                break
        expected = by_hand(first, second)
        assert {pair.pair_id: set(pair.changes) for pair in pairs} == expected
        assert [pair.pair_id for pair in pairs] == sorted(expected, key=counted_id)
        assert page.counts == {kind: sum(kind in each for each in expected.values()) for kind in PairChange}
        assert not diff(one, one).pairs
        for pair in pairs:
            for state, rows in ((pair.before, first), (pair.after, second)):
                known = {row["pair_id"] for row in rows}
                assert (state is None) == (pair.pair_id not in known and PairChange.RENAMED not in pair.changes)


def test_examples_that_stand_several_times_are_renamed_once_each(tmp_path: Path) -> None:
    first = stored(tmp_path, "first", [included("a", "x"), included("b", "x")])
    second = stored(tmp_path, "second", [included(name, "x") for name in ("c", "d", "e")])
    found = diff(first, second)
    assert {pair.pair_id: pair.changes for pair in found.pairs} == {
        "c": (PairChange.RENAMED,),
        "d": (PairChange.RENAMED,),
        "e": (PairChange.ADDED,),
    }


def test_a_manifest_that_is_gone_or_damaged_is_said(tmp_path: Path) -> None:
    whole, damaged = stored(tmp_path, "whole", []), stored(tmp_path, "damaged", [])
    damaged.manifest_file.write_bytes(b"PAR1 no more")
    for _ in range(2):
        with pytest.raises(Unavailable, match="whole and damaged") as caught:
            diff(whole, damaged)
        assert str(tmp_path) not in str(caught.value)
        damaged.manifest_file.unlink(missing_ok=True)
